"""JSON bodies of our own resources, checked against their types."""

from typing import TypeVar

import msgspec
from starlette.requests import Request

from reconciler.model.base import Value
from reconciler.server.errors import ApiError, bad_request

T = TypeVar("T", bound=Value)


class FileBody(Value):
    """A file of a working tree; `content` is base64."""

    path: str
    blob_id: str = msgspec.field(default="", name="blobId")
    content: bytes = b""


class PlanBody(Value):
    """What to plan: files, or a revision; `source` may be empty when there is only one."""

    files: tuple[FileBody, ...] | None = None
    revision: str = ""
    source: str = ""


class AcknowledgementBody(Value):
    """Which set of held deletions is released; empty: all."""

    hold: str = ""


class RollbackBody(Value):
    """The revision to return to."""

    revision: str


class UpdateBody(Value):
    """One ref of a push."""

    old: str
    new: str
    ref: str


class HookBody(Value):
    """A push as Git's hook tells it, with the part of its environment that leads to the pushed objects."""

    repository: str
    updates: tuple[UpdateBody, ...]
    environment: dict[str, str] = {}
    pusher: str = ""


async def body_of(request: Request, kind: type[T]) -> T:
    """Decode the request's JSON body; refuse what does not fit with 400 and the place."""
    content_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if content_type not in ("application/json", "text/json"):
        raise ApiError(415, f"the body must be application/json, not {content_type[:60]}")
    try:
        return msgspec.json.decode(await request.body() or b"{}", type=kind)
    except msgspec.MsgspecError as error:
        raise bad_request(f"the body does not fit: {error}") from error
    except UnicodeDecodeError as error:
        raise bad_request("the body is not UTF-8") from error
