"""Servers that say what they were asked, and a client that says what it got: what stands behind and before a proxy."""

import base64
import hashlib
import http.client
import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    name = ""

    def do_GET(self) -> None:
        """Say what was asked; or let in whoever has the ticket; or talk as a WebSocket."""
        length = int(self.headers.get("Content-Length") or 0)
        size = len(self.rfile.read(length))
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self._web_socket()
        elif self.name == "auth":
            self._judge()
        else:
            headers = {key.lower(): value for key, value in self.headers.items()}
            self._say(200, {"server": self.name, "path": self.path, "headers": headers, "size": size})

    do_POST = do_GET

    def _judge(self) -> None:
        ticket = self.headers.get("X-Ticket")
        if ticket == "good":
            self._say(200, {}, {"X-User": "ada"})
        else:
            self._say(403 if ticket else 401, {}, {"WWW-Authenticate": "Ticket"})

    def _web_socket(self) -> None:
        key = self.headers["Sec-WebSocket-Key"] + _MAGIC
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_response(101)
        for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)):
            self.send_header(name, value)
        self.end_headers()
        while data := self.connection.recv(4096):
            self.connection.sendall(data)
        self.close_connection = True

    def _say(self, status: int, document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def echo(name: str, port: int) -> Iterator[None]:
    """A server that says its name and what it was asked."""
    handler = type("Named", (_Echo,), {"name": name})
    socketserver.TCPServer.allow_reuse_address = True
    with ThreadingHTTPServer(("0.0.0.0", port), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


class Answer:
    """What came of a request."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes, names: tuple[str, ...] = ()) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.names = names

    @property
    def document(self) -> dict[str, Any]:
        """The JSON in it."""
        return dict(json.loads(self.body))

    def __repr__(self) -> str:
        return f"{self.status} {dict(self.headers)} {self.body[:300]!r}"


def ask(
    host: str,
    path: str = "/",
    *,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
    body: bytes | None = None,
    tls: bool = False,
    port: int = 0,
    address: str = "127.0.0.1",
) -> Answer:
    """Ask the proxy for a page of a host; with TLS any certificate is taken, and its names are told."""
    names: tuple[str, ...] = ()
    connection = http.client.HTTPConnection(address, port or (443 if tls else 80), timeout=10)
    connection.connect()
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection.sock = context.wrap_socket(connection.sock, server_hostname=host)
        told = connection.sock.getpeercert(binary_form=True)
        assert told is not None
        subject = x509.load_der_x509_certificate(told).subject
        names = tuple(str(one.value) for one in subject.get_attributes_for_oid(NameOID.COMMON_NAME))
    try:
        connection.request(method, path, body=body, headers={"Host": host, **(headers or {})})
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read(), names)
    finally:
        connection.close()


def talk(host: str, text: bytes) -> tuple[int, bytes]:
    """Open a WebSocket and say something; return the status and what came back."""
    with socket.create_connection(("127.0.0.1", 80), timeout=10) as door:
        door.sendall(
            f"GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head = door.recv(4096)
        status = int(head.split()[1])
        if status != 101:
            return status, head
        door.sendall(text)
        return status, door.recv(4096)


def certificate(name: str) -> tuple[str, str]:
    """A certificate of one name, with its key, both in PEM form."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return signed.public_bytes(Encoding.PEM).decode(), private
