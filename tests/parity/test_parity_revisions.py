"""ControllerRevisions are what upstream takes for one: a template under a name, in a namespace."""

import json
from typing import Any

import msgspec
from jsonschema import Draft202012Validator

from reconciler.model.kinds import KINDS, decode_object
from reconciler.schema.generate import name_schema
from reconciler.schema.rules.metadata import metadata_findings
from tests.parity.rows import compare
from tests.parity.test_parity_validation import manifest

Case = dict[str, Any]
_NAMES = Draft202012Validator(name_schema(KINDS["ControllerRevision"]))


def revision(case: Case) -> bool:
    """Judge a row with a ControllerRevision, whose data are the text of a document."""
    row = case["history"]
    data = row["Data"]["Raw"]
    document = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 0, **manifest(row)}
    try:
        document["data"] = json.loads(data)
        found = decode_object(document)
    except (ValueError, msgspec.ValidationError):
        return not case.get("isValid")
    is_named = _NAMES.is_valid(found.metadata.name)
    return (is_named and not list(metadata_findings(found))) == bool(case.get("isValid"))


def test_revisions_are_what_upstream_takes_for_one() -> None:
    """Data that are no mapping, names and namespaces that are none."""

    def reason(row: Case) -> str:
        is_defaulted = row["name"] == "empty namespace"
        return "the fault is in a field that defaults fill before the API validates" if is_defaulted else ""

    compare("pkg_apis_apps_validation", {"TestValidateControllerRevision": revision}, reason)
