"""Answers with objects, in the form the client wants: whole, as a table or as metadata; JSON or YAML; compressed.

A large answer is sent in pieces that are only joined when their turn comes: it blocks nobody while it is sent, and a
slow reader holds no more than references to bytes that others use too.
"""

import dataclasses
import json
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import yaml
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from reconciler.model.kinds import KINDS
from reconciler.model.observed import StoredObject
from reconciler.server.authentication import user_of
from reconciler.server.context import context_of
from reconciler.server.encoder import Encoder, table_head
from reconciler.server.negotiation import YAML, Include, Shape, Wanted, wanted
from reconciler.server.tables import table
from reconciler.server.wire import encode

_PIECE = 192 * 1024
_COMPRESSED_FROM = 128 * 1024
_LEVEL = 1
_GZIP = 31

_Dumper: type = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class PiecesResponse(Response):
    """An answer made of many small texts, sent in pieces of a size that neither blocks nor dawdles."""

    def __init__(self, texts: Sequence[bytes], headers: Mapping[str, str], status_code: int = 200) -> None:
        super().__init__(status_code=status_code, headers=headers)
        self._texts = texts
        self.headers["content-length"] = str(sum(map(len, texts)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send one piece after the other, each when the reader has taken the one before."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for piece in pieces(self._texts):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def pieces(texts: Sequence[bytes]) -> Iterator[bytes]:
    """Join small texts to pieces, and cut large ones."""
    begin, size = 0, 0
    for index, text in enumerate(texts):
        size += len(text)
        if size >= _PIECE:
            joined = b"".join(texts[begin : index + 1])
            yield from (joined[at : at + 2 * _PIECE] for at in range(0, len(joined), 2 * _PIECE))
            begin, size = index + 1, 0
    if begin < len(texts):
        yield b"".join(texts[begin:])


def in_version(form: Wanted, kind: str, api_version: str) -> Wanted:
    """Return the form with objects of a kind in this version; the one that is kept needs no word."""
    is_kept = not api_version or api_version == KINDS[kind].api_version
    return form if is_kept else dataclasses.replace(form, api_version=api_version)


async def object_answer(
    request: Request, stored: StoredObject, status_code: int = 200, api_version: str = ""
) -> Response:
    """Return the answer that is one object, in the version that is kept or in another one."""
    form, reveal = in_version(wanted(request), stored.ref.kind, api_version), user_of(request).sees_secrets
    encoder = context_of(request).encoder
    if form.shape is Shape.TABLE:
        metadata = encode({"resourceVersion": stored.object.metadata.resource_version})
        head = table_head(stored.ref.kind, form, metadata)
        texts = [head, encoder.row(stored, form, time.time(), reveal=reveal), b"]}"]
    else:
        texts = [encoder.shaped(stored, form, reveal=reveal)]
    return _finished(texts, form, request, status_code)


async def document_answer(request: Request, document: Mapping[str, Any], status_code: int = 200) -> Response:
    """Return the answer that is one object which is not stored, given as a document with its kind."""
    form = wanted(request)
    if form.shape is Shape.TABLE:
        shown: Mapping[str, Any] = _table(str(document["kind"]), [document], form, document.get("metadata", {}))
    else:
        shown = _partial(document, form) if form.shape is Shape.METADATA else document
    return _finished([encode(shown)], form, request, status_code)


async def documents_answer(
    request: Request, kind: str, api_version: str, items: Sequence[Mapping[str, Any]], resource_version: int
) -> Response:
    """Return the answer that is a list of objects which are not stored, given as documents."""
    form = wanted(request, is_list=True)
    metadata = {"resourceVersion": str(resource_version)}
    if form.shape is Shape.TABLE:
        shown: dict[str, Any] = _table(kind, items, form, metadata)
    elif form.shape is Shape.METADATA_LIST:
        head = {"kind": Shape.METADATA_LIST.value, "apiVersion": form.meta_version}
        shown = {**head, "metadata": metadata, "items": [_partial(item, form) for item in items]}
    else:
        shown = {"kind": f"{kind}List", "apiVersion": api_version, "metadata": metadata, "items": list(items)}
    return _finished([encode(shown)], form, request)


def list_answer(
    request: Request, form: Wanted, kind: str, api_version: str, stored: Sequence[StoredObject], metadata: Any
) -> Response:
    """Return the answer that is a list of stored objects. It may take a while: for worker threads."""
    encoder, reveal = context_of(request).encoder, user_of(request).sees_secrets
    head_metadata = encode(metadata)
    if form.shape is Shape.TABLE:
        head = table_head(kind, form, head_metadata)
        return _finished([head, *_rows(encoder, stored, form, reveal), b"]}"], form, request)
    named = (kind + "List", api_version) if form.shape is Shape.WHOLE else (form.shape.value, form.meta_version)
    opening = b'{"kind":%s,"apiVersion":%s,"metadata":' % (encode(named[0]), encode(named[1]))
    texts = [opening, head_metadata, b',"items":[']
    for one in stored:
        if form.shape is Shape.WHOLE:
            texts.append(encoder.whole(one, reveal=reveal, api_version=form.api_version))
        else:
            texts.append(encoder.partial(one, form, reveal=reveal))
        texts.append(b",")
    if stored:
        texts.pop()
    texts.append(b"]}")
    return _finished(texts, form, request)


def _rows(encoder: Encoder, stored: Sequence[StoredObject], form: Wanted, reveal: bool) -> list[bytes]:
    now, texts = time.time(), []
    for one in stored:
        row = encoder.full_row(one, form, reveal=reveal)
        texts += row.pieces(now)
        texts.append(b",")
    return texts[:-1]


def _finished(texts: list[bytes], form: Wanted, request: Request, status_code: int = 200) -> Response:
    headers = {"Content-Type": form.media_type, "Vary": "Accept, Accept-Encoding", "Cache-Control": "no-cache, private"}
    if form.media_type == YAML:
        document = json.loads(b"".join(texts))
        texts = [yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True).encode()]
    elif form.pretty:
        texts = [msgspec.json.format(b"".join(texts), indent=2), b"\n"]
    if sum(map(len, texts)) > _COMPRESSED_FROM and _takes_gzip(request):
        texts, headers["Content-Encoding"] = _compressed(texts), "gzip"
    return PiecesResponse(texts, headers, status_code)


def _takes_gzip(request: Request) -> bool:
    accepted = request.headers.get("accept-encoding", "").lower()
    names = [part.replace(" ", "").partition(";") for part in accepted.split(",")]
    return any(name == "gzip" and parameters not in ("q=0", "q=0.0") for name, _, parameters in names)


def _compressed(texts: Sequence[bytes]) -> list[bytes]:
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return [*(compressor.compress(piece) for piece in pieces(texts)), compressor.flush()]


def _table(kind: str, items: Sequence[Mapping[str, Any]], form: Wanted, metadata: Mapping[str, Any]) -> dict[str, Any]:
    version = {"resourceVersion": metadata["resourceVersion"]} if "resourceVersion" in metadata else {}
    shown = table(kind, items, time.time(), version) | {"apiVersion": form.meta_version}
    for row, item in zip(shown["rows"], items, strict=True):
        beside = {Include.NONE: None, Include.OBJECT: item, Include.METADATA: _partial(item, form)}
        row["object"] = beside[form.include]
    return shown


def _partial(document: Mapping[str, Any], form: Wanted) -> dict[str, Any]:
    metadata = document.get("metadata", {})
    return {"kind": Shape.METADATA.value, "apiVersion": form.meta_version, "metadata": metadata}
