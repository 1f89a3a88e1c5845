"""What brings a Pod closer to running, seen in one pass: which actions, what they need, and what they wait for."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.details import (
    AttachPod,
    CreateSandbox,
    PublishVolumes,
    PullImage,
    StartContainer,
)
from reconciler.model.kinds import LocalObjectReference, Volume
from reconciler.model.kinds.volumes import (
    ConfigMapVolumeSource,
    EmptyDirVolumeSource,
    PersistentVolumeClaimVolumeSource,
)
from reconciler.model.node import ClaimBinding, ConfigReference, PodAssignment
from reconciler.model.node_report import LinkFact, VolumeFact
from reconciler.model.plan import Reason
from reconciler.planner.node.memory import ContainerMemory, Failure, ImageMemory, NodeMemory
from reconciler.planner.node.volumes import published_version
from tests.planner.node.host import NODE, assignment, container, pod, volume
from tests.planner.node.situation import (
    IP,
    NOW,
    UID,
    action,
    deeds,
    ended,
    fact,
    look,
    remembered,
    sandbox,
    shows,
    waits,
)

SCRATCH = (Volume(name="v", empty_dir=EmptyDirVolumeSource()),)
CLAIMED = (Volume(name="v", persistent_volume_claim=PersistentVolumeClaimVolumeSource(claim_name="data")),)
SETTINGS = (Volume(name="v", config_map=ConfigMapVolumeSource(name="settings")),)
BOUND = (ClaimBinding(claim="data", volume="pv-1", path="/volumes/pv-1"),)
MISSING = (ConfigReference(kind="ConfigMap", namespace="shop", name="settings"),)
BROKEN = (LinkFact(pod_uid=UID, interface="rc-web", ip=IP, whole=False),)


def published(one: PodAssignment, version: str = "") -> tuple[VolumeFact, ...]:
    """The volumes of a Pod as they should be, or of another version."""
    return (VolumeFact(pod_uid=UID, version=version or published_version(one)),)


def test_a_new_pod_gets_everything_in_one_plan() -> None:
    """Sandbox, volumes and pulls side by side; then the link; then containers one after the other."""
    one = pod("web", container("web", "new:1"), container("b", "new:1"), volumes=SCRATCH)
    answer = look(shows(network={"prepared": False}), one)
    assert deeds(answer) == [
        "publishVolumes web",
        "createSandbox web",
        "attachPod web <- prepareHost node-1 <- createSandbox web",
        "pullImage new:1",
        "startContainer web <- publishVolumes web <- createSandbox web <- attachPod web <- pullImage new:1",
        "startContainer b <- publishVolumes web <- createSandbox web <- attachPod web <- pullImage new:1"
        " <- startContainer web",
    ]
    assert [one.reason for one in answer.plan.actions if one.object.kind == "Pod"] == [
        Reason.VOLUME_MISSING,
        Reason.POD_ASSIGNED,
        Reason.POD_ASSIGNED,
        Reason.IMAGE_MISSING,
        Reason.CONTAINER_MISSING,
        Reason.CONTAINER_MISSING,
    ]


def test_each_action_says_all_that_the_executor_needs() -> None:
    """Names, addresses and numbers."""
    one = pod(
        "web", volumes=SCRATCH, image_pull_secrets=(LocalObjectReference(name="b"), LocalObjectReference(name="a"))
    )
    answer = look(shows(images=()), one)
    details = {type(entry.detail): entry.detail for entry in answer.plan.actions}
    made = details[CreateSandbox]
    name = "rc_POD_web_shop_webuid00_0"
    assert isinstance(made, CreateSandbox)
    assert (made.name, made.attempt, made.pod_ip, made.domain) == (name, 0, IP, "cluster.local")
    assert made.dns_address == "169.254.20.10"
    assert details[AttachPod] == AttachPod(pod_uid=UID, sandbox=name, pod_ip=IP)
    assert details[PullImage] == PullImage(image="shop/web:1", namespace="shop", pull_secrets=("a", "b"))
    written = details[PublishVolumes]
    assert isinstance(written, PublishVolumes)
    assert (written.node, written.pod_ip, written.host_ip) == (NODE, IP, "192.168.0.1")
    started = details[StartContainer]
    assert isinstance(started, StartContainer)
    assert (started.name, started.sandbox) == ("rc_web_web_shop_webuid00_0", name)
    assert (started.attempt, started.role, started.pod_ip, started.host_ip) == (0, "app", IP, "192.168.0.1")


def test_a_pod_on_the_hosts_network_has_the_hosts_address_and_no_link() -> None:
    """It is given none of the node's own."""
    answer = look(shows(), pod("web", host_network=True))
    assert deeds(answer) == ["createSandbox web", "startContainer web <- createSandbox web"]
    made = action(answer, "createSandbox web").detail
    assert isinstance(made, CreateSandbox) and made.pod_ip == "192.168.0.1"
    assert answer.memory.pods[UID].ip == ""


