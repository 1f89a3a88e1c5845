"""Calls of the API. Every answer is the JSON document as the server sent it."""

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from reconciler.client.connection import UnixConnection, unreachable
from reconciler.client.errors import ApiRefused, DaemonUnreachable, WatchExpired, refusal
from reconciler.model.kinds import KindSpec

OWN = "/apis/reconciler.dev/v1"
ANSWER_S = 130.0
# What is there is told at once; a daemon that hangs is not waited for as one that works something out.
READ_S = 30.0
GONE = 410
_CHUNK = 1 << 16
_JSON = "application/json"
_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
Query = Mapping[str, str | int | bool | None]


class ApiClient:
    """Calls the daemon at a socket. Holds no connection between calls."""

    def __init__(self, socket_path: Path, *, answer_s: float = ANSWER_S, accept: str = _JSON) -> None:
        self._path = socket_path
        self._answer_s = answer_s
        self._accept = accept

    def in_tables(self) -> "ApiClient":
        """Return a client that is answered with tables, where there are objects."""
        return ApiClient(self._path, answer_s=self._answer_s, accept=_TABLE)

    def get(self, path: str, query: Query | None = None) -> Any:
        """Return the JSON answer to a GET."""
        return self._json("GET", path, query, None)

    def post(self, path: str, body: Any = None) -> Any:
        """Return the JSON answer to a POST."""
        return self._json("POST", path, None, {} if body is None else body)

    def delete(self, path: str, body: Any = None) -> Any:
        """Return the JSON answer to a DELETE."""
        return self._json("DELETE", path, None, body)

    def patch(self, path: str, body: Any, content_type: str) -> Any:
        """Return the JSON answer to a PATCH of this type."""
        return self._json("PATCH", path, None, body, content_type)

    def stream(
        self, method: str, path: str, query: Query | None = None, body: Any = None, idle_s: float | None = None
    ) -> Iterator[bytes]:
        """Yield the pieces of a streamed answer as they come; `idle_s` bounds the wait for each."""
        connection, response = self._request(method, path, query, body, idle_s)
        try:
            while piece := response.read1(_CHUNK):
                yield piece
        except (OSError, http.client.HTTPException) as error:
            raise self._broken(error) from error
        finally:
            connection.close()

    def lines(self, method: str, path: str, query: Query | None = None, body: Any = None) -> Iterator[str]:
        """Yield the lines of a streamed answer as they come."""
        rest = b""
        for piece in self.stream(method, path, query, body):
            *whole, rest = (rest + piece).split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in whole)
        if rest:
            yield rest.decode("utf-8", "replace")

    def watch(self, path: str, query: Query | None = None) -> Iterator[dict[str, Any]]:
        """Yield the events of a watch until the server ends it; raise WatchExpired when it must begin anew."""
        try:
            for line in self.lines("GET", path, {**(query or {}), "watch": True}):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise refusal(int(event["object"].get("code", 500)), event["object"])
                yield event
        except ApiRefused as error:
            if error.code != GONE:
                raise
            raise WatchExpired(str(error)) from error

    # --- objects of Kubernetes' kinds ---

    def objects(self, kind: KindSpec, namespace: str = "", query: Query | None = None) -> dict[str, Any]:
        """Return the list of a kind, in one namespace or (empty) in all."""
        answer: dict[str, Any] = self.get(path_of(kind, namespace), query)
        return answer

    def object(self, kind: KindSpec, namespace: str, name: str) -> dict[str, Any]:
        """Return one object."""
        answer: dict[str, Any] = self.get(f"{path_of(kind, namespace)}/{quote(name, safe='')}")
        return answer

    # --- our own resources ---

    def status(self) -> dict[str, Any]:
        """Return the Status document."""
        answer: dict[str, Any] = self.get(f"{OWN}/status")
        return answer

    def plan(self) -> dict[str, Any]:
        """Return the current Plan, or the ValidationReport of what prevents one."""
        answer: dict[str, Any] = self.get(f"{OWN}/plan")
        return answer

    def plan_of(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the Plan of given files or of a revision, or the ValidationReport of what prevents it."""
        answer: dict[str, Any] = self.post(f"{OWN}/plan", body)
        return answer

    def forecast(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the Forecast of given files, of a revision or (neither) of the newest ones, or a ValidationReport."""
        answer: dict[str, Any] = self.post(f"{OWN}/forecast", body)
        return answer

    def capacity(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the Capacity with given files, a revision or (neither) the newest ones, or a ValidationReport."""
        answer: dict[str, Any] = self.post(f"{OWN}/capacity", body)
        return answer

    def source(self, name: str, verb: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Sync, suspend, resume or roll back a source; an empty name means all."""
        answer: dict[str, Any] = self.post(f"{OWN}/sources/{quote(name or '*', safe='*')}/{verb}", body)
        return answer

    def acknowledge(self, hold: str = "") -> dict[str, Any]:
        """Release a set of held deletions; an empty one means all."""
        answer: dict[str, Any] = self.post(f"{OWN}/acknowledgements", {"hold": hold})
        return answer

    def _json(
        self, method: str, path: str, query: Query | None, body: Any, content_type: str = "application/json"
    ) -> Any:
        idle_s = min(self._answer_s, READ_S) if method == "GET" else self._answer_s
        connection, response = self._request(method, path, query, body, idle_s, content_type)
        try:
            return json.loads(response.read())
        except (OSError, http.client.HTTPException) as error:
            raise self._broken(error) from error
        except ValueError as error:
            raise DaemonUnreachable(f"{self._path}: the answer to {path} is not JSON") from error
        finally:
            connection.close()

    def _request(
        self,
        method: str,
        path: str,
        query: Query | None,
        body: Any,
        idle_s: float | None,
        content_type: str = "application/json",
    ) -> tuple[UnixConnection, http.client.HTTPResponse]:
        connection = UnixConnection(self._path, idle_s)
        try:
            content = None if body is None else json.dumps(body).encode()
            headers = {"Accept": self._accept, "Content-Type": content_type, "Connection": "close"}
            # A server that refuses a large body answers before it has read it all.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path + _encoded(query), body=content, headers=headers)
            response = connection.getresponse()
            if response.status >= 400:
                raise refusal(response.status, _status_of(response.read()))
            return connection, response
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._broken(error) from error
        except BaseException:
            connection.close()
            raise

    def _broken(self, error: OSError | http.client.HTTPException) -> DaemonUnreachable:
        if isinstance(error, TimeoutError):
            return unreachable(self._path, error)
        return DaemonUnreachable(
            f"the connection to the daemon broke: {error or type(error).__name__}",
            hint="look at its log: journalctl -u reconciler",
        )


def path_of(kind: KindSpec, namespace: str) -> str:
    """Return the path of a kind's collection."""
    root = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.api_version}"
    where = f"/namespaces/{quote(namespace, safe='')}" if namespace and kind.namespaced else ""
    return f"{root}{where}/{kind.plural}"


def _encoded(query: Query | None) -> str:
    given = {name: _text(value) for name, value in (query or {}).items() if value not in (None, "")}
    return f"?{urlencode(given)}" if given else ""


def _text(value: str | int | bool | None) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _status_of(body: bytes) -> Mapping[str, Any]:
    try:
        status = json.loads(body)
    except ValueError:
        return {"message": body.decode("utf-8", "replace")[:500]}
    return status if isinstance(status, dict) else {}
