"""The id of a plan: the digest of what it says and of what it was made from. Pure."""

import hashlib

from reconciler.model.canonical import digest
from reconciler.model.observed import NodeState, ObservedState
from reconciler.model.overrides import Override
from reconciler.model.plan import Decision, Plan
from reconciler.planner.memo import Memo
from reconciler.planner.order import InOrder
from reconciler.planner.picture import Objects, differing_in
from reconciler.planner.view import replace

_NOT_IN_BASIS = frozenset({"Event", "Endpoints", "EndpointSlice", "Node"})


def identified(plan: Plan, observed: ObservedState, memo: Memo | None = None) -> Plan:
    """Return the plan with its basis and id. Times, counters and heartbeats are in neither."""
    lines = _Lines() if memo is None else memo.kept("basis", _Lines)
    basis = _basis(lines.of(observed.objects), observed)
    unchanged = Decision.UNCHANGED
    said = [
        f"{one.object}={one.decision.value}:{[(c.path, c.new) for c in one.changes]}"
        for one in plan.verdicts
        if one.decision is not unchanged
    ]
    commits = [f"{name}@{revision.commit}" for name, revision in sorted(plan.revisions.items())]
    keys = [action.key for action in plan.actions]
    return replace(plan, basis=basis, id=_digest([basis, *commits, *said, *keys]))


class _Lines:
    """A line for each object in the order of references; written anew only for what changes."""

    def __init__(self) -> None:
        self._objects: Objects = {}
        self._lines: InOrder[str] = InOrder()

    def of(self, objects: Objects) -> tuple[str, ...]:
        """Return the lines of these objects."""
        fresh, gone = {}, []
        for ref in differing_in(self._objects, objects):
            if ref.kind in _NOT_IN_BASIS:
                continue
            stored = objects.get(ref)
            if stored is None:
                gone.append(ref)
                continue
            metadata = stored.object.metadata
            fresh[ref] = f"{ref}|{metadata.uid}|{metadata.generation}|{stored.digest}"
        self._objects = objects
        self._lines.change(fresh, gone)
        return self._lines.values()


def _basis(objects: tuple[str, ...], observed: ObservedState) -> str:
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
