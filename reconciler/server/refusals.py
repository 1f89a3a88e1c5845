"""Why a write is refused, so that a person knows what to edit instead: file, line and commit, or the owner. Pure."""

from collections.abc import Sequence
from typing import Any

from reconciler.model.kinds import KindSpec
from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.planner.updates.fault import Fault
from reconciler.server.errors import ApiError
from reconciler.server.reads import Objects

_POSSIBLE = {
    "Node": "of a node, cordon, uncordon, labels and taints can be changed here",
    "Deployment": "of a deployment, `rollout restart` and `rollout undo` can be done here",
    "Pod": "a pod can be deleted here",
}


def refusal(objects: Objects, spec: KindSpec, stored: StoredObject, path: str = "") -> ApiError:
    """Return why this object cannot be written here, or why `path` of it cannot."""
    root = _root(objects, stored)
    details: dict[str, Any] = {"name": stored.ref.name, "kind": spec.plural, "group": spec.group}
    if path:
        details["causes"] = [{"reason": "FieldValueForbidden", "message": "is not changed here", "field": path}]
    if place := root.provenance:
        details |= {"file": place.file, "line": str(place.line), "commit": place.commit}
    what = f"{path} of {stored.ref} cannot be changed here" if path else f"{stored.ref} cannot be changed here"
    possible = _POSSIBLE.get(spec.kind, "")
    message = "; ".join(part for part in (f"{what}: {_why(stored, root)}", possible) if part)
    # Clients take the reason Conflict for a collision of writers and try for a minute; this one does not pass.
    code = 409 if root.manager.startswith("source/") else 405
    return ApiError(code, message, reason="MethodNotAllowed", details=details)


def invalid(spec: KindSpec, name: str, faults: Sequence[Fault]) -> ApiError:
    """Return what Kubernetes answers to an update that nobody may do: every field with what is wrong (422)."""
    causes = [{"reason": fault.reason, "message": fault.message, "field": fault.field} for fault in faults]
    told = "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
    qualified = f"{spec.kind}.{spec.group}" if spec.group else spec.kind
    details = {"name": name, "kind": spec.kind, "group": spec.group, "causes": causes}
    return ApiError(422, f'{qualified} "{name}" is invalid: {told}', details=details)


def cannot_create(spec: KindSpec, name: str) -> ApiError:
    """Return why nothing is created here."""
    what = f"{spec.singular} {name}" if name else spec.plural
    details = {"name": name, "kind": spec.plural, "group": spec.group}
    return ApiError(405, f"{what} cannot be created here: declare it in the repository and push", details=details)


def _root(objects: Objects, stored: StoredObject) -> StoredObject:
    """Return the object at the top of an object's owners: what a person declared."""
    seen: set[ObjectRef] = set()
    while stored.ref not in seen:
        seen.add(stored.ref)
        owner = next((one for one in stored.object.metadata.owner_references if one.controller), None)
        above = objects.get(ObjectRef.of(owner.kind, stored.ref.namespace, owner.name)) if owner else None
        if above is None:
            return stored
        stored = above
    return stored


def _why(stored: StoredObject, root: StoredObject) -> str:
    if not root.manager.startswith("source/"):
        return "it follows from what the cluster observes or is built in"
    declared = _place(root)
    if root is stored:
        return f"it is declared by {root.manager} at {declared}: edit it there and push"
    return f"it belongs to {root.ref}, declared by {root.manager} at {declared}: edit that and push"


def _place(stored: StoredObject) -> str:
    place = stored.provenance
    return "its repository" if place is None else f"{place.file}:{place.line} (commit {place.commit[:7]})"
