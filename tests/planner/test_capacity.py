"""What fits on which nodes."""

from typing import Any

import pytest
import yaml

from reconciler.controller.offline import AssumedNode, assume
from reconciler.model.capacity import Amounts, Capacity
from reconciler.model.kinds import Node, NodeSpec, ObjectMeta, Taint
from reconciler.model.observed import ClusterInfo, ObservedState, StoredObject
from reconciler.model.policy import Policy
from reconciler.model.ports import ManifestFile
from reconciler.model.refs import ObjectRef
from reconciler.planner.capacity import capacity

Document = dict[str, Any]


def deployment(
    name: str, replicas: int, cpu: str, memory: str = "64Mi", kind: str = "Deployment", **pod: Any
) -> Document:
    """A workload whose Pods ask for this much."""
    resources = {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}
    spec = {"containers": [{"name": "main", "image": "shop/web:1", "resources": resources}], **pod}
    labels = {"app": name}
    fields: Document = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}}
    if kind == "Deployment":
        fields["replicas"] = replicas
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": fields}


def found(*documents: Document, nodes: tuple[AssumedNode, ...]) -> Capacity:
    """What there is room for on these nodes, with these manifests."""
    text = "\n---\n".join(yaml.safe_dump(one) for one in documents)
    assumed = assume((ManifestFile(path="all.yaml", blob_id="", content=text.encode()),), nodes)
    assert assumed.desired is not None, assumed.problems
    return capacity({"main": assumed.desired}, assumed.observed, Policy(), 0.0)


def node(name: str, *taints: tuple[str, str]) -> StoredObject:
    """A node with taints, each a key and an effect."""
    held = tuple(Taint(key=key, effect=effect) for key, effect in taints)
    one = Node(metadata=ObjectMeta(name=name), spec=NodeSpec(taints=held))
    return StoredObject(ref=ObjectRef(kind="Node", namespace="", name=name), object=one, manager="api")


SMALL = AssumedNode(name="small", cpu=1.0, memory="1Gi")
LARGE = AssumedNode(name="large", cpu=4.0, memory="8Gi")


def test_requests_and_limits_are_summed_by_workload() -> None:
    """All replicas count, also those that have no Pod yet; the node shows what is placed on it."""
    answer = found(deployment("web", 3, "500m"), deployment("log", 0, "100m", kind="DaemonSet"), nodes=(LARGE,))
    web, log = answer.workloads[1], answer.workloads[0]
    assert (str(web.object), web.pods, web.requests.cpu_millis) == ("deployment/default/web", 3, 1500)
    assert web.limits.memory_bytes == 3 * (64 << 20)
    assert (str(log.object), log.pods) == ("daemonset/default/log", 1)
    (node,) = answer.nodes
    assert (node.requests.cpu_millis, node.free.cpu_millis, node.free.pods) == (1600, 2400, 106)
    assert node.daemons == Amounts(cpu_millis=100, memory_bytes=64 << 20, pods=1)


def test_the_fewest_nodes_are_told() -> None:
    """The large node alone is enough; the small one is not."""
    answer = found(deployment("web", 3, "500m"), nodes=(SMALL, LARGE))
    assert (answer.needed.count, answer.needed.present, answer.needed.shapes) == (1, 2, {"large": 1})


def test_more_nodes_than_there_are_may_be_needed() -> None:
    """Copies of the largest node are added until everything fits; what waits says why."""
    answer = found(deployment("web", 5, "600m"), nodes=(SMALL,))
    assert (answer.needed.count, answer.needed.shapes) == (5, {"small": 5})
    assert len(answer.waiting) == 4
    assert {refusal.why for one in answer.waiting for refusal in one.nodes} == {"Insufficient cpu"}


def test_daemons_take_their_share_of_every_node() -> None:
    """With a DaemonSet less is left on each node, so that more nodes are needed."""
    answer = found(deployment("web", 2, "500m"), deployment("log", 0, "100m", kind="DaemonSet"), nodes=(SMALL,))
    assert answer.needed.count == 2


def test_what_fits_nowhere_is_named() -> None:
    """A Pod larger than every node does not make the number of nodes endless."""
    answer = found(deployment("huge", 1, "64"), deployment("web", 1, "100m"), nodes=(SMALL,))
    (misfit,) = answer.needed.misfits
    assert misfit.nodes[0].why == "Insufficient cpu"
    assert answer.needed.count == 1


@pytest.mark.parametrize(("replicas", "lost"), [(1, 0), (6, 5)])
def test_what_is_lost_with_a_node_is_named(replicas: int, lost: int) -> None:
    """What the other node still takes is not lost; of the rest each says what the other has against it."""
    answer = found(deployment("web", replicas, "600m"), nodes=(SMALL, LARGE))
    large = next(node for node in answer.nodes if node.name == "large")
    assert len(large.lost) == lost
    assert {(one.node, one.why) for pod in large.lost for one in pod.nodes} <= {("small", "Insufficient cpu")}


def test_pods_that_must_be_together_are_not_misfits() -> None:
    """A Pod that goes where another one is fits once that one is placed."""
    near = {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname"}
        ]
    }
    answer = found(
        deployment("web", 1, "100m"), deployment("near", 1, "900m", affinity={"podAffinity": near}), nodes=(LARGE,)
    )
    assert answer.needed.misfits == ()
    assert answer.needed.count == 1


def test_what_waits_for_another_counts_too() -> None:
    """A workload that depends on another one is not there yet, and is asked for all the same."""
    later = deployment("later", 2, "500m")
    later["metadata"]["annotations"] = {"reconciler.dev/depends-on": "deployment/default/web"}
    answer = found(deployment("web", 1, "500m"), later, nodes=(LARGE,))
    assert [(one.object.name, one.pods) for one in answer.workloads] == [("later", 2), ("web", 1)]


def test_the_answer_does_not_depend_on_the_order_of_input() -> None:
    """The same manifests in another order have the same capacity."""
    documents = (deployment("a", 2, "300m"), deployment("b", 3, "700m"), deployment("c", 1, "100m"))
    one, other = (found(*some, nodes=(SMALL, LARGE)) for some in (documents, documents[::-1]))
    assert (one.workloads, one.nodes, one.needed) == (other.workloads, other.nodes, other.needed)


def test_a_node_that_takes_no_new_pods_says_why() -> None:
    """What is free on a node that is silent, cordoned or full is free for nobody; taints of people are their own."""
    unreachable = [("node.kubernetes.io/unreachable", effect) for effect in ("NoSchedule", "NoExecute")]
    nodes = (
        node("away", *unreachable),
        node("cordoned", ("node.kubernetes.io/unschedulable", "NoSchedule")),
        node("mine", ("team", "NoSchedule"), ("node.kubernetes.io/better-not", "PreferNoSchedule")),
    )
    observed = ObservedState(cluster=ClusterInfo(id="test"), objects={one.ref: one for one in nodes})
    answer = capacity({}, observed, Policy(), 0.0)
    assert {one.name: one.closed for one in answer.nodes} == {
        "away": ("unreachable",),
        "cordoned": ("unschedulable",),
        "mine": (),
    }
