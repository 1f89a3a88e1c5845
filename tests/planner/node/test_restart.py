"""What happens when containers end, fail or disappear."""

from __future__ import annotations

import itertools

import pytest
from msgspec.structs import replace

from reconciler.model.plan import Reason
from reconciler.simulation.behaviour import Behaviour
from tests.planner.node.host import Host, container, pod, probe, script


def test_the_first_restart_is_immediate_and_the_next_ones_back_off() -> None:
    """10 s doubling to 300 s, as the kubelet counts from the end of each run."""
    host = Host(pod("web", script("web", "sleep 1; exit 1")))
    starts = []
    for _ in range(4000):
        host.node.run_for(1)
        starts += [host.clock.now() for word in host.done() if word.startswith("startContainer")]
        if len(starts) == 9:
            break
    waits = [round(later - earlier - 1) for earlier, later in itertools.pairwise(starts)]
    assert [wait for wait in waits if wait > 1] == pytest.approx([10, 20, 40, 80, 160, 300, 300], abs=2)
    assert waits[0] <= 1


def test_a_crash_loop_does_not_outlast_a_clock_that_was_ahead() -> None:
    """An end that is yet to come says nothing of how long to wait."""
    host = Host(pod("web", script("web", "sleep 1; exit 1")))
    host.clock.jump(7200)
    host.node.run_for(20)
    assert host.waiting("web") == "CrashLoopBackOff"
    host.done()
    host.clock.jump(-7200)
    host.node.run_for(1)
    assert any(word.startswith("startContainer") for word in host.done())


def test_a_crash_loop_is_reported() -> None:
    """CrashLoopBackOff with the last end, a growing count, and the phase Running."""
    host = Host(pod("web", script("web", "exit 3")))
    host.node.run_for(5)
    report = host.node.report("web")
    status = report.container_statuses[0]
    assert report.phase == "Running"
    assert host.waiting("web") == "CrashLoopBackOff"
    assert status.last_state.terminated is not None
    assert status.last_state.terminated.exit_code == 3
    assert status.restart_count == 1
    assert {event.reason for event in host.node.events} >= {"BackOff", "Started"}
    blocked = host.node.last.plan.blocked  # type: ignore[union-attr]
    assert [one.reason for one in blocked] == [Reason.BACK_OFF]
    assert host.node.last.plan.look_again_at == blocked[0].until  # type: ignore[union-attr]


def test_back_off_is_forgotten_after_ten_minutes_of_running() -> None:
    """A container that ran well starts again at once."""
    host = Host(pod("web", script("web", "sleep 700; exit 1")))
    host.node.run_for(3 * 701 + 2)
    assert host.node.report("web").container_statuses[0].restart_count == 3


@pytest.mark.parametrize(
    ("policy", "code", "phase", "running"),
    [
        ("Always", 0, "Running", True),
        ("Always", 1, "Running", True),
        ("OnFailure", 0, "Succeeded", False),
        ("OnFailure", 1, "Running", True),
        ("Never", 0, "Succeeded", False),
        ("Never", 1, "Failed", False),
    ],
)
def test_restart_policies(policy: str, code: int, phase: str, running: bool) -> None:
    """Always, OnFailure and Never, with good and bad ends."""
    host = Host(pod("job", script("job", f"sleep 2; exit {code}"), restart_policy=policy))
    host.node.run_for(4)
    assert host.node.report("job").phase == phase
    assert bool(host.names(state="running")) == running


@pytest.mark.parametrize("policy", ["Never", "Always"])
def test_that_memory_ran_out_may_be_told_late(policy: str) -> None:
    """The Engine tells of it at times only after the container's end was reported."""
    host = Host(pod("job", script("job", "sleep 700; exit 137"), restart_policy=policy))
    host.node.run_for(702)
    status = host.node.report("job").container_statuses[0]
    ended = status.state.terminated or status.last_state.terminated
    assert ended is not None and ended.reason == "Error"
    name = next(one for one in host.world.engine.containers if "_job_" in one and one.endswith("_0"))
    told = host.world.engine.containers[name]
    told.fact = replace(told.fact, oom_killed=True)
    host.node.run_for(2)
    status = host.node.report("job").container_statuses[0]
    ended = status.state.terminated or status.last_state.terminated
    assert ended is not None and ended.reason == ("OOMKilled" if policy == "Never" else "Error")
    assert host.node.report("job").phase == ("Failed" if policy == "Never" else "Running")


