"""What each container of a Pod needs, and when the Pod has finished, seen in one pass."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.details import StopContainer
from reconciler.model.granted import Granted
from reconciler.model.kinds import ExecAction, Lifecycle, LifecycleHandler, ResourceRequirements
from reconciler.planner.node.memory import ContainerMemory, Emitted, Failure, ImageMemory, NodeMemory
from reconciler.planner.node.step import NodeStep
from tests.planner.node.host import IMAGE, container, pod, probe
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

START_AGAIN = ["startContainer web/1"]
HOOK = Lifecycle(post_start=LifecycleHandler(exec=ExecAction(command=("hook",))))


def knowing(container_: str = "web", **fields: Any) -> NodeMemory:
    """The memory of a Pod whose container is known as it stands."""
    known: dict[str, Any] = {"attempt": 0, "container_id": f"id-{container_}-0", "image": IMAGE} | fields
    return remembered(
        ip=IP,
        sandbox_attempt=0,
        sandbox_id="id-POD-0",
        sandbox_started_at=NOW - 100,
        initialized="id-POD-0",
        containers={container_: ContainerMemory(**known)},
    )


def status(answer: NodeStep, place: int = 0) -> Any:
    """The status of a container."""
    report = answer.reports[0]
    return (*report.init_container_statuses, *report.container_statuses)[place]


@pytest.mark.parametrize(
    ("startup", "readiness", "results", "known", "started", "ready"),
    [
        (False, False, {}, {}, True, True),
        (True, False, {}, {}, False, False),
        (True, False, {}, {"started": True}, True, True),
        (True, False, {"startup": "failure"}, {"started": True}, False, False),
        (True, False, {"startup": "success"}, {}, True, True),
        (False, True, {}, {}, True, False),
        (False, True, {}, {"ready": True}, True, True),
        (False, True, {"readiness": "failure"}, {"ready": True}, True, False),
        (False, True, {"readiness": "success"}, {}, True, True),
        (True, True, {"readiness": "success"}, {}, False, False),
    ],
)
def test_probes_decide_and_until_they_speak_what_is_remembered(
    startup: bool, readiness: bool, results: dict[str, str], known: dict[str, bool], started: bool, ready: bool
) -> None:
    """By the id of the container, so that an agent's restart changes nothing."""
    one = container(startup_probe=probe() if startup else None, readiness_probe=probe() if readiness else None)
    probes = {f"id-web-0/{kind}": result for kind, result in results.items()}
    answer = look(shows(sandbox(), fact()), pod("web", one), memory=knowing(**known), probes=probes)
    assert (status(answer).started, status(answer).ready) == (started, ready)
    kept = answer.memory.pods[UID].containers["web"]
    assert (kept.started, kept.ready) == (started, ready)


@pytest.mark.parametrize(
    ("emitted", "in_flight", "started"),
    [
        (Emitted(key="k", type="startContainer", target="web"), True, False),
        (Emitted(key="k", type="startContainer", target="web"), False, True),
        (Emitted(key="k", type="startContainer", target="other"), True, True),
        (Emitted(key="k", type="publishVolumes", target="web"), True, True),
    ],
)
def test_a_container_has_started_after_its_post_start_hook(emitted: Emitted, in_flight: bool, started: bool) -> None:
    """The hook is part of what starts it; without a hook nothing is waited for."""
    memory = knowing()
    memory = replace(memory, pods={UID: replace(memory.pods[UID], emitted=(emitted,))})
    flying = frozenset({"k"} if in_flight else ())
    for hook, expected in ((HOOK, started), (Lifecycle(), True)):
        one = pod("web", container(lifecycle=hook))
        answer = look(shows(sandbox(), fact()), one, memory=memory, in_flight=flying)
        assert (status(answer).started, status(answer).ready) == (expected, expected)


