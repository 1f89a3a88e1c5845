"""Waking what depends on more than objects: on what nodes report, on what persons say, on the policy, on time. Pure."""

from collections.abc import Mapping
from typing import cast

from reconciler.model.base import Value
from reconciler.model.node_report import PodReport
from reconciler.model.observed import ClusterInfo, NodeState
from reconciler.model.overrides import Override
from reconciler.model.policy import Policy
from reconciler.model.provider import ProviderState
from reconciler.model.refs import ObjectRef
from reconciler.planner.view import View
from reconciler.planner.workloads.pods import is_silent


class Inputs(Value):
    """What a pass was made from besides objects and declarations."""

    policy: Policy
    cluster: ClusterInfo
    now: float
    nodes: Mapping[str, NodeState]
    silent: frozenset[str]
    overrides: Mapping[ObjectRef, Override]
    allocations: Mapping[str, str]
    provider: ProviderState | None


def wake_for_inputs(view: View) -> None:
    """Wake what other inputs than those of the pass before may change."""
    observed = view.observed
    silent = frozenset(name for name, state in observed.nodes.items() if is_silent(view, state))
    inputs = Inputs(
        policy=view.policy,
        cluster=observed.cluster,
        now=view.now,
        nodes=observed.nodes,
        silent=silent,
        overrides=observed.overrides,
        allocations=observed.allocations,
        provider=observed.provider,
    )
    last = cast(Inputs | None, view.memo.last)
    view.memo.last = inputs
    if last is None or last.now > view.now or not _is_same_cluster(last, inputs):
        view.wake_all()
        return
    _wake_overridden(view, last)
    _wake_on_nodes(view, last, inputs)
    _wake_services(view, last)


def _is_same_cluster(last: Inputs, inputs: Inputs) -> bool:
    is_same = last.policy is inputs.policy or last.policy == inputs.policy
    return is_same and (last.cluster is inputs.cluster or last.cluster == inputs.cluster)


def _wake_overridden(view: View, last: Inputs) -> None:
    fresh = view.observed.overrides
    if fresh is last.overrides:
        return
    for ref in sorted({*last.overrides, *fresh}):
        if last.overrides.get(ref) != fresh.get(ref):
            view.wake(ref)


def _wake_on_nodes(view: View, last: Inputs, inputs: Inputs) -> None:
    """Wake the Pods that are reported otherwise, and all of a node that falls silent, speaks again, comes or goes."""
    for name in sorted({*last.nodes, *inputs.nodes}):
        before, after = last.nodes.get(name), inputs.nodes.get(name)
        if before is None or after is None or (name in last.silent) != (name in inputs.silent):
            for stored in view.on_node(name):
                view.wake(stored.ref)
        if before is not after:
            _wake_reported(view, _reports(before), _reports(after))


def _reports(state: NodeState | None) -> dict[str, PodReport]:
    observation = state.observation if state is not None else None
    return {report.uid: report for report in observation.pods} if observation is not None else {}


def _wake_reported(view: View, old: dict[str, PodReport], new: dict[str, PodReport]) -> None:
    for report in (*old.values(), *new.values()):
        one, other = old.get(report.uid), new.get(report.uid)
        if one is not other and one != other:
            view.wake(ObjectRef(kind="Pod", namespace=report.namespace, name=report.name))


def _wake_services(view: View, last: Inputs) -> None:
    fresh = view.observed.allocations
    released = last.allocations is not fresh and not last.allocations.items() <= fresh.items()
    if released or last.provider != view.observed.provider:
        for stored in view.of_kind("Service"):
            view.wake(stored.ref)