def test_a_finished_pod_keeps_its_containers_for_their_logs_and_nothing_else() -> None:
    """Sandbox and link go; P19: nothing waits on it for ever."""
    host = Host(pod("job", script("job", "exit 0"), restart_policy="Never"))
    host.settle()
    assert host.names() == ["job/0"]
    assert host.world.links == {}
    assert host.node.report("job").phase == "Succeeded"
    assert not host.node.report("job").gone
    host.assign()
    host.settle()
    assert host.names() == []


def test_a_finished_pod_stays_finished_after_its_memory_was_lost() -> None:
    """P17: what is on the host says that it ran."""
    host = Host(pod("job", script("job", "exit 0"), restart_policy="Never"))
    host.settle()
    host.node.crash()
    host.node.restart(keep_memory=False)
    host.done()
    host.settle()
    assert host.names() == ["job/0"]
    assert host.node.report("job").phase == "Succeeded"
    assert not any(word.startswith("start") for word in host.done())


def test_the_last_attempt_is_kept_and_older_ones_are_removed() -> None:
    """`logs --previous` needs exactly one."""
    host = Host(pod("web", script("web", "sleep 1; exit 1")))
    host.node.run_for(60)
    names = [name for name in host.names() if name.startswith("web/")]
    assert len(names) == 2
    host.node.run_for(400)
    assert len([name for name in host.names() if name.startswith("web/")]) == 2


def test_a_container_removed_by_hand_is_replaced_at_once() -> None:
    """`docker rm -f`: the count of restarts goes on."""
    host = Host(pod())
    host.settle()
    before = host.clock.now()
    host.world.remove_by_hand(host.full_name("web"))
    host.settle()
    assert host.names(state="running") == ["POD/0", "web/1"]
    assert host.clock.now() - before < 1
    assert host.node.report("web").container_statuses[0].restart_count == 1


def test_a_container_stopped_by_hand_is_started_again() -> None:
    """`docker stop`."""
    host = Host(pod())
    host.settle()
    host.world.end_by_hand(host.full_name("web"), 0)
    host.settle()
    assert host.names(state="running") == ["POD/0", "web/1"]


def test_a_container_that_fails_its_liveness_probe_is_restarted() -> None:
    """After three failures, with its grace."""
    host = Host(
        pod("web", container(image="app:1", liveness_probe=probe(period_seconds=5))),
        images={"app:1": Behaviour(dead_after_s=60)},
    )
    host.node.run_for(58)
    assert host.names(state="running") == ["POD/0", "web/0"]
    host.node.run_for(25)
    assert host.names(state="running") == ["POD/0", "web/1"]
    assert "Killing" in {event.reason for event in host.node.events}


def test_a_container_that_does_not_start_up_in_time_is_restarted() -> None:
    """The startup probe's threshold is its deadline."""
    host = Host(
        pod("web", container(image="app:1", startup_probe=probe(period_seconds=5, failure_threshold=4))),
        images={"app:1": Behaviour(alive_from_s=60)},
    )
    host.node.run_for(14)
    assert host.names(state="running") == ["POD/0", "web/0"]
    host.node.run_for(10)
    assert host.names(state="running") == ["POD/0", "web/1"]


def test_liveness_and_readiness_wait_for_the_startup_probe() -> None:
    """Only the startup probe runs at first."""
    host = Host(
        pod("web", container(image="app:1", startup_probe=probe(), liveness_probe=probe(), readiness_probe=probe())),
        images={"app:1": Behaviour(alive_from_s=15)},
    )
    host.node.run_for(5)
    assert [target.probe_kind for target in host.node.last.probes] == ["startup"]  # type: ignore[union-attr]
    host.node.run_for(20)
    kinds = [target.probe_kind for target in host.node.last.probes]  # type: ignore[union-attr]
    assert kinds == ["liveness", "readiness"]


