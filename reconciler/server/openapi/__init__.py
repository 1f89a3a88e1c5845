"""The API described by itself: `/openapi/v3` for each group and version, `/openapi/v2` for everything.

Every document is made when it is first asked for and kept as bytes; the trees it was made from are let go.
"""

from functools import cache
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from reconciler.server.cached import JSON, Document, answer, make_document
from reconciler.server.context import context_of
from reconciler.server.errors import ApiError
from reconciler.server.openapi.build import version_2, version_3
from reconciler.server.openapi.protobuf import encoded
from reconciler.server.query import word
from reconciler.server.resources import group_versions, resources
from reconciler.server.wire import encode

# Old clients ask with an @, which Go's parser of media types does not take in an answer.
_V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_V2_PROTOBUF_OLD = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
_ANY = ("", "*/*", "application/*")


async def index(request: Request) -> Response:
    """Return where the document of each group and version is; its digest is part of the address."""
    _require(request, JSON)
    return answer(request, await context_of(request).read(_index))


async def one(request: Request) -> Response:
    """Return the document of one group and version; with its digest in the address it may be kept for ever."""
    _require(request, JSON)
    group, version = request.path_params.get("group", ""), request.path_params["version"]
    if version not in group_versions().get(group, ()):
        raise ApiError(404, "the server could not find the requested resource")
    document = await context_of(request).read(lambda: _one(group, version))
    asked = word(request, "hash")
    if asked and asked != document.etag:
        return RedirectResponse(_address(group, version, document), 301)
    kept = {"Cache_Control": "public, immutable"} if asked else {}
    return answer(request, document, **kept)


async def whole(request: Request) -> Response:
    """Return the document of everything, as JSON or as protocol buffers."""
    media = _require(request, _V2_PROTOBUF, _V2_PROTOBUF_OLD, JSON)
    make = _whole_as_json if media == JSON else _whole_as_protobuf
    return answer(request, await context_of(request).read(make))


def _require(request: Request, *offered: str) -> str:
    """Return the media type to answer with; JSON unless the client asks for another first."""
    accept = request.headers.get("accept", "")
    for part in accept.split(","):
        media = part.partition(";")[0].strip()
        if media in offered:
            return media
        if media in _ANY:
            return JSON
    raise ApiError(406, f"only the following media types are accepted: {', '.join(offered)}")


def _place(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


def _address(group: str, version: str, document: Document) -> str:
    return f"/openapi/v3/{quote(_place(group, version))}?hash={document.etag}"


@cache
def _index() -> Document:
    places = [(group, version) for group, versions in group_versions().items() for version in versions]
    paths = {_place(*place): {"serverRelativeURL": _address(*place, _one(*place))} for place in places}
    return make_document(encode({"paths": paths}))


@cache
def _one(group: str, version: str) -> Document:
    return make_document(encode(version_3(group, version)))


@cache
def _whole_as_json() -> Document:
    return make_document(encode(version_2(resources())))


@cache
def _whole_as_protobuf() -> Document:
    return make_document(encoded(version_2(resources())), _V2_PROTOBUF)
