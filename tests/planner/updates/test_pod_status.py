"""What may be said of a Pod: each rule of upstream at both of its sides."""

from typing import Any

import pytest

from reconciler.planner.updates.fault import FORBIDDEN
from reconciler.planner.updates.pod_status import may_start_again, status_faults
from tests.planner.reading import read


def pod(status: str = "", spec: str = "", container: str = "") -> Any:
    """Return a Pod of one container and one init container."""
    inner = f"containers: [{{name: c, image: i, {container}}}], initContainers: [{{name: init, image: i}}]"
    return read("Pod", spec=f"{inner}, {spec}", status=status)


def faults(before: Any, after: Any) -> list[str]:
    """Return the fields that are refused."""
    return [one.field for one in status_faults(before, after)]


CASES = {
    "nothing": ("", "", []),
    "a class of quality for the first time": ("", "qosClass: Burstable", []),
    "the same class of quality": ("qosClass: Burstable", "qosClass: Burstable", []),
    "another class of quality": ("qosClass: Burstable", "qosClass: Guaranteed", ["status.qosClass"]),
    "no class of quality any more": ("qosClass: Burstable", "", ["status.qosClass"]),
    "a condition": ("", "conditions: [{type: example.com/ready, status: 'True'}]", []),
    "a condition without a name": (
        "",
        "conditions: [{type: Ready, status: 'True'}, {type: 'not a name', status: 'True'}]",
        ["status.conditions[1].type"],
    ),
    "generation 0": ("", "observedGeneration: 0", []),
    "generation -1": ("", "observedGeneration: -1", ["status.observedGeneration"]),
    "a condition of generation 0": ("", "conditions: [{type: A, status: 'True', observedGeneration: 0}]", []),
    "a condition of generation -1": (
        "",
        "conditions: [{type: A, status: 'True', observedGeneration: -1}]",
        ["status.conditions[0].observedGeneration"],
    ),
    "an address": ("", "podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}]", []),
    "what is no address": ("", "podIP: a, podIPs: [{ip: a}]", ["status.podIPs[0]"]),
    "what was no address before": ("podIP: 010.0.0.1, podIPs: [{ip: 010.0.0.1}]",) * 2 + ([],),
    "an address of the host": ("", "hostIP: 10.0.0.1", []),
    "an address of the host in a list": ("", "hostIP: 10.0.0.1, hostIPs: [{ip: 10.0.0.1}]", []),
    "two addresses of the host": (
        "",
        "hostIP: 10.0.0.2, hostIPs: [{ip: 10.0.0.1}]",
        ["status.hostIPs[0]"],
    ),
    "a host without an address": ("", "hostIP: a", ["status.hostIPs[0]"]),
    "a host that had none before": ("hostIP: 010.0.0.1", "hostIP: 010.0.0.1, hostIPs: [{ip: 010.0.0.1}]", []),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_said_of_a_pod_is_sound_and_stays(case: str) -> None:
    """What was there before may stay."""
    before, after, fields = CASES[case]
    assert faults(pod(before), pod(after)) == fields


@pytest.mark.parametrize(
    ("node", "before", "after", "fields"),
    [
        ("", "", "a", []),
        ("n", "", "a", ["status.nominatedNodeName"]),
        ("n", "a", "a", []),
        ("n", "a", "", []),
        ("n", "a", "b", ["status.nominatedNodeName"]),
        ("", "a", "b", []),
    ],
)
def test_a_pod_that_has_its_node_is_nominated_no_more(node: str, before: str, after: str, fields: list[str]) -> None:
    """What it was nominated for may stay or go."""
    old, new = (pod(f"nominatedNodeName: '{one}'", f"nodeName: '{node}'") for one in (before, after))
    found = list(status_faults(old, new))
    assert [one.field for one in found] == fields and {one.reason for one in found} <= {FORBIDDEN}


def ended(code: int = 0, name: str = "c", of: str = "containerStatuses") -> str:
    """Return a status in which a container ended."""
    return f"{of}: [{{name: {name}, state: {{terminated: {{exitCode: {code}}}}}}}]"


def running(name: str = "c", of: str = "containerStatuses") -> str:
    """Return a status in which it runs, after another."""
    return f"{of}: [{{name: other, state: {{}}}}, {{name: {name}, state: {{running: {{}}}}}}]"


INIT = "initContainerStatuses"


@pytest.mark.parametrize(
    ("spec", "before", "after", "fields"),
    [
        ("restartPolicy: Never", ended(), running(), ["status.containerStatuses[1].state"]),
        ("restartPolicy: Never", ended(), ended(1), []),
        ("restartPolicy: Never", running(), running(), []),
        ("restartPolicy: Never", "", running(), []),
        ("restartPolicy: Never", ended(name="gone"), running("gone"), []),
        ("restartPolicy: OnFailure", ended(1), running(), []),
        ("restartPolicy: OnFailure", ended(0), running(), ["status.containerStatuses[1].state"]),
        ("restartPolicy: Always", ended(), running(), []),
        (
            "restartPolicy: Never",
            ended(0, "init", INIT),
            running("init", INIT),
            ["status.initContainerStatuses[1].state"],
        ),
        ("restartPolicy: Always", ended(0, "init", INIT), running("init", INIT), []),
    ],
)
def test_an_end_stays_an_end(spec: str, before: str, after: str, fields: list[str]) -> None:
    """Unless the container is started again."""
    assert faults(pod(before, spec), pod(after, spec)) == fields


def test_a_sidecar_begins_again() -> None:
    """Whatever its Pod does."""
    inner = "containers: [{name: c, image: i}], initContainers: [{name: init, image: i, restartPolicy: Always}]"
    old, new = (
        read("Pod", spec=f"restartPolicy: Never, {inner}", status=status)
        for status in (ended(1, "init", INIT), running("init", INIT))
    )
    assert faults(old, new) == []


RULE = "restartPolicyRules: [{action: Restart, exitCodes: {operator: OP, values: [3, 4]}}]"


@pytest.mark.parametrize(
    ("pod_policy", "container", "code", "again"),
    [
        ("Never", "", 1, False),
        ("Always", "", 0, True),
        ("OnFailure", "", 1, True),
        ("OnFailure", "", 0, False),
        ("Never", "restartPolicy: Always", 0, True),
        ("Never", "restartPolicy: OnFailure", 0, False),
        ("Never", "restartPolicy: OnFailure", 1, True),
        ("Always", "restartPolicy: Never", 1, False),
        ("Never", f"restartPolicy: Never, {RULE.replace('OP', 'In')}", 3, True),
        ("Never", f"restartPolicy: Never, {RULE.replace('OP', 'In')}", 5, False),
        ("Never", f"restartPolicy: Never, {RULE.replace('OP', 'NotIn')}", 5, True),
        ("Never", f"restartPolicy: Never, {RULE.replace('OP', 'NotIn')}", 4, False),
    ],
)
def test_who_is_started_again(pod_policy: str, container: str, code: int, again: bool) -> None:
    """A rule that holds, then the container's own policy, then its Pod's."""
    one = pod(spec=f"restartPolicy: {pod_policy}", container=container)
    assert may_start_again(one.spec, one.spec.containers[0], code) is again


@pytest.mark.parametrize(("action", "again"), [("Restart", False), ("RestartAllContainers", True)])
def test_who_is_started_again_with_the_others(action: str, again: bool) -> None:
    """A rule of any container may have all of them start anew, also those that were done."""
    rule = (
        f"restartPolicy: Never, restartPolicyRules: [{{action: {action}, exitCodes: {{operator: In, values: [42]}}}}]"
    )
    one = read(
        "Pod",
        spec=f"containers: [{{name: c, image: i}}, {{name: d, image: i, {rule}}}], restartPolicy: Never",
        status="",
    )
    assert may_start_again(one.spec, one.spec.containers[0], 0) is again