@pytest.mark.parametrize(
    ("given", "probes", "known", "said"),
    [
        (
            {"startup_probe": probe(termination_grace_period_seconds=3)},
            {"startup": "failure"},
            {},
            ("failed startup probe", 3),
        ),
        (
            {"liveness_probe": probe(termination_grace_period_seconds=0)},
            {"liveness": "failure"},
            {},
            ("failed liveness probe", 0),
        ),
        ({"liveness_probe": probe()}, {"liveness": "failure"}, {}, ("failed liveness probe", 7)),
        ({"liveness_probe": probe()}, {"startup": "failure"}, {}, None),
        ({"startup_probe": probe()}, {"liveness": "failure"}, {}, None),
        ({}, {"readiness": "failure"}, {}, None),
        ({}, {}, {"condemned": "id-web-0", "condemned_because": "hook failed"}, ("hook failed", 7)),
        ({}, {}, {"condemned": "id-web-9", "condemned_because": "hook failed"}, None),
        ({}, {}, {"image": "old:1"}, ("image old:1 -> shop/web:1", 7)),
        ({}, {}, {"image": ""}, None),
    ],
)
def test_a_container_that_runs_and_must_not_is_stopped(
    given: dict[str, Any], probes: dict[str, str], known: dict[str, Any], said: tuple[str, float] | None
) -> None:
    """By a probe, by its own grace where it has one, by a failed hook, or for another image."""
    results = {f"id-web-0/{kind}": result for kind, result in probes.items()}
    one = pod("web", container(**given), grace_s=7.0)
    answer = look(shows(sandbox(), fact()), one, memory=knowing(**known), probes=results)
    assert deeds(answer) == (["stopContainer web"] if said else [])
    if said:
        detail = action(answer, "stopContainer web").detail
        assert isinstance(detail, StopContainer)
        assert (action(answer, "stopContainer web").message, detail.grace_s) == said
        told = [one for one in answer.events if one.reason == "Killing"]
        assert [(one.container, one.message) for one in told] == [
            ("web", f"Container web {said[0]}, will be restarted")
        ]


@pytest.mark.parametrize(
    ("policy", "code", "phase", "again"),
    [
        ("Always", 0, "Running", True),
        ("OnFailure", 0, "Succeeded", False),
        ("OnFailure", 1, "Running", True),
        ("Never", 0, "Succeeded", False),
        ("Never", 1, "Failed", False),
    ],
)
def test_an_ended_container_starts_again_as_its_policy_says(policy: str, code: int, phase: str, again: bool) -> None:
    """Once all have ended for ever, the Pod has."""
    one = pod("web", restart_policy=policy)
    answer = look(shows(sandbox(), ended(code=code)), one)
    assert answer.reports[0].phase == phase
    assert ("startContainer web/1" in deeds(answer)) == again
    both = pod("web", container(), container("b"), restart_policy=policy)
    answer = look(shows(sandbox(), ended(code=code), fact("b")), both)
    assert answer.reports[0].phase == "Running"
    if policy == "Never":
        answer = look(shows(sandbox(), ended(code=code), ended("b", code=0)), both)
        assert answer.reports[0].phase == phase


def test_a_container_that_vanished_counts_as_failed_with_137() -> None:
    """It ran, and nobody knows how it ended."""
    answer = look(shows(sandbox()), pod("web", restart_policy="Never"), memory=knowing())
    assert answer.reports[0].phase == "Failed"
    told = status(answer).state.terminated
    assert (told.exit_code, told.reason) == (137, "ContainerStatusUnknown")


@pytest.mark.parametrize(("waited", "backoff_s", "again"), [(50, 50, True), (50, 51, False), (50, 0, True)])
def test_a_restart_waits_from_the_end_of_the_last_one(waited: float, backoff_s: float, again: bool) -> None:
    """At that moment it goes; until then the status says that it waits, and for how long."""
    memory = knowing(backoff_s=backoff_s, ended=None)
    answer = look(shows(sandbox(), ended(code=1, finished_at=NOW - waited)), pod("web"), memory=memory)
    assert deeds(answer) == (START_AGAIN if again else [])
    if not again:
        said = "back-off 51s restarting failed container=web pod=web_shop"
        assert waits(answer) == [f"back-off: container web: {said} until 1"]
        assert (status(answer).state.waiting.reason, status(answer).state.waiting.message) == ("CrashLoopBackOff", said)
        assert status(answer).last_state.terminated.exit_code == 1


def test_an_end_without_a_time_counts_from_when_the_container_was_made() -> None:
    """The Engine does not always know it."""
    memory = knowing(backoff_s=60.0)
    answer = look(shows(sandbox(), ended(code=1, finished_at=0.0, created_at=NOW - 59.5)), pod("web"), memory=memory)
    assert answer.plan.look_again_at == NOW + 0.5


def test_another_image_starts_without_the_waits_of_the_one_before() -> None:
    """What that did says nothing about this one."""
    memory = knowing(backoff_s=300.0, image="old:1")
    assert deeds(look(shows(sandbox(), ended(code=1)), pod("web"), memory=memory)) == START_AGAIN


SMALL, LARGE = (ResourceRequirements(limits={"memory": size}) for size in ("64Mi", "128Mi"))


