"""Writes of objects: the few that are overrides are done, all others are refused with the place to edit instead."""

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.access import ANONYMOUS
from reconciler.model.kinds import AnyObject, KindSpec
from reconciler.model.legacy_addresses import with_plain_addresses
from reconciler.model.observed import StoredObject
from reconciler.model.overrides import Override
from reconciler.model.refs import ObjectRef
from reconciler.planner.updates.rules import update_faults
from reconciler.server.authentication import user_of
from reconciler.server.context import Context, context_of
from reconciler.server.deletion import Deletion, deletion_of
from reconciler.server.errors import ApiError, bad_request
from reconciler.server.overriding import Accepted, NotInList, accepted, differing, is_as_wanted
from reconciler.server.patching import APPLY, TYPES, Json, patched, read_json, typed
from reconciler.server.paths import existing, kind_of_path, ref_of_path
from reconciler.server.peer import name_of, require_operator
from reconciler.server.refusals import cannot_create, invalid, refusal
from reconciler.server.wire import document, encode

# How long an answer waits for the controller to have written what was asked for.
WRITTEN_WITHIN_S = 5.0
replace = msgspec.structs.replace


async def write(request: Request, spec: KindSpec) -> Response:
    """Write an object, as far as that is possible without Git."""
    if "name" not in request.path_params:
        await _refuse_in_collection(request, spec)
    context = context_of(request)
    stored = existing(context, spec, ref_of_path(request, spec))
    if request.method == "DELETE":
        return await _delete(request, spec, stored)
    return await _change(request, spec, stored)


def author_of(request: Request) -> str:
    """Return who writes, as overrides name them; refuse people of whom nothing but the socket's group is known."""
    user = user_of(request)
    if user is ANONYMOUS or user == ANONYMOUS:
        return name_of(require_operator(request, "write objects"))
    return user.name


async def _refuse_in_collection(request: Request, spec: KindSpec) -> None:
    if request.method != "POST":
        raise ApiError(405, f"{spec.plural} are not deleted together here: name one")
    name = await _name_in_body(request)
    objects = context_of(request).objects
    stored = objects.get(ObjectRef.of(spec.kind, request.path_params.get("namespace", ""), name)) if name else None
    raise refusal(objects, spec, stored) if stored is not None else cannot_create(spec, name)


async def _name_in_body(request: Request) -> str:
    """Return the name of the object to be created, where the body is JSON that has one."""
    body = await request.body()
    try:
        return str(msgspec.json.decode(body)["metadata"]["name"])
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError):
        return ""


async def below(request: Request) -> Response:
    """Refuse what else stands below an object: of an object that exists with its place."""
    spec = kind_of_path(request)
    if request.method in ("GET", "HEAD"):
        raise ApiError(404, "the server could not find the requested resource")
    context = context_of(request)
    stored = existing(context, spec, ref_of_path(request, spec))
    raise refusal(context.objects, spec, stored, request.path_params["below"])


# Changes


async def _change(request: Request, spec: KindSpec, stored: StoredObject) -> Response:
    context, body = context_of(request), await request.body()
    is_dry, author = is_dry_run(request), author_of(request)
    if stored.ref.kind == "Secret":
        # Neither its values nor whether a patch fits them is told.
        raise refusal(context.objects, spec, stored)
    found = await context.read(lambda: _judged(request, context, spec, stored, body))
    if found is None:
        return _json(_document(stored))
    if is_dry:
        return _json(_document(replace(stored, object=found.object)))
    return answered(await written(context, spec, stored, found, author))


def _judged(request: Request, context: Context, spec: KindSpec, stored: StoredObject, body: bytes) -> Accepted | None:
    """Return the override that a request asks for, with the object as it will be; None when nothing differs."""
    if request.method == "PATCH" and _content_type(request) == APPLY:
        raise refusal(context.objects, spec, stored)
    before = _document(stored)
    object = asked_of(request, spec, stored, body)
    paths = list(differing(before, _document(replace(stored, object=object))))
    if not paths:
        return None
    if faults := update_faults(stored.object, object):
        raise invalid(spec, stored.ref.name, faults)
    try:
        return accepted(stored, object, paths, context.objects.by_kind("ReplicaSet"))
    except NotInList as error:
        raise refusal(context.objects, spec, stored, error.path) from error


def asked_of(request: Request, spec: KindSpec, stored: StoredObject, body: bytes) -> AnyObject:
    """Return the object as a request with this body would have it."""
    content_type = _content_type(request)
    if request.method == "PATCH":
        if content_type not in TYPES or content_type == APPLY:
            raise ApiError(415, f"a patch has one of the types {', '.join(TYPES)}, not {content_type[:60]!r}")
        after = patched(spec.kind, _document(stored), content_type, body)
    else:
        after = read_json(body)
        if not isinstance(after, dict):
            raise bad_request("the body is not an object of Kubernetes")
    _require_same(stored, spec, after)
    if request.app.state.legacy_addresses:
        after, _ = with_plain_addresses(spec.kind, after)
    return typed(spec.kind, after)


async def written(context: Context, spec: KindSpec, stored: StoredObject, found: Accepted, author: str) -> StoredObject:
    """Have an override written; return the object as it is then."""
    await _override(context, spec, replace(found.change, uid=stored.object.metadata.uid, by=author))
    return await context.read(lambda: _written(context, stored, found))


