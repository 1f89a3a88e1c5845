"""The audit log: who wrote what, and who was refused. ASGI middleware. Effect: a file, written by a thread of its own.

One JSON line per request that changes something or is refused: never a body, a header or a query, so that no secret
and no token can be in it. Refusals that come in a flood, and lines that come faster than the disk takes them, are
counted instead of kept, and the next line tells how many are missing; a request never waits for the log.
"""

import json
import logging
import os
import queue
import time
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reconciler.model.access import AccessDecision, RequestAttributes
from reconciler.server.authentication import user_of
from reconciler.server.nodes_api.authorizer import is_report
from reconciler.server.restraint import Clock, Pace, origin_of

FILE_NAME = "audit.log"
_BYTES_MAX = 16 * 1024 * 1024
_FILES_KEPT = 7
_QUEUE_MAX = 10_000
# Of refusals of one user or address, and five times as much of all: at this rate the files last for days.
_REFUSALS_A_SECOND = 1.0
_REFUSALS_AT_ONCE = 60.0
_TEXT_MAX = 512
_READS = ("GET", "HEAD", "OPTIONS")
_REFUSALS = (401, 403, 429)
# Questions, which change nothing although they are asked by POST.
_QUESTIONS = frozenset({"authentication.k8s.io", "authorization.k8s.io"})
_LOG = logging.getLogger(__name__)


class AuditLog:
    """A file of lines that is rotated by size. `record` never waits; `close` writes what is still queued."""

    def __init__(self, path: Path, *, bytes_max: int = _BYTES_MAX, queue_max: int = _QUEUE_MAX) -> None:
        self._queue: queue.Queue[Any] = queue.Queue(queue_max)
        self._handler = _DroppingHandler(self._queue)
        file = _PrivateFile(path, maxBytes=bytes_max, backupCount=_FILES_KEPT, encoding="utf-8")
        self._listener = QueueListener(self._queue, file)
        self._file = file
        self._is_closed = False
        self._left_out = 0
        self._listener.start()

    def record(self, entry: dict[str, Any]) -> None:
        """Write an entry, soon."""
        missing = self._handler.dropped + self._left_out
        if missing:
            entry = {**entry, "missing": missing}
        line = json.dumps(entry, ensure_ascii=True, separators=(",", ":"))
        self._handler.handle(logging.makeLogRecord({"msg": line, "levelno": logging.INFO}))
        if not self._handler.dropped:
            self._left_out = 0

    def leave_out(self) -> None:
        """Count an entry instead of writing it."""
        self._left_out += 1

    def close(self) -> None:
        """Write what is queued and close the file; closing it twice is closing it once."""
        if not self._is_closed:
            self._is_closed = True
            self._listener.stop()
            self._file.close()


class Audit:
    """Records requests once they are answered. It stands outside of authentication, whose refusals it records too."""

    def __init__(self, app: ASGIApp, log: AuditLog | None, clock: Clock = time.monotonic) -> None:
        self._app = app
        self._log = log
        # Two bounds: one of whoever is refused, and one for all of them, so that no flood rotates the log away.
        self._refusals = Pace(_REFUSALS_A_SECOND, _REFUSALS_AT_ONCE, clock)
        self._all_refusals = Pace(_REFUSALS_A_SECOND * 5, _REFUSALS_AT_ONCE * 5, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and note its answer."""
        if self._log is None or scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        answered: dict[str, int] = {}

        async def noting(message: Message) -> None:
            if not answered and (code := _code_of(message)) is not None:
                answered["code"] = code
                self._note(HTTPConnection(scope), code)
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            if not answered:
                self._note(HTTPConnection(scope), 0)

    def _note(self, connection: HTTPConnection, code: int) -> None:
        assert self._log is not None
        if code in _REFUSALS:
            if self._is_told(connection):
                self._log.record(entry_of(connection, code, datetime.now(UTC)))
            else:
                self._log.leave_out()
        elif _changes_something(connection):
            self._log.record(entry_of(connection, code, datetime.now(UTC)))

    def _is_told(self, connection: HTTPConnection) -> bool:
        """Whether one more refusal of this user, or of this address, is written."""
        user = user_of(connection)
        client = connection.client.host if connection.client else ""
        return self._refusals.takes(user.account or f"{user.name} {origin_of(client)}") and self._all_refusals.takes("")


def note_name(connection: HTTPConnection, namespace: str, name: str) -> None:
    """Tell the audit log which object a create has made: its name is in the body, which is never recorded."""
    connection.scope.setdefault("state", {})["audit_object"] = (namespace, name)


def entry_of(connection: HTTPConnection, code: int, at: datetime) -> dict[str, Any]:
    """Return what is recorded of a request. A code of 0 means that it ended without an answer."""
    user = user_of(connection)
    state = connection.scope["state"]
    decision: AccessDecision | None = state.get("decision")
    refused = code in _REFUSALS
    entry: dict[str, Any] = {
        "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "user": user.name,
        "groups": list(user.groups),
        "via": user.via,
        "credential": user.account,
        "address": connection.client.host if connection.client else "",
        **_what(connection, state.get("wanted")),
        "decision": "refuse" if refused else "allow",
        "code": code,
        "reason": decision.reason if decision else "",
    }
    if "impersonator" in state:
        entry["impersonator"] = state["impersonator"]
    if connection.query_params.get("dryRun"):
        entry["dryRun"] = True
    return {key: _short(value) for key, value in entry.items() if value not in ("", [])}


def _what(connection: HTTPConnection, wanted: RequestAttributes | None) -> dict[str, str]:
    """Return what a request wanted; of one that was refused before that was clear, its method and path."""
    if wanted is None or not wanted.is_resource:
        return {"verb": connection.scope.get("method", "GET").lower(), "path": connection.scope["path"]}
    namespace, name = connection.scope["state"].get("audit_object", (wanted.namespace, wanted.name))
    return {
        "verb": wanted.verb,
        "group": wanted.group,
        "resource": wanted.resource,
        "subresource": wanted.subresource,
        "namespace": namespace,
        "name": name,
    }


def _changes_something(connection: HTTPConnection) -> bool:
    wanted: RequestAttributes | None = connection.scope["state"].get("wanted")
    if wanted is None or not wanted.is_resource:
        return connection.scope.get("method", "GET") not in _READS
    is_read = wanted.verb in ("get", "list", "watch") or wanted.group in _QUESTIONS
    return not is_read and not is_report(wanted)


def _code_of(message: Message) -> int | None:
    """Return the HTTP code that a message of an answer stands for, or None."""
    if message["type"] in ("http.response.start", "websocket.http.response.start"):
        return int(message["status"])
    return {"websocket.accept": 101, "websocket.close": 403}.get(message["type"])


def _short(value: Any) -> Any:
    return value[:_TEXT_MAX] if isinstance(value, str) else value


class _PrivateFile(RotatingFileHandler):
    """A rotated file that only its owner may read."""

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.fchmod(descriptor, 0o600)
        return os.fdopen(descriptor, "a", encoding=self.encoding)

    def handleError(self, record: logging.LogRecord) -> None:
        """Say that the log cannot be written, in the daemon's own."""
        _LOG.error("audit log cannot be written", extra={"path": self.baseFilename}, exc_info=True)


class _DroppingHandler(QueueHandler):
    """Puts lines into a bounded queue; counts those that find no place."""

    def __init__(self, lines: "queue.Queue[Any]") -> None:
        super().__init__(lines)
        self.dropped = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        """Put a line down, or count it."""
        try:
            self.queue.put_nowait(record)
            self.dropped = 0
        except queue.Full:
            self.dropped += 1
