"""What a node says about a Pod, seen in one pass: phase, conditions, states, and what it remembers of them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.kinds import ContainerStateTerminated
from reconciler.model.node_report import LinkFact
from reconciler.model.times import rfc3339
from reconciler.planner.node.memory import ContainerMemory, Failure, NodeMemory
from reconciler.planner.node.step import NodeStep
from tests.planner.node.host import IMAGE, container, pod, probe
from tests.planner.node.situation import IP, NOW, UID, deeds, ended, fact, look, remembered, sandbox, shows

JOB = pod("web", restart_policy="Never")


def conditions(answer: NodeStep) -> dict[str, tuple[str, str, str]]:
    """Status, reason and message of each condition of the only Pod."""
    return {one.type: (one.status, one.reason or "", one.message or "") for one in answer.reports[0].conditions}


def statuses(answer: NodeStep) -> dict[str, Any]:
    """The statuses of the only Pod's containers by name."""
    report = answer.reports[0]
    return {one.name: one for one in (*report.init_container_statuses, *report.container_statuses)}


def test_a_pod_that_runs_says_so() -> None:
    """Address, digest, times and all conditions."""
    answer = look(shows(sandbox(), fact(image_id="sha256:1")), pod("web"))
    report = answer.reports[0]
    assert (report.phase, report.host_ip, report.pod_ip) == ("Running", "192.168.0.1", IP)
    assert (report.realised_digest, report.gone, report.start_time) == ("digest-of-web", False, rfc3339(NOW - 101))
    assert conditions(answer) == {
        "PodReadyToStartContainers": ("True", "", ""),
        "Initialized": ("True", "", ""),
        "ContainersReady": ("True", "", ""),
    }
    one = statuses(answer)["web"]
    assert (one.ready, one.started, one.restart_count) == (True, True, 0)
    assert (one.image_id, one.container_id) == ("sha256:1", "docker://id-web-0")
    assert one.state.running.started_at == rfc3339(NOW - 99)


def test_a_pod_without_its_sandbox_has_no_address() -> None:
    """None of its containers is ready, whatever still runs."""
    answer = look(shows(sandbox(state="exited"), fact()), pod("web"))
    report = answer.reports[0]
    assert (report.pod_ip, report.realised_digest) == ("", "")
    assert conditions(answer)["PodReadyToStartContainers"][0] == "False"
    assert conditions(answer)["ContainersReady"][0] == "False"
    on_host = look(shows(sandbox(), fact(), links=()), pod("web", host_network=True))
    assert (on_host.reports[0].pod_ip, conditions(on_host)["PodReadyToStartContainers"][0]) == ("192.168.0.1", "True")


def test_a_pod_whose_link_is_broken_is_not_ready_to_start_containers() -> None:
    """Its sandbox alone does not suffice."""
    broken = (LinkFact(pod_uid=UID, interface="i", ip=IP, whole=False),)
    answer = look(shows(sandbox(), fact(), links=broken), pod("web"))
    assert conditions(answer)["PodReadyToStartContainers"] == ("False", "", "")


INITS = (container("setup"), container("proxy", restart_policy="Always", startup_probe=probe()))


@pytest.mark.parametrize(
    ("facts", "probes", "incomplete", "phase"),
    [
        ((), {}, "[setup proxy]", "Pending"),
        ((fact("setup", role="init"),), {}, "[setup proxy]", "Pending"),
        ((ended("setup", role="init"),), {}, "[proxy]", "Pending"),
        ((ended("setup", role="init"), fact("proxy", role="sidecar")), {}, "[proxy]", "Pending"),
        (
            (ended("setup", role="init"), fact("proxy", role="sidecar")),
            {"id-proxy-0/startup": "success"},
            "",
            "Pending",
        ),
    ],
)
def test_what_is_still_to_be_initialized_is_said(
    facts: tuple[Any, ...], probes: dict[str, str], incomplete: str, phase: str
) -> None:
    """By name, until all have ended well, or have started and stay."""
    answer = look(shows(sandbox(), *facts), pod("web", container(), init_containers=INITS), probes=probes)
    message = f"containers with incomplete status: {incomplete}"
    said = ("False", "ContainersNotInitialized", message) if incomplete else ("True", "", "")
    assert conditions(answer)["Initialized"] == said
    assert answer.reports[0].phase == phase
    word = "PodInitializing" if incomplete else "ContainerCreating"
    assert statuses(answer)["web"].state.waiting.reason == word


