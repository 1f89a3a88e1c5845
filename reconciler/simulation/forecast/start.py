"""The cluster that a forecast begins with: what the store holds and what the nodes last reported. Pure."""

from collections.abc import Mapping
from typing import cast

from reconciler.model.desired import DesiredState
from reconciler.model.kinds import Pod
from reconciler.model.node_report import NodeFacts
from reconciler.model.observed import NodeState, ObservedState
from reconciler.model.policy import Policy
from reconciler.planner.node.memory import memory_of
from reconciler.simulation.clock import VirtualClock
from reconciler.simulation.cluster import Planned, RunningCluster, SimulatedHost
from reconciler.simulation.forecast.assumed import Assumed
from reconciler.simulation.forecast.world import ForecastWorld, Told, has_crashed


def begin(
    desired: Mapping[str, DesiredState],
    observed: ObservedState,
    policy: Policy,
    now: float,
    assumed: Assumed,
    planned: Planned,
    told: Told,
) -> RunningCluster:
    """Return the cluster as it stands, with these revisions at the tips of their sources."""
    clock = VirtualClock(now)
    pods = {
        one.object.metadata.uid: cast(Pod, one.object) for ref, one in observed.objects.items() if ref.kind == "Pod"
    }
    hosts = {}
    for name in sorted(observed.nodes):
        state = observed.nodes[name]
        facts = state.observation.facts if state.observation is not None else NodeFacts(node=name, observed_at=now)
        world = ForecastWorld(facts, clock, assumed, told, pods, missing_images(state))
        hosts[name] = SimulatedHost(name, clock, world)
        _carry_over(hosts[name], state, policy, now)
    sources = tuple(sorted({*observed.sources, *desired}))
    cluster = RunningCluster(hosts, observed, sources, policy, clock, planned=planned)
    for state_ in desired.values():
        cluster.push(state_)
    return cluster


def missing_images(state: NodeState) -> frozenset[str]:
    """Return the images whose last pull by a node failed."""
    return frozenset(key.split(" ")[0] for key, one in memory_of(state.observation).images.items() if one.failure.count)


def crashing_containers(state: NodeState) -> tuple[str, ...]:
    """Say which containers of a node ended badly, and will again; a Pod that has ended as a whole starts none."""
    if state.observation is None:
        return ()
    facts = state.observation.facts.containers
    over = {one.uid for one in state.observation.pods if one.phase in ("Succeeded", "Failed")}
    newest = {(one.pod_uid, one.container): one for one in sorted(facts, key=lambda one: one.attempt)}
    return tuple(
        f"{one.container} of pod/{one.pod_namespace}/{one.pod_name} goes on ending with code {one.exit_code}"
        for one in newest.values()
        if one.role != "sandbox" and one.pod_uid not in over and has_crashed(one)
    )


def is_heard(state: NodeState, policy: Policy, now: float) -> bool:
    """Whether a node has reported within its lease; of one that is silent nothing is known, and nothing moves."""
    return state.observation is not None and now - (state.heartbeat_at or 0.0) <= policy.node_lease_s


def _carry_over(host: SimulatedHost, state: NodeState, policy: Policy, now: float) -> None:
    observation = state.observation
    if observation is not None:
        host.agent.memory = memory_of(observation)
        host.agent.reports = observation.pods
    host.agent.is_alive = is_heard(state, policy, now)
