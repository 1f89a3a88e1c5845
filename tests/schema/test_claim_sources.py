"""What a claim is to be filled from is judged."""

import json
from typing import Any

import pytest

from reconciler.schema.validate import SourceFile, validate

SNAPSHOT = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "s"}
CLONE = {"kind": "PersistentVolumeClaim", "name": "c"}


@pytest.mark.parametrize(
    ("sources", "pointers"),
    [
        ({"dataSource": SNAPSHOT}, []),
        ({"dataSource": CLONE, "dataSourceRef": CLONE}, []),
        ({"dataSourceRef": {**SNAPSHOT, "namespace": "backups"}}, []),
        ({"dataSource": {"kind": "Pod", "name": "p"}}, ["/spec/dataSource/kind"]),
        ({"dataSource": {"apiGroup": "a.b", "kind": "C"}}, ["/spec/dataSource"]),
        ({"dataSource": CLONE, "dataSourceRef": SNAPSHOT}, ["/spec/dataSourceRef"]),
        ({"dataSource": SNAPSHOT, "dataSourceRef": {**SNAPSHOT, "namespace": "n"}}, ["/spec/dataSource"]),
    ],
)
def test_sources_of_claims_are_judged(sources: dict[str, Any], pointers: list[str]) -> None:
    """What is admitted comes with a warning that nothing here fills it."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **sources}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "x"}, "spec": spec}
    found = validate([SourceFile("a.json", json.dumps(claim).encode())]).problems
    assert [one.pointer for one in found if one.is_error] == pointers
    assert pointers or [one.code for one in found] == ["unknown-provisioner"] * len(sources)
