"""The id of a plan: the digest of what it says and of what it was made from. Pure."""

import hashlib

from reconciler.model.canonical import digest
from reconciler.model.observed import NodeState, ObservedState
from reconciler.model.overrides import Override
from reconciler.model.plan import Decision, Plan
from reconciler.planner.view import replace


def identified(plan: Plan, observed: ObservedState) -> Plan:
    """Return the plan with its basis and id. Times, counters and heartbeats are in neither."""
    basis = _basis(observed)
    said = [
        f"{one.object}={one.decision.value}:{[(c.path, c.new) for c in one.changes]}"
        for one in plan.verdicts
        if one.decision is not Decision.UNCHANGED
    ]
    commits = [f"{name}@{revision.commit}" for name, revision in sorted(plan.revisions.items())]
    keys = [action.key for action in plan.actions]
    return replace(plan, basis=basis, id=_digest([basis, *commits, *said, *keys]))


def _basis(observed: ObservedState) -> str:
    objects = [
        f"{ref}|{one.object.metadata.uid}|{one.object.metadata.generation}|{one.digest}"
        for ref, one in sorted(observed.objects.items())
        if ref.kind not in ("Event", "Endpoints", "EndpointSlice", "Node")
    ]
    nodes = [_node(observed.nodes[name]) for name in sorted(observed.nodes)]
    overrides = [f"override {ref}|{_content(observed.overrides[ref])}" for ref in sorted(observed.overrides)]
    return _digest([*objects, *nodes, *overrides])


def _node(state: NodeState) -> str:
    if state.observation is None:
        return f"{state.name}: unobserved"
    facts = state.observation.facts
    pods = sorted({container.pod_uid for container in facts.containers})
    return f"{state.name}|{facts.complete}|{facts.host.cpu_millis}|{facts.host.memory_bytes}|{','.join(pods)}"


def _content(override: Override) -> str:
    """What is overridden is policy; who did it, and when, is not."""
    rollback = override.rollback
    quiet = None if rollback is None else replace(rollback, by="", at=0.0)
    return digest(replace(override, rollback=quiet, by="", at=0.0))


def _digest(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
