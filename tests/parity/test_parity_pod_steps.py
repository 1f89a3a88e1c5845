"""What a node does about one Pod, step by step: when it looks again, what it starts anew, what it says of addresses."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from msgspec.structs import replace as changed

from reconciler.model.details import StopContainer
from reconciler.model.kinds import Container
from reconciler.model.node_report import ContainerFact
from reconciler.planner.node.memory import ContainerMemory, NodeMemory, PodMemory
from reconciler.planner.node.remember import termination
from tests.parity.loosely import loosely
from tests.parity.rows import NotTranslated, compare, parity_rows
from tests.parity.steps import NOW, UID, fact_of, facts_of, step_with
from tests.planner.node.host import IMAGE, container, pod

Case = dict[str, Any]
PACKAGE = "pkg_kubelet_container"
ACTION_CONDITION = "AllContainersRestarting"


def _memory(*facts: ContainerFact, backoffs: tuple[float, ...] = (), ip: str = "") -> NodeMemory:
    """Return the memory of a node that has seen these containers, and how long each waits after its end."""
    known = {
        fact.container: ContainerMemory(
            attempt=fact.attempt,
            container_id=fact.id,
            image=IMAGE,
            backoff_s=backoff_s,
            ended=termination(fact) if fact.state == "exited" else None,
        )
        for fact, backoff_s in zip(facts, backoffs or (0.0,) * len(facts), strict=True)
    }
    memory = PodMemory(
        namespace="shop",
        name="p",
        started_at=NOW - 100,
        ip=ip,
        host_network=not ip,
        sandbox_attempt=0,
        sandbox_id="sandbox",
        sandbox_started_at=1.0,
        initialized="sandbox",
        containers=known,
    )
    return NodeMemory(pods={UID: memory})


def look_again(case: Case) -> bool:
    """Judge a row about when to look again: each back-off is a container's that has just ended, other errors none.

    Rows tell the end of the first back-off alone; further ones are later.
    """
    wanted = case.get("expectedBackoff")
    first_s = (datetime.fromisoformat(wanted) - _before_all()).total_seconds() if wanted else 0.0
    words = case.get("err", {}).get("error", "").replace("wrapped: ", "").strip("[]").split(", ")
    later_s = count(first_s, 7.0)
    backoffs = tuple(next(later_s) for word in words if word.startswith("backoff"))
    # Those that come first do not end first.
    facts = tuple(fact_of(f"c{number}", "exited", exit_code=1) for number in range(len(backoffs)))
    fine = fact_of("fine", "running")
    memory = _memory(*facts, fine, backoffs=(*reversed(backoffs), 0.0))
    one = pod("p", *(container(fact.container) for fact in (*facts, fine)), uid=UID, host_network=True)
    at = step_with(one, facts_of(*facts, fine), memory).plan.look_again_at
    return at == (NOW + first_s if case.get("expectedFound") else None)


def _before_all() -> datetime:
    """Return a time before all ends of back-offs that the rows have, so that all are to come."""
    rows = (row["case"] for row in parity_rows(PACKAGE) if row["test"] == "TestMinBackoffExpiration")
    times = (datetime.fromisoformat(one["expectedBackoff"]) for one in rows if "expectedBackoff" in one)
    return min(times) - timedelta(seconds=1)


def kept(case: Case) -> bool:
    """Judge a row about a container's hash: one of the same hash is left running, one of another is not."""
    others = [row["case"] for row in parity_rows(PACKAGE) if row["test"].startswith("TestHashContainer")]
    return all(_is_kept(case, other) == (case["expectedHash"] == other["expectedHash"]) for other in others)


def _is_kept(before: Case, after: Case) -> bool:
    """Whether a container that was made as in one row is left alone where the other is asked for."""
    was, spec = _spec(before), _spec(after)
    running = changed(fact_of(was.name, "running"), image=was.image)
    first = step_with(pod("p", was, uid=UID, host_network=True), facts_of(running))
    found = step_with(pod("p", spec, uid=UID, host_network=True), facts_of(running), first.memory)
    return not any(isinstance(action.detail, StopContainer) for action in found.plan.actions)


def _spec(case: Case) -> Container:
    given = case.get("container") or {name: case[name] for name in ("name", "image", "args")}
    spec: Container = loosely(Container, given)
    return spec


def all_anew(case: Case) -> bool:
    """Judge a row about whether all containers start anew: then a sidecar, which is added, does not go on."""
    spec, statuses = case["pod"]["spec"], case["podStatus"]["ContainerStatuses"]
    apps, inits = (
        tuple(loosely(Container, {**one, "image": IMAGE}) for one in spec.get(part) or ())
        for part in ("containers", "initContainers")
    )
    sidecar = container("witness", restart_policy="Always")
    one = pod("p", *(apps or (container("app"),)), uid=UID, host_network=True, init_containers=(sidecar, *inits))
    facts = (
        fact_of("witness", "running", role="sidecar"),
        *(fact_of(each["Name"], each["State"], exit_code=each.get("ExitCode", 0)) for each in statuses),
    )
    memory = _memory(*facts)
    if any(each["type"] == ACTION_CONDITION for each in case.get("apiPodStatus", {}).get("conditions", ())):
        known = memory.pods[UID]
        begun = {name: changed(each, void="it has begun") for name, each in known.containers.items()}
        memory = changed(memory, pods={UID: changed(known, containers=begun)})
    actions = step_with(one, facts_of(*facts), memory).plan.actions
    stopped = [action.detail.name for action in actions if isinstance(action.detail, StopContainer)]
    return (facts[0].name in stopped) is case.get("expected", False)


def address(case: Case) -> bool:
    """Judge a row about the address of a Pod whose container and network have gone; ours have one address."""
    if len(case["podIPs"]) != 1:
        raise NotTranslated
    (ip,) = case["podIPs"]
    one = pod("p", container("c0"), uid=UID, restart_policy="Never")
    running, ended = fact_of("c0", "running"), fact_of("c0", "exited")
    first = step_with(one, facts_of(running), _memory(running, ip=ip))
    then = step_with(one, facts_of(ended), first.memory)
    gone = step_with(one, changed(facts_of(ended), containers=(ended,)), then.memory)
    return [found.reports[0].pod_ip for found in (first, then, gone)] == [ip] * 3


def test_what_is_done_about_a_pod_is_what_upstream_does() -> None:
    """The first back-off that ends says when to look again; another image makes a container anew, a rule all."""
    tables = {
        "TestMinBackoffExpiration": look_again,
        "TestHashContainer": kept,
        "TestHashContainerWithoutResources": kept,
        "TestShouldAllContainersRestart": all_anew,
    }
    compare(PACKAGE, tables)


def test_a_pod_that_has_ended_keeps_its_address() -> None:
    """Nothing of it runs any more, and its network is gone."""
    compare("pkg_kubelet_pleg", {"TestRelistIPChange": address})
