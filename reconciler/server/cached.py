"""Documents that never change while the daemon runs: kept as bytes, named by their digest, sent only when they differ.

Pure.
"""

import hashlib
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it is sent. `etag` is the upper-case hex SHA-256 of its content."""

    content: bytes
    media_type: str
    etag: str


def make_document(content: bytes, media_type: str = JSON) -> Document:
    """Return content with its digest."""
    return Document(content, media_type, hashlib.sha256(content).hexdigest().upper())


def answer(request: Request, document: Document, **headers: str) -> Response:
    """Return the document, or 304 when the client says that it has it."""
    named = {"ETag": f'"{document.etag}"', "Vary": "Accept", **{k.replace("_", "-"): v for k, v in headers.items()}}
    if _has(request, document.etag):
        return Response(status_code=304, headers=named)
    return Response(document.content, headers={**named, "Content-Type": document.media_type})


def _has(request: Request, etag: str) -> bool:
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    return "*" in known or f'"{etag}"' in known
