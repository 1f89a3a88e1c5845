"""What a node remembers of several Pods, and what it goes on with while its Engine is silent."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.details import ProgramServices
from reconciler.model.kinds import ContainerPort, PodReadinessGate
from reconciler.model.node import Endpoint, EndpointPort, ServiceEntry, ServicePortEntry
from reconciler.model.node_report import NodeFacts
from reconciler.planner.node.memory import Failure, ImageMemory, NodeMemory, PodMemory
from reconciler.planner.node.step import NodeStep
from tests.planner.node.host import NODE, assignment, container, pod, probe, view
from tests.planner.node.situation import IP, NOW, UID, ended, fact, look, remembered, sandbox, shows, waits

SMALL = {"pod_cidr": "10.42.1.0/29"}


def known(name: str, **fields: Any) -> PodMemory:
    """What is remembered of a Pod."""
    given: dict[str, Any] = {"namespace": "shop", "name": name, "started_at": 1.0} | fields
    return PodMemory(**given)


def test_what_changes_of_one_pod_is_remembered_beside_those_that_rest() -> None:
    """Whichever of them it is."""
    other = fact("b", pod_uid="b", pod_name="b", sandbox="id-POD-b")
    box = sandbox(id="id-POD-b", pod_uid="b", pod_name="b")
    pods = pod("web", restart_policy="Never"), pod("b", uid="b", host_network=True)
    facts = shows(sandbox(), fact(), box, other)
    memory = look(facts, *pods).memory
    memory = look(facts, *pods, memory=memory).memory
    later = look(shows(sandbox(), ended(), box, other), *pods, memory=memory).memory
    assert (later.pods[UID].finished, later.pods["b"].finished) == ("Succeeded", "")
    gone = replace(other, state="exited")
    later = look(shows(sandbox(), fact(), box, gone), *pods, memory=memory).memory
    assert later.pods["b"].containers["b"].ended is not None


def test_each_pod_that_nobody_asks_for_is_remembered_until_it_is_gone() -> None:
    """Those after one that is gone too."""
    memory = NodeMemory(pods={"a": known("a", ip="10.42.1.9"), UID: known("web", ip=IP), "z": known("z")})
    answer = look(shows(sandbox(), fact()), memory=memory)
    assert list(answer.memory.pods) == [UID]
    assert answer.memory.released == {"10.42.1.9": NOW + 30}
    assert answer.plan.look_again_at is None


def test_the_last_address_given_is_the_one_after_which_the_next_is_looked_for() -> None:
    """Not that of the last Pod by name; one that is given late counts when it is given."""
    first = look(shows(), pod("b"))
    second = look(shows(), pod("a"), pod("b"), memory=first.memory)
    assert second.memory.last_ip == "10.42.1.3"
    third = look(shows(), pod("a"), pod("b"), memory=second.memory)
    assert third.memory.last_ip == "10.42.1.3"
    full = [pod(name) for name in "abcde"]
    waiting = look(shows(), memory=NodeMemory(released={IP: NOW + 30}), assigned=assignment(*full, **SMALL))
    assert waiting.memory.last_ip == "10.42.1.6"
    given = look(shows(), memory=waiting.memory, assigned=assignment(*full, **SMALL), now=NOW + 30)
    assert given.memory.last_ip == IP


def test_a_pod_that_waits_for_an_address_is_looked_at_again_beside_others_that_wait() -> None:
    """For whatever those wait."""
    failed = known("a", failure=Failure(count=1, until=NOW + 50, reason="x"), ip="10.42.1.6")
    full = [pod(name) for name in "abcde"]
    memory = NodeMemory(released={IP: NOW + 30}, pods={"a-uid-0001": failed})
    answer = look(shows(), memory=memory, assigned=assignment(*full, **SMALL))
    assert waits(answer) == ["back-off: x until 50", "unschedulable: no free address in 10.42.1.0/29"]
    assert answer.plan.look_again_at == NOW + 30


def test_failed_images_alone_are_all_kept() -> None:
    """And the memory is the same one, so that it is not written again."""
    failing = {f"i{n}": ImageMemory(failure=Failure(count=1, until=NOW + 9)) for n in range(200)}
    first = look(shows(), memory=NodeMemory(images=failing))
    assert look(shows(), memory=first.memory).memory is first.memory


HERE = Endpoint(ip=IP, node=NODE, pod="shop/web", pod_uid=UID)
PORTS = (ContainerPort(container_port=80, host_port=8080),)
GATED = (PodReadinessGate(condition_type="x"),)


def silent(**fields: Any) -> NodeFacts:
    """A host whose Engine does not answer, and whose table was lost."""
    facts = shows(network={"services_digest": ""})
    return replace(facts, complete=False, containers=(), **fields)


def programmed(answer: NodeStep) -> tuple[list[tuple[bool, bool, bool]], list[int]]:
    """Ready, serving and terminating of the endpoints, and the ports of the host."""
    details = (one.detail for one in answer.plan.actions)
    table = next(one for one in details if isinstance(one, ProgramServices))
    ends = table.services[0].ports[0].targets[0].endpoints
    return [(one.ready, one.serving, one.terminating) for one in ends], [one.port for one in table.host_ports]


@pytest.mark.parametrize(
    ("ready", "fields", "given", "expected"),
    [
        (True, {}, {}, ([(True, True, False)], [8080])),
        (False, {}, {}, ([(False, False, False)], [8080])),
        (True, {"deletion_requested_at": NOW}, {}, ([(False, True, True)], [])),
        (True, {}, {"ready": False}, ([(True, True, False)], [8080])),
        (True, {"readiness_gates": GATED}, {"ready": False}, ([(False, True, False)], [8080])),
    ],
)
def test_while_the_engine_is_silent_the_map_goes_by_the_last_reports(
    ready: bool, fields: dict[str, Any], given: dict[str, bool], expected: Any
) -> None:
    """A Pod that is asked to end leaves it all the same."""
    one = pod("web", container(ports=PORTS, readiness_probe=probe()), **fields)
    before = replace(one, deletion_requested_at=None)
    results = {"id-web-0/readiness": "success" if ready else "failure"}
    memory = look(shows(sandbox(), fact()), before, probes=results).memory
    port = ServicePortEntry(port=80, targets=(EndpointPort(port=80, endpoints=(replace(HERE, **given),)),))
    network = view(ServiceEntry(namespace="shop", name="web", cluster_ip="10.43.0.1", ports=(port,)))
    assert programmed(look(silent(), one, memory=memory, network=network)) == expected


def test_a_pod_that_has_finished_or_was_never_reported_is_not_on_the_map() -> None:
    """Whether the Engine answers or not."""
    port = ServicePortEntry(port=80, targets=(EndpointPort(port=80, endpoints=(HERE,)),))
    network = view(ServiceEntry(namespace="shop", name="web", cluster_ip="10.43.0.1", ports=(port,)))
    job = pod("web", container(ports=PORTS), restart_policy="Never")
    for memory in (
        look(shows(sandbox(), ended()), job).memory,
        look(shows(), replace(job, deletion_requested_at=NOW)).memory,
        remembered(ip=IP),
        NodeMemory(),
    ):
        assert programmed(look(silent(), job, memory=memory, network=network)) == ([], [])
    done = look(shows(sandbox(), ended()), job, network=network)
    assert programmed(done) == ([], [])


def test_a_pod_on_the_hosts_network_is_on_the_map_with_the_hosts_address() -> None:
    """Its ports are the host's already."""
    port = ServicePortEntry(port=80, targets=(EndpointPort(port=80, endpoints=(HERE,)),))
    network = view(ServiceEntry(namespace="shop", name="web", cluster_ip="10.43.0.1", ports=(port,)))
    one = pod("web", container(ports=PORTS), host_network=True)
    answer = look(shows(sandbox(), fact(), links=()), one, network=network)
    assert programmed(answer) == ([(True, True, False)], [])
    details: Any = [action.detail for action in answer.plan.actions if isinstance(action.detail, ProgramServices)]
    assert details[0].services[0].ports[0].targets[0].endpoints[0].ip == "192.168.0.1"


def test_while_the_engine_is_silent_every_container_that_ran_is_probed() -> None:
    """Those beside one that had ended, too; what is no longer declared is not."""
    one = pod("web", container(readiness_probe=probe()), container("b", readiness_probe=probe()))
    memory = look(shows(sandbox(), ended(code=1), fact("b")), one).memory
    assert [target.container for target in look(silent(), one, memory=memory).probes] == ["b"]
    less = replace(one, spec=replace(one.spec, containers=one.spec.containers[:1]))
    assert look(silent(), less, memory=memory).probes == ()