def test_containers_that_are_not_ready_are_named() -> None:
    """Sidecars count, init containers do not."""
    inits = (container("setup"), container("proxy", restart_policy="Always", readiness_probe=probe()))
    one = pod("web", container(readiness_probe=probe()), container("b"), init_containers=inits)
    facts = (ended("setup", role="init"), fact("proxy", role="sidecar"), fact(), fact("b"))
    answer = look(shows(sandbox(), *facts), one)
    message = "containers with unready status: [proxy web]"
    assert conditions(answer)["ContainersReady"] == ("False", "ContainersNotReady", message)
    assert conditions(answer)["Initialized"][0] == "True"
    told = statuses(answer)
    assert [(name, told[name].ready, told[name].started) for name in ("setup", "proxy", "web", "b")] == [
        ("setup", True, False),
        ("proxy", False, True),
        ("web", False, True),
        ("b", True, True),
    ]
    results = {"id-proxy-0/readiness": "success", "id-web-0/readiness": "success"}
    assert conditions(look(shows(sandbox(), *facts), one, probes=results))["ContainersReady"][0] == "True"


@pytest.mark.parametrize(
    ("code", "phase", "initialized", "ready"),
    [
        (0, "Succeeded", ("True", "PodCompleted", ""), ("False", "PodCompleted", "")),
        (1, "Failed", ("True", "", ""), ("False", "PodFailed", "")),
    ],
)
def test_a_finished_pod_says_how(code: int, phase: str, initialized: Any, ready: Any) -> None:
    """In the conditions too; a container that ended is neither ready nor started."""
    answer = look(shows(sandbox(), ended(code=code)), JOB)
    assert answer.reports[0].phase == phase
    assert (conditions(answer)["Initialized"], conditions(answer)["ContainersReady"]) == (initialized, ready)
    one = statuses(answer)["web"]
    assert (one.ready, one.started, one.state.terminated.exit_code) == (False, False, code)


def test_a_condition_keeps_the_time_of_its_last_change() -> None:
    """A report that says nothing new is the same as before."""
    one = pod("web", container(readiness_probe=probe()))
    first = look(shows(sandbox(), fact()), one)
    later = look(shows(sandbox(), fact()), one, memory=first.memory, now=NOW + 9)
    assert later.reports[0] is first.reports[0]
    ready = {"id-web-0/readiness": "success"}
    last = look(shows(sandbox(), fact()), one, memory=later.memory, now=NOW + 20, probes=ready)
    times = {entry.type: entry.last_transition_time for entry in last.reports[0].conditions}
    assert times["Initialized"] == rfc3339(NOW)
    assert times["ContainersReady"] == rfc3339(NOW + 20)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"code": 0}, (0, "Completed", "")),
        ({"code": 3, "message": "bye"}, (3, "Error", "bye")),
        ({"code": 137, "oom_killed": True}, (137, "OOMKilled", "")),
        ({"code": 127, "error": "no program", "finished_at": NOW - 100}, (127, "StartError", "no program")),
        ({"code": 0, "error": "no program", "finished_at": 0.0}, (128, "StartError", "no program")),
        ({"code": 1, "error": "late", "message": "bye"}, (1, "Error", "bye")),
        ({"code": 0, "error": "no room", "state": "created"}, (128, "StartError", "no room")),
        ({"code": 5, "error": "no room", "state": "created"}, (5, "StartError", "no room")),
    ],
)
def test_an_end_is_told_in_kubernetes_words(given: dict[str, Any], expected: tuple[int, str, str]) -> None:
    """One that the Engine could not start at all is told apart."""
    told = statuses(look(shows(sandbox(), ended(**given)), JOB))["web"].state.terminated
    assert (told.exit_code, told.reason, told.message) == expected
    assert told.container_id == "docker://id-web-0"


def test_a_container_that_is_only_made_keeps_its_pod_pending() -> None:
    """Until it was started for the first time; one that waits for its next start has its Pod running."""
    made = look(shows(sandbox(), fact(state="created", started_at=0.0)), pod("web"))
    assert made.reports[0].phase == "Pending"
    assert statuses(made)["web"].state.waiting.reason == "ContainerCreating"
    again = look(shows(sandbox(), ended(code=1), fact(attempt=1, state="created", started_at=0.0)), pod("web"))
    assert again.reports[0].phase == "Running"
    assert statuses(again)["web"].last_state.terminated.exit_code == 1


