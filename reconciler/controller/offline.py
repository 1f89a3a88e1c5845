"""Plans without a daemon: against nodes that are assumed to be empty. Nothing of them is applyable."""

from pathlib import Path
from typing import Any

import msgspec
import yaml

from reconciler.controller.loading import Loader
from reconciler.controller.preview import whole_plan
from reconciler.model.base import Value
from reconciler.model.desired import DesiredObject, DesiredState, RevisionInfo
from reconciler.model.errors import ConfigurationError
from reconciler.model.kinds import Service
from reconciler.model.node_report import HostFact, NodeFacts, Observation
from reconciler.model.observed import ClusterInfo, NodeState, ObservedState, SourceState
from reconciler.model.policy import Policy
from reconciler.model.ports import ManifestFile
from reconciler.model.problem import Problem
from reconciler.model.quantity import bytes_of
from reconciler.model.status import PlanAnswer
from reconciler.planner.apply import apply_plan
from reconciler.planner.plan import plan
from reconciler.schema.decode import pod_spec_of

replace = msgspec.structs.replace

SOURCE = "main"
# A range for documentation, which nobody has.
_ADDRESSES = "198.51.100.0/24"


class AssumedNode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One node of a nodes file: name, CPU in cores, memory as a quantity such as 8Gi."""

    name: str
    cpu: float = 4.0
    memory: str = "8Gi"


def read_nodes(path: Path) -> tuple[AssumedNode, ...]:
    """Read a nodes file: a YAML list of {name, cpu, memory}. Raises ConfigurationError with the reason."""
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return msgspec.convert(content, tuple[AssumedNode, ...], strict=False)
    except (OSError, yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError) as error:
        hint = "expected a list such as: [{name: node-1, cpu: 4, memory: 8Gi}]"
        raise ConfigurationError(f"{path}: {error}", hint=hint) from error


class Assumed(Value):
    """What is planned without a daemon: the manifests, the assumed cluster, and what is assumed; or the problems."""

    desired: DesiredState | None = None
    observed: ObservedState
    assumptions: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def assume(
    files: tuple[ManifestFile, ...],
    nodes: tuple[AssumedNode, ...] = (),
    *,
    problems: tuple[Problem, ...] = (),
    policy: Policy | None = None,
    now: float = 0.0,
) -> Assumed:
    """Return manifests and the empty cluster that is assumed for them; without a desired state there are problems."""
    loader = Loader(SOURCE, prune=True, unknown_kinds="error", digest_key=b"")
    loaded = loader.load(RevisionInfo(commit="", subject="working tree"), files, problems)
    images = never_pulled(loaded.state) if loaded.state is not None else ()
    assumed = nodes or (AssumedNode(name="node-1"),)
    observed = ObservedState(
        cluster=ClusterInfo(id="offline", load_balancer=(_ADDRESSES,)),
        nodes={node.name: _state(node, now, images) for node in assumed},
        sources={SOURCE: SourceState(name=SOURCE, loaded=True)},
    )
    # What every cluster has by itself is there already, as it is in a daemon that has nothing declared yet.
    observed = apply_plan(observed, plan({}, observed, policy or Policy(), now))
    names = ", ".join(f"{node.name} ({node.cpu:g} CPU, {node.memory})" for node in assumed)
    present = (
        f"of images they have only those that are never pulled ({len(images)})" if images else "they have no image"
    )
    assumptions: tuple[str, ...] = (f"nodes are assumed and empty: {names}", present)
    if loaded.state is not None and any(map(_is_balanced, loaded.state.objects)):
        assumptions = (*assumptions, f"load balancers have addresses of {_ADDRESSES}")
    return Assumed(desired=loaded.state, observed=observed, assumptions=assumptions, problems=loaded.problems)


def _is_balanced(one: DesiredObject) -> bool:
    return isinstance(one.object, Service) and one.object.spec.type == "LoadBalancer"


def plan_offline(
    files: tuple[ManifestFile, ...],
    nodes: tuple[AssumedNode, ...] = (),
    *,
    problems: tuple[Problem, ...] = (),
    policy: Policy | None = None,
    now: float = 0.0,
) -> PlanAnswer:
    """Plan manifests against assumed, empty nodes; the plan lists what it assumes and is not applyable."""
    assumed = assume(files, nodes, problems=problems, policy=policy, now=now)
    if assumed.desired is None:
        return PlanAnswer(problems=assumed.problems)
    answer = whole_plan({SOURCE: assumed.desired}, assumed.observed, policy or Policy(), now)
    shown = replace(answer, assumptions=assumed.assumptions, applyable=False)
    return PlanAnswer(plan=shown, problems=assumed.problems)


def never_pulled(state: DesiredState) -> tuple[str, ...]:
    """Return the images with pull policy Never: whoever declares them means that they are there."""
    specs = (found[1] for one in state.objects if (found := pod_spec_of(one.object)) is not None)
    containers = (container for spec in specs for container in (*spec.init_containers, *spec.containers))
    return tuple(sorted({one.image for one in containers if one.image_pull_policy == "Never"}))


def _state(node: AssumedNode, now: float, images: tuple[str, ...]) -> NodeState:
    host = HostFact(
        boot_id="assumed",
        hostname=node.name,
        address="192.0.2.1",
        cpu_millis=int(node.cpu * 1000),
        memory_bytes=bytes_of(node.memory),
    )
    facts = NodeFacts(node=node.name, observed_at=now, host=host, images=images)
    observation = Observation(node=node.name, boot_id="assumed", sequence=1, observed_at=now, facts=facts)
    return NodeState(name=node.name, heartbeat_at=now, observation=observation)
