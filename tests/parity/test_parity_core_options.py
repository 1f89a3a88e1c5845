"""What an update may keep, and which features volumes and claims have, is what upstream's options say.

An option is judged by what it lets through: a manifest that needs it, made anew or left as it was.
"""

from typing import Any

from tests.parity.rows import NotTranslated, compare
from tests.parity.test_parity_validation import problems_of

Case = dict[str, Any]
_SIZE = {"storage": "1Gi"}
_CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": _SIZE}}
_VOLUME = {"accessModes": ["ReadWriteOnce"], "capacity": _SIZE, "csi": {"driver": "d", "volumeHandle": "h"}}
_CLASS = {"volumeAttributesClassName": "fast"}


def is_admitted(kind: str, spec: Case) -> bool:
    """Whether an object of this spec is admitted."""
    return not problems_of({"apiVersion": "v1", "kind": kind, "spec": spec})


def template(spec: Case) -> Case:
    """Return the spec of a set whose Pods each have a claim of this spec."""
    pod = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "b"}]}}
    claims = [{"metadata": {"name": "c"}, "spec": spec}]
    return {"selector": {"matchLabels": {"a": "b"}}, "template": pod, "volumeClaimTemplates": claims}


def options(case: Case) -> Case:
    """Return what upstream lets through; what an old object has that no object here may have cannot be judged."""
    found: Case = case.get("expectValidationOpts") or {}
    if any(name.startswith("AllowInvalid") for name in found):
        raise NotTranslated
    return found


def volume(case: Case) -> bool:
    """Judge a row with a volume: values of labels that are none, classes of attributes."""
    term = {"matchExpressions": [{"key": "foo", "operator": "In", "values": ["-1"]}]}
    affinity = {"nodeAffinity": {"required": {"nodeSelectorTerms": [term]}}}
    found = options(case)
    is_alike = is_admitted("PersistentVolume", {**_VOLUME, **_CLASS}) == found.get("EnableVolumeAttributesClass", False)
    return is_alike and not is_admitted("PersistentVolume", {**_VOLUME, **affinity})


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