def test_an_end_has_its_times() -> None:
    """Where the Engine knows them: one that never started has no beginning."""
    told = statuses(look(shows(sandbox(), ended()), JOB))["web"].state.terminated
    assert (told.started_at, told.finished_at) == (rfc3339(NOW - 99), rfc3339(NOW - 50))
    never = ended(error="x", started_at=0.0, finished_at=0.0)
    told = statuses(look(shows(sandbox(), never), JOB))["web"].state.terminated
    assert (told.started_at, told.finished_at) == (None, rfc3339(NOW - 100))


def test_a_restarted_container_tells_its_last_end() -> None:
    """Also when the memory of it was lost, from what is on the host."""
    first = look(shows(sandbox(), ended(code=4)), pod("web"))
    told = statuses(first)["web"]
    assert (told.state.terminated.exit_code, told.last_state.terminated) == (4, None)
    for memory in (first.memory, NodeMemory()):
        answer = look(shows(sandbox(), ended(code=4), fact("web", 1)), pod("web"), memory=memory)
        told = statuses(answer)["web"]
        assert (told.state.running is not None, told.restart_count) == (True, 1)
        assert told.last_state.terminated.exit_code == 4
        assert answer.memory.pods[UID].containers["web"].backoff_s == 10


@pytest.mark.parametrize(("ran_s", "backoff_s"), [(599, 40.0), (600, 0.0)])
def test_a_container_that_ran_for_ten_minutes_starts_its_waits_anew(ran_s: float, backoff_s: float) -> None:
    """What is remembered of it begins again with its end."""
    known = ContainerMemory(
        attempt=2, container_id="id-web-2", image=IMAGE, backoff_s=40.0, ready=True, started=True, condemned="id-web-2"
    )
    end = ended("web", 2, 1, started_at=NOW - 50 - ran_s)
    answer = look(shows(sandbox(), end), pod("web"), memory=remembered(ip=IP, containers={"web": known}))
    kept = answer.memory.pods[UID].containers["web"]
    assert (kept.backoff_s, kept.ready, kept.started, kept.condemned) == (backoff_s, False, False, "")


@pytest.mark.parametrize(("image", "backoff_s"), [(IMAGE, 40.0), ("old:1", 0.0), ("", 40.0)])
def test_waits_grow_with_every_start_of_the_same_image(image: str, backoff_s: float) -> None:
    """One of another image begins without them; a failure to start is over."""
    known = ContainerMemory(attempt=1, container_id="id-web-1", image=image, backoff_s=20.0)
    answer = look(shows(sandbox(), fact("web", 2)), pod("web"), memory=remembered(ip=IP, containers={"web": known}))
    kept = answer.memory.pods[UID].containers["web"]
    assert (kept.attempt, kept.container_id, kept.image, kept.backoff_s) == (2, "id-web-2", IMAGE, backoff_s)


def test_a_container_of_the_same_number_and_another_id_is_another_one() -> None:
    """Somebody removed it and the same was made again; one with a smaller number is an older one."""
    known = ContainerMemory(attempt=1, container_id="id-web-9", image=IMAGE, ready=True)
    memory = remembered(ip=IP, containers={"web": known})
    answer = look(shows(sandbox(), fact("web", 1)), pod("web"), memory=memory)
    assert answer.memory.pods[UID].containers["web"].container_id == "id-web-1"
    answer = look(shows(sandbox(), ended("web", 0)), pod("web"), memory=memory)
    assert answer.memory.pods[UID].containers["web"].container_id == "id-web-9"


@pytest.mark.parametrize(
    ("before", "oom", "after"),
    [("Error", True, "OOMKilled"), ("Error", False, "Error"), ("Completed", True, "Completed")],
)
def test_that_memory_had_run_out_is_told_when_it_is_known(before: str, oom: bool, after: str) -> None:
    """The Engine says so at times only later; any other end stays as it was told."""
    known = ContainerMemory(
        attempt=0, container_id="id-web-0", ended=ContainerStateTerminated(exit_code=137, reason=before)
    )
    facts = shows(sandbox(), ended(code=137, oom_killed=oom))
    told = statuses(look(facts, JOB, memory=remembered(ip=IP, containers={"web": known})))["web"].state.terminated
    assert told.reason == after


def test_a_finished_pods_last_word_stands() -> None:
    """Containers that are removed by hand, or a host that is made anew, do not change how it ended."""
    done = look(shows(sandbox(), ended(code=0)), JOB)
    again = look(shows(), JOB, memory=done.memory, now=NOW + 60)
    assert again.reports[0] is done.reports[0]
    late = look(shows(ended(code=0, oom_killed=True)), JOB, memory=done.memory)
    assert late.reports[0] is done.reports[0]
    failed = look(shows(sandbox(), ended(code=137)), JOB)
    late = look(shows(ended(code=137, oom_killed=True)), JOB, memory=failed.memory)
    assert statuses(late)["web"].state.terminated.reason == "OOMKilled"


