"""What holds for every node, whatever it runs and whatever happens to it."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.model.details import CreateSandbox, RemoveContainer, RemoveSandbox, StopContainer
from reconciler.model.kinds import NFSVolumeSource, PersistentVolumeClaimVolumeSource, Volume
from reconciler.model.node import ClaimBinding, PodAssignment
from reconciler.model.node_report import NodeFacts
from reconciler.model.plan import Executor
from reconciler.planner.node.memory import NodeMemory
from reconciler.planner.node.step import step
from reconciler.simulation.behaviour import Behaviour
from tests.planner.node.host import Host, assignment, container, pod, probe, script, view, volume

replace = msgspec.structs.replace
LIMIT_S = 4000.0
PASSES_MAX = 200
_quick = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)

_PATIENT = probe(period_seconds=1, failure_threshold=20)
_CLAIM = PersistentVolumeClaimVolumeSource(claim_name="disk")
_DISK = ClaimBinding(claim="disk", volume="pv-1", path="/volumes/pv-1", device="file")
_SPECS = {
    "plain": {},
    "two": {"containers": (container("one"), container("two"))},
    "init": {"init_containers": (script("setup", "sleep 1; exit 0"),)},
    "sidecar": {"init_containers": (container("proxy", restart_policy="Always"),)},
    "ready": {"containers": (container("app", readiness_probe=probe(period_seconds=1)),)},
    "startup": {
        "containers": (container("app", "slow:1", startup_probe=probe(period_seconds=1, failure_threshold=20)),)
    },
    "pull": {"containers": (container("app", "remote:1"),)},
    "host": {"host_network": True},
    "job": {"containers": (script("job", "sleep 2; exit 0"),), "restart_policy": "OnFailure"},
    "share": {"volumes": (Volume(name="files", nfs=NFSVolumeSource(server="files", path="/data")),)},
    "device": {"volumes": (Volume(name="disk", persistent_volume_claim=_CLAIM),), "claims": (_DISK,)},
    "failed": {"containers": (script("job", "exit 4"),), "restart_policy": "Never"},
}


# Every host keeps a file for a block device, whether or not somebody uses it.
_VOLUMES = (volume("pv-1", size=1 << 20),)


def _pod(kind: str, number: int) -> PodAssignment:
    fields = dict(_SPECS[kind])
    containers = fields.pop("containers", ())
    return pod(f"{kind}-{number}", *containers, uid=f"{number:08d}-{kind}", **fields)


_pods = st.lists(st.sampled_from(sorted(_SPECS)), min_size=1, max_size=4).map(
    lambda kinds: tuple(_pod(kind, number) for number, kind in enumerate(kinds))
)


@dataclass(frozen=True)
class Trouble:
    """Something that happens to a host `after_s`."""

    kind: str
    after_s: float
    number: int


_troubles = st.lists(
    st.builds(
        Trouble,
        kind=st.sampled_from(
            [
                "crash",
                "crash-midway",
                "crash-forget",
                "silent",
                "end",
                "remove",
                "link",
                "reboot",
                "engine",
                "table",
                "unmount",
                "fail",
                "registry",
                "delete",
                "unassign",
            ]
        ),
        after_s=st.floats(0, 5).map(lambda value: round(value, 2)),
        number=st.integers(0, 8),
    ),
    max_size=5,
)


def _host(pods: tuple[PodAssignment, ...]) -> Host:
    host = Host(*pods, images={"slow:1": Behaviour(alive_from_s=3)}, volumes=_VOLUMES)
    host.world.engine.registry["remote:1"] = Behaviour()
    return host


_FAILING = ("createSandbox", "startContainer", "attachPod", "stopContainer", "programServices")


def _inflict(host: Host, trouble: Trouble) -> None:
    facts = host.world.engine.facts()
    running = [fact for fact in facts if fact.state == "running"]
    match trouble.kind:
        case "crash" | "crash-midway" | "crash-forget":
            host.node.crash(midway=trouble.kind == "crash-midway")
            host.node.restart(keep_memory=trouble.kind != "crash-forget")
        case "silent":
            host.world.engine_silent = True
        case "end" if running:
            host.world.end_by_hand(running[trouble.number % len(running)].name)
        case "remove" if facts:
            host.world.remove_by_hand(facts[trouble.number % len(facts)].name)
        case "link" if host.world.links:
            host.world.break_link(sorted(host.world.links)[trouble.number % len(host.world.links)])
        case "reboot":
            host.world.reboot()
            host.node.crash()
            host.node.restart()
        case "engine":
            host.world.restart_engine(live_restore=False)
        case "table":
            host.world.flush_table()
        case "unmount":
            host.world.storage.reboot()
        case "fail":
            types = (*_FAILING, "mountShare", "attachDevice", "unmountShare", "detachDevice")
            host.world.fail(types[trouble.number % len(types)], 2, midway=trouble.number % 2 == 0)
        case "registry":
            host.world.engine.registry_error = "connection refused"
        case "delete":
            asked, now = trouble.number % max(len(host.pods), 1), host.clock.now()
            pods = list(host.pods)
            pods[asked : asked + 1] = [replace(one, deletion_requested_at=now) for one in pods[asked : asked + 1]]
            host.assign(*pods, volumes=_VOLUMES)
        case "unassign":
            host.assign(*host.pods[: trouble.number % (len(host.pods) + 1)], volumes=_VOLUMES)


def _stop_faults(host: Host) -> None:
    host.world.engine_silent = False
    host.world.engine.registry_error = ""
    host.world.faults.clear()


def _check_safety(host: Host) -> None:
    """At no time do two attempts of a container, or two sandboxes of a Pod, run."""
    running: set[tuple[str, str]] = set()
    for fact in host.world.engine.facts():
        if fact.state == "running":
            identity = (fact.pod_uid, fact.container)
            assert identity not in running, f"{identity} runs twice"
            running.add(identity)
    ips = [link.ip for link in host.world.links.values()]
    assert len(ips) == len(set(ips)), "an address was given twice"


def _run(host: Host, seconds: float) -> None:
    until, passes = host.clock.now() + seconds, 0
    while host.clock.now() < until:
        passes += 1
        assert passes < PASSES_MAX, f"a busy loop: {host.node._describe()}"
        if not host.node.run_once():
            at = host.node.next_at()
            host.clock.advance_to(until if at is None else min(until, max(at, host.clock.now() + 0.001)))
            passes = 0
        _check_safety(host)


def _check_settled(host: Host) -> None:
    """P09: the next plan is empty, and everything that should run does."""
    host.node.run_once()
    assert host.node.last is not None
    plan = host.node.last.plan
    assert plan.actions == ()
    for one in host.pods:
        report = host.node.report(one.name)
        if one.deletion_requested_at is not None:
            assert report.gone
        elif one.name.startswith("job"):
            assert report.phase == "Succeeded"
        elif one.name.startswith("failed"):
            assert report.phase == "Failed"
        else:
            assert host.ready(one.name), (one.name, report)
    uids = {one.uid for one in host.pods if one.deletion_requested_at is None}
    assert {fact.pod_uid for fact in host.world.engine.facts()} <= uids
    assert set(host.world.links) <= uids
    _check_attached(host)


def _check_attached(host: Host) -> None:
    """What a Pod needs is attached; what no Pod is assigned that needs it is not."""
    assigned = {one.name.partition("-")[0] for one in host.pods}
    running = {one.name.partition("-")[0] for one in host.pods if one.deletion_requested_at is None}
    for kind, is_attached in (
        ("share", bool(host.world.storage.mounts)),
        ("device", bool(host.world.storage.devices["pv-1"].device)),
    ):
        assert is_attached or kind not in running
        assert not is_attached or kind in assigned


@_quick
@given(pods=_pods)
def test_every_node_comes_to_rest(pods: tuple[PodAssignment, ...]) -> None:
    """P09: run until quiet, then the step is empty."""
    host = _host(pods)
    host.settle(LIMIT_S)
    _check_settled(host)


@settings(parent=_quick, max_examples=150)
@given(pods=_pods, troubles=_troubles)
def test_a_troubled_node_comes_to_rest_once_the_trouble_stops(
    pods: tuple[PodAssignment, ...], troubles: list[Trouble]
) -> None:
    """P17, P25: whatever was done to it, at whatever moment."""
    host = _host(pods)
    for trouble in troubles:
        _run(host, trouble.after_s)
        _inflict(host, trouble)
        _check_safety(host)
    _run(host, 1.0)
    _stop_faults(host)
    host.settle(LIMIT_S)
    _check_safety(host)
    _check_settled(host)


@_quick
@given(pods=_pods, passes=st.integers(0, 25), midway=st.booleans(), keep=st.booleans())
def test_an_agent_killed_between_any_two_steps_goes_on(
    pods: tuple[PodAssignment, ...], passes: int, midway: bool, keep: bool
) -> None:
    """P17: nothing is lost, doubled or left half done."""
    host = _host(pods)
    for _ in range(passes):
        if not host.node.run_once():
            at = host.node.next_at()
            if at is None:
                break
            host.clock.advance_to(max(at, host.clock.now() + 0.001))
    host.node.crash(midway=midway)
    host.node.restart(keep_memory=keep)
    while host.node.next_at() is not None or host.node.run_once():
        _run(host, 5.0)
        if host.node.next_at() is None:
            break
    host.settle(LIMIT_S)
    _check_safety(host)
    _check_settled(host)


@_quick
@given(pods=_pods, passes=st.integers(0, 12), order=st.randoms(use_true_random=False))
def test_the_order_of_inputs_decides_nothing(pods: tuple[PodAssignment, ...], passes: int, order: object) -> None:
    """The same situation in another order gives the same plan."""
    host = _host(pods)
    for _ in range(passes):
        if not host.node.run_once():
            at = host.node.next_at()
            host.clock.advance_to(host.clock.now() + 0.5 if at is None else at)
    facts, memory = host.world.observe(), host.node.memory

    def answer(shuffle: bool) -> bytes:
        def mixed(values: tuple[object, ...]) -> tuple[object, ...]:
            values = list(values)  # type: ignore[assignment]
            order.shuffle(values)  # type: ignore[attr-defined]
            return tuple(values)

        seen, wanted, known = facts, host.pods, memory
        if shuffle:
            network = msgspec.structs.replace(facts.network, links=mixed(facts.network.links))
            seen = msgspec.structs.replace(
                facts,
                containers=mixed(facts.containers),
                images=mixed(facts.images),
                volumes=mixed(facts.volumes),
                network=network,
            )
            wanted = mixed(host.pods)  # type: ignore[assignment]
            known = msgspec.structs.replace(memory, pods=dict(mixed(tuple(memory.pods.items()))))  # type: ignore[arg-type]
        result = step(
            known,
            assignment(*wanted, generation=host.generation),
            view(generation=host.generation),
            seen,
            probes={},
            outcomes=(),
            in_flight=frozenset(),
            now=host.clock.now(),
        )
        return msgspec.json.encode(result, order="deterministic")

    assert answer(False) == answer(True)


@_quick
@given(pods=_pods, silent_for=st.floats(1, 100), change=st.booleans())
def test_nothing_is_stopped_or_removed_while_facts_are_incomplete(
    pods: tuple[PodAssignment, ...], silent_for: float, change: bool
) -> None:
    """P20: unknown is not absent."""
    host = _host(pods)
    _run(host, 8.0)
    host.world.engine_silent = True
    host.world.executed.clear()
    if change:
        host.assign()
    host.node.run_once()
    assert host.node.last is not None
    assert not any(action.executor is Executor.CONTAINER for action in host.node.last.plan.actions)
    in_flight = len(host.node.in_flight)
    _run(host, silent_for)
    effects = [action for action in host.world.executed if action.executor is Executor.CONTAINER]
    kinds = (StopContainer, RemoveContainer, RemoveSandbox, CreateSandbox)
    assert len([action for action in effects if isinstance(action.detail, kinds)]) <= in_flight


@_quick
@given(pods=_pods)
def test_memory_survives_being_written_and_read(pods: tuple[PodAssignment, ...]) -> None:
    """P17: what is kept on disk is all of it."""
    host = _host(pods)
    _run(host, 5.0)
    encoded = msgspec.json.encode(host.node.memory)
    assert msgspec.json.decode(encoded, type=NodeMemory) == host.node.memory


def test_an_empty_host_and_an_empty_assignment_need_only_the_network() -> None:
    """The smallest case."""
    answer = step(
        NodeMemory(),
        assignment(),
        view(),
        NodeFacts(node="node-1", observed_at=1.0),
        probes={},
        outcomes=(),
        in_flight=frozenset(),
        now=1.0,
    )
    kinds = [type(action.detail).__name__ for action in answer.plan.actions]
    assert kinds == ["PrepareHost", "ProgramServices", "PublishNames"]
