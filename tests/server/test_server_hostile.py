"""Hostile requests: whatever is sent, the answer is a Status and the API goes on."""

import http.client
import json
import socket
from typing import Any

from api_double import Api
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

_PARTS = """api apis v1 apps namespaces shop pods log deployments reconciler.dev plan plans sources * sync status hooks
pre-receive .. %2e%2e %00 %ff { events"""
_KEYS = """watch limit continue resourceVersion labelSelector fieldSelector timeoutSeconds object sendInitialEvents
resourceVersionMatch tailLines container follow sinceTime"""
_WORDS = st.sampled_from([*_PARTS.split(), "a" * 300])
_NAMES = st.sampled_from(_KEYS.split())
_VALUES = st.one_of(
    st.sampled_from(["", "0", "1", "-1", "9" * 30, "true", "a=b", "a+in+(", "a,,b", "!", "%FF", "%00", "==", "a\\,"]),
    st.text("abc=,!()%&+ ~", max_size=12).map(lambda text: text.replace(" ", "+").replace("%", "%25")),
)
_BODIES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"{}", b"[]", b"null", b'{"files":[]}', b'{"revision":{}}', b'{"updates":[{}]}', b"[" * 5000]),
)


def ask(api: Api, method: str, target: str, body: bytes) -> tuple[int, Any]:
    """Return status and document of one request."""
    connection = http.client.HTTPConnection("localhost", timeout=20)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(20)
    connection.sock.connect(str(api.path))
    connection.request(method, target, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    content = response.read() if response.status >= 400 else b"{}"
    connection.close()
    return response.status, json.loads(content) if content else {}


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
    path=st.lists(_WORDS, max_size=7),
    query=st.lists(st.tuples(_NAMES, _VALUES), max_size=4),
    body=_BODIES,
)
def test_no_request_is_a_bug(
    shared_api: Api, method: str, path: list[str], query: list[tuple[str, str]], body: bytes
) -> None:
    """Wrong paths, queries and bodies are refused as Status documents, never with 500."""
    pairs = "&".join(f"{name}={value}" for name, value in query)
    code, document = ask(shared_api, method, f"/{'/'.join(path)}?{pairs}", body)
    assert code < 500 or code == 504, (code, document)
    if code >= 400:
        assert (document["kind"], document["status"], document["code"]) == ("Status", "Failure", code)


def test_a_body_without_a_declared_length_is_bounded(shared_api: Api) -> None:
    """A chunked body is counted while it arrives."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(20)
    connection.connect(str(shared_api.path))
    head = "POST /apis/reconciler.dev/v1/plan HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection.sendall(head.encode())
    chunk = b"100000\r\n" + b"a" * 0x100000 + b"\r\n"
    try:
        for _ in range(18):
            connection.sendall(chunk)
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert connection.recv(100).startswith(b"HTTP/1.1 413")
    connection.close()


def test_json_nested_beyond_reason_is_refused(shared_api: Api) -> None:
    """Depth is a fault of the body, not of the daemon."""
    code, document = ask(shared_api, "POST", "/apis/reconciler.dev/v1/plan", b'{"files":' + b"[" * 100_000)
    assert (code, document["reason"]) == (400, "BadRequest")
