"""The standard gRPC health check over a minimal HTTP/2 client.

Effect. One request, one message: only the frames that this needs are spoken. Header blocks of the answer are not
decoded; a service that is serving says so in a message, and everything else is a failure.
"""

import contextlib
import socket
import struct

from reconciler.executors.transport import Deadline

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY = 0, 1, 3, 4, 6, 7
_END_STREAM, _ACK, _END_HEADERS, _PADDED = 1, 1, 4, 8
_STREAM = 1
_FRAME_MAX = 1 << 14
_STATUS = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}


def grpc_health(host: str, port: int, service: str, timeout_s: float) -> tuple[bool, str]:
    """Ask `grpc.health.v1.Health/Check` about a service; SERVING is success."""
    deadline = Deadline(timeout_s)
    try:
        with socket.create_connection((host, port), timeout=max(timeout_s, 0.001)) as sock:
            sock.sendall(_request(f"{host}:{port}", service))
            answer = _Answer(sock, deadline).message()
    except TimeoutError:
        return False, f"timeout: failed to connect service {host}:{port} within {timeout_s:g}s"
    except OSError as error:
        return False, f"failed to connect service {host}:{port}: {(error.strerror or 'no answer').lower()}"
    if answer is None:
        return False, "the service did not answer the health check"
    status = _STATUS.get(_health_status(answer), "UNKNOWN")
    return status == "SERVING", "" if status == "SERVING" else f"service unhealthy (responded with {status!r})"


def _request(authority: str, service: str) -> bytes:
    headers = (
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/grpc.health.v1.Health/Check"),
        (":authority", authority),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("user-agent", "kube-probe/reconciler"),
    )
    block = b"".join(b"\x10" + _text(name) + _text(value) for name, value in headers)
    name = service.encode()
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    data = b"\x00" + struct.pack(">I", len(message)) + message
    return (
        _PREFACE
        + _frame(_SETTINGS, 0, 0, b"")
        + _frame(_HEADERS, _END_HEADERS, _STREAM, block)
        + _frame(_DATA, _END_STREAM, _STREAM, data)
    )


class _Answer:
    """Reads frames until the message of the one stream is complete."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def message(self) -> bytes | None:
        received = b""
        while True:
            kind, flags, stream, payload = self._frame()
            if kind == _SETTINGS and not flags & _ACK:
                self._acknowledge(_frame(_SETTINGS, _ACK, 0, b""))
            elif kind == _PING and not flags & _ACK:
                self._acknowledge(_frame(_PING, _ACK, 0, payload))
            elif kind == _DATA and stream == _STREAM:
                received += payload[1 : len(payload) - payload[0]] if flags & _PADDED else payload
                if len(received) >= 5 and len(received) - 5 >= int.from_bytes(received[1:5], "big"):
                    return received[5 : 5 + int.from_bytes(received[1:5], "big")]
            if kind in (_GOAWAY, _RESET) or (kind in (_DATA, _HEADERS) and stream == _STREAM and flags & _END_STREAM):
                return None

    def _acknowledge(self, frame: bytes) -> None:
        # A server that closed after its answer no longer takes it, and the answer may be here already.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._sock.sendall(frame)

    def _frame(self) -> tuple[int, int, int, bytes]:
        head = self._exactly(9)
        length = int.from_bytes(head[:3], "big")
        if length > _FRAME_MAX:
            raise OSError("a frame is too large")
        stream = int.from_bytes(head[5:9], "big") & 0x7FFFFFFF
        return head[3], head[4], stream, self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            if self._deadline.passed:
                raise TimeoutError
            self._sock.settimeout(max(self._deadline.left_s, 0.001))
            piece = self._sock.recv(count - len(data))
            if not piece:
                raise OSError("the connection was closed")
            data += piece
        return data


def _health_status(message: bytes) -> int:
    """Return field 1 of a HealthCheckResponse; absent means 0."""
    return message[1] if len(message) >= 2 and message[0] == 0x08 else 0


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _text(text: str) -> bytes:
    data = text.encode()
    if len(data) < 127:
        return bytes([len(data)]) + data
    return b"\x7f" + _varint(len(data) - 127) + data


def _varint(number: int) -> bytes:
    pieces = b""
    while number >= 0x80:
        pieces += bytes([number & 0x7F | 0x80])
        number >>= 7
    return pieces + bytes([number])
