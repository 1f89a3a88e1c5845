"""In which form a client wants its answer: the header `Accept`, as Kubernetes reads it. Pure.

`application/json;as=Table;v=v1;g=meta.k8s.io` is a table, `as=PartialObjectMetadata` metadata only. A form that we do
not have is passed over for the next one the client names; clients that name protobuf first name JSON after it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from starlette.requests import Request

from reconciler.server.errors import ApiError, bad_request

JSON, YAML = "application/json", "application/yaml"
_META = "meta.k8s.io"
_VERSIONS = ("v1", "v1beta1")
_TEXTUAL = ("curl", "Wget", "Mozilla/5.0")


class Shape(StrEnum):
    """What an answer holds; the values are those of the parameter `as`."""

    WHOLE = ""
    TABLE = "Table"
    METADATA = "PartialObjectMetadata"
    METADATA_LIST = "PartialObjectMetadataList"


class Include(StrEnum):
    """What stands beside the cells of a table's row."""

    NONE = "None"
    METADATA = "Metadata"
    OBJECT = "Object"


_SHAPES = frozenset(str(shape) for shape in Shape if shape)
_INCLUDES = frozenset(str(include) for include in Include)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The form of an answer. `version` is that of Table and metadata; `api_version`, where given, that of objects."""

    media_type: str = JSON
    shape: Shape = Shape.WHOLE
    version: str = "v1"
    include: Include = Include.METADATA
    pretty: bool = False
    api_version: str = ""

    @property
    def meta_version(self) -> str:
        """The API version of Table and of metadata only."""
        return f"{_META}/{self.version}"


@dataclass(frozen=True, slots=True)
class _Clause:
    media_type: str
    parameters: tuple[tuple[str, str], ...]
    quality: float


def wanted(request: Request, *, is_list: bool = False, streams: bool = False) -> Wanted:
    """Return the form to answer in; refuse with 406 where the client takes none of ours."""
    accepted = request.headers.get("accept", "")
    found = _negotiated(accepted, streams)
    if found is None:
        supported = JSON if streams else f"{JSON}, {YAML}"
        raise ApiError(406, f"none of {accepted[:200]!r} can be sent; only these media types are: {supported}")
    if not streams:
        _require_fitting(found.shape, is_list)
    include = _include(request) if found.shape is Shape.TABLE else Include.METADATA
    return Wanted(found.media_type, found.shape, found.version, include, found.pretty or _is_for_people(request))


@lru_cache(maxsize=256)
def _negotiated(accept: str, streams: bool) -> Wanted | None:
    if not accept.strip():
        return Wanted()
    for clause in sorted(_clauses(accept), key=lambda one: -one.quality):
        for media_type in (JSON,) if streams else (JSON, YAML):
            if clause.quality > 0 and _covers(clause.media_type, media_type):
                found = _with_parameters(media_type, dict(clause.parameters), streams)
                if found is not None:
                    return found
    return None


def _clauses(accept: str) -> Iterator[_Clause]:
    for part in accept.split(","):
        media_type, *rest = (piece.strip() for piece in part.split(";"))
        pairs = [piece.partition("=") for piece in rest]
        parameters = {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}
        if media_type:
            quality = _quality(parameters.pop("q", "1"))
            yield _Clause(media_type.lower(), tuple(sorted(parameters.items())), quality)


def _quality(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 1.0


def _covers(pattern: str, media_type: str) -> bool:
    if pattern == "application/x-yaml":
        pattern = YAML
    return pattern in (media_type, "*/*", "*") or (pattern == "application/*")


def _with_parameters(media_type: str, parameters: Mapping[str, str], streams: bool) -> Wanted | None:
    """Return the form that parameters ask for, or None where we do not have it."""
    if parameters.get("stream", "watch" if streams else "") not in ("", "watch"):
        return None
    pretty = parameters.get("pretty") == "1"
    if not {"as", "g", "v"} & parameters.keys():
        return Wanted(media_type, pretty=pretty)
    shape, version = parameters.get("as", ""), parameters.get("v", "")
    if shape not in _SHAPES or parameters.get("g") != _META or version not in _VERSIONS:
        return None
    return Wanted(media_type, Shape(shape), version, pretty=pretty)


def _require_fitting(shape: Shape, is_list: bool) -> None:
    if shape is Shape.METADATA and is_list:
        raise ApiError(406, "PartialObjectMetadata was asked for, but this is a list")
    if shape is Shape.METADATA_LIST and not is_list:
        raise ApiError(406, "PartialObjectMetadataList was asked for, but this is no list")


def _include(request: Request) -> Include:
    text = request.query_params.get("includeObject", "")
    if text and text not in _INCLUDES:
        raise bad_request(f"includeObject: expected None, Metadata or Object, not {text[:40]!r}")
    return Include(text) if text else Include.METADATA


def _is_for_people(request: Request) -> bool:
    asked = request.query_params.get("pretty")
    if asked is not None:
        return asked.lower() in ("1", "t", "true")
    return request.headers.get("user-agent", "").startswith(_TEXTUAL)
