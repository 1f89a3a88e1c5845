"""What a host asks of the daemon as a node: to join, its documents, to tell its reports. Effect: one connection."""

import ssl
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from reconciler import __version__
from reconciler.client.api import OWN
from reconciler.client.errors import DaemonUnreachable, refusal
from reconciler.client.secure import Answer, SecureConnection
from reconciler.model.agents import (
    AgentDocuments,
    Heartbeat,
    JoinBody,
    Joined,
    RenewalBody,
    Renewed,
    ToldOutcome,
)
from reconciler.model.skew import VERSION_HEADER, require_close

T = TypeVar("T")
Context = Callable[[], ssl.SSLContext]
_ANSWER_S = 30.0
_SLACK_S = 15.0


class Authority(msgspec.Struct):
    """Whom to trust, as the daemon tells it to anybody."""

    certificate: str


class AgentClient:
    """Asks the daemon at `server` (https://HOST:PORT). For one thread; `skew_s` is how far the daemon is ahead."""

    def __init__(self, server: str, context: Context, now: Callable[[], float] = time.time) -> None:
        self.server = server
        self.skew_s: float | None = None
        self._connection = SecureConnection(server, context)
        self._now = now

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def abort(self) -> None:
        """Have a question that waits for its answer fail; may come from any thread."""
        self._connection.abort()

    def authority(self) -> str:
        """Return the certificate (PEM) of the authority that the daemon says is the cluster's."""
        return self._decoded(self._ask("GET", f"{OWN}/authority"), Authority).certificate

    def join(self, body: JoinBody) -> Joined:
        """Join; raise ApiRefused with what was wrong."""
        return self._decoded(self._ask("POST", f"{OWN}/agents", msgspec.json.encode(body)), Joined)

    def renew(self, node: str, request: bytes) -> Renewed:
        """Return the node's next certificate."""
        body = msgspec.json.encode(RenewalBody(request=request.decode("ascii")))
        return self._decoded(self._ask("POST", f"{_agent(node)}/certificate", body), Renewed)

    def documents(self, node: str, cursor: str, wait_s: int) -> AgentDocuments | None:
        """Return what the node lacks; None when nothing came within the time."""
        query = urlencode({"cursor": cursor, "wait": wait_s})
        answer = self._ask("GET", f"{_agent(node)}/documents?{query}", timeout_s=wait_s + _SLACK_S)
        return None if answer.code == 204 else self._decoded(answer, AgentDocuments)

    def look(self, node: str) -> None:
        """Ask whether the daemon answers, and takes this node for what it is; what there is to fetch stays there."""
        self._ask("GET", f"{_agent(node)}/documents?look=true")

    def report(self, node: str, encoded: bytes) -> None:
        """Tell a whole report (an encoded Observation)."""
        self._ask("POST", f"{_agent(node)}/observations", encoded)

    def heartbeat(self, node: str, beat: Heartbeat) -> None:
        """Tell that a report still holds; raise ApiRefused `ReportUnknown` when the daemon does not know it."""
        self._ask("POST", f"{_agent(node)}/heartbeats", msgspec.json.encode(beat))

    def sample(self, node: str, encoded: bytes) -> None:
        """Tell a reading (an encoded NodeSample)."""
        self._ask("POST", f"{_agent(node)}/samples", encoded)

    def outcomes(self, node: str, told: tuple[ToldOutcome, ...]) -> None:
        """Tell what came of actions."""
        self._ask("POST", f"{_agent(node)}/outcomes", msgspec.json.encode({"outcomes": told}))

    def _ask(self, method: str, path: str, body: bytes | None = None, timeout_s: float = _ANSWER_S) -> Answer:
        sent_at = self._now()
        headers = {
            "Accept": "application/json",
            "X-Reconciler-Sent-At": f"{sent_at:.3f}",
            VERSION_HEADER: __version__,
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        answer = self._connection.ask(method, path, body, headers, timeout_s)
        if answer.code >= 400:
            raise refusal(answer.code, _status_of(answer.body))
        self._note_clock(answer)
        if told := answer.headers.get(VERSION_HEADER, ""):
            require_close(told, __version__)
        return answer

    def _note_clock(self, answer: Answer) -> None:
        told = answer.headers.get("x-reconciler-now", "")
        try:
            self.skew_s = float(told) - self._now()
        except ValueError:
            return

    def _decoded(self, answer: Answer, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except msgspec.MsgspecError as error:
            hint = "are the versions of reconciler on both hosts the same?"
            raise DaemonUnreachable(f"{self.server}: the answer is not as expected: {error}", hint=hint) from error


def _agent(node: str) -> str:
    return f"{OWN}/agents/{quote(node, safe='')}"


def _status_of(body: bytes) -> dict[str, Any]:
    try:
        status = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {"message": body.decode("utf-8", "replace")[:500]}
    return status if isinstance(status, dict) else {}
