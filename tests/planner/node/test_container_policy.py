"""A container's own restart policy wins over its Pod's, and its rules over both."""

from __future__ import annotations

import pytest

from reconciler.model.kinds import ContainerRestartRule, ContainerRestartRuleOnExitCodes
from tests.planner.node.host import Host, container, pod, script


def rules(operator: str, *values: int) -> tuple[ContainerRestartRule, ...]:
    """One rule that starts a container again."""
    codes = ContainerRestartRuleOnExitCodes(operator=operator, values=values)  # type: ignore[arg-type]
    return (ContainerRestartRule(action="Restart", exit_codes=codes),)


@pytest.mark.parametrize(
    ("of_pod", "own", "code", "runs"),
    [
        ("Always", "Never", 1, False),
        ("Always", "OnFailure", 0, False),
        ("Always", "OnFailure", 1, True),
        ("Never", "Always", 0, True),
        ("Never", "OnFailure", 1, True),
        ("OnFailure", "Never", 1, False),
    ],
)
def test_a_container_has_a_policy_of_its_own(of_pod: str, own: str, code: int, runs: bool) -> None:
    """The other container goes on, and the Pod with it."""
    ending = script("task", f"sleep 2; exit {code}", restart_policy=own)
    host = Host(pod("web", ending, container("web"), restart_policy=of_pod))
    host.node.run_for(4)
    assert host.node.report("web").phase == "Running"
    statuses = {one.name: one for one in host.node.report("web").container_statuses}
    assert (statuses["task"].restart_count > 0) == runs
    assert statuses["web"].restart_count == 0


@pytest.mark.parametrize(
    ("operator", "code", "runs"), [("In", 42, True), ("In", 1, False), ("NotIn", 42, False), ("NotIn", 1, True)]
)
def test_a_rule_starts_a_container_again(operator: str, code: int, runs: bool) -> None:
    """By its exit code, whatever the policy says."""
    task = script("task", f"sleep 2; exit {code}", restart_policy="Never", restart_policy_rules=rules(operator, 42))
    host = Host(pod("task", task, restart_policy="Never"))
    host.node.run_for(4)
    assert host.node.report("task").phase == ("Running" if runs else "Failed")


def test_an_init_container_that_may_not_run_again_fails_its_pod() -> None:
    """Though the Pod's policy would try it again."""
    first = script("first", "exit 1", restart_policy="Never")
    host = Host(pod("web", container("web"), init_containers=(first,)))
    host.node.run_for(4)
    assert host.node.report("web").phase == "Failed"
