"""Claims that are to be filled from something wait: an empty volume is not what they ask for."""

from reconciler.model.plan import Decision, Reason
from tests.planner.world import Cluster

CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: restored}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
SOURCE
---
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers: [{name: main, image: web, volumeMounts: [{name: data, mountPath: /data}]}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: restored}}]
"""
SOURCE = "  dataSource: {apiGroup: snapshot.storage.k8s.io, kind: VolumeSnapshot, name: last-night}"


def test_a_claim_with_a_data_source_gets_no_empty_volume() -> None:
    """It says what it waits for; without the source it gets its volume."""
    cluster = Cluster()
    cluster.push(CLAIM.replace("SOURCE", SOURCE))
    verdicts = {v.object.name: v for v in [*cluster.settle(), cluster.plan()][-1].verdicts}
    assert cluster.of("PersistentVolumeClaim")["restored"].status.phase == "Pending"
    assert not cluster.of("PersistentVolume")
    found = verdicts["restored"]
    assert (found.decision, found.reason) == (Decision.BLOCKED, Reason.CLAIM_NOT_BOUND)
    assert "data source" in found.message


def test_the_same_claim_without_a_source_is_bound() -> None:
    """By the built-in class."""
    cluster = Cluster()
    cluster.push(CLAIM.replace("SOURCE", ""))
    cluster.settle()
    assert cluster.of("PersistentVolumeClaim")["restored"].status.phase == "Bound"