def test_a_host_that_is_being_prepared_can_wire_pods_and_one_that_waits_cannot() -> None:
    """Images, volumes and the sandbox are made meanwhile."""
    first = look(shows(network={"prepared": False}), pod("web"))
    second = look(shows(network={"prepared": False}), pod("web"), memory=replace(first.memory, pods={}))
    assert "prepareHost node-1" in [f"prepareHost {one.object.name}" for one in second.plan.actions]
    again = look(shows(network={"prepared": False}), pod("web"), memory=replace(second.memory, pods={}))
    assert deeds(again) == ["createSandbox web"]
    assert "host-not-prepared: the host's network is not prepared" in waits(again)


@pytest.mark.parametrize("given", [{"prepared": False}, {"dns_running": False}])
def test_what_a_host_lacks_is_prepared_before_anything_else_of_the_network(given: dict[str, bool]) -> None:
    """The table and the names need it; a host without its DNS server can still wire Pods."""
    facts = shows(network={**given, "services_digest": "", "names_digest": ""})
    answer = look(facts, pod("web"))
    prepare, program, publish = (one for one in answer.plan.actions if one.object.kind == "Node")
    assert (program.needs, publish.needs) == ((prepare.key,), (prepare.key,))
    needs = action(answer, "attachPod web").needs
    assert (prepare.key in needs) == ("prepared" in given)
    damaged = Reason.TABLE_DAMAGED if facts.network.prepared else Reason.SERVICES_CHANGED
    assert (prepare.reason, program.reason) == (Reason.HOST_NOT_PREPARED, damaged)


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        (BROKEN, ["attachPod web"]),
        ((), ["attachPod web"]),
        ((*BROKEN, replace(BROKEN[0], interface="x", whole=True)), ["attachPod web"]),
        ((replace(BROKEN[0], whole=True),), []),
    ],
)
def test_a_link_that_is_not_whole_is_mended(links: tuple[LinkFact, ...], expected: list[str]) -> None:
    """Also when there are two of them."""
    answer = look(shows(sandbox(), fact(), links=links), pod("web"), memory=remembered(ip=IP))
    assert deeds(answer) == expected
    assert {one.reason for one in answer.plan.actions} <= {Reason.LINK_BROKEN}


def test_volumes_are_written_again_when_what_is_to_be_in_them_changes() -> None:
    """In place, beside what runs."""
    one = pod("web", volumes=SCRATCH)
    assert deeds(look(shows(sandbox(), fact(), volumes=published(one)), one)) == []
    answer = look(shows(sandbox(), fact(), volumes=published(one, "old")), one)
    assert deeds(answer) == ["publishVolumes web"]
    assert action(answer, "publishVolumes web").reason is Reason.CONFIGURATION_CHANGED
    answer = look(shows(sandbox(), fact()), one)
    assert action(answer, "publishVolumes web").reason is Reason.VOLUME_MISSING


