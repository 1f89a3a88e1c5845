"""Pods as objects: their status from what a node says, their end, their class of service, and their verdict."""

from typing import Any, cast

import pytest

from reconciler.model.kinds import Condition, Pod, decode_object, ref_of
from reconciler.model.node_report import HostFact, NodeFacts, Observation, PodReport
from reconciler.model.observed import ClusterInfo, NodeState, ObservedState, StoredObject
from reconciler.model.plan import Decision, Reason
from reconciler.model.policy import Policy
from reconciler.model.refs import ObjectRef
from reconciler.model.times import rfc3339
from reconciler.planner.memo import Memo
from reconciler.planner.view import View
from reconciler.planner.workloads.pods import judge_pods, observe_pods, qos_class

NOW = 1_800_000_000.0
LEASE_S = Policy().node_lease_s
REF = ObjectRef.of("Pod", "d", "p")
READY = Condition(type="ContainersReady", status="True")


def ago(seconds: float) -> str:
    """Return the time so long ago."""
    return rfc3339(NOW - seconds)


def pod(node: str = "n", *, status: Any = None, spec: Any = None, **metadata: Any) -> Pod:
    """Return the Pod `p`."""
    whole = {"nodeName": node, "containers": [{"name": "a", "image": "a"}], **(spec or {})}
    names = {"name": "p", "namespace": "d", "uid": "p", "generation": 5, **metadata}
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": names, "spec": whole, "status": status or {}}
    return cast(Pod, decode_object(document))


def report(phase: str = "Running", *conditions: Condition, **more: Any) -> PodReport:
    """Return what the node says of it."""
    return PodReport(uid="p", namespace="d", name="p", phase=phase, conditions=conditions or (READY,), **more)


def kept(one: Any) -> StoredObject:
    """Return an object as it is stored."""
    return StoredObject(ref=ref_of(one), object=one, manager="set")


def view_of(one: Pod, said: PodReport | None = None, *, heard_s: float = 0, others: Any = (), memo: Any = None) -> View:
    """Return a view with the Pod, whose node `n` was heard of so long ago."""
    facts = NodeFacts(
        node="n", observed_at=NOW, host=HostFact(boot_id="b", hostname="n", address="10.0.0.1"), directories=()
    )
    pods = (said,) if said is not None else ()
    seen = Observation(node="n", boot_id="b", sequence=1, observed_at=NOW, facts=facts, pods=pods)
    nodes = {
        "m": NodeState(name="m"),
        "n": NodeState(name="n", heartbeat_at=NOW - heard_s, observation=seen),
    }
    objects: list[Any] = [one, *others]
    known = [one if isinstance(one, StoredObject) else kept(one) for one in objects]
    stored = {each.ref: each for each in known}
    state = ObservedState(cluster=ClusterInfo(id="t"), objects=stored, nodes=nodes)
    return View(state, Policy(), NOW, memo)


def observed(one: Pod, said: PodReport | None = None, **more: Any) -> View:
    """Return the view after Pods were observed."""
    view = view_of(one, said, **more)
    observe_pods(view)
    return view


def shown(view: View) -> Any:
    """Return the Pod's status."""
    return cast(Pod, view.objects[REF].object).status


def conditions(view: View) -> dict[str, tuple[str, str, str]]:
    """Return status, reason and message of each condition."""
    return {one.type: (one.status, one.reason, one.message) for one in shown(view).conditions}


def test_what_the_node_says_is_the_status() -> None:
    """With the addresses, the conditions and the generation that it was looked at in."""
    view = observed(pod(), report(pod_ip="10.1.0.2", host_ip="10.0.0.1", start_time=ago(7), message="m"))
    status = shown(view)
    assert (status.phase, status.message, status.pod_ip, status.host_ip) == ("Running", "m", "10.1.0.2", "10.0.0.1")
    assert [one.ip for one in status.pod_ips] == ["10.1.0.2"]
    assert (status.start_time, status.observed_generation, status.qos_class) == (ago(7), 5, "BestEffort")
    assert {name: one[0] for name, one in conditions(view).items()} == dict.fromkeys(
        ("ContainersReady", "Ready", "PodScheduled"), "True"
    )
    assert shown(observed(pod(status={"startTime": ago(9)}), report())).start_time == ago(9)
    assert shown(observed(pod(), report())).pod_ips == ()


