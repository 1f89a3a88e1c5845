"""Probes over the network: HTTP and TCP, from the host to a Pod's address.

Effect; each returns whether it succeeded and a message, and never takes longer than its time.
"""

import http.client
import io
import socket
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from reconciler.executors.transport import Deadline
from reconciler.model.errors import TerminalError
from reconciler.model.kinds import Container, HTTPGetAction

_REDIRECTS_MAX = 10
_BODY_MAX = 10 * 1024
PROBE_AGENT = "kube-probe/reconciler"


class UnknownPort(TerminalError):
    """A named port is not one of the container's."""

    reason = "UnknownPort"


def port_number(port: int | str, spec: Container | None) -> int:
    """Return the number of a port that may be given by name; raise UnknownPort where it is none."""
    named = (one.container_port for one in (spec.ports if spec is not None else ()) if one.name == port)
    number = port if isinstance(port, int) else next(named, None)
    if number is None and isinstance(port, str) and port.isdecimal():
        number = int(port)
    if number is None:
        raise UnknownPort(f"the container has no port named {port!r}")
    if not 0 < number < 65536:
        raise UnknownPort(f"{number} is no port")
    return number


def tcp_connect(host: str, port: int, timeout_s: float) -> tuple[bool, str]:
    """Open a connection and close it."""
    try:
        socket.create_connection((host, port), timeout=max(timeout_s, 0.001)).close()
    except OSError as error:
        return False, f"dial tcp {host}:{port}: {_words(error)}"
    return True, ""


def request_of(action: HTTPGetAction, spec: Container | None, pod_ip: str, agent: str) -> tuple[str, Mapping[str, str]]:
    """Return the URL and the headers of a request; raise UnknownPort where its port is none."""
    host = action.host or pod_ip
    url = f"{action.scheme.lower()}://{_bracketed(host)}:{port_number(action.port, spec)}{_path(action.path)}"
    return url, _headers(action, agent)


def http_get(
    action: HTTPGetAction, spec: Container | None, pod_ip: str, timeout_s: float, agent: str = PROBE_AGENT
) -> tuple[bool, str]:
    """Fetch a page, following redirects on the same host; a status from 200 to 399 is success."""
    deadline = Deadline(timeout_s)
    url, headers = request_of(action, spec, pod_ip, agent)
    for _ in range(_REDIRECTS_MAX + 1):
        try:
            status, location, body = _fetch(url, headers, deadline)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return False, f'Get "{url}": {_words(error)}'
        if not (300 <= status < 400 and location):
            return _judged(status, body)
        following = urljoin(url, location)
        if urlsplit(following).hostname != urlsplit(url).hostname:
            return True, f"redirected to another host with status {status}"
        url = following
    return False, f"stopped after {_REDIRECTS_MAX} redirects"


class _Timed:
    """A socket whose reads share one deadline: a server that sends a byte now and then cannot hold a probe."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(max(self._deadline.left_s, 0.001))
        self._sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._sock, self._deadline))

    def close(self) -> None:
        self._sock.close()


class _TimedReader(io.RawIOBase):
    """Reads a socket; holds it open until it is closed itself, as a socket's own files do."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._file = sock.makefile("rb", buffering=0)
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._deadline.passed:
            raise TimeoutError
        self._sock.settimeout(max(self._deadline.left_s, 0.001))
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


def _judged(status: int, body: str) -> tuple[bool, str]:
    if 200 <= status < 400:
        return True, body
    return False, f"HTTP probe failed with statuscode: {status}"


def _fetch(url: str, headers: Mapping[str, str], deadline: Deadline) -> tuple[int, str, str]:
    parts = urlsplit(url)
    connection = _connection(parts.scheme, str(parts.hostname), parts.port, deadline)
    try:
        connection.connect()
        connection.sock = _Timed(connection.sock, deadline)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.putrequest("GET", target, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.getheader("Location") or "", _body(response)
    finally:
        connection.close()


def _connection(scheme: str, host: str, port: int | None, deadline: Deadline) -> http.client.HTTPConnection:
    timeout_s = max(deadline.left_s, 0.001)
    if scheme == "http":
        return http.client.HTTPConnection(host, port or 80, timeout=timeout_s)
    # A probe asks whether it serves, not who it is: as in Kubernetes the certificate is not verified.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port or 443, timeout=timeout_s, context=context)


def _body(response: http.client.HTTPResponse) -> str:
    pieces = b""
    while len(pieces) < _BODY_MAX and (piece := response.read1(_BODY_MAX - len(pieces))):
        pieces += piece
    return pieces.decode(errors="replace")


def _headers(action: HTTPGetAction, agent: str) -> Mapping[str, str]:
    headers = {"User-Agent": agent, "Accept": "*/*", "Connection": "close"}
    for header in action.http_headers:
        name = next((known for known in headers if known.lower() == header.name.lower()), header.name)
        headers["Host" if name.lower() == "host" else name] = header.value
    return {name: value for name, value in headers.items() if value or name not in ("User-Agent", "Accept")}


def _path(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