def test_a_reference_that_vanished_leaves_written_volumes_alone() -> None:
    """What runs may start again on them; a Pod without any waits, and says for what, once."""
    one = pod("web", volumes=SETTINGS, configuration=MISSING)
    answer = look(shows(sandbox(), ended(), volumes=published(one, "old")), one)
    assert deeds(answer)[-1].startswith("startContainer web/1")
    for there in ((), (sandbox(), ended())):
        answer = look(shows(*there), one)
        assert (deeds(answer), waits(answer)) == ([], ["missing-reference: configmap/settings not found"])


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ((), ["claim-not-bound: persistentvolumeclaim/shop/data is not bound"]),
        ((ClaimBinding(claim="data", message="too small"),), ["claim-not-bound: too small"]),
        (BOUND, []),
    ],
)
def test_a_pod_waits_for_its_claims(claims: tuple[ClaimBinding, ...], expected: list[str]) -> None:
    """Until they lead to a directory; one that runs goes on all the same."""
    one = pod("web", volumes=CLAIMED, claims=claims)
    answer = look(shows(), one)
    assert waits(answer) == expected
    assert bool(deeds(answer)) == (not expected)
    assert waits(look(shows(sandbox(), fact()), one)) == []


def test_volumes_of_a_claim_wait_for_its_directory() -> None:
    """One that has vanished is not made anew: its data is lost or moved."""
    one = pod("web", volumes=CLAIMED, claims=BOUND)
    given = assignment(one, volumes=(volume(),))
    answer = look(shows(), assigned=given)
    assert deeds(answer)[0] == "publishVolumes web <- provisionVolume pv-1"
    answer = look(shows(), assigned=given, memory=NodeMemory(provisioned=("pv-1",)))
    lost = "volume-missing: directory /volumes/pv-1 of volume pv-1 has vanished: its data is lost or moved"
    assert (deeds(answer), waits(answer)) == ([], [lost, lost])
    once = look(shows(), assigned=given)
    again = look(shows(), assigned=given, memory=look(shows(), assigned=given, memory=once.memory).memory)
    assert deeds(again) == []
    assert waits(again)[-1] == "volume-missing: its directory could not be made yet"


FAILURE = Failure(count=2, until=NOW + 3, reason="Failed", message="no room")


@pytest.mark.parametrize(("message", "said"), [("no room", "Failed: no room"), ("", "Failed")])
def test_a_pod_that_failed_to_start_waits_for_its_turn(message: str, said: str) -> None:
    """Nothing of it is tried meanwhile, and it is tried at that very moment."""
    memory = remembered(ip=IP, failure=replace(FAILURE, message=message))
    answer = look(shows(), pod("web"), memory=memory)
    assert (deeds(answer), waits(answer)) == ([], [f"back-off: {said} until 3"])
    assert deeds(look(shows(), pod("web"), memory=memory, now=NOW + 3))


def test_attempts_of_a_container_beyond_the_newest_two_are_removed() -> None:
    """One of them makes room when the next starts; a container that is no longer declared goes altogether."""
    facts = [ended("web", number, 1) for number in range(3)]
    answer = look(shows(sandbox(), *facts, fact("web", 3)), pod("web"))
    assert deeds(answer) == ["removeContainer web", "removeContainer web"]
    assert [one.expects for one in answer.plan.actions] == ["id-web-1", "id-web-0"]
    answer = look(shows(sandbox(), *facts), pod("web"))
    assert [one.expects for one in answer.plan.actions if one.expects != "id-POD-0"] == ["id-web-1", "id-web-0"]
    answer = look(shows(sandbox(), fact(), ended("old")), pod("web"))
    assert [one.expects for one in answer.plan.actions] == ["id-old-0"]
    assert {one.reason for one in answer.plan.actions} == {Reason.CONTAINER_FINISHED}