def test_without_a_report_a_pod_is_as_it_was_and_scheduled() -> None:
    """Without a node it is pending."""
    before = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    view = observed(pod(status=before))
    assert shown(view).phase == "Running"
    assert {name: one[0] for name, one in conditions(view).items()} == {"Ready": "True", "PodScheduled": "True"}
    view = observed(pod("", status={"conditions": [{"type": "PodScheduled", "status": "False"}]}))
    assert (shown(view).phase, shown(view).qos_class) == ("Pending", "BestEffort")
    assert conditions(view)["PodScheduled"][0] == "False"


@pytest.mark.parametrize(("heard_s", "word"), [(LEASE_S, "True"), (LEASE_S + 1, "False")])
def test_a_pod_of_a_silent_node_is_not_ready(heard_s: float, word: str) -> None:
    """P20: what it was stays known; the node's silence begins after its lease."""
    before = {
        "phase": "Running",
        "conditions": [{"type": "Other", "status": "True"}, {"type": "Ready", "status": "True"}],
    }
    view = observed(pod(status=before), report(), heard_s=heard_s)
    assert conditions(view)["Ready"][0] == word
    assert shown(view).phase == "Running"
    if word == "False":
        assert conditions(view) == {"Other": ("True", "", ""), "Ready": ("False", "NodeNotReady", "node n is silent")}


@pytest.mark.parametrize(
    ("said", "ready"),
    [
        ((Condition(type="ContainersReady", status="False", reason="R", message="m"),), ("False", "R", "m")),
        ((Condition(type="ContainersReady", status="False"),), ("False", "ContainersNotReady", "")),
        ((Condition(type="Other", status="True"),), ("False", "ContainersNotReady", "")),
        ((READY,), ("False", "ReadinessGatesNotReady", "readiness gate x/a is not true")),
        (
            (READY, Condition(type="x/a", status="True")),
            ("False", "ReadinessGatesNotReady", "readiness gate x/b is not true"),
        ),
        (
            (READY, Condition(type="x/a", status="True"), Condition(type="x/b", status="False")),
            ("False", "ReadinessGatesNotReady", "readiness gate x/b is not true"),
        ),
        ((READY, Condition(type="x/a", status="True"), Condition(type="x/b", status="True")), ("True", "", "")),
    ],
)
def test_a_pod_is_ready_with_its_containers_and_all_gates(said: Any, ready: tuple[str, str, str]) -> None:
    """The first that is not says why."""
    gates = [{"conditionType": "x/a"}, {"conditionType": "x/b"}]
    view = observed(pod(spec={"readinessGates": gates}), report("Running", *said))
    assert conditions(view)["Ready"] == ready


def test_an_ended_pod_keeps_its_end() -> None:
    """P10: with the reason that was known, unless its node has one."""
    before = {"phase": "Failed", "reason": "Evicted", "message": "m"}
    status = shown(observed(pod(status=before), report("Running")))
    assert (status.phase, status.reason, status.message) == ("Failed", "Evicted", "m")
    status = shown(observed(pod(status=before), report("Running", reason="R", message="other")))
    assert (status.phase, status.reason, status.message) == ("Failed", "R", "other")
    running = {"phase": "Running", "reason": "Old"}
    assert shown(observed(pod(status=running), report("Running"))).reason == ""


def test_why_a_pod_is_taken_away_stays_said() -> None:
    """Unless its node says it itself."""
    target = {"type": "DisruptionTarget", "status": "True", "reason": "Old"}
    before = {"conditions": [target, {"type": "Gone", "status": "True"}]}
    view = observed(pod(status=before), report())
    assert conditions(view)["DisruptionTarget"] == ("True", "Old", "")
    assert "Gone" not in conditions(view)
    told = Condition(type="DisruptionTarget", status="True", reason="New")
    assert conditions(observed(pod(status=before), report("Running", READY, told)))["DisruptionTarget"][1] == "New"


