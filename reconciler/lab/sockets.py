"""HTTP over Unix sockets: how a lab asks Engines and its daemon from outside their networks. Effect: sockets."""

import contextlib
import http.client
import json
import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

_ASK_S = 5.0


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a port."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@contextlib.contextmanager
def answer(
    door: Path,
    method: str,
    path: str,
    body: Iterable[bytes] | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = _ASK_S,
) -> Iterator[http.client.HTTPResponse]:
    """Ask, and give the answer to be read."""
    connection = _Connection(door, timeout_s)
    try:
        with contextlib.suppress(BrokenPipeError):
            # Whoever refuses may say so, and close, before all of the body is there: the answer can be read.
            connection.request(method, path, body=body, headers=dict(headers or {}), encode_chunked=body is not None)
        yield connection.getresponse()
    finally:
        connection.close()


def document(door: Path, path: str) -> Any:
    """Return a document; None when nobody answers, or not with one."""
    with contextlib.suppress(OSError, http.client.HTTPException, ValueError), answer(door, "GET", path) as got:
        return json.loads(got.read()) if got.status == 200 else None
    return None
