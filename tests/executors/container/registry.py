"""A registry with one image and one user, just enough for a pull."""

import base64
import gzip
import hashlib
import http.server
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

USER, PASSWORD = "shop", "hunter2"
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _image() -> tuple[bytes, dict[str, bytes]]:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        entry = tarfile.TarInfo("hello")
        entry.size = 5
        tar.addfile(entry, io.BytesIO(b"hello"))
    layer = gzip.compress(made.getvalue(), mtime=0)
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [_digest(made.getvalue())]},
            "history": [{"created_by": "test"}],
        }
    ).encode()
    parts = [(_CONFIG, config), (_LAYER, layer)]
    described = [{"mediaType": kind, "size": len(data), "digest": _digest(data)} for kind, data in parts]
    manifest = json.dumps(
        {"schemaVersion": 2, "mediaType": _MANIFEST, "config": described[0], "layers": described[1:]}
    ).encode()
    return manifest, {_digest(data): data for _, data in parts}


@contextmanager
def registry() -> Iterator[str]:
    """Serve `HOST:PORT/shop/web:1` to the one user; yield `HOST:PORT`."""
    manifest, blobs = _image()
    expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            if self.headers["Authorization"] != expected:
                self._send(401, b"{}", "application/json")
            elif self.path == "/v2/":
                self._send(200, b"{}", "application/json")
            elif "/manifests/" in self.path and name in ("1", _digest(manifest)):
                self._send(200, manifest, _MANIFEST)
            elif name in blobs:
                self._send(200, blobs[name], "application/octet-stream")
            else:
                self._send(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', "application/json")

        do_HEAD = do_GET

        def _send(self, status: int, content: bytes, kind: str) -> None:
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="shop"')
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Docker-Content-Digest", _digest(content))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
