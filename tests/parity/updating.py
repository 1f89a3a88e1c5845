"""Judges rows about updates: a manifest as it is stored, and one that it is to become."""

import json
from typing import Any

import msgspec

from reconciler.model.kinds import KINDS, AnyObject, KindSpec, decode_object
from reconciler.planner.updates.rules import update_faults
from reconciler.schema.decode import decode
from reconciler.schema.validate import SourceFile, validate
from tests.parity.rows import NotTranslated
from tests.parity.test_parity_validation import errors_of, manifest, pod_manifest, with_any_volume

Case = dict[str, Any]


class Updates:
    """Compares verdicts on updates; remembers what we do not implement."""

    def __init__(self) -> None:
        self.not_implemented = ""

    def verdict(self, kind: str, old: Case, new: Case, is_valid: bool) -> bool:
        """Whether our verdict is upstream's: on the new manifest by itself, and on what it was."""
        self.not_implemented = ""
        is_refused = self._problems(kind, new, applied=old)
        of_new, self.not_implemented = self.not_implemented, ""
        self._problems(kind, old)
        if self.not_implemented or (of_new and is_valid):
            # No object of ours was ever like that, or may become so.
            raise NotTranslated
        if is_refused:
            return not is_valid
        before, after = (self.object(kind, document) for document in (old, new))
        return (not update_faults(before, after)) == is_valid

    def _problems(self, kind: str, document: Case, applied: Case | None = None) -> bool:
        """Whether a manifest is refused; where one is applied, it is there as it was."""
        if not KINDS[kind].declarable:
            return False
        content = json.dumps({**document, "status": {}}).encode()
        before = object_of(KINDS[kind], applied) if applied is not None else None
        result = validate([SourceFile("a.json", content)], applied=lambda ref: before)
        found = errors_of(result)
        self.not_implemented += " ".join(sorted({one.pointer for one in found if one.code == "not-implemented"}))
        return bool(found)

    def object(self, kind: str, document: Case) -> AnyObject:
        """Return the object of a manifest, with its status."""
        try:
            stored = decode_object(document)
            return stored if not KINDS[kind].declarable else _with_status(decode(KINDS[kind], document), stored)
        except (ValueError, KeyError) as error:
            raise NotTranslated from error


def object_of(spec: KindSpec, document: Case) -> AnyObject | None:
    """Return the object of a manifest as it is stored, whatever is wrong with it; None: no object can be like that."""
    try:
        return decode(spec, {**document, "status": {}})
    except (ValueError, KeyError):
        return None


def _with_status(declared: Any, stored: Any) -> AnyObject:
    parts = {"metadata": stored.metadata}
    if hasattr(stored, "status"):
        parts["status"] = stored.status
    result: AnyObject = msgspec.structs.replace(declared, **parts)
    return result


def spelled(kind: str, given: Case, name: str = "") -> Case:
    """Return an upstream object as a manifest of a kind."""
    given = with_any_volume(given)
    document = pod_manifest(given) if kind == "Pod" else manifest(given)
    template = ((given.get("Spec") or {}).get("Template") or {}).get("Spec")
    if template:
        document["spec"]["template"]["spec"] = pod_manifest({"Spec": template})["spec"]
    document["metadata"] = {"name": name or "x", **(document.get("metadata") or {})}
    if given.get("Status") is not None:
        document["status"] = manifest(given["Status"])
    return {**document, "apiVersion": KINDS[kind].api_version, "kind": kind}


def both(kind: str, old: Case, new: Case) -> tuple[Case, Case]:
    """Return both manifests of a row; a name that only one has is that of both."""
    names = [(one.get("ObjectMeta") or {}).get("name", "") for one in (old, new)]
    return spelled(kind, old, names[1]), spelled(kind, new, names[0])
