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


def ephemeral(template: dict[str, Any], *others: dict[str, Any]) -> list[str]:
    """Return the places of the errors in a Pod that brings a claim along."""
    volumes = [{"name": "scratch", "ephemeral": {"volumeClaimTemplate": template}}, *others]
    spec = {"containers": [{"name": "a", "image": "b"}], "volumes": volumes}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec}
    found = validate([SourceFile("a.json", json.dumps(pod).encode())]).problems
    return [one.pointer for one in found if one.is_error]


CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
AT = "/spec/volumes/0/ephemeral/volumeClaimTemplate"


def test_a_claim_that_a_pod_brings_along_is_judged_as_any_other() -> None:
    """With the place in the Pod; of its metadata only marks are given."""
    assert ephemeral({"metadata": {"labels": {"a": "b"}}, "spec": CLAIM}) == []
    assert ephemeral({"metadata": {"name": "mine"}, "spec": CLAIM}) == [f"{AT}/metadata/name"]
    assert ephemeral({"spec": {**CLAIM, "resources": {}}}) == [f"{AT}/spec/resources/requests"]
    assert ephemeral({"spec": {**CLAIM, "accessModes": []}}) == [f"{AT}/spec/accessModes"]


def test_a_pod_does_not_name_the_claim_that_it_brings_along() -> None:
    """That would be two volumes of one claim."""
    other = {"name": "data", "persistentVolumeClaim": {"claimName": "web-scratch"}}
    assert ephemeral({"spec": CLAIM}, other) == ["/spec/volumes/1/persistentVolumeClaim/claimName"]
