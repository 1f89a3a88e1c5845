"""Objects of Kubernetes' kinds: list, get, watch; writes are passed on."""

import base64
import binascii
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.refs import ObjectRef
from reconciler.server.context import Context, context_of
from reconciler.server.errors import ApiError, bad_request, expired
from reconciler.server.paths import existing, kind_of_path, ref_of_path
from reconciler.server.peer import peer_of
from reconciler.server.query import flag, number, word
from reconciler.server.selection import Selection, make_selection
from reconciler.server.streams import LineStream
from reconciler.server.watch import Watch, WatchRequest
from reconciler.server.wire import document, encode
from reconciler.server.writes import write
from reconciler.store.errors import Gone


async def collection(request: Request) -> Response:
    """List or watch a kind, in one namespace or in all."""
    spec = kind_of_path(request)
    if request.method not in ("GET", "HEAD"):
        return await write(request, spec)
    selection = make_selection(
        spec,
        namespace=request.path_params.get("namespace", ""),
        field_selector=word(request, "fieldSelector"),
        label_selector=word(request, "labelSelector"),
    )
    if flag(request, "watch"):
        return await _watch(request, selection)
    return await _list(request, selection)


async def single(request: Request) -> Response:
    """Get one object."""
    spec = kind_of_path(request)
    ref = ref_of_path(request, spec)
    if request.method not in ("GET", "HEAD"):
        return await write(request, spec)
    if flag(request, "watch"):
        return await _watch(request, make_selection(spec, namespace=ref.namespace, name=ref.name))
    stored = existing(context_of(request), spec, ref)
    return _json(document(stored, reveal=peer_of(request).is_operator))


async def _list(request: Request, selection: Selection) -> Response:
    context = context_of(request)
    reveal = peer_of(request).is_operator
    limit = number(request, "limit") or 0
    resource_version, after = _list_start(request, context)

    def build() -> bytes:
        found = [stored for stored in context.objects.by_kind(selection.kind.kind) if selection.matches(stored.object)]
        found.sort(key=lambda stored: stored.ref)
        if after is not None:
            found = [stored for stored in found if (stored.ref.namespace, stored.ref.name) > after]
        page = found[:limit] if limit else found
        metadata: dict[str, Any] = {"resourceVersion": str(resource_version)}
        if len(page) < len(found):
            metadata["continue"] = _token(resource_version, page[-1].ref)
            metadata["remainingItemCount"] = len(found) - len(page)
        kind = {"kind": f"{selection.kind.kind}List", "apiVersion": selection.kind.api_version}
        return encode({**kind, "metadata": metadata, "items": [document(s, reveal=reveal) for s in page]})

    return Response(await context.read(build), media_type="application/json")


def _list_start(request: Request, context: Context) -> tuple[int, tuple[str, str] | None]:
    """Return the number a list is said to be of, and after which object a continued one goes on.

    A continued list keeps its first page's number: a watch from there tells whatever changed between the pages.
    """
    current = context.objects.resource_version
    token = word(request, "continue")
    if token:
        resource_version, after = _read_token(token)
        if resource_version > current:
            raise expired("the continue token is not of this server; list again without it")
        return resource_version, after
    asked = number(request, "resourceVersion") or 0
    if asked > current:
        raise ApiError(504, f"Too large resource version: {asked}, current: {current}")
    if word(request, "resourceVersionMatch") == "Exact" and asked not in (0, current):
        raise expired(f"resource version {asked} is no longer kept, current: {current}")
    return current, None


def _token(resource_version: int, last: ObjectRef) -> str:
    content = json.dumps([resource_version, last.namespace, last.name])
    return base64.urlsafe_b64encode(content.encode()).decode()


def _read_token(token: str) -> tuple[int, tuple[str, str]]:
    try:
        resource_version, namespace, name = json.loads(base64.urlsafe_b64decode(token))
        return int(resource_version), (str(namespace), str(name))
    except (binascii.Error, ValueError, TypeError) as error:
        raise bad_request("continue: not a token of this server") from error


async def _watch(request: Request, selection: Selection) -> Response:
    context = context_of(request)
    if context.hub.watches >= context.limits.watches_max:
        raise ApiError(429, f"there are {context.hub.watches} watches already; try again later")
    watch = Watch(context, _watch_request(request, selection, context))
    try:
        await context.read(watch.begin)
    except Gone as error:
        watch.close()
        raise expired(f"too old resource version: {word(request, 'resourceVersion')}") from error
    return LineStream(watch.lines(), on_end=watch.close, media_type="application/json")


def _watch_request(request: Request, selection: Selection, context: Context) -> WatchRequest:
    initial = flag(request, "sendInitialEvents")
    if initial and word(request, "resourceVersionMatch") != "NotOlderThan":
        raise bad_request("sendInitialEvents: resourceVersionMatch must be NotOlderThan")
    asked = number(request, "resourceVersion") or 0
    limit_s = context.limits.watch_timeout_s
    return WatchRequest(
        selection=selection,
        start=None if initial or not asked else asked,
        timeout_s=min(number(request, "timeoutSeconds") or limit_s, limit_s),
        bookmarks=flag(request, "allowWatchBookmarks"),
        mark_initial_end=initial and flag(request, "allowWatchBookmarks"),
        reveal=peer_of(request).is_operator,
    )


def _json(value: Any) -> Response:
    return Response(encode(value), media_type="application/json")
