"""Events of other controllers: made and counted up through the core group and events.k8s.io, kept as long as ours."""

import secrets
import time
from typing import cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.conversions import NotConvertible, from_kept, to_kept
from reconciler.model.kinds import Event, KindSpec
from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.model.times import rfc3339
from reconciler.planner.updates.event import event_faults, event_update_faults
from reconciler.server.answers import object_answer
from reconciler.server.context import context_of
from reconciler.server.errors import ApiError, bad_request
from reconciler.server.patching import APPLY, TYPES, Json, patched, read_json, typed
from reconciler.server.paths import existing, ref_of_path
from reconciler.server.refusals import invalid
from reconciler.server.wire import document, encode
from reconciler.server.writes import author_of, conflict, is_dry_run

replace = msgspec.structs.replace
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


async def write_event(request: Request, spec: KindSpec) -> Response:
    """Make an Event, or change one that exists."""
    author_of(request)
    if request.method == "POST" and "name" not in request.path_params:
        return await _create(request, spec)
    if request.method in ("PUT", "PATCH") and "name" in request.path_params:
        return await _change(request, spec)
    raise ApiError(405, "events are made and changed here; they go by themselves")


async def _create(request: Request, spec: KindSpec) -> Response:
    context, body = context_of(request), await request.body()
    event = _named(request, _read(spec, read_json(body)))
    if faults := tuple(event_faults(event, spec.api_version)):
        raise invalid(spec, event.metadata.name, faults)
    ref = ObjectRef.of("Event", event.metadata.namespace, event.metadata.name)
    if context.objects.get(ref) is not None:
        raise _exists(spec, ref.name)
    if is_dry_run(request):
        return await object_answer(request, StoredObject(ref=ref, object=event, manager=""), 201, spec.api_version)
    stored = await context.call(lambda: context.operations.write_event(event))
    if stored is None:
        raise _exists(spec, ref.name)
    return await object_answer(request, stored, 201, spec.api_version)


async def _change(request: Request, spec: KindSpec) -> Response:
    context, body = context_of(request), await request.body()
    stored = existing(context, spec, ref_of_path(request, spec))
    before = cast(Event, stored.object)
    asked = _asked(request, spec, stored, body)
    version = asked.metadata.resource_version
    if version and version != before.metadata.resource_version:
        raise conflict(spec, stored.ref.name, "resourceVersion")
    kept = {name: getattr(before.metadata, name) for name in ("uid", "creation_timestamp", "generation")}
    event = replace(asked, metadata=replace(asked.metadata, **kept, resource_version=before.metadata.resource_version))
    if faults := tuple(event_update_faults(before, event, spec.api_version)):
        raise invalid(spec, stored.ref.name, faults)
    if is_dry_run(request):
        return await object_answer(request, replace(stored, object=event), 200, spec.api_version)
    written = await context.call(lambda: context.operations.write_event(event))
    if written is None:
        raise conflict(spec, stored.ref.name, "resourceVersion")
    return await object_answer(request, written, 200, spec.api_version)


def _asked(request: Request, spec: KindSpec, stored: StoredObject, body: bytes) -> Event:
    if request.method == "PUT":
        return _read(spec, read_json(body))
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in TYPES or content_type == APPLY:
        raise ApiError(415, f"a patch has one of the types {', '.join(TYPES)}, not {content_type[:60]!r}")
    shown: Json = msgspec.json.decode(encode(from_kept(document(stored, reveal=True), spec.api_version)))
    return _read(spec, patched("Event", shown, content_type, body))


def _read(spec: KindSpec, given: Json) -> Event:
    if not isinstance(given, dict):
        raise bad_request("the body is not an object of Kubernetes")
    said = given.get("apiVersion", spec.api_version)
    if said != spec.api_version:
        raise bad_request(f"the body is of {str(said)[:60]!r}, the path of {spec.api_version}")
    try:
        kept = to_kept({**given, "kind": given.get("kind", "Event"), "apiVersion": said})
    except NotConvertible as error:
        raise bad_request(f"{spec.api_version} has no field {error.pointer.lstrip('/')}") from error
    return cast(Event, typed("Event", {"count": 0, **kept}))


def _named(request: Request, event: Event) -> Event:
    """Return an Event with the namespace of its path and, where it asks for that, a name of its own."""
    metadata = event.metadata
    namespace = request.path_params.get("namespace", "")
    if metadata.namespace not in ("", namespace):
        raise bad_request(f"the body is of the namespace {metadata.namespace[:60]}, the path of {namespace[:60]}")
    name = metadata.name
    if not name and metadata.generate_name:
        name = metadata.generate_name[:248] + "".join(secrets.choice(_ALPHABET) for _ in range(5))
    named = replace(metadata, namespace=namespace, name=name, uid="", creation_timestamp=rfc3339(time.time()))
    return replace(event, metadata=named)


def _exists(spec: KindSpec, name: str) -> ApiError:
    qualified = f"{spec.plural}.{spec.group}" if spec.group else spec.plural
    details = {"name": name, "kind": spec.plural, "group": spec.group}
    return ApiError(409, f'{qualified} "{name}" already exists', reason="AlreadyExists", details=details)
