"""Pods that come, go and change one by one: the slices follow each of them, as upstream's do without batches."""

from typing import Any

from reconciler.model.kinds import Container, ObjectMeta, Pod, PodIP, PodSpec, PodStatus, Service
from reconciler.model.observed import StoredObject
from reconciler.planner.services.endpoints import sync_endpoints
from reconciler.planner.view import View, replace
from tests.parity.loosely import loosely
from tests.parity.rows import NotTranslated, compare
from tests.parity.test_parity_deployment import stored, view_of

Case = dict[str, Any]
_LABELS = {"foo": "bar"}
_SERVICE = {
    "metadata": {"name": "s", "namespace": "ns", "uid": "s"},
    "spec": {"selector": _LABELS, "clusterIP": "None", "ports": [{"port": 80, "targetPort": 8080}]},
}


def pod(name: str, address: str) -> Pod:
    """Return a Pod that serves."""
    metadata = ObjectMeta(name=name, namespace="ns", uid=name, labels=_LABELS)
    ready = loosely(PodStatus, {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})
    status = replace(ready, pod_ip=address, pod_ips=(PodIP(ip=address),))
    return Pod(metadata=metadata, spec=PodSpec(containers=(Container(name="a", image="b"),)), status=status)


class Cluster:
    """A Service with Pods, and what is written of it."""

    def __init__(self, count: int) -> None:
        pods = {f"pod{number}": pod(f"pod{number}", f"10.1.0.{number + 1}") for number in range(count)}
        self.pods = pods
        self.rest: list[StoredObject] = [stored(loosely(Service, _SERVICE))]
        self.writes = 0
        self.look()

    def look(self) -> None:
        """Have the slices follow, and count whether anything was written."""
        view: View = view_of(*self.rest, *(stored(one) for one in self.pods.values()))
        before = {one.ref: one.object for one in self.rest}
        sync_endpoints(view)
        self.rest = [one for ref, one in sorted(view.objects.items()) if ref.kind != "Pod"]
        after = {one.ref: one.object for one in self.rest if one.ref.kind == "EndpointSlice"}
        self.writes += any(before.get(ref) != one for ref, one in after.items())


def follows(case: Case) -> bool:
    """Judge a row with changes, one after the other."""
    if "batchPeriod" in case:
        raise NotTranslated  # a setting that there is not: what is seen is written
    cluster = Cluster(case.get("podsCount", 0))
    cluster.writes = 0
    for number, _ in enumerate(case.get("adds", ())):
        cluster.pods[f"new{number}"] = pod(f"new{number}", f"10.2.0.{number + 1}")
        cluster.look()
    for change in case.get("deletes", ()):
        del cluster.pods[change["podName"]]
        cluster.look()
    for change in case.get("updates", ()):
        cluster.pods[change["podName"]] = pod(change["podName"], change["podIP"])
        cluster.look()
    cluster.look()
    return cluster.writes == case["wantRequestCount"]


def test_slices_follow_each_change_as_upstreams_do() -> None:
    """Each change is written once, and nothing is written without one."""
    tables = dict.fromkeys(("TestPodAddsBatching", "TestPodDeleteBatching", "TestPodUpdatesBatching"), follows)
    compare("pkg_controller_endpointslice", tables)
