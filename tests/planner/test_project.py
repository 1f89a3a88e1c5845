"""What each node receives of the cluster: Pods with all they need, directories, values, and the other nodes."""

from __future__ import annotations

import base64
import json
from typing import Any, cast

import msgspec
import pytest

from reconciler.model.kinds import PersistentVolume
from reconciler.model.node import Assignment, PodAssignment
from reconciler.model.refs import ObjectRef
from reconciler.model.times import rfc3339
from reconciler.planner.memo import Memo
from reconciler.planner.project import (
    project_assignment,
    project_assignments,
    project_materials,
    project_view,
)
from tests.planner.world import Cluster, replace

BOTH = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: "1"}
binaryData: {b: Mg==}
---
apiVersion: v1
kind: Secret
metadata: {name: key}
type: Opaque
data: {a: Mg==}
stringData: {b: "3"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: unused}
data: {a: "1"}
---
apiVersion: v1
kind: Secret
metadata: {name: registry}
type: kubernetes.io/dockerconfigjson
data: {.dockerconfigjson: e30=}
"""
READS = """[{configMapRef: {name: settings}}, {secretRef: {name: key}}, {configMapRef: {name: none, optional: true}}]"""


def pod(name: str = "web", more: str = "", **spec: Any) -> str:
    """A Pod of the node, with this in its spec."""
    fields = {"nodeName": "node-1", "containers": [{"name": "a", "image": "a:1"}], **spec}
    return f"---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}{more}}}\nspec: {json.dumps(fields)}\n"


def reading(name: str = "web", **spec: Any) -> str:
    """A Pod that reads two objects and would read a third."""
    return pod(name, **spec).replace('"image": "a:1"', f'"image": "a:1", "envFrom": {READS}')


def running(*texts: str, nodes: tuple[str, ...] = ("node-1",)) -> Cluster:
    """A cluster in which this is settled."""
    cluster = Cluster(nodes=nodes)
    cluster.push("".join(texts))
    cluster.settle()
    return cluster


def assigned(cluster: Cluster, node: str = "node-1") -> Assignment:
    """What a node is to run."""
    return project_assignment(cluster.observed, cluster.policy, node)


def the_pod(cluster: Cluster) -> PodAssignment:
    """The only Pod of the node."""
    (one,) = assigned(cluster).pods
    return one


def test_an_assignment_names_the_cluster_and_its_ranges() -> None:
    """Pods in the order of their names, each on its own node."""
    cluster = running(pod("b"), pod("a"), pod("c").replace("node-1", "node-2"), nodes=("node-1", "node-2"))
    one, two = assigned(cluster), assigned(cluster, "node-2")
    assert ([pod.name for pod in one.pods], [pod.name for pod in two.pods]) == (["a", "b"], ["c"])
    info = cluster.observed.cluster
    assert (one.generation, one.term) == (0, cluster.observed.term)
    assert (one.cluster_id, one.node, one.domain, one.dns_address) == ("test", "node-1", info.domain, info.dns_address)
    assert (one.pod_cidr, two.pod_cidr) == ("10.42.0.0/24", "10.42.1.0/24")
    assert (one.cluster_pod_cidr, one.service_cidr) == (info.pod_cidr, info.service_cidr)
    both = project_assignments(cluster.observed, cluster.policy, Memo(), ("node-1", "node-2", "new"))
    assert (both["node-1"], both["node-2"]) == (one, two)
    assert (both["new"].pods, both["new"].pod_cidr) == ((), "10.42.2.0/24")


def test_a_pod_of_git_is_told_with_its_commit_and_that_of_an_owner_with_its_owner() -> None:
    """Only a StatefulSet's Pods must not run twice."""
    cluster = running(pod())
    one = the_pod(cluster)
    assert (one.owner_kind, one.exclusive, one.revision, one.service_account) == ("", True, "c1", "default")
    template = "{metadata: {labels: {app: w}}, spec: {serviceAccountName: robot, containers: [{name: a, image: a}]}}"
    for kind, owner, exclusive in (("Deployment", "ReplicaSet", False), ("StatefulSet", "StatefulSet", True)):
        text = f"apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: w}}\n"
        text += f"spec: {{selector: {{matchLabels: {{app: w}}}}, template: {template}}}"
        made = the_pod(running(text))
        assert (made.owner_kind, made.exclusive, made.service_account) == (owner, exclusive, "robot")
        assert made.labels["app"] == "w"


