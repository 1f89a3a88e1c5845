"""Which finalizer a volume bears: that of who deletes what is on it, while its policy says so."""

from typing import Any

import pytest

from reconciler.planner.storage.finalizers import BY_CLUSTER, BY_PROVIDER, with_finalizers
from tests.planner.reading import read
from tests.planner.volumes import claim, pod, storage_class
from tests.planner.world import Cluster

LOCAL, SHARED, MADE = "reconciler.dev/local", "reconciler.dev/nfs", "reconciler.dev/provider"


def volume_of(by: str, policy: str, *finalizers: str) -> Any:
    """Return a volume that somebody made."""
    made = f"annotations: {{pv.kubernetes.io/provisioned-by: {by}}}, finalizers: [{', '.join(finalizers)}]"
    spec = f"capacity: {{storage: 1Gi}}, accessModes: [ReadWriteOnce], persistentVolumeReclaimPolicy: {policy}"
    return read("PersistentVolume", metadata=made, spec=f"{spec}, hostPath: {{path: /mnt}}")


@pytest.mark.parametrize(
    ("by", "policy", "before", "after"),
    [
        (LOCAL, "Delete", (), (BY_CLUSTER,)),
        (SHARED, "Delete", (BY_CLUSTER,), (BY_CLUSTER,)),
        (MADE, "Delete", (), (BY_PROVIDER,)),
        (LOCAL, "Retain", (BY_CLUSTER,), ()),
        (MADE, "Retain", ("example.com/mine", BY_PROVIDER), ("example.com/mine",)),
        (LOCAL, "Delete", (BY_PROVIDER, "example.com/mine"), ("example.com/mine", BY_CLUSTER)),
        ("example.com/other", "Delete", (), ()),
        ("example.com/other", "Retain", (BY_PROVIDER,), (BY_PROVIDER,)),
    ],
)
def test_who_made_a_volume_guards_it(by: str, policy: str, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """What others made, and the finalizers of others, are let alone."""
    assert with_finalizers(volume_of(by, policy, *before)).metadata.finalizers == after


def test_a_volume_follows_its_class() -> None:
    """From its first moment on; nothing changes any more after it."""
    for policy, finalizers in (("Delete", (BY_CLUSTER,)), ("Retain", ())):
        cluster = Cluster()
        mine = storage_class("mine", reclaimPolicy=policy)
        cluster.push(mine + claim(storageClassName="mine") + pod("a", "data"))
        cluster.settle()
        volumes: dict[str, Any] = cluster.of("PersistentVolume")
        assert [one.metadata.finalizers for one in volumes.values()] == [finalizers]
        assert not cluster.plan().changes
