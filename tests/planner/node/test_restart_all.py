"""The end of one container has all of its Pod start anew where its rule says so: in order, with what the Pod has."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model.kinds import (
    Container,
    ContainerRestartRule,
    ContainerRestartRuleOnExitCodes,
    EphemeralContainer,
    ExecAction,
    Lifecycle,
    LifecycleHandler,
)
from tests.planner.node import situation
from tests.planner.node.host import Host, container, pod, script


def rule(*codes: int, action: Any = "RestartAllContainers") -> ContainerRestartRule:
    """A rule about these exit codes."""
    return ContainerRestartRule(action=action, exit_codes=ContainerRestartRuleOnExitCodes(operator="In", values=codes))


def worker(code: int = 42, *rules: ContainerRestartRule, after_s: int = 5) -> Container:
    """A container that ends after a while; with 42 all are to start anew."""
    return script(
        "worker",
        f"sleep {after_s}; exit {code}",
        restart_policy="Never",
        restart_policy_rules=rules or (rule(42),),
    )


def counts(host: Host, name: str = "p") -> dict[str, int]:
    """How often each container was started again."""
    report = host.node.report(name)
    return {one.name: one.restart_count for one in (*report.init_container_statuses, *report.container_statuses)}


@pytest.mark.parametrize("policy", ["Always", "OnFailure", "Never"])
def test_all_containers_start_anew_in_order(policy: str) -> None:
    """Sidecars end, init containers run again, then the others: whatever the Pod's policy, with address and sandbox."""
    inits = (container("agent", restart_policy="Always"), script("setup", "sleep 1"))
    host = Host(pod("p", worker(), container("web"), init_containers=inits, restart_policy=policy))
    host.node.run_for(4)
    assert host.node.report("p").phase == "Running"
    before, address = host.done(), host.node.report("p").pod_ip
    assert "createSandbox p" in before
    host.node.run_for(6)
    assert counts(host) == {"agent": 1, "setup": 1, "worker": 1, "web": 1}
    done = [word for word in host.done() if not word.startswith(("remove", "attach"))]
    assert sorted(done[:2]) == ["stopContainer agent", "stopContainer web"]
    assert done[2:] == [f"startContainer {name}/1" for name in ("agent", "setup", "worker", "web")]
    assert host.node.report("p").pod_ip == address


def test_nothing_starts_before_all_have_ended() -> None:
    """A container that is slow to end holds up the others, and the Pod is pending and says that it starts anew."""
    one = pod("web", worker(), container("slow"))
    running = (situation.sandbox(), situation.fact("slow"))
    first = situation.look(situation.shows(*running, situation.fact("worker")), one)
    told = {each.type: each.status for each in first.reports[0].conditions}
    assert (first.reports[0].phase, told["AllContainersRestarting"]) == ("Running", "False")
    then = situation.look(situation.shows(*running, situation.ended("worker", code=42)), one, memory=first.memory)
    assert situation.deeds(then) == ["stopContainer slow"]
    assert situation.waits(then) == [
        "waiting-for-dependency: container worker: waits for the end of container slow",
    ]
    told = {each.type: each.status for each in then.reports[0].conditions}
    assert (then.reports[0].phase, told["AllContainersRestarting"]) == ("Pending", "True")
    over = situation.shows(situation.sandbox(), situation.ended("slow", code=137), situation.ended("worker", code=42))
    last = situation.look(over, one, memory=then.memory)
    assert [each.split(" <-")[0] for each in situation.deeds(last)] == [
        "startContainer worker/1",
        "startContainer slow/1",
    ]
    told = {each.type: each.status for each in last.reports[0].conditions}
    assert (last.reports[0].phase, told["AllContainersRestarting"]) == ("Pending", "False")


def test_what_runs_is_killed() -> None:
    """Neither its hook nor its grace is waited for."""
    hook = LifecycleHandler(exec=ExecAction(command=("bye",)))
    host = Host(pod("p", worker(), container("web", lifecycle=Lifecycle(pre_stop=hook))))
    host.node.run_for(10)
    stops = [one.detail for one in host.world.executed if type(one.detail).__name__ == "StopContainer"]
    assert [(getattr(one, "lifecycle", ""), getattr(one, "grace_s", 1.0)) for one in stops] == [(None, 0.0)]


@pytest.mark.parametrize(
    ("code", "rules", "restarts"),
    [
        (1, (rule(42),), {"worker": 0, "web": 0}),
        (42, (rule(42, action="Restart"), rule(42)), {"worker": 1, "web": 0}),
        (42, (rule(1, action="Restart"), rule(42)), {"worker": 1, "web": 1}),
    ],
)
def test_the_first_rule_about_an_end_counts(
    code: int, rules: tuple[ContainerRestartRule, ...], restarts: dict[str, int]
) -> None:
    """Another end changes nothing, and what comes first decides."""
    host = Host(pod("p", worker(code, *rules), container("web")))
    host.node.run_for(8)
    assert counts(host) == restarts


def test_restarts_of_all_wait_longer_and_longer() -> None:
    """The second comes after ten seconds: a Pod that always fails does not spin."""
    host = Host(pod("p", worker(after_s=1), container("web")))
    host.node.run_for(6)
    assert counts(host) == {"worker": 1, "web": 1}
    assert host.waiting("p", "worker") == "CrashLoopBackOff"
    host.node.run_for(12)
    assert counts(host) == {"worker": 2, "web": 2}


def test_a_restart_of_all_goes_on_without_memory() -> None:
    """An agent that has forgotten everything does it once more rather than not at all."""
    one = pod("web", worker(), container("slow"))
    facts = situation.shows(situation.sandbox(), situation.fact("slow"), situation.ended("worker", code=42))
    assert situation.deeds(situation.look(facts, one)) == ["stopContainer slow"]


def test_a_pod_that_is_to_end_is_not_restarted() -> None:
    """Its containers end as ever."""
    host = Host(pod("p", worker(), script("slow", "trap '' TERM; sleep 1000")))
    host.node.run_for(4)
    host.delete("p", grace_s=10.0)
    host.node.run_for(5)
    assert counts(host) == {"worker": 0, "slow": 0}
    host.settle()
    assert host.world.engine.facts() == ()


def test_who_looks_into_the_pod_is_stopped_with_it() -> None:
    """A container of `kubectl debug` ends like the others, and does not come again."""
    debugger = EphemeralContainer(name="debugger", image="busybox:1")
    host = Host(pod("p", worker(), container("web"), ephemeral_containers=(debugger,)))
    host.node.run_for(4)
    assert "debugger/0" in host.names(state="running")
    host.node.run_for(6)
    assert "stopContainer debugger" in host.done()
    assert not any(name.startswith("debugger/") for name in host.names(state="running"))
    assert counts(host) == {"worker": 1, "web": 1}
