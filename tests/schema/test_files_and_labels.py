"""Variables of files are taken from an emptyDir of the Pod; nodes are named by what can be a label, or not at all."""

import json
from typing import Any

import pytest

from reconciler.schema.validate import SourceFile, validate


def errors(spec: dict[str, Any], kind: str = "Pod") -> list[str]:
    """Return the pointers of the errors in an object."""
    document = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}, "spec": spec}
    found = validate([SourceFile("a.json", json.dumps(document).encode())]).problems
    return [one.pointer for one in found if one.is_error]


def pod(volume: dict[str, Any], field: str = "containers", **reference: Any) -> dict[str, Any]:
    """A Pod with a variable of a file."""
    source = {"fileKeyRef": {"volumeName": "v", "path": "a/env", "key": "KEY", **reference}}
    container = {"name": "c", "image": "b", "env": [{"name": "ONE", "valueFrom": source}]}
    plain = {"containers": [{"name": "a", "image": "b"}], "volumes": [{"name": "v", **volume}]}
    return {**plain, field: [container]}


AT = "/spec/{}/0/env/0/valueFrom/fileKeyRef"


@pytest.mark.parametrize("field", ["containers", "initContainers"])
def test_the_volume_is_an_empty_dir(field: str) -> None:
    """Which is also what a volume without source is."""
    at = AT.format(field)
    assert errors(pod({"emptyDir": {}}, field)) == []
    assert errors(pod({"emptyDir": {"medium": "Memory"}}, field)) == []
    assert errors(pod({}, field)) == []
    assert errors(pod({"hostPath": {"path": "/v"}}, field)) == [f"{at}/volumeName"]
    assert errors(pod({"emptyDir": {}}, field, volumeName="w")) == [f"{at}/volumeName"]


@pytest.mark.parametrize(
    ("change", "field"),
    [({"path": "/env"}, "path"), ({"path": "../env"}, "path"), ({"path": ""}, "path"), ({"key": "a=b"}, "key")],
)
def test_the_path_stays_in_the_volume_and_the_key_is_a_name(change: dict[str, str], field: str) -> None:
    """As Kubernetes has it."""
    assert errors(pod({"emptyDir": {}}, **change)) == [f"{AT.format('containers')}/{field}"]


def test_what_a_node_must_have_can_be_a_label() -> None:
    """A required value that no label can have would never be found; a preferred one does no harm."""
    term = {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "-1", "x" * 64]}]}
    required = {"nodeSelectorTerms": [term]}
    values = "nodeSelectorTerms/0/matchExpressions/0/values"
    plain = {"containers": [{"name": "a", "image": "b"}]}
    field = "requiredDuringSchedulingIgnoredDuringExecution"
    affinity = {"affinity": {"nodeAffinity": {field: required}}}
    at = f"/spec/affinity/nodeAffinity/{field}/{values}"
    assert errors({**plain, **affinity}) == [f"{at}/1", f"{at}/2"]
    wish = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": term}]}
    assert errors({**plain, "affinity": {"nodeAffinity": wish}}) == []
    volume = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/v"}}
    wanted = [f"/spec/nodeAffinity/required/{values}/{number}" for number in (1, 2)]
    assert errors({**volume, "nodeAffinity": {"required": required}}, "PersistentVolume") == wanted
    assert errors({**volume, "nodeAffinity": {}}, "PersistentVolume") == ["/spec/nodeAffinity"]
    assert errors(volume, "PersistentVolume") == []