@pytest.mark.parametrize(("of_pod", "of_deletion", "grace"), [(7, None, 7), (7, 0, 0), (7, 3, 3), (None, None, 30)])
def test_a_pod_has_the_grace_of_its_deletion_or_else_its_own(
    of_pod: int | None, of_deletion: int | None, grace: float
) -> None:
    """Also none at all."""
    own = {} if of_pod is None else {"terminationGracePeriodSeconds": of_pod}
    cluster = running(pod(**own))
    assert (the_pod(cluster).grace_s, the_pod(cluster).deletion_requested_at) == (of_pod or 30, None)
    ref = ObjectRef(kind="Pod", namespace="default", name="web")
    stored: Any = cluster.observed.objects[ref]
    metadata = replace(
        stored.object.metadata, deletion_timestamp=rfc3339(cluster.now), deletion_grace_period_seconds=of_deletion
    )
    changed = replace(stored, object=replace(stored.object, metadata=metadata))
    cluster.observed = replace(cluster.observed, objects={**cluster.observed.objects, ref: changed})
    assert (the_pod(cluster).grace_s, the_pod(cluster).deletion_requested_at) == (grace, cluster.now)


@pytest.mark.parametrize(("phase", "finished"), [("Running", ""), ("Succeeded", "Succeeded"), ("Failed", "Failed")])
def test_a_pod_that_has_ended_is_told_so(phase: str, finished: str) -> None:
    """An agent that lost its memory must not run it again."""
    cluster = Cluster()
    cluster.phase = lambda _: phase
    cluster.push(pod(restartPolicy="Never"))
    cluster.settle()
    assert the_pod(cluster).finished == finished


def test_a_pod_knows_which_versions_of_what_it_reads_there_are() -> None:
    """None of what is missing; another one when the content changes, of a Secret with the key of the cluster."""
    cluster = running(BOTH, reading())
    before = {one.name: (one.kind, one.namespace, one.version, one.optional) for one in the_pod(cluster).configuration}
    assert before["none"] == ("ConfigMap", "default", "", True)
    assert (before["settings"][0], before["key"][0]) == ("ConfigMap", "Secret")
    assert before["settings"][2] and before["key"][2] and not before["key"][3]
    for text, name in ((BOTH.replace('a: "1"', 'a: "2"'), "settings"), (BOTH.replace('b: "3"', 'b: "4"'), "key")):
        after = {one.name: one.version for one in the_pod(running(text, reading())).configuration}
        assert {one for one in after if after[one] != before[one][2]} == {name}
    rekeyed = replace(cluster.policy, digest_key="11" * 16)
    (one,) = project_assignment(cluster.observed, rekeyed, "node-1").pods
    after = {reference.name: reference.version for reference in one.configuration}
    assert {name for name in after if after[name] != before[name][2]} == {"key"}


def test_a_node_receives_the_values_that_its_pods_read_and_no_others() -> None:
    """Decoded; credentials of pulls too."""
    cluster = running(BOTH, reading(imagePullSecrets=[{"name": "registry"}, {"name": "missing"}]))
    found = project_materials(cluster.observed.objects, cluster.policy, assigned(cluster))
    told = {one.name: (one.kind, one.type, dict(one.data)) for one in found.configuration}
    assert told == {
        "settings": ("ConfigMap", "", {"a": b"1", "b": b"2"}),
        "key": ("Secret", "Opaque", {"a": b"2", "b": b"3"}),
        "registry": ("Secret", "kubernetes.io/dockerconfigjson", {".dockerconfigjson": base64.b64decode("e30=")}),
    }
    versions = {one.name: one.version for one in the_pod(cluster).configuration}
    assert {one.name: one.version for one in found.configuration if one.name != "registry"} == {
        "settings": versions["settings"],
        "key": versions["key"],
    }


ACCOUNTS = """---
apiVersion: v1
kind: ServiceAccount
metadata: {name: default}
imagePullSecrets: [{name: of-default}]
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot}
imagePullSecrets: [{name: of-robot}]
"""


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, ["of-default"]),
        ({"serviceAccountName": "robot"}, ["of-robot"]),
        ({"imagePullSecrets": [{"name": "own"}]}, ["own"]),
        ({"serviceAccountName": "nobody"}, []),
    ],
)
def test_a_pod_without_pull_secrets_uses_those_of_its_account(spec: dict[str, Any], expected: list[str]) -> None:
    """Nothing else of its spec changes."""
    one = the_pod(running(ACCOUNTS, pod(**spec)))
    assert [secret.name for secret in one.spec.image_pull_secrets] == expected
    assert [container.name for container in one.spec.containers] == ["a"]


