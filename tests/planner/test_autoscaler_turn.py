"""One look of an autoscaler at a workload: what it decides, writes and tells."""

from typing import Any, cast

import pytest

from reconciler.model.base import Value
from reconciler.model.kinds import Deployment, HorizontalPodAutoscaler, decode_object, ref_of
from reconciler.model.metrics import ContainerUsage, NodeUsage, PodUsage
from reconciler.model.observed import ClusterInfo, ObservedState, StoredObject
from reconciler.model.plan import Decision, Reason
from reconciler.model.policy import Policy
from reconciler.model.refs import ObjectRef
from reconciler.model.times import rfc3339
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.autoscaler import note_autoscaled, sync_autoscalers

NOW = 1_800_000_000.0
BEFORE = rfc3339(NOW - 3600)
WEB = ObjectRef.of("Deployment", "default", "web")
HPA = ObjectRef.of("HorizontalPodAutoscaler", "default", "hpa")
SERVES = {"type": "Ready", "status": "True", "lastTransitionTime": BEFORE}


def stored(kind: str, name: str, api_version: str = "v1", *, uid: str = "", **rest: Any) -> StoredObject:
    """Return an object as it is stored; `metadata` adds to its name."""
    metadata = {"name": name, "namespace": "default", "uid": uid or name, **rest.pop("metadata", {})}
    object = decode_object({"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest})
    return StoredObject(ref=ref_of(object), object=object, manager="source/main")


def of(kind: str, name: str, api_version: str = "apps/v1") -> dict[str, Any]:
    """Return metadata that name a controller."""
    return {
        "ownerReferences": [{"apiVersion": api_version, "kind": kind, "name": name, "uid": name, "controller": True}]
    }


def template() -> dict[str, Any]:
    """Return the template of Pods that ask for a tenth of a core."""
    container = {"name": "app", "image": "app:1", "resources": {"requests": {"cpu": "100m"}}}
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}


def web(replicas: int = 2, **metadata: Any) -> StoredObject:
    """Return the Deployment that is scaled."""
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template()}
    return stored("Deployment", "web", "apps/v1", spec=spec, metadata=metadata)


