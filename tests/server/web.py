"""Plain HTTP on the API's Unix socket: requests with any header, responses with theirs."""

import http.client
import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What came back."""

    code: int
    headers: http.client.HTTPMessage
    content: bytes

    @property
    def document(self) -> Any:
        """The content as JSON."""
        return json.loads(self.content)


def ask(path: Path, method: str, target: str, body: bytes | None = None, **headers: str) -> Answer:
    """Send one request; `If_None_Match` is the header `If-None-Match`."""
    connection = http.client.HTTPConnection("localhost", timeout=20)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(20)
    connection.sock.connect(str(path))
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, target, body, named)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()