CLAIM = """---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], storageClassName: "", resources: {requests: {storage: 1Gi}}}
"""
VOLUME = """---
apiVersion: v1
kind: PersistentVolume
metadata: {name: pv}
spec: {accessModes: [ReadWriteOnce], capacity: {storage: 1Gi}, hostPath: {path: /mnt/pv, type: Directory}}
"""
USES: dict[str, Any] = {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data", "readOnly": True}}]}


def test_a_claim_leads_to_its_directory_once_it_is_bound() -> None:
    """Until then it says what it waits for."""
    (claim,) = the_pod(running(VOLUME, CLAIM, pod(**USES))).claims
    assert (claim.claim, claim.volume, claim.path, claim.message) == ("data", "pv", "/mnt/pv", "")
    assert (claim.host_path_type, claim.read_only) == ("Directory", True)
    cluster = running(VOLUME, CLAIM, pod(**USES))
    for name in ("PersistentVolume", "PersistentVolumeClaim"):
        objects = {ref: one for ref, one in cluster.observed.objects.items() if ref.kind != name}
        (one,) = project_assignment(replace(cluster.observed, objects=objects), cluster.policy, "node-1").pods
        word = "is not bound" if name == "PersistentVolume" else "does not exist"
        assert (one.claims[0].path, one.claims[0].message) == ("", f"persistentvolumeclaim/default/data {word}")


def test_a_pods_assignment_follows_everything_it_is_made_from() -> None:
    """What is remembered of the pass before makes no difference."""
    cluster = running(BOTH, VOLUME, CLAIM, ACCOUNTS, reading(**USES))
    memo = Memo()
    first = project_assignments(cluster.observed, cluster.policy, memo, ("node-1",))["node-1"]
    assert project_assignments(cluster.observed, cluster.policy, memo, ("node-1",))["node-1"].pods is first.pods
    kinds = ("ConfigMap", "Secret", "ServiceAccount", "PersistentVolume", "PersistentVolumeClaim")
    for kind in kinds:
        objects = {ref: one for ref, one in cluster.observed.objects.items() if ref.kind != kind}
        without = replace(cluster.observed, objects=objects)
        later = project_assignments(without, cluster.policy, memo, ("node-1",))["node-1"]
        assert later == project_assignment(without, cluster.policy, "node-1")
        assert later != first, kind
    cluster = running(ACCOUNTS, pod(serviceAccountName="robot"))
    before = project_assignments(cluster.observed, cluster.policy, memo, ("node-1",))["node-1"]
    robot = ObjectRef(kind="ServiceAccount", namespace="default", name="robot")
    objects = {ref: one for ref, one in cluster.observed.objects.items() if ref != robot}
    after = project_assignments(replace(cluster.observed, objects=objects), cluster.policy, memo, ("node-1",))["node-1"]
    assert (len(before.pods[0].spec.image_pull_secrets), after.pods[0].spec.image_pull_secrets) == (1, ())


def test_a_node_keeps_the_directories_that_were_provisioned_on_it() -> None:
    """Not those that a person made; in the order of names, with their claims."""
    cluster = running(VOLUME)
    ref = ObjectRef(kind="PersistentVolume", name="pv")
    stored: Any = cluster.observed.objects[ref]
    assert assigned(cluster).volumes == ()
    label = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["node-1"]}
    objects = dict(cluster.observed.objects)
    for name, phase in (("z", "Bound"), ("b", "Released")):
        text = {
            "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": "reconciler.dev/local"}},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "capacity": {"storage": "1Gi"},
                "persistentVolumeReclaimPolicy": "Delete",
                "local": {"path": f"/volumes/{name}"},
                "claimRef": {"namespace": "default", "name": "data"},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [label]}]}},
            },
            "status": {"phase": phase},
        }
        made = msgspec.convert({"apiVersion": "v1", "kind": "PersistentVolume", **text}, PersistentVolume, strict=False)
        objects[replace(ref, name=name)] = replace(stored, ref=replace(ref, name=name), object=cast(Any, made))
    cluster.observed = replace(cluster.observed, objects=objects)
    found = assigned(cluster).volumes
    assert [(one.name, one.path, one.claim, one.size) for one in found] == [
        ("b", "/volumes/b", "default/data", 0),
        ("z", "/volumes/z", "default/data", 0),
    ]
    assert assigned(cluster, "node-2").volumes == ()


def test_the_network_names_the_nodes_that_told_their_address() -> None:
    """In the order of names, with the ranges of their Pods; one that never reported cannot be reached."""
    cluster = running(nodes=("b", "a"))
    found = project_view(cluster.observed, cluster.policy, cluster.now)
    assert [(one.node, one.address, one.pod_cidr) for one in found.peers] == [
        ("a", "10.0.0.1", "10.42.0.0/24"),
        ("b", "10.0.0.1", "10.42.1.0/24"),
    ]
    assert (found.cluster_id, found.term, found.generation) == ("test", cluster.observed.term, 0)
    assert {one.backend for one in found.peers} == {cluster.observed.cluster.network_backend}
    state = cluster.observed.nodes["a"]
    assert state.observation is not None
    facts = state.observation.facts
    network = replace(facts.network, tunnel_error="no vxlan")
    plain = replace(state.observation, facts=replace(facts, network=network))
    nodes = {**cluster.observed.nodes, "a": replace(state, observation=plain)}
    view = project_view(replace(cluster.observed, nodes=nodes), cluster.policy, cluster.now)
    assert [one.backend for one in view.peers] == ["host-gw", cluster.observed.cluster.network_backend]
    homeless = replace(state.observation, facts=replace(facts, host=replace(facts.host, address="")))
    for observation in (None, homeless):
        nodes = {**cluster.observed.nodes, "a": replace(state, observation=observation)}
        view = project_view(replace(cluster.observed, nodes=nodes), cluster.policy, cluster.now)
        assert [one.node for one in view.peers] == ["b"]