def hpa(name: str = "hpa", *, least: int = 1, most: int = 10, target: Any = None, metadata: Any = None) -> StoredObject:
    """Return an autoscaler that wants half of what is asked for."""
    scaled = target or {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    share = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
    metrics = [{"type": "Resource", "resource": share}]
    spec = {"scaleTargetRef": scaled, "minReplicas": least, "maxReplicas": most, "metrics": metrics}
    return stored("HorizontalPodAutoscaler", name, "autoscaling/v2", spec=spec, metadata=metadata or {})


def pods(count: int) -> list[StoredObject]:
    """Return the ReplicaSet of the Deployment and its Pods, which run for long."""
    spec = {"replicas": count, "selector": {"matchLabels": {"app": "web"}}, "template": template()}
    status = {"phase": "Running", "startTime": BEFORE, "conditions": [SERVES]}
    replica_set = stored("ReplicaSet", "web-1", "apps/v1", spec=spec, metadata=of("Deployment", "web"))
    owned = of("ReplicaSet", "web-1")
    names = [f"p{number}" for number in range(count)]
    return [
        replica_set,
        *(stored("Pod", name, spec=template()["spec"], status=status, metadata=owned) for name in names),
    ]


class Look(Value, frozen=False):
    """What an autoscaler looks at."""

    objects: list[Any]
    millis: int | None = 50
    age_s: float = 0.0
    verdict: Decision | None = None

    def taken(self) -> View:
        """Return the view after the autoscalers had their turn."""
        found = {one.ref: one for one in self.objects}
        view = View(ObservedState(cluster=ClusterInfo(id="test"), objects=found, usage=self._usage()), Policy(), NOW)
        if self.verdict is not None:
            view.judge(WEB, self.verdict, Reason.DECLARED, "as before", stored=found[WEB])
        note_autoscaled(view)
        sync_autoscalers(view)
        return view

    def _usage(self) -> dict[str, NodeUsage]:
        used = ContainerUsage(name="app", cpu_nanos=(self.millis or 0) * 1_000_000, memory_bytes=1)
        measured = tuple(
            PodUsage(
                namespace="default",
                name=one.ref.name,
                uid=one.object.metadata.uid,
                at=NOW - self.age_s,
                window_s=15,
                containers=(used,),
            )
            for one in self.objects
            if one.ref.kind == "Pod" and self.millis is not None
        )
        return {"n": NodeUsage(node="n", at=NOW, window_s=15, cpu_nanos=0, memory_bytes=0, pods=measured)}


def look(*more: StoredObject, replicas: int = 2, **what: Any) -> View:
    """Look at a Deployment with its Pods and an autoscaler, or with those given instead."""
    names = {one.ref for one in more}
    usual = [web(replicas), hpa(), *pods(replicas)]
    fields = ("millis", "age_s", "verdict")
    assert not set(what) - set(fields)
    return Look(objects=[*more, *(one for one in usual if one.ref not in names)], **what).taken()


def scaler_in(view: View) -> HorizontalPodAutoscaler:
    """Return the autoscaler."""
    return cast(HorizontalPodAutoscaler, view.objects[HPA].object)


def wanted(view: View) -> int:
    """Return how many Pods the Deployment is to have."""
    return cast(Deployment, view.objects[WEB].object).spec.replicas


def conditions(view: View) -> dict[str, tuple[str, str, str]]:
    """Return status, reason and message of each condition."""
    return {one.type: (one.status, one.reason, one.message) for one in scaler_in(view).status.conditions}


def told(view: View) -> list[tuple[str, str, str]]:
    """Return what is told of the autoscaler."""
    return [(one.type, one.reason, one.message) for one in view.happenings if one.object == HPA]


def again(view: View, **what: Any) -> View:
    """Look once more, at what the last look left."""
    return Look(objects=list(view.objects.values()), **what).taken()


def test_only_who_scales_looks_again_in_fifteen_seconds() -> None:
    """Without an autoscaler nothing waits for measurements, and one that is going decides nothing."""
    assert look().look_again_at == NOW + 15
    going = hpa(least=5, metadata={"deletionTimestamp": BEFORE})
    view = look(going)
    assert view.look_again_at is None
    assert wanted(view) == 2
    assert not view.autoscaled
    assert set(look().autoscaled.items()) == {(WEB, HPA)}


def test_scaling_is_said_in_the_verdict_the_events_and_the_status() -> None:
    """Who asks for how many Pods, and why; the status counts what there was when it looked."""
    view = look(millis=100)
    assert wanted(view) == 4
    verdict = view.verdicts[WEB]
    assert (verdict.decision, verdict.reason) == (Decision.UPDATE, Reason.SCALE_UP)
    why = "cpu resource utilization (percentage of request) above target"
    assert verdict.message == f"2 → 4 replicas by {HPA}: {why}"
    assert told(view) == [("Normal", "SuccessfulRescale", f"New size: 4; reason: {why}")]
    status = scaler_in(view).status
    assert (status.current_replicas, status.desired_replicas) == (2, 4)
    assert status.last_scale_time == rfc3339(NOW)
    assert [(one.change, one.at) for one in status.scale_events] == [(2, NOW)]
    assert conditions(view)["AbleToScale"] == ("True", "SucceededRescale", "the target was scaled to 4")
    assert conditions(view)["ScalingActive"][:2] == ("True", "ValidMetricFound")
    assert conditions(view)["ScalingLimited"][:2] == ("False", "DesiredWithinRange")


def test_shrinking_is_said_too() -> None:
    """Nobody remembers a larger number when the first look is long ago."""
    first = replace(scaler_in(look(millis=10)), status=replace(scaler_in(look()).status, recommendations=()))
    view = look(replace(hpa(), object=first), millis=10, replicas=4)
    assert wanted(view) == 4
    assert conditions(view)["AbleToScale"][:2] == ("True", "ScaleDownStabilized")
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 0}}
    spec = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 9}
    soon = stored("HorizontalPodAutoscaler", "hpa", "autoscaling/v2", spec={**spec, "behavior": behavior})
    view = look(soon, millis=20, replicas=4)
    assert wanted(view) == 1
    assert view.verdicts[WEB].reason is Reason.SCALE_DOWN
    assert view.verdicts[WEB].message.endswith("All metrics below target")
    assert [one.change for one in scaler_in(view).status.scale_events] == [-3]


@pytest.mark.parametrize(
    ("replicas", "expected", "why"),
    [
        (2, 3, "Current number of replicas below Spec.MinReplicas"),
        (3, 3, ""),
        (5, 5, ""),
        (6, 5, "Current number of replicas above Spec.MaxReplicas"),
    ],
)
def test_bounds_come_before_measurements(replicas: int, expected: int, why: str) -> None:
    """Out of bounds nothing is measured; on a bound it is."""
    view = look(hpa(least=3, most=5), replicas=replicas)
    assert wanted(view) == expected
    assert ("ScalingActive" in conditions(view)) is not bool(why)
    assert [message for _, _, message in told(view)] == ([f"New size: {expected}; reason: {why}"] if why else [])


@pytest.mark.parametrize(("age_s", "found"), [(59.0, True), (60.0, False)])
def test_measurements_count_for_a_minute(age_s: float, found: bool) -> None:
    """What is older says nothing, and that is told as a warning, once."""
    view = look(age_s=age_s, millis=100)
    assert wanted(view) == (4 if found else 2)
    if not found:
        message = "cpu resource: did not receive metrics for any ready pods"
        assert conditions(view)["ScalingActive"] == ("False", "FailedGetResourceMetric", message)
        assert told(view) == [("Warning", "FailedGetResourceMetric", message)]
        assert (scaler_in(view).status.current_replicas, scaler_in(view).status.desired_replicas) == (2, 0)
        assert not told(again(view, age_s=age_s))