def answered(stored: StoredObject) -> Response:
    """Return the answer that shows an object."""
    return _json(_document(stored))


def is_dry_run(request: Request) -> bool:
    """Whether the query says that nothing is to be written."""
    return _is_dry(request.query_params.getlist("dryRun"))


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _require_same(stored: StoredObject, spec: KindSpec, after: Json) -> None:
    """Refuse what was made from another version, or for another object, than the present one (409)."""
    metadata = after.get("metadata")
    if not isinstance(metadata, dict):
        raise bad_request("metadata is missing")
    present = stored.object.metadata
    for field, now in (("uid", present.uid), ("resourceVersion", present.resource_version)):
        if metadata.get(field) not in (None, "", now):
            raise conflict(spec, stored.ref.name, field)
    metadata |= {"uid": present.uid, "resourceVersion": present.resource_version}


def conflict(spec: KindSpec, name: str, field: str) -> ApiError:
    """Return what Kubernetes answers to a write that was made from another version."""
    qualified = f"{spec.plural}.{spec.group}" if spec.group else spec.plural
    message = (
        f'Operation cannot be fulfilled on {qualified} "{name}": the object has been modified ({field} differs); '
        "please apply your changes to the latest version and try again"
    )
    return ApiError(409, message, details={"name": name, "kind": spec.plural, "group": spec.group})


def _written(context: Context, stored: StoredObject, asked: Accepted) -> StoredObject:
    """Return the object once it is stored as it was asked for; else as it will be."""

    def is_done(found: StoredObject | None) -> bool:
        return found is None or is_as_wanted(found, asked.object, asked.change)

    found = _wait(context, stored.ref, is_done)
    return found if found is not None and is_done(found) else replace(stored, object=asked.object)


def _document(stored: StoredObject) -> Json:
    """Return an object in nothing but the types of JSON: what is patched, compared and answered."""
    plain: Json = msgspec.json.decode(encode(document(stored, reveal=True)))
    return plain


# Deletions


async def _delete(request: Request, spec: KindSpec, stored: StoredObject) -> Response:
    context = context_of(request)
    author_of(request)
    if spec.kind != "Pod":
        raise refusal(context.objects, spec, stored)
    asked = await deletion_of(request)
    require_preconditions(spec, stored, asked)
    if is_dry(request, asked):
        return _json(_document(stored))
    return _json(_document(await ended(request, spec, stored, asked, context.operations.override)))


def require_preconditions(spec: KindSpec, stored: StoredObject, asked: Deletion) -> None:
    """Refuse a deletion that was meant for another object, or another version of it (409)."""
    for field, wanted in (("uid", asked.uid), ("resourceVersion", asked.resource_version)):
        if wanted and wanted != (getattr(stored.object.metadata, "uid" if field == "uid" else "resource_version")):
            raise conflict(spec, stored.ref.name, field)


def is_dry(request: Request, asked: Deletion) -> bool:
    """Whether nothing is to be written."""
    return _is_dry(request.query_params.getlist("dryRun")) or asked.is_dry


async def ended(
    request: Request,
    spec: KindSpec,
    stored: StoredObject,
    asked: Deletion,
    order: Callable[[Override], None],
    *,
    wait: bool = True,
) -> StoredObject:
    """Have a Pod deleted by `order`; return it as it is once that is written, where that is to be waited for."""
    context = context_of(request)
    change = Override(
        ref=stored.ref,
        uid=stored.object.metadata.uid,
        delete_at=time.time(),
        grace_s=asked.grace_s(stored.object),
        by=author_of(request),
    )
    await _override(context, spec, change, order)
    if not wait:
        return stored

    def is_done(found: StoredObject | None) -> bool:
        uid = stored.object.metadata.uid
        return found is None or found.object.metadata.uid != uid or bool(found.object.metadata.deletion_timestamp)

    found = await context.read(lambda: _wait(context, stored.ref, is_done))
    is_same = found is not None and found.object.metadata.uid == stored.object.metadata.uid
    return found if found is not None and is_same else stored


# Both


async def _override(
    context: Context, spec: KindSpec, change: Override, order: Callable[[Override], None] | None = None
) -> None:
    order = order or context.operations.override
    try:
        await context.call(lambda: order(change))
    except LookupError as error:
        details = {"name": change.ref.name, "kind": spec.plural, "group": spec.group}
        raise ApiError(404, str(error.args[0] if error.args else error), details=details) from error


def _wait(context: Context, ref: ObjectRef, is_done: Callable[[StoredObject | None], bool]) -> StoredObject | None:
    """Wait, for a bounded time, until an object is as wanted; return it as it is then."""
    changed = threading.Event()
    stop = context.objects.subscribe(lambda _: changed.set())
    until = time.monotonic() + WRITTEN_WITHIN_S
    try:
        while not is_done(found := context.objects.get(ref)):
            left = until - time.monotonic()
            if left <= 0 or not changed.wait(left):
                return context.objects.get(ref)
            changed.clear()
        return found
    finally:
        stop()


def _is_dry(values: list[str]) -> bool:
    if any(value != "All" for value in values):
        raise bad_request(f"dryRun: expected All, not {values[0][:40]!r}")
    return bool(values)


def _json(value: Any) -> Response:
    return Response(encode(value), media_type="application/json")