@pytest.mark.parametrize(
    ("before", "now", "again"),
    [(SMALL, SMALL, False), (SMALL, LARGE, True), (ResourceRequirements(), LARGE, False)],
    ids=["as it was", "another size", "of no known size"],
)
def test_another_size_starts_without_the_waits_of_the_one_before(
    before: ResourceRequirements, now: ResourceRequirements, again: bool
) -> None:
    """It may have been for want of memory that it failed; where it is not known what it had, the wait goes on."""
    memory = knowing(backoff_s=300.0, resources=before)
    one = pod("web", container(resources=now))
    assert deeds(look(shows(sandbox(), ended(code=1)), one, memory=memory)) == (START_AGAIN if again else [])


@pytest.mark.parametrize(
    ("has", "before", "now", "is_resized"),
    [
        (Granted(memory_bytes=64 << 20), SMALL, LARGE, True),
        (Granted(memory_bytes=64 << 20), SMALL, SMALL, False),
        (Granted(memory_bytes=1), SMALL, SMALL, False),
        (None, SMALL, LARGE, False),
    ],
    ids=["more", "as much", "changed by hand", "nothing known"],
)
def test_a_container_is_resized_when_it_is_asked_for(
    has: Granted | None, before: ResourceRequirements, now: ResourceRequirements, is_resized: bool
) -> None:
    """Not for what somebody did to it, nor where the host does not tell what it may use."""
    one = pod("web", container(resources=now))
    memory = knowing(resources=before)
    memory = replace(memory, pods={UID: replace(memory.pods[UID], allocated={"web": now})})
    answer = look(shows(sandbox(), fact(granted=has)), one, memory=memory)
    assert [word for word in deeds(answer) if word.startswith("resize")] == (["resizeContainer web"] * is_resized)


def test_a_start_after_the_first_is_known_with_what_it_was_given() -> None:
    """So the next one is compared with it."""
    facts = shows(sandbox(), ended(code=1), fact(attempt=1))
    answer = look(facts, pod("web", container(resources=SMALL)), memory=knowing(resources=SMALL, backoff_s=20.0))
    kept = answer.memory.pods[UID].containers["web"]
    assert (kept.attempt, kept.resources, kept.backoff_s) == (1, SMALL, 40.0)


@pytest.mark.parametrize(
    ("policy", "ends", "expected"),
    [
        ("Always", [0], (["startContainer web"], "Pending")),
        ("Always", [1], (["startContainer setup/1"], "Pending")),
        ("OnFailure", [1], (["startContainer setup/1"], "Pending")),
        ("Never", [0], (["startContainer web"], "Pending")),
        (
            "Never",
            [1],
            (
                ["detachPod web", "removeSandbox POD <- detachPod web", "unpublishVolumes web <- removeSandbox POD"],
                "Failed",
            ),
        ),
    ],
)
def test_init_containers_must_end_well(policy: str, ends: list[int], expected: tuple[list[str], str]) -> None:
    """One that does not is tried again, unless the Pod never starts anything again."""
    one = pod("web", container(), init_containers=(container("setup"),), restart_policy=policy)
    facts = [ended("setup", code=code, role="init", finished_at=NOW - 90) for code in ends]
    answer = look(shows(sandbox(), *facts), one)
    assert (deeds(answer), answer.reports[0].phase) == expected


def test_each_container_waits_for_the_init_containers_before_it() -> None:
    """In their order; a sidecar lets pass what follows once it starts, unless it must start up first."""
    inits = (container("a"), container("b", restart_policy="Always"), container("c"))
    one = pod("web", container(), init_containers=inits)
    answer = look(shows(sandbox()), one)
    assert deeds(answer) == ["startContainer a"]
    told = "waiting-for-init: container {}: waits for init container a"
    assert waits(answer) == [told.format(name) for name in ("b", "c", "web")]
    answer = look(shows(sandbox(), ended("a", role="init")), one)
    assert deeds(answer) == ["startContainer b", "startContainer c <- startContainer b"]
    assert waits(answer) == ["waiting-for-init: container web: waits for init container c"]
    up = (ended("a", role="init"), fact("b", role="sidecar"), ended("c", role="init"))
    assert deeds(look(shows(sandbox(), *up), one)) == ["startContainer web"]
    slow = pod(
        "web",
        container(),
        init_containers=(inits[0], container("b", restart_policy="Always", startup_probe=probe()), inits[2]),
    )
    answer = look(shows(sandbox(), ended("a", role="init")), slow)
    assert deeds(answer) == ["startContainer b"]
    answer = look(shows(sandbox(), *up[:2]), slow)
    assert waits(answer) == [f"waiting-for-init: container {name}: waits for init container b" for name in ("c", "web")]