def test_each_container_that_ran_out_of_memory_is_told_late() -> None:
    """Beside one that ended well."""
    both = pod("web", container(), container("b"), restart_policy="Never")
    done = look(shows(sandbox(), ended(code=0), ended("b", code=137)), both)
    late = look(shows(ended(code=0), ended("b", code=137, oom_killed=True)), both, memory=done.memory)
    told = {name: one.state.terminated.reason for name, one in statuses(late).items()}
    assert told == {"web": "Completed", "b": "OOMKilled"}


def test_a_pod_is_pending_until_each_of_its_containers_was_started() -> None:
    """However many others run."""
    both = pod("web", container(), container("b"))
    assert look(shows(sandbox(), fact()), both).reports[0].phase == "Pending"
    assert look(shows(sandbox(), fact(), fact("b")), both).reports[0].phase == "Running"
    assert look(shows(sandbox(), fact(), ended("b", code=1)), both).reports[0].phase == "Running"


def test_an_init_container_that_is_about_to_start_is_being_created() -> None:
    """What comes after it waits for it."""
    told = statuses(look(shows(sandbox()), pod("web", container(), init_containers=INITS)))
    words = {name: one.state.waiting.reason for name, one in told.items()}
    assert words == {"setup": "ContainerCreating", "proxy": "PodInitializing", "web": "PodInitializing"}


@pytest.mark.parametrize(("count", "said"), [(1, ""), (2, "FailedMount: no such share")])
def test_what_fails_again_and_again_is_said_of_containers_that_wait_for_it(count: int, said: str) -> None:
    """Also while it is tried once more; what failed once may be over by the next look."""
    failure = Failure(count=count, until=NOW + 3, reason="FailedMount", message="no such share")
    for now in (NOW, NOW + 3):
        answer = look(shows(), pod("web"), now=now, memory=remembered(ip=IP, failure=failure))
        waiting = statuses(answer)["web"].state.waiting
        assert (waiting.reason, waiting.message) == ("ContainerCreating", said)


def test_a_pod_that_failed_goes_on_being_told_until_nothing_of_it_runs() -> None:
    """Its containers end one after the other."""
    memory = remembered(ip=IP, finished="Failed", reason="DeadlineExceeded")
    both = pod("web", container(), container("b"))
    first = look(shows(sandbox(), fact(), ended("b")), both, memory=memory)
    assert statuses(first)["web"].state.running is not None
    last = look(shows(sandbox(), ended(code=143), ended("b")), both, memory=first.memory)
    assert statuses(last)["web"].state.terminated.exit_code == 143
    assert look(shows(), both, memory=last.memory).reports[0] is last.reports[0]


def test_a_pod_that_nobody_asks_for_is_reported_until_it_is_gone() -> None:
    """As it was last known; one that was never known as unknown."""
    known = look(shows(sandbox(), fact()), pod("web"))
    answer = look(shows(sandbox(), fact()), memory=known.memory)
    assert answer.reports[0] is known.reports[0]
    answer = look(shows(), memory=known.memory)
    assert (answer.reports[0].phase, answer.reports[0].gone) == ("Running", True)
    stray = look(shows(sandbox(), fact()))
    report = stray.reports[0]
    assert (report.phase, report.name, report.namespace, report.gone) == ("Unknown", "web", "shop", False)
    assert report.start_time == rfc3339(NOW - 101)
    assert deeds(stray)[0] == "stopContainer web"


def test_a_pod_that_ends_is_not_gone_while_anything_is_left_or_under_way() -> None:
    """A link, a volume or a container suffices."""
    one = pod("web", deletion_requested_at=NOW)
    assert look(shows(), one).reports[0].gone
    assert not look(shows(ended()), one).reports[0].gone
    assert not look(shows(), pod("web")).reports[0].gone
    done = look(shows(sandbox(), ended(code=0)), replace(JOB, deletion_requested_at=None))
    assert look(shows(), replace(JOB, deletion_requested_at=NOW), memory=done.memory).reports[0].gone


def test_a_pod_that_never_ran_says_that_it_has_failed() -> None:
    """What it said last was that it waits."""
    one = pod("web", active_deadline_seconds=5)
    first = look(shows(), one)
    assert first.reports[0].phase == "Pending"
    last = look(shows(), one, memory=first.memory, now=NOW + 5)
    assert (last.reports[0].phase, last.reports[0].reason) == ("Failed", "DeadlineExceeded")
