"""Subresources that are a part of an object: read as the object, written as what they may change of it."""

from collections.abc import Callable

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.kinds import AnyObject, KindSpec
from reconciler.model.observed import StoredObject
from reconciler.server.answers import object_answer
from reconciler.server.context import context_of
from reconciler.server.errors import ApiError
from reconciler.server.overriding import Accepted
from reconciler.server.paths import existing, ref_of_path
from reconciler.server.writes import answered, asked_of, author_of, is_dry_run, written

Judge = Callable[[StoredObject, AnyObject], Accepted | None]


async def subresource(request: Request, spec: KindSpec, name: str, judge: Judge) -> Response:
    """Answer a request to one of an object's subresources.

    `judge` returns what is to be written of the object that is asked for, None where that is nothing, and raises
    ApiError for what cannot be.
    """
    context = context_of(request)
    stored = existing(context, spec, ref_of_path(request, spec))
    if request.method in ("GET", "HEAD"):
        return await object_answer(request, stored, 200, spec.api_version)
    if request.method not in ("PUT", "PATCH"):
        raise ApiError(405, f"the server does not allow {request.method} on {name}")
    author, body = author_of(request), await request.body()
    accepted = await context.read(lambda: judge(stored, asked_of(request, spec, stored, body)))
    if accepted is None:
        return answered(stored)
    if is_dry_run(request):
        return answered(replace(stored, object=accepted.object))
    return answered(await written(context, spec, stored, accepted, author))