# The end


@pytest.mark.parametrize(
    ("one", "said", "goes"),
    [
        (pod(deletionTimestamp=ago(1)), report(gone=True), True),
        (pod(deletionTimestamp=ago(1)), report(), False),
        (pod(deletionTimestamp=ago(1)), None, False),
        (pod("", deletionTimestamp=ago(1)), None, True),
        (pod(), report(gone=True), False),
    ],
)
def test_an_ending_pod_goes_once_its_node_says_so(one: Pod, said: PodReport | None, goes: bool) -> None:
    """Or when no node ever had it."""
    view = observed(one, said)
    assert (REF not in view.objects) is goes
    if goes:
        verdict = view.verdicts[REF]
        assert (verdict.decision, verdict.reason, verdict.message) == (
            Decision.DELETE,
            Reason.POD_TERMINATING,
            "has ended",
        )


def owner(kind: str = "Job", uid: str = "j", *, controller: bool = True) -> dict[str, Any]:
    """Return metadata of a Pod that ends, marked, with an owner."""
    reference = {"apiVersion": "batch/v1", "kind": kind, "name": "j", "uid": uid, "controller": controller}
    return {"deletionTimestamp": ago(1), "finalizers": ["x/y"], "ownerReferences": [reference]}


@pytest.mark.parametrize(
    ("metadata", "waits"),
    [
        (owner(), True),
        (owner(kind="ReplicaSet"), False),
        (owner(uid="other"), False),
        (owner(controller=False), False),
        ({**owner(), "finalizers": []}, False),
    ],
)
def test_a_pod_that_its_job_has_not_counted_waits_for_it(metadata: Any, waits: bool) -> None:
    """With the phase that its node reports, or else as failed."""
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}}
    job = decode_object(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "j", "namespace": "d", "uid": "j"},
            "spec": {"template": template},
        }
    )
    for before, said, phase in (
        ("Running", "Running", "Failed"),
        ("Running", "Succeeded", "Succeeded"),
        ("Running", "Failed", "Failed"),
        ("Succeeded", "Failed", "Succeeded"),
    ):
        one = pod(status={"phase": before}, **metadata)
        view = observed(one, report(said, gone=True), others=[job])
        assert (REF in view.objects) is waits
        assert (REF in view.ended) is waits
        assert not waits or shown(view).phase == phase


def test_what_is_remembered_of_a_pod_makes_no_difference() -> None:
    """Whatever its node says next, and when it falls silent."""
    settled = cast(Pod, observed(pod(), report()).objects[REF].object)
    same = kept(settled)
    for said, heard_s in ((report(), 0.0), (report("Failed"), 0.0), (report(), LEASE_S + 1), (None, 0.0)):
        memo = Memo()
        for _ in range(3):
            assert observed(settled, report(), memo=memo, others=[same]).objects[REF] is same
            memo.next_pass()
        warm = observed(settled, said, heard_s=heard_s, memo=memo, others=[same])
        assert shown(warm) == shown(observed(settled, said, heard_s=heard_s))


def test_what_was_not_written_is_written_the_next_time() -> None:
    """A plan that came to nothing is made again; a node that is heard of again is believed again."""
    memo = Memo()
    same = kept(pod())
    for _ in range(3):
        assert shown(observed(pod(), report("Failed"), memo=memo, others=[same])).phase == "Failed"
        memo.next_pass()
    silent = kept(cast(Pod, observed(pod(), report(), heard_s=LEASE_S + 1).objects[REF].object))
    for heard_s, word in ((LEASE_S + 1, "False"), (LEASE_S + 1, "False"), (0.0, "True")):
        view = observed(pod(), report(), heard_s=heard_s, memo=memo, others=[silent])
        assert conditions(view)["Ready"][0] == word
        memo.next_pass()