def test_a_container_is_ready_only_after_its_readiness_probe_succeeded() -> None:
    """False until the first success, and false again after failures; never restarted for it."""
    host = Host(
        pod("web", container(image="app:1", readiness_probe=probe(period_seconds=2))),
        images={"app:1": Behaviour(ready_after_s=5, unready_after_s=60)},
    )
    host.node.run_for(3)
    assert not host.ready("web")
    host.node.run_for(10)
    assert host.ready("web")
    host.node.run_for(60)
    assert not host.ready("web")
    assert host.names(state="running") == ["POD/0", "web/0"]


def test_a_bad_command_is_reported_and_tried_again() -> None:
    """The Engine cannot start it: an end with 127, then back-off."""
    host = Host(pod("web", container(command=("/no/such/program",))))
    host.node.run_for(5)
    assert host.waiting("web") == "CrashLoopBackOff"
    last = host.node.report("web").container_statuses[0].last_state.terminated
    assert last is not None
    assert (last.exit_code, last.reason) == (127, "StartError")
    assert "executable file not found" in last.message


def test_a_changed_image_restarts_only_that_container() -> None:
    """The one field of a running Pod's containers that may change."""
    host = Host(pod("web", container("web"), container("other")))
    host.settle()
    host.assign(pod("web", container("web", "busybox:1"), container("other")))
    host.settle()
    assert host.names(state="running") == ["POD/0", "other/0", "web/1"]


def test_a_sandbox_that_died_takes_the_whole_pod_along() -> None:
    """Containers are stopped and all start again in a new sandbox; counts grow by one."""
    host = Host(pod("web", container("web"), init_containers=(script("setup", "exit 0"),)))
    host.settle()
    host.world.end_by_hand(host.full_name("POD"))
    host.settle()
    assert host.names(state="running") == ["POD/1", "web/1"]
    assert "setup/1" in host.names()
    assert host.ready("web")


def test_a_sandbox_restarted_by_hand_means_a_new_one() -> None:
    """The containers still live in the old namespace."""
    host = Host(pod())
    host.settle()
    host.clock.advance(5)
    host.world.restart_by_hand(host.full_name("POD"))
    host.settle()
    assert host.names(state="running") == ["POD/1", "web/1"]


def test_a_sandbox_restarted_while_the_agent_was_away_is_noticed_without_memory() -> None:
    """P17: times on the host tell it too."""
    host = Host(pod())
    host.settle()
    host.clock.advance(5)
    host.node.crash()
    host.world.restart_by_hand(host.full_name("POD"))
    host.node.restart(keep_memory=False)
    host.settle()
    assert host.names(state="running") == ["POD/1", "web/1"]


@pytest.mark.parametrize("remove", [True, False])
def test_a_broken_link_is_wired_again_without_touching_containers(remove: bool) -> None:
    """The sandbox lives: only the cable is repaired."""
    host = Host(pod())
    host.settle()
    host.done()
    host.world.break_link("web-uid-0001", remove=remove)
    host.settle()
    assert host.done() == ["attachPod web"]
    assert host.world.links["web-uid-0001"].whole


def test_an_engine_restart_with_live_restore_restarts_nothing() -> None:
    """P10."""
    host = Host(pod("web", container(readiness_probe=probe())))
    host.settle()
    host.world.engine_silent = True
    host.node.run_for(20)
    assert host.ready("web")
    host.world.engine_silent = False
    host.done()
    host.settle()
    assert host.done() == []
    assert host.ready("web")


def test_an_agent_restart_makes_no_pod_unready() -> None:
    """P10: readiness is remembered by container id until the probe speaks again."""
    host = Host(pod("web", container(readiness_probe=probe(initial_delay_seconds=5, period_seconds=30))))
    host.settle()
    assert host.ready("web")
    host.node.crash()
    host.node.restart()
    host.node.run_once()
    assert host.ready("web")