def test_init_containers_are_done_once_and_for_all_in_a_sandbox() -> None:
    """They may be removed by hand, or end badly when started by hand; only a new sandbox needs them again."""
    one = pod("web", container(), init_containers=(container("setup"),), restart_policy="Never")
    memory = knowing()
    assert deeds(look(shows(sandbox(), fact()), one, memory=memory)) == []
    bad = ended("setup", 1, 9, role="init")
    answer = look(shows(sandbox(), bad, fact()), one, memory=memory)
    assert (deeds(answer), answer.reports[0].phase) == ([], "Running")
    answer = look(shows(sandbox(), fact()), one)
    assert (deeds(answer), answer.memory.pods[UID].initialized) == ([], "id-POD-0")
    again = pod("web", container(), init_containers=(container("setup"),))
    new = (sandbox(1), ended(code=0))
    answer = look(shows(*new), again, memory=memory)
    assert deeds(answer) == ["startContainer setup"]


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (
            Failure(count=1, until=NOW + 5, reason="RunContainerError", message="bad"),
            "back-off: container web: bad until 5",
        ),
        (Failure(count=1, until=NOW, reason="RunContainerError", message="bad"), ""),
    ],
)
def test_a_start_that_failed_waits_for_its_turn(failure: Failure, said: str) -> None:
    """When its time comes it is tried, and the status goes on saying why it does not run."""
    memory = remembered(ip=IP, containers={"web": ContainerMemory(failure=failure)})
    answer = look(shows(), pod("web"), memory=memory)
    assert waits(answer) == ([said] if said else [])
    assert ("startContainer web" in " ".join(deeds(answer))) == (not said)
    assert (status(answer).state.waiting.reason, status(answer).state.waiting.message) == ("RunContainerError", "bad")


@pytest.mark.parametrize(
    ("count", "left_s", "word", "message"),
    [
        (1, 5, "ErrImagePull", "no route"),
        (2, 5, "ImagePullBackOff", 'Back-off pulling image "new:1": ErrImagePull: no route'),
        (1, 0, "ErrImagePull", "no route"),
        (2, 0, "ImagePullBackOff", 'Back-off pulling image "new:1": ErrImagePull: no route'),
    ],
)
def test_a_pull_that_failed_waits_for_its_turn(count: int, left_s: float, word: str, message: str) -> None:
    """The first time it says what failed, later that it waits; an image that is there meanwhile is just used."""
    failed = Failure(count=count, until=NOW + left_s, reason="ErrImagePull", message="no route")
    memory = NodeMemory(images={"docker.io/library/new:1": ImageMemory(pulls=1, failure=failed)})
    answer = look(shows(), pod("web", container("web", "new:1")), memory=memory)
    assert ("pullImage new:1" in deeds(answer)) == (left_s == 0)
    waiting = status(answer).state.waiting
    assert (waiting.reason, waiting.message) == (word, message)
    there = look(shows(images=("new:1",)), pod("web", container("web", "new:1")), memory=memory)
    assert "pullImage new:1" not in deeds(there)
    assert status(there).state.waiting.reason == "ContainerCreating"


@pytest.mark.parametrize(("now", "failed"), [(59.9, False), (60, True)])
def test_a_deadline_counts_from_when_the_node_met_the_pod(now: float, failed: bool) -> None:
    """At that very second it has failed; the pass before says when to look."""
    one = pod("web", active_deadline_seconds=60)
    memory = replace(knowing(), pods={UID: replace(knowing().pods[UID], started_at=NOW)})
    answer = look(shows(sandbox(), fact()), one, memory=memory, now=NOW + now)
    assert (answer.reports[0].phase == "Failed") == failed
    assert answer.plan.look_again_at == (None if failed else NOW + 60)


def test_a_pod_that_never_restarts_fails_with_its_sandbox_once_it_ran() -> None:
    """One that had not begun begins."""
    one = pod("web", container(), container("b"), restart_policy="Never")
    gone = look(shows(ended("b", code=0)), one)
    assert (gone.reports[0].phase, gone.reports[0].message) == ("Failed", "the sandbox is gone")
    dead = look(shows(sandbox(state="exited", exit_code=2), fact(), ended("b")), one)
    assert (dead.reports[0].phase, dead.reports[0].message) == ("Failed", "the sandbox ended with 2")
    fresh = look(shows(), one, memory=remembered(ip=IP))
    assert fresh.reports[0].phase == "Pending"
    assert "createSandbox web" in deeds(fresh)