def test_every_pod_has_its_turn() -> None:
    """Those after one that goes, and after one that has a verdict."""
    going = pod("", deletionTimestamp=ago(1), name="a", uid="a")
    view = observed(pod(), report(), others=[going])
    assert [ref.name for ref in view.objects] == ["p"]
    assert shown(view).phase == "Running"
    view = view_of(pod(), others=[pod(name="a", uid="a")])
    view.judge(ObjectRef.of("Pod", "d", "a"), Decision.UPDATE, Reason.DECLARED)
    judge_pods(view)
    assert view.verdicts[REF].decision is Decision.UNCHANGED


# Class and verdict


def resources(requests: str = "", limits: str = "") -> dict[str, Any]:
    """Return a container that asks for `cpu memory` and is limited to such."""
    named = [dict(zip(("cpu", "memory"), text.split(), strict=False)) for text in (requests, limits)]
    return {"name": "a", "image": "a", "resources": {"requests": named[0], "limits": named[1]}}


@pytest.mark.parametrize(
    ("containers", "first", "expected"),
    [
        ([resources()], [], "BestEffort"),
        ([resources("1")], [], "Burstable"),
        ([resources("", "1")], [], "Burstable"),
        ([resources("", "1 1Gi")], [], "Guaranteed"),
        ([resources("1 1Gi", "1 1Gi")], [], "Guaranteed"),
        ([resources("1 1Gi", "2 1Gi")], [], "Burstable"),
        ([resources("1 1Gi", "1 2Gi")], [], "Burstable"),
        ([resources("1 1Gi", "1 1Gi"), resources()], [], "Burstable"),
        ([resources("1 1Gi", "1 1Gi")], [{**resources(), "name": "i"}], "Burstable"),
        ([resources()], [{**resources("1"), "name": "i"}], "Burstable"),
    ],
)
def test_the_class_of_service_follows_from_requests_and_limits(containers: Any, first: Any, expected: str) -> None:
    """Guaranteed where every container may use just what it asks for."""
    assert qos_class(pod(spec={"containers": containers, "initContainers": first})) == expected


NEEDS = {"containers": [{"name": "a", "image": "a", "envFrom": [{"configMapRef": {"name": "c"}}]}]}


@pytest.mark.parametrize(
    ("one", "heard_s", "expected"),
    [
        (pod(), 0, (Decision.UNCHANGED, Reason.IN_SYNC, "")),
        (pod(deletionTimestamp=ago(1)), 0, (Decision.DELETE, Reason.POD_TERMINATING, "is ending")),
        (pod(), LEASE_S + 1, (Decision.BLOCKED, Reason.NODE_SILENT, "n is silent: unknown is not absent")),
        (pod("m"), 0, (Decision.BLOCKED, Reason.NODE_SILENT, "m is silent: unknown is not absent")),
        (pod(""), 0, (Decision.UNCHANGED, Reason.IN_SYNC, "")),
        (
            pod(spec=NEEDS),
            0,
            (Decision.BLOCKED, Reason.MISSING_REFERENCE, "configmap/d/c does not exist"),
        ),
        (
            pod(spec={"priorityClassName": "high"}),
            0,
            (Decision.BLOCKED, Reason.MISSING_REFERENCE, "priorityclass/high does not exist"),
        ),
    ],
)
def test_a_pod_without_a_verdict_gets_one(one: Pod, heard_s: float, expected: tuple[Decision, Reason, str]) -> None:
    """What it waits for, where it does; a verdict that says more stays."""
    view = view_of(one, heard_s=heard_s)
    judge_pods(view)
    verdict = view.verdicts[REF]
    assert (verdict.decision, verdict.reason, verdict.message) == expected
    for decision, stays in ((Decision.UPDATE, True), (Decision.UNCHANGED, False)):
        view = view_of(one, heard_s=heard_s)
        view.judge(REF, decision, Reason.DECLARED, "as before")
        judge_pods(view)
        assert (view.verdicts[REF].message == "as before") is stays