def test_a_workload_without_pods_is_not_scaled() -> None:
    """Zero is somebody's word; one is not."""
    view = look(replicas=0)
    assert wanted(view) == 0
    assert conditions(view)["ScalingActive"][:2] == ("False", "ScalingDisabled")
    assert "ScalingDisabled" not in str(conditions(look(replicas=1)))


def test_of_two_autoscalers_the_first_scales() -> None:
    """The other one says who does."""
    view = look(hpa("another", least=5))
    assert wanted(view) == 5
    message = "the Pods of deployment/default/web are scaled by horizontalpodautoscaler/default/another already"
    assert conditions(view)["ScalingActive"] == ("False", "AmbiguousSelector", message)


@pytest.mark.parametrize(
    ("target", "objects", "why"),
    [
        ({"kind": "Widget", "name": "web"}, (), "Widget has no number of Pods that could be scaled"),
        ({"kind": "DaemonSet", "name": "web"}, (), "DaemonSet has no number of Pods that could be scaled"),
        ({"apiVersion": "v1", "kind": "Deployment", "name": "web"}, (), "there is no Deployment in v1"),
        ({"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"}, (), 'deployments "api" not found'),
        (None, (web(deletionTimestamp=BEFORE),), 'deployments "web" not found'),
        (
            None,
            (web(**of("Widget", "w")),),
            "deployment/default/web belongs to Widget w, which decides on its number",
        ),
    ],
    ids=["no such kind", "nothing to scale", "another group", "missing", "going", "another's"],
)
def test_what_cannot_be_scaled_is_said_once(target: Any, objects: Any, why: str) -> None:
    """The condition says why, and a warning tells of it when it begins."""
    view = look(hpa(least=5, target=target), *objects)
    message = f"the target's scale could not be had: {why}"
    assert conditions(view) == {"AbleToScale": ("False", "FailedGetScale", message)}
    assert told(view) == [("Warning", "FailedGetScale", message)]
    assert wanted(view) == 2
    assert not told(again(view))


def test_a_target_without_a_version_is_found_by_its_kind() -> None:
    """Kubernetes lets the version be left out."""
    view = look(hpa(target={"kind": "Deployment", "name": "web"}), millis=None)
    assert conditions(view)["AbleToScale"] == ("True", "SucceededGetScale", "the target's scale is known")


@pytest.mark.parametrize("decision", [Decision.CREATE, Decision.BLOCKED, Decision.UPDATE, Decision.UNCHANGED])
def test_the_number_is_added_to_the_verdict_that_there_is(decision: Decision) -> None:
    """What is made, or held back, stays so; what changes anyway changes its number too."""
    view = look(millis=100, verdict=decision)
    verdict = view.verdicts[WEB]
    changes = [(one.path, one.old, one.new) for one in verdict.changes]
    assert wanted(view) == 4
    if decision in (Decision.CREATE, Decision.BLOCKED):
        assert (verdict.decision, verdict.message, changes) == (decision, "as before", [])
    else:
        assert (verdict.decision, changes) == (Decision.UPDATE, [("spec.replicas", "2", "4")])
        assert (verdict.message == "as before") is (decision is Decision.UPDATE)


def test_figures_that_hardly_differ_are_not_written_anew() -> None:
    """The share that is shown stays until it is another one."""
    first = look(millis=50)
    (shown,) = scaler_in(first).status.current_metrics
    assert shown.resource is not None
    assert (shown.resource.current.average_utilization, shown.resource.current.average_value) == (50, "50m")
    assert again(first, millis=50).objects[HPA] == first.objects[HPA]
    (later,) = scaler_in(again(first, millis=52)).status.current_metrics
    assert later.resource is not None
    assert later.resource.current.average_utilization == 52
    assert scaler_in(first).status.observed_generation == scaler_in(first).metadata.generation


def test_a_condition_keeps_its_time_while_its_status_stays() -> None:
    """Another reason is no transition; another status is one."""
    first = look()
    old = tuple(replace(one, last_transition_time=BEFORE) for one in scaler_in(first).status.conditions)
    kept = replace(scaler_in(first), status=replace(scaler_in(first).status, conditions=old))
    view = look(replace(hpa(), object=kept), millis=None)
    times = {one.type: one.last_transition_time for one in scaler_in(view).status.conditions}
    assert times["AbleToScale"] == BEFORE
    assert times["ScalingActive"] == rfc3339(NOW)


def test_that_the_number_is_not_limited_is_no_news() -> None:
    """Every other condition that is false is."""
    assert not told(look())
