"""Objects of Kubernetes' kinds: list, get, watch; writes are passed on."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.kinds import KindSpec
from reconciler.server.answers import in_version, list_answer, object_answer
from reconciler.server.authentication import user_of
from reconciler.server.context import context_of
from reconciler.server.errors import ApiError, expired
from reconciler.server.events import write_event
from reconciler.server.list_options import list_options, token_of, watch_options
from reconciler.server.lists import page_of
from reconciler.server.negotiation import JSON, wanted
from reconciler.server.paths import existing, kind_of_path, ref_of_path
from reconciler.server.query import flag, word
from reconciler.server.selection import Selection, make_selection
from reconciler.server.streams import LineStream
from reconciler.server.watch import Watch
from reconciler.server.watch_hub import FeedKey
from reconciler.server.writes import write
from reconciler.store.errors import Gone


async def collection(request: Request) -> Response:
    """List or watch a kind, in one namespace or in all."""
    spec = kind_of_path(request)
    if request.method not in ("GET", "HEAD"):
        return await _write(request, spec)
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
        return await _write(request, spec)
    if flag(request, "watch"):
        return await _watch(request, make_selection(spec, namespace=ref.namespace, name=ref.name))
    return await object_answer(request, existing(context_of(request), spec, ref), 200, spec.api_version)


async def _write(request: Request, spec: KindSpec) -> Response:
    return await (write_event if spec.kind == "Event" else write)(request, spec)


async def _list(request: Request, selection: Selection) -> Response:
    context, options, kind = context_of(request), list_options(request), selection.kind
    form = in_version(wanted(request, is_list=True), kind.kind, kind.api_version)

    def build() -> Response:
        page = page_of(context.objects, context.orders, selection, options)
        metadata: dict[str, Any] = {"resourceVersion": str(page.resource_version)}
        if page.following is not None:
            metadata["continue"] = token_of(page.following)
        if page.remaining is not None:
            metadata["remainingItemCount"] = page.remaining
        return list_answer(request, form, kind.kind, kind.api_version, page.stored, metadata)

    return await context.read(build)


async def _watch(request: Request, selection: Selection) -> Response:
    context = context_of(request)
    form, options = wanted(request, streams=True), watch_options(request, context.limits.watch_timeout_s)
    if context.hub.watches >= context.limits.watches_max:
        raise ApiError(429, f"there are {context.hub.watches} watches already; try again later")
    form = in_version(form, selection.kind.kind, selection.kind.api_version)
    watch = Watch(context, FeedKey(selection, form, user_of(request).sees_secrets), options)
    try:
        await context.read(watch.begin)
    except Gone as error:
        watch.close()
        raise expired(f"too old resource version: {word(request, 'resourceVersion')}") from error
    except BaseException:
        watch.close()
        raise
    return LineStream(watch.lines(), on_end=watch.close, media_type=JSON)