def test_an_engine_restart_without_live_restore_brings_everything_back() -> None:
    """All containers had ended with 137."""
    host = Host(pod("web"), pod("db"))
    host.settle()
    host.world.restart_engine(live_restore=False)
    host.settle()
    assert host.ready("web") and host.ready("db")
    assert sorted(host.names(state="running")) == ["POD/1", "POD/1", "db/1", "web/1"]


def test_a_reboot_brings_everything_back() -> None:
    """P27: without the controller."""
    host = Host(pod("web"), pod("job", script("job", "sleep 9; exit 0"), restart_policy="OnFailure"))
    host.node.run_for(3)
    host.world.reboot()
    host.node.crash()
    host.node.restart()
    host.settle()
    assert host.ready("web")
    assert host.node.report("job").phase == "Succeeded"
    assert host.world.network.prepared and host.world.network.services_digest


def test_a_pod_that_must_not_restart_fails_with_its_sandbox() -> None:
    """restartPolicy Never: it ran, and cannot be continued."""
    host = Host(pod("job", script("job", "sleep 900"), restart_policy="Never"))
    host.node.run_for(5)
    host.world.reboot()
    host.settle()
    assert host.node.report("job").phase == "Failed"
    assert host.names(state="running") == []


def test_failing_effects_are_tried_again_with_back_off() -> None:
    """A sandbox that cannot be made: told as an event, never given up (P25)."""
    host = Host(pod())
    host.world.fail("createSandbox", 5, message="out of memory")
    host.settle()
    assert host.ready("web")
    assert host.done().count("createSandbox web") == 6
    assert any(event.reason == "FailedCreatePodSandBox" for event in host.node.events)


def test_a_stale_answer_leads_to_a_new_look_at_once() -> None:
    """Nothing is waited for."""
    from reconciler.model.plan import OutcomeStatus

    host = Host(pod())
    host.world.fail("startContainer", 1, status=OutcomeStatus.STALE)
    before = host.clock.now()
    host.settle()
    assert host.ready("web")
    assert host.clock.now() - before < 1


def test_a_full_disk_is_outlasted() -> None:
    """Nothing is started while it lasts; everything comes up afterwards."""
    host = Host(pod())
    host.world.disk_full = True
    host.node.run_for(60)
    assert host.names() == []
    host.world.disk_full = False
    host.settle()
    assert host.ready("web")


def test_a_host_that_never_shows_what_was_done_is_not_hammered() -> None:
    """Two parts that disagree about what is there must not make a busy loop."""
    host = Host(pod())
    host.settle()
    host.done()
    broken = host.world._on_kernel
    host.world._on_kernel = lambda detail: (True, "")  # type: ignore[method-assign]
    host.world.flush_table()
    host.node.run_for(120)
    assert 2 <= len(host.done()) <= 10
    host.world._on_kernel = broken  # type: ignore[method-assign]
    host.settle()
    assert host.world.network.services_digest


def test_a_container_whose_configuration_lacks_a_key_is_tried_every_ten_seconds() -> None:
    """Only the host finds out; the key may appear at any time."""
    host = Host(pod())
    host.world.fail("startContainer", 1000, reason="CreateContainerConfigError", message="no key")
    host.node.run_for(5)
    assert host.waiting("web") == "CreateContainerConfigError"
    host.done()
    host.node.run_for(100)
    assert 9 <= host.done().count("startContainer web") <= 10
    host.world.faults.clear()
    host.settle()
    assert host.ready("web")


def test_a_leftover_sandbox_is_removed() -> None:
    """Whatever left it there, only the newest carries the Pod."""
    from reconciler.model.details import CreateSandbox

    host = Host(pod())
    host.settle()
    host.world.end_by_hand(host.full_name("POD"))
    host.settle()
    one = host.pods[0]
    host.world.engine.create_sandbox(
        CreateSandbox(
            pod=one, name="rc_POD_web_shop_leftover_0", attempt=0, pod_ip="10.42.1.9", domain="", dns_address=""
        )
    )
    host.settle()
    assert host.names(state="running") == ["POD/1", "web/1"]
