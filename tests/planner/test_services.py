"""Services, their addresses and endpoints; what nodes are sent."""

from reconciler.model import kinds as k
from reconciler.planner.project import project_assignment, project_materials, project_view
from reconciler.planner.services.endpoints import sync_endpoints
from reconciler.planner.view import View
from tests.planner.test_deployment import web
from tests.planner.world import Cluster, replace


def test_only_ready_pods_are_ready_endpoints() -> None:
    """A Pod that is not ready is listed apart, and comes back when it is."""
    cluster = Cluster()
    cluster.push(web())
    cluster.settle()
    endpoints = cluster.of("Endpoints")["web"]
    assert isinstance(endpoints, k.Endpoints)
    assert len(endpoints.subsets[0].addresses) == 3
    sick = sorted(cluster.of("Pod"))[0]
    cluster.ready = lambda pod: pod.metadata.name != sick
    cluster.report()
    cluster.settle()
    endpoints = cluster.of("Endpoints")["web"]
    assert isinstance(endpoints, k.Endpoints)
    assert [len(endpoints.subsets[0].addresses), len(endpoints.subsets[0].not_ready_addresses)] == [2, 1]


def test_an_address_is_given_once_and_kept() -> None:
    """A Service keeps its ClusterIP over changes; a deleted and recreated one gets it again."""
    cluster = Cluster()
    cluster.push(web())
    cluster.settle()
    first = cluster.of("Service")["web"].spec.cluster_ip
    cluster.push(web().replace("port: 80", "port: 81"), commit="c2")
    cluster.settle()
    service = cluster.of("Service")["web"]
    assert service.spec.cluster_ip == first
    assert service.spec.ports[0].port == 81


def test_an_explicit_address_wins() -> None:
    """An address from Git is used as it is."""
    cluster = Cluster()
    cluster.push(
        web().replace("selector: {app: web}\n  ports", "clusterIP: 10.43.9.9\n  selector: {app: web}\n  ports")
    )
    cluster.settle()
    assert cluster.of("Service")["web"].spec.cluster_ip == "10.43.9.9"
    assert cluster.plan().is_empty


def test_hand_written_endpoints_back_a_service_without_selector() -> None:
    """Endpoints of a person lead where they say."""
    cluster = Cluster()
    cluster.push(
        """
apiVersion: v1
kind: Service
metadata: {name: outside}
spec: {ports: [{port: 5432}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: outside}
subsets: [{addresses: [{ip: 192.0.2.7}], ports: [{port: 5432}]}]
"""
    )
    cluster.settle()
    view = project_view(cluster.observed, cluster.policy, cluster.now)
    entry = next(one for one in view.services if one.name == "outside")
    assert entry.ports[0].targets[0].endpoints[0].ip == "192.0.2.7"


def test_a_node_gets_only_the_values_its_pods_need() -> None:
    """P22: a Secret that no Pod of the node reads does not travel there."""
    cluster = Cluster()
    cluster.push(
        """
apiVersion: v1
kind: Secret
metadata: {name: used}
data: {a: QQ==}
---
apiVersion: v1
kind: Secret
metadata: {name: unused}
data: {b: Qg==}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
  - {name: c, image: "i:1", env: [{name: A, valueFrom: {secretKeyRef: {name: used, key: a}}}]}
"""
    )
    cluster.settle()
    assignment = project_assignment(cluster.observed, cluster.policy, "node-1")
    materials = project_materials(cluster.observed.objects, cluster.policy, assignment)
    assert [one.name for one in materials.configuration] == ["used"]
    assert materials.configuration[0].data == {"a": b"A"}
    assert b"QQ==" not in repr(assignment).encode()


def test_pods_that_share_an_address_are_each_listed() -> None:
    """Two Pods in the network of one node: the one that is not ready does not hide the other."""
    cluster = Cluster()
    cluster.push(web())
    cluster.settle()
    first, second, *_ = sorted(cluster.of("Pod"))
    objects = dict(cluster.observed.objects)
    for ref, stored in cluster.observed.objects.items():
        if ref.name in (first, second):
            status = replace(stored.object.status, pod_ip="192.0.2.1")  # type: ignore[union-attr]
            objects[ref] = replace(stored, object=replace(stored.object, status=status))
    view = View(replace(cluster.observed, objects=objects), cluster.policy, cluster.now)
    sync_endpoints(view)
    slice_ = view.of_kind("EndpointSlice")[0].object
    assert isinstance(slice_, k.EndpointSlice)
    shared = [one.target_ref.name for one in slice_.endpoints if one.addresses == ("192.0.2.1",) and one.target_ref]
    assert shared == [first, second]
    subsets = next(one.object for one in view.of_kind("Endpoints") if one.ref.name == "web").subsets  # type: ignore[union-attr]
    assert [one.ip for one in subsets[0].addresses].count("192.0.2.1") == 2


def test_a_port_may_have_another_number_in_each_pod() -> None:
    """Named ports: each number gets a slice of its own, which goes when no Pod has that number any more."""
    pods = "\n---\n".join(
        f"""
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: web}}}}
spec: {{containers: [{{name: a, image: a, ports: [{{name: http, containerPort: {port}}}]}}]}}
"""
        for name, port in (("a", 80), ("b", 8080))
    )
    service = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}]}
"""
    cluster = Cluster()
    cluster.push(f"{service}---{pods}")
    cluster.settle()
    assert _numbers(cluster) == {80: ["a"], 8080: ["b"]}
    assert cluster.plan().is_empty
    cluster.push(f"{service}---{pods.split('---')[0]}", commit="c2")
    cluster.settle()
    assert _numbers(cluster) == {80: ["a"]}
    assert cluster.plan().is_empty


def _numbers(cluster: Cluster) -> dict[int, list[str]]:
    """Return the Pods behind each number of a port."""
    slices = [one for one in cluster.of("EndpointSlice").values() if isinstance(one, k.EndpointSlice)]
    return {
        one.ports[0].port or 0: [each.target_ref.name for each in one.endpoints if each.target_ref] for one in slices
    }
