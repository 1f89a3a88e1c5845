"""Real kubectl, of every version that this machine has, against an API on a Unix socket.

A small proxy gives the socket a port, which is all that an unencrypted kubeconfig needs.
"""

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

VERSIONS = tuple(f"1.{minor}" for minor in range(27, 37))
_PLACES = ("/usr/lib/google-cloud-sdk/bin", "/opt/google-cloud-sdk/bin", "/usr/local/bin")


def binary(version: str) -> str | None:
    """Return where kubectl of a version is, or None."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *_PLACES))
    return shutil.which(f"kubectl.{version}", path=path)


INSTALLED = tuple(version for version in VERSIONS if binary(version))


@dataclass(frozen=True)
class Ran:
    """What a command said."""

    code: int
    out: str
    errors: str


@dataclass(frozen=True)
class Kubectl:
    """kubectl with a kubeconfig of its own."""

    folder: Path

    def __call__(self, version: str, *words: str, given: str = "") -> Ran:
        """Run a command; its errors are for the caller to judge."""
        program = binary(version)
        assert program is not None
        home = self.folder / version
        home.mkdir(exist_ok=True)
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "KUBECONFIG": str(self.folder / "config")}
        done = subprocess.run(
            [program, *words], input=given, capture_output=True, text=True, timeout=60, env=environment, check=False
        )
        return Ran(done.returncode, done.stdout, done.stderr)


@contextmanager
def kubectl_for(path: Path, folder: Path) -> Iterator[Kubectl]:
    """Yield kubectl that asks the API at a Unix socket."""
    with forwarded(path) as port:
        (folder / "config").write_text(yaml.safe_dump(_config(port)))
        yield Kubectl(folder)


def _config(port: int) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "test", "user": {}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "shop"}}],
        "current-context": "test",
    }


@contextmanager
def forwarded(path: Path) -> Iterator[int]:
    """Yield a port that leads to a Unix socket."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, path), daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def _accept(listener: socket.socket, path: Path) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(path))
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=_copy, args=(source, target), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
