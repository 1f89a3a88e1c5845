"""What an update may keep, and which features volumes and claims have, is what upstream's options say.

An option is judged by what it lets through: a manifest that needs it, made anew or left as it was.
"""

from typing import Any

from tests.parity.rows import NotTranslated, compare
from tests.parity.test_parity_validation import problems_of

Case = dict[str, Any]
_SIZE = {"storage": "1Gi"}
_CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": _SIZE}}
_VOLUME = {"accessModes": ["ReadWriteOnce"], "capacity": _SIZE, "hostPath": {"path": "/data"}}
_CLASS = {"volumeAttributesClassName": "fast"}


def is_admitted(kind: str, spec: Case, *, is_applied: bool = False) -> bool:
    """Whether an object of this spec is admitted: a new one, or one that is there like that already."""
    return not problems_of({"apiVersion": "v1", "kind": kind, "spec": spec}, is_applied=is_applied)


def template(spec: Case) -> Case:
    """Return the spec of a set whose Pods each have a claim of this spec."""
    pod = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "b"}]}}
    claims = [{"metadata": {"name": "c"}, "spec": spec}]
    return {"selector": {"matchLabels": {"a": "b"}}, "template": pod, "volumeClaimTemplates": claims}


def options(case: Case) -> Case:
    """Return what upstream lets through; sources of no group cannot be judged: no object here ever has such."""
    found: Case = case.get("expectValidationOpts") or {}
    if "AllowInvalidAPIGroupInDataSourceOrRef" in found:
        raise NotTranslated
    return found


def volume(case: Case) -> bool:
    """Judge a row with a volume: values of labels that are none, classes of attributes."""
    term = {"matchExpressions": [{"key": "foo", "operator": "In", "values": ["-1"]}]}
    affinity = {"nodeAffinity": {"required": {"nodeSelectorTerms": [term]}}}
    old = (((case.get("oldPv") or {}).get("Spec") or {}).get("NodeAffinity") or {}).get("Required")
    is_there = old is not None and "-1" in str(old)
    found = options(case)
    is_alike = is_admitted("PersistentVolume", {**_VOLUME, **_CLASS}) == found.get("EnableVolumeAttributesClass", False)
    keeps = is_admitted("PersistentVolume", {**_VOLUME, **affinity}, is_applied=is_there)
    return is_alike and keeps == found.get("AllowInvalidLabelValueInRequiredNodeAffinity", False)


def claim(case: Case) -> bool:
    """Judge a row with a claim: sources of no group, classes of attributes."""
    found = options(case)
    source = {"dataSource": {"apiGroup": "^invalid", "kind": "K", "name": "n"}}
    is_alike = is_admitted("PersistentVolumeClaim", {**_CLAIM, **_CLASS}) == found.get(
        "EnableVolumeAttributesClass", False
    )
    return is_alike and not is_admitted("PersistentVolumeClaim", {**_CLAIM, **source})


def of_set(case: Case) -> bool:
    """Judge a row with the template of claims."""
    document = {"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": template({**_CLAIM, **_CLASS})}
    return (not problems_of(document)) == options(case).get("EnableVolumeAttributesClass", False)


def test_options_are_those_of_upstream() -> None:
    """Volumes, claims, templates of claims."""
    tables = {
        "TestValidationOptionsForPersistentVolume": volume,
        "TestValidationOptionsForPersistentVolumeClaim": claim,
        "TestValidationOptionsForPersistentVolumeClaimTemplate": of_set,
    }
    compare("pkg_apis_core_validation", tables, lambda row: "nothing here knows classes of attributes")
