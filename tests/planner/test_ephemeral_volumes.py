"""Volumes that bring a claim along: it is made with the Pod, is its alone, and goes with it."""

from typing import Any

from reconciler.model.kinds import Pod
from reconciler.model.plan import Decision, Reason
from reconciler.planner.storage.ephemeral import with_mounted_claims
from tests.planner.test_quotas import quota
from tests.planner.world import Cluster

SPEC = """
  containers: [{name: main, image: web, volumeMounts: [{name: scratch, mountPath: /data}]}]
  volumes:
  - name: scratch
    ephemeral:
      volumeClaimTemplate:
        metadata: {labels: {app: web}}
        spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:" + SPEC
OTHER = """---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: web-scratch}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: nothing}\n"


def claims(cluster: Cluster) -> dict[str, Any]:
    """Return the claims by name."""
    return dict(cluster.of("PersistentVolumeClaim"))


def test_a_pod_brings_its_claim_along() -> None:
    """Named after both, marked as the template says, bound, and mounted on the node as any other."""
    cluster = Cluster()
    cluster.push(POD)
    cluster.settle()
    claim = claims(cluster)["web-scratch"]
    pod = cluster.of("Pod")["web"]
    assert claim.metadata.labels == {"app": "web"}
    assert [(one.kind, one.uid, one.controller) for one in claim.metadata.owner_references] == [
        ("Pod", pod.metadata.uid, True)
    ]
    assert (claim.status.phase, pod.status.phase) == ("Bound", "Running")
    assert cluster.plan().is_empty


def test_a_pod_says_that_its_claim_is_not_admitted() -> None:
    """It waits, in Kubernetes' words, and comes up once there is room."""
    cluster = Cluster()
    cluster.push(POD + "---\n" + quota("requests.storage: 1Mi"))
    cluster.settle()
    (told,) = (one for one in cluster.plan().verdicts if one.object.kind == "Pod")
    assert (told.decision, told.reason) == (Decision.BLOCKED, Reason.QUOTA_EXCEEDED)
    assert "exceeded quota: few" in told.message and not claims(cluster)
    cluster.push(POD + "---\n" + quota("requests.storage: 1Gi"), commit="c2")
    cluster.settle()
    assert claims(cluster)["web-scratch"].status.phase == "Bound"


def test_the_claim_goes_with_its_pod() -> None:
    """And the volume stays or goes as its reclaim policy says."""
    cluster = Cluster()
    cluster.push(POD)
    cluster.settle()
    cluster.push(CONFIG, commit="c2")
    cluster.acknowledge(cluster.tick())
    cluster.settle()
    assert not cluster.of("Pod")
    assert not claims(cluster)


def test_a_new_pod_of_the_name_gets_a_new_claim() -> None:
    """What the earlier one left is not taken over."""
    cluster = Cluster()
    cluster.push(POD)
    cluster.settle()
    before = claims(cluster)["web-scratch"].metadata.uid
    cluster.push(POD.replace("image: web,", "image: web:2,"), commit="c2")
    cluster.settle()
    pod, claim = cluster.of("Pod")["web"], claims(cluster)["web-scratch"]
    assert claim.metadata.uid != before
    assert [one.uid for one in claim.metadata.owner_references] == [pod.metadata.uid]
    assert pod.status.phase == "Running"


def test_a_claim_that_is_somebody_elses_is_not_used() -> None:
    """The Pod waits and says why."""
    cluster = Cluster()
    cluster.push(POD + OTHER)
    verdicts = {v.object.kind: v for v in [*cluster.settle(), cluster.plan()][-1].verdicts if v.object.name == "web"}
    assert cluster.of("Pod")["web"].status.phase == "Pending"
    assert verdicts["Pod"].decision is Decision.BLOCKED
    assert "was not created for pod" in verdicts["Pod"].message


def test_each_pod_of_a_workload_has_its_own() -> None:
    """Two Pods, two claims."""
    cluster = Cluster()
    template = "\n".join("    " + line for line in SPEC.splitlines())
    cluster.push(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 2\n"
        "  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:" + template
    )
    cluster.settle()
    assert sorted(claims(cluster)) == sorted(f"{name}-scratch" for name in cluster.of("Pod"))
    assert len(claims(cluster)) == 2


def test_a_node_is_told_of_the_claim_beside_the_other_volumes() -> None:
    """Those stay what they are."""
    cluster = Cluster()
    cluster.push(POD + "  - {name: own, emptyDir: {}}\n")
    cluster.settle()
    pod = cluster.of("Pod")["web"]
    assert isinstance(pod, Pod)
    scratch, own = with_mounted_claims(pod.spec).volumes
    assert scratch.persistent_volume_claim is not None and scratch.ephemeral is None
    assert (scratch.name, scratch.persistent_volume_claim.claim_name) == ("scratch", "web-scratch")
    assert own == pod.spec.volumes[1]
