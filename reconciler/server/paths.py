"""What the path of a request names: a kind, an object."""

from starlette.requests import Request

from reconciler.model.kinds import KINDS, KindSpec
from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.server.context import Context
from reconciler.server.errors import ApiError, not_found
from reconciler.server.resources import ALSO_SERVED

_SERVED = (*(spec for spec in KINDS.values() if spec.served), *ALSO_SERVED)
_BY_PLURAL = {(spec.group, spec.version, spec.plural): spec for spec in _SERVED}


def kind_of_path(request: Request) -> KindSpec:
    """Return the kind that a path names, in the scope that the kind has."""
    parts = request.path_params
    spec = _BY_PLURAL.get((parts.get("group", ""), parts["version"], parts["plural"]))
    if spec is None or (parts.get("namespace") and not spec.namespaced):
        raise ApiError(404, "the server could not find the requested resource")
    return spec


def ref_of_path(request: Request, spec: KindSpec) -> ObjectRef:
    """Return the object that a path names."""
    namespace = request.path_params.get("namespace", "")
    if spec.namespaced and not namespace:
        raise ApiError(404, "the server could not find the requested resource")
    return ObjectRef.of(spec.kind, namespace, request.path_params["name"])


def existing(context: Context, spec: KindSpec, ref: ObjectRef) -> StoredObject:
    """Return an object, or answer 404."""
    stored = context.objects.get(ref)
    if stored is None:
        raise not_found(spec.plural, spec.group, ref.name)
    return stored
