"""One pass over a node as a whole: documents, addresses, what is remembered, and when it looks again."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.kinds import ContainerPort, ExecAction, PodReadinessGate, Probe
from reconciler.model.node import ClaimBinding, Endpoint, EndpointPort, ServiceEntry, ServicePortEntry
from reconciler.model.node_report import LinkFact, NetworkFact
from reconciler.model.plan import Reason
from reconciler.planner.node.memory import Failure, ImageMemory, NodeMemory
from reconciler.planner.node.step import NodeStep
from tests.planner.node.host import NODE, assignment, container, pod, probe, view, volume
from tests.planner.node.situation import IP, NOW, UID, deeds, ended, fact, look, remembered, sandbox, shows, waits

RUNNING = (sandbox(), fact())


def address(answer: NodeStep, name: str) -> str:
    """The address that a Pod was given."""
    return answer.memory.pods[f"{name}-uid-0001"].ip


@pytest.mark.parametrize(
    ("seen", "taken"),
    [
        ({"term": 1, "generation": 5}, True),
        ({"term": 1, "generation": 6}, False),
        ({"term": 2, "generation": 1}, False),
        ({"term": 0, "generation": 9}, True),
        ({"view_term": 1, "view_generation": 1}, True),
        ({"view_term": 1, "view_generation": 2}, False),
        ({"view_term": 2, "view_generation": 0}, False),
    ],
)
def test_older_documents_are_refused(seen: dict[str, int], taken: bool) -> None:
    """By term first; the same ones are no older. What was reported is repeated."""
    known = look(shows(*RUNNING), pod("web"))
    memory = replace(known.memory, **seen)
    answer = look(shows(), memory=memory, assigned=assignment(generation=5))
    assert (answer.plan.complete, answer.plan.applyable) == (taken, taken)
    if not taken:
        assert answer.plan.actions == ()
        assert (answer.reports, answer.memory) == (known.reports, memory)


def test_what_was_heard_is_remembered() -> None:
    """The numbers of both documents, and on which boot of the host the leader was heard."""
    answer = look(shows(), assigned=assignment(generation=5), network=view(generation=4))
    memory = answer.memory
    assert (memory.term, memory.generation, memory.view_term, memory.view_generation) == (1, 5, 1, 4)
    assert memory.boot_in_contact == "b"
    alone = look(shows(), in_contact=False)
    assert alone.memory.boot_in_contact == ""
    one = pod("web", exclusive=True)
    said = (
        "waiting-for-dependency: waits for a word from the leader: another node may run it since this host started anew"
    )
    assert waits(look(shows(), one, in_contact=False)) == [said]
    assert deeds(
        look(
            shows(),
            one,
            in_contact=False,
            memory=answer.memory,
            assigned=assignment(one, generation=5),
            network=view(generation=4),
        )
    )
    assert deeds(look(shows(), pod("web"), in_contact=False))
    assert deeds(look(shows(*RUNNING), replace(one, deletion_requested_at=NOW), in_contact=False))


def test_addresses_are_given_in_the_order_of_names_beside_those_in_use() -> None:
    """By Pods, by links that are left over, and by those that need nothing; none goes to a Pod that needs none."""
    first = look(shows(), pod("b"), pod("a"), pod("c", host_network=True))
    assert [address(first, name) for name in "abc"] == ["10.42.1.2", "10.42.1.3", ""]
    assert first.memory.last_ip == "10.42.1.3"
    assert [report.name for report in first.reports] == ["a", "b", "c"]
    link = LinkFact(pod_uid="old", interface="x", ip="10.42.1.2", whole=True)
    taken = look(shows(links=(link,)), pod("a"))
    assert address(taken, "a") == "10.42.1.3"
    settled = look(shows(*RUNNING), pod("web"))
    beside = look(shows(*RUNNING), pod("a"), pod("web"), memory=settled.memory)
    assert address(beside, "a") == "10.42.1.3"
    done = look(shows(), pod("web", finished="Succeeded"), pod("x", deletion_requested_at=NOW))
    assert [address(done, name) for name in ("web", "x")] == ["", ""]


def test_an_address_that_was_forgotten_is_read_from_the_host() -> None:
    """From the link, or from the sandbox; where neither tells, the sandbox has to go."""
    assert look(shows(*RUNNING), pod("web")).memory.pods[UID].ip == IP
    labelled = sandbox(labels={"reconciler.dev/pod-ip": "10.42.1.9"})
    answer = look(shows(labelled, fact(), links=()), pod("web"))
    assert answer.memory.pods[UID].ip == "10.42.1.9"
    answer = look(shows(*RUNNING, links=()), pod("web"))
    assert answer.plan.actions[0].message == "the sandbox's address was forgotten"


def test_an_address_rests_for_thirty_seconds_after_its_pod_is_gone() -> None:
    """The next Pod gets another one; the range is full until the first has rested."""
    small = {"pod_cidr": "10.42.1.0/29"}
    one = look(shows(), memory=remembered(ip=IP), assigned=assignment(**small))
    assert (one.memory.pods, one.memory.released) == ({}, {IP: NOW + 30})
    full = [pod(name) for name in "abcde"]
    answer = look(shows(), memory=one.memory, assigned=assignment(*full, **small))
    assert [report.name for report in answer.reports if not address(answer, report.name)] == ["e"]
    assert waits(answer) == ["unschedulable: no free address in 10.42.1.0/29"]
    assert answer.plan.look_again_at == NOW + 30
    again = look(shows(), memory=answer.memory, assigned=assignment(*full, **small), now=NOW + 30)
    assert (address(again, "e"), again.memory.released) == (IP, {})


def test_a_pod_is_remembered_while_anything_of_it_is_left() -> None:
    """Whether it is assigned or not."""
    known = look(shows(*RUNNING), pod("web"))
    assert UID in look(shows(*RUNNING), memory=known.memory).memory.pods
    assert UID in look(shows(), pod("web", deletion_requested_at=NOW), memory=known.memory).memory.pods
    gone = look(shows(), memory=known.memory)
    assert (gone.memory.pods, gone.memory.released, gone.memory.last_ip) == ({}, {IP: NOW + 30}, IP)


def test_a_pod_that_is_assigned_again_is_no_longer_missed() -> None:
    """Its end begins anew when it is taken away once more."""
    away = look(shows(*RUNNING)).memory
    assert away.pods[UID].absent_at == NOW
    back = look(shows(*RUNNING), pod("web"), memory=away).memory
    assert back.pods[UID].absent_at is None


def test_images_that_nobody_needs_are_forgotten_when_they_are_many() -> None:
    """Those that failed of late are kept, so that they are waited for."""
    failed = {
        "bad": ImageMemory(failure=Failure(count=1, until=NOW + 1)),
        "old": ImageMemory(failure=Failure(until=NOW)),
    }
    few = NodeMemory(images={**failed, **{f"i{n}": ImageMemory() for n in range(126)}})
    assert look(shows(), memory=few).memory.images is few.images
    many = replace(few, images={**few.images, "more": ImageMemory()})
    assert list(look(shows(), memory=many).memory.images) == ["bad"]
    pods = [pod(f"p{n}", host_network=True) for n in range(65)]
    assert look(shows(), *pods, memory=many).memory.images is many.images


def test_the_first_of_all_waits_says_when_to_look_again() -> None:
    """Deadlines, waits and pressures; none of them in the past, and none of a Pod that has finished."""
    late = pod("web", active_deadline_seconds=50)
    memory = remembered(ip=IP, started_at=NOW, failure=Failure(count=1, until=NOW + 40, reason="x"))
    assert look(shows(), late, memory=memory).plan.look_again_at == NOW + 40
    assert (
        look(shows(), late, memory=replace(memory, pressures={"DiskPressure": NOW - 290.0})).plan.look_again_at
        == NOW + 10
    )
    assert look(shows(*RUNNING), pod("web")).plan.look_again_at is None
    done = look(shows(sandbox(), ended()), replace(late, spec=replace(late.spec, restart_policy="Never")))
    assert done.plan.look_again_at is None


@pytest.mark.parametrize(("at", "kept"), [(NOW - 300, False), (NOW - 299, True), (NOW, True), (NOW + 1, False)])
def test_a_pressure_lasts_five_minutes_since_it_was_last_seen(at: float, kept: bool) -> None:
    """What was seen in the future was seen by another clock."""
    answer = look(shows(), memory=NodeMemory(pressures={"DiskPressure": at}))
    assert answer.pressures == (("DiskPressure",) if kept else ())


def silent(*facts: Any, **fields: Any) -> Any:
    """A host whose Engine does not answer."""
    return replace(shows(*facts, **fields), complete=False, containers=(), engine_error="no socket")


def test_while_the_engine_is_silent_nothing_is_concluded() -> None:
    """The last reports are repeated in the order of names; the map goes on, if the host can carry one."""
    one, other = pod("web"), pod("a", readiness_gates=(PodReadinessGate(condition_type="x"),))
    known = look(shows(*RUNNING), one, other)
    answer = look(silent(), one, other, memory=known.memory, now=NOW + 5)
    assert answer.reports == known.reports
    assert waits(answer) == ["engine-silent: no socket"]
    assert (answer.plan.actions, answer.plan.complete) == ((), False)
    assert waits(look(replace(silent(), engine_error=""))) == ["engine-silent: the host could not be read"]
    lost = silent(network={"services_digest": "", "names_digest": ""})
    assert len(look(lost, one, memory=known.memory).plan.actions) == 2
    unprepared = replace(lost, network=NetworkFact())
    assert look(unprepared, one, memory=known.memory).plan.actions == ()


def test_probes_that_need_no_engine_go_on_while_it_is_silent() -> None:
    """By the last report: of what ran, as it had started."""
    execs = Probe(exec=ExecAction(command=("true",)))
    spec = container(startup_probe=probe(), liveness_probe=probe(), readiness_probe=execs)
    one = pod("web", spec, container("b", readiness_probe=probe()))
    started = {"id-web-0/startup": "success"}
    known = look(shows(*RUNNING), one, probes=started)
    targets = look(silent(), one, memory=known.memory).probes
    assert [(one.container, one.probe_kind, one.container_id, one.pod_ip) for one in targets] == [
        ("web", "liveness", "id-web-0", IP)
    ]
    assert targets[0].started_at == NOW - 99
    fresh = look(shows(*RUNNING), one)
    assert [one.probe_kind for one in look(silent(), one, memory=fresh.memory).probes] == ["startup"]
    going = replace(one, deletion_requested_at=NOW)
    assert look(silent(), going, memory=fresh.memory).probes == ()


@pytest.mark.parametrize(
    ("started", "ending", "expected"),
    [
        (False, False, ["web/startup", "b/readiness"]),
        (True, False, ["web/liveness", "web/readiness", "b/readiness"]),
        (False, True, ["b/readiness"]),
        (True, True, ["web/readiness", "b/readiness"]),
    ],
)
def test_the_startup_probe_runs_alone_and_an_ending_pod_is_only_asked_whether_it_is_ready(
    started: bool, ending: bool, expected: list[str]
) -> None:
    """So that Services let go of it."""
    spec = container(startup_probe=probe(), liveness_probe=probe(), readiness_probe=probe())
    setup = container("setup", liveness_probe=probe())
    one = pod("web", spec, container("b", readiness_probe=probe()), init_containers=(setup,))
    facts = shows(*RUNNING, fact("b"), fact("setup", role="init"))
    given = replace(one, deletion_requested_at=NOW if ending else None)
    answer = look(facts, given, probes={"id-web-0/startup": "success"} if started else {})
    assert [f"{one.container}/{one.probe_kind}" for one in answer.probes] == expected
    assert {(one.pod_uid, one.pod_ip) for one in answer.probes} == {(UID, IP)}
    on_host = look(facts, replace(given, spec=replace(given.spec, host_network=True)))
    assert {one.pod_ip for one in on_host.probes} == {"192.168.0.1"}


def test_what_does_not_run_or_has_finished_is_not_probed() -> None:
    """Nor what is on its way into another sandbox."""
    one = pod("web", container(readiness_probe=probe()), restart_policy="Never")
    assert look(shows(sandbox(), ended()), one).probes == ()
    assert (
        look(
            shows(sandbox(state="exited"), fact()), replace(one, spec=replace(one.spec, restart_policy="Always"))
        ).probes
        == ()
    )
    assert look(shows(*RUNNING), one, memory=remembered(ip=IP, finished="Failed")).probes == ()


@pytest.mark.parametrize(
    ("trash", "there", "known", "used", "expected"),
    [
        (False, False, False, False, ["provisionVolume"]),
        (False, True, False, False, []),
        (False, False, True, False, [Reason.VOLUME_MISSING]),
        (True, True, True, False, ["trashVolume"]),
        (True, True, True, True, [Reason.VOLUME_IN_USE]),
        (True, False, True, True, []),
    ],
)
def test_each_directory_is_made_kept_or_put_into_the_trash(
    trash: bool, there: bool, known: bool, used: bool, expected: list[Any]
) -> None:
    """One that was there and is gone is never made anew."""
    claims = (ClaimBinding(claim="data", volume="pv-1", path="/volumes/pv-1"),) if used else ()
    given = assignment(pod("web", claims=claims), volumes=(volume(trash=trash),))
    facts = shows(*RUNNING, directories=("/volumes/pv-1",) if there else ())
    answer = look(facts, assigned=given, memory=NodeMemory(provisioned=("pv-1",) if known else ()))
    done = [one.detail.__struct_config__.tag for one in answer.plan.actions if one.detail is not None]
    blocked = [one for one in answer.plan.blocked if one.object.kind == "PersistentVolume"]
    assert done + [one.reason for one in blocked] == expected
    assert {one.verb.value for one in blocked} <= {"delete" if trash else "create"}
    assert answer.memory.provisioned == (("pv-1",) if not trash and (there or known) else ())


def test_a_map_shows_the_nodes_own_pods_as_they_are() -> None:
    """Also those with gates and host ports; a Pod that cannot be carried leads nowhere."""
    here = Endpoint(ip="10.42.1.77", node=NODE, pod="shop/web", pod_uid=UID, ready=False)
    port = ServicePortEntry(port=80, targets=(EndpointPort(port=80, endpoints=(here,)),))
    network = view(ServiceEntry(namespace="shop", name="web", cluster_ip="10.43.0.1", ports=(port,)))
    one = pod("web", container(ports=(ContainerPort(container_port=80, host_port=8080, host_ip="0.0.0.0"),)))
    for given, facts, ready, ports in (
        (one, RUNNING, True, [("", 8080, IP)]),
        (replace(one, deletion_requested_at=NOW), RUNNING, False, []),
        (one, (sandbox(state="exited"), fact()), False, []),
        (
            replace(one, spec=replace(one.spec, readiness_gates=(PodReadinessGate(condition_type="x"),))),
            RUNNING,
            False,
            [("", 8080, IP)],
        ),
    ):
        answer = look(shows(*facts), given, network=network)
        program: Any = next(one.detail for one in answer.plan.actions if "ProgramServices" in repr(type(one.detail)))
        endpoint = program.services[0].ports[0].targets[0].endpoints[0]
        assert (endpoint.ip, endpoint.ready) == (IP, ready)
        assert [(one.host_ip, one.port, one.pod_ip) for one in program.host_ports] == ports