def test_an_attempt_that_was_made_and_not_started_does_not_push_out_another() -> None:
    """It is started under its own number."""
    created = fact("web", 2, state="created", started_at=0.0)
    answer = look(shows(sandbox(), ended("web", 1, 1), created), pod("web"))
    assert deeds(answer) == ["startContainer web/2"]


def test_older_attempts_that_run_are_stopped_and_then_removed() -> None:
    """Nobody expects two of them; so with one that is no longer declared."""
    answer = look(shows(sandbox(), fact("web", 0), fact("web", 1)), pod("web", grace_s=4.0))
    assert deeds(answer) == ["stopContainer web", "removeContainer web <- stopContainer web"]
    assert [one.expects for one in answer.plan.actions] == ["id-web-0", "id-web-0"]
    assert {one.reason for one in answer.plan.actions} == {Reason.CONTAINER_STRAY}
    detail: Any = answer.plan.actions[0].detail
    assert detail.grace_s == 4
    answer = look(shows(sandbox(), fact(), fact("old")), pod("web"))
    assert deeds(answer) == ["stopContainer old", "removeContainer old <- stopContainer old"]


def test_older_sandboxes_are_removed() -> None:
    """Only the newest carries the Pod."""
    facts = (sandbox(0), sandbox(1), sandbox(2), fact("web", sandbox="id-POD-2"))
    answer = look(
        shows(*facts), pod("web"), memory=remembered(ip=IP, sandbox_id="id-POD-2", sandbox_started_at=NOW - 100)
    )
    assert [one.expects for one in answer.plan.actions] == ["id-POD-0", "id-POD-1"]


def test_a_pull_is_told_apart_from_the_one_before() -> None:
    """An image that is there and always pulled says so; each try has its own key."""
    one = pod("web", container("web", "shop/web:latest"))
    first = look(shows(images=("shop/web:latest",)), one)
    assert action(first, "pullImage shop/web:latest").reason is Reason.IMAGE_PULL_ALWAYS
    memory = NodeMemory(images={"docker.io/shop/web:latest": ImageMemory(pulls=4)})
    later = look(shows(), one, memory=memory)
    assert action(later, "pullImage shop/web:latest").reason is Reason.IMAGE_MISSING
    assert action(first, "pullImage shop/web:latest").key != action(later, "pullImage shop/web:latest").key


def test_a_restart_says_how_the_container_had_ended() -> None:
    """And expects the sandbox that it is meant for."""
    answer = look(shows(sandbox(), ended(code=7)), pod("web"))
    start = action(answer, "startContainer web/1")
    assert (start.reason, start.message, start.expects) == (Reason.CONTAINER_EXITED, "ended with 7", "id-POD-0")
    memory = remembered(ip=IP, containers={"web": ContainerMemory(attempt=0)}, sandbox_id="id-POD-0")
    gone = look(shows(sandbox()), pod("web"), memory=memory)
    start = action(gone, "startContainer web/1")
    assert (start.reason, start.message, start.expects) == (Reason.CONTAINER_MISSING, "", "id-POD-0")
    assert action(look(shows(), pod("web")), "startContainer web").expects == ""


def test_a_sandbox_that_is_made_again_has_the_next_number() -> None:
    """So has its name; one that was made and never started keeps its own."""
    first = look(shows(), pod("web"), memory=remembered(ip=IP, sandbox_attempt=0))
    assert action(first, "createSandbox web/1").reason is Reason.SANDBOX_MISSING
    made = look(shows(sandbox(state="created", started_at=0.0)), pod("web"), memory=remembered(ip=IP))
    assert (deeds(made)[0], action(made, "startContainer web").expects) == ("createSandbox web", "")
    answer = look(shows(), pod("web"), memory=remembered(ip=IP, sandbox_attempt=4))
    made = action(answer, "createSandbox web/5")
    assert made.reason is Reason.SANDBOX_MISSING
    assert isinstance(made.detail, CreateSandbox)
    assert made.detail.name == "rc_POD_web_shop_webuid00_5"
