"""Remotes over ssh and http, remotes that hang, and remotes that cannot prove who they are."""

import base64
import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from git_remote import Remote, SilentServer

from reconciler.git.access import Access, parse_remote
from reconciler.git.errors import (
    AuthFailed,
    DeadlineExceeded,
    HostKeyChanged,
    HostKeyUnknown,
    RepositoryMissing,
    SourceUnreachable,
    TrustFailed,
)
from reconciler.git.source import Mirror
from reconciler.model.errors import Retry


def mirror(tmp_path: Path, url: str, access: Access | None = None) -> Mirror:
    """A mirror that is new."""
    return Mirror(tmp_path / "data" / "main.git", url, access=access)


@pytest.mark.parametrize("scheme", ["git", "http", "https", "ssh"])
def test_a_remote_that_hangs_is_given_up(tmp_path: Path, scheme: str) -> None:
    """P07: a remote that accepts and never answers costs the deadline and leaves no process behind."""
    with SilentServer() as server:
        following = mirror(tmp_path, f"{scheme}://127.0.0.1:{server.port}/x.git", Access(known_hosts=tmp_path / "k"))
        start = time.monotonic()
        with pytest.raises(DeadlineExceeded) as caught:
            following.fetch(1.0)
        assert time.monotonic() - start < 10
        assert caught.value.retry is Retry.TRANSIENT
        group = following.directory.with_name("main.git.lock").read_text().strip()
    # The kernel ends a killed group in its own time.
    until = time.monotonic() + 10
    while _group_is_alive(int(group)):
        assert time.monotonic() < until, "the process group is still there"
        time.sleep(0.01)


def test_two_fetches_at_once_wait_for_each_other_only_so_long(tmp_path: Path, remote: Remote) -> None:
    """P07: a second fetch of the same mirror ends by its own deadline."""
    with SilentServer() as server:
        following = mirror(tmp_path, f"git://127.0.0.1:{server.port}/x.git")
        first = threading.Thread(target=_fetch_quietly, args=(following, 3.0))
        first.start()
        assert server.accepted.wait(20)
        start = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            following.fetch(0.3)
        assert time.monotonic() - start < 2.5
        first.join()


def test_nobody_listens(tmp_path: Path) -> None:
    """P10: a Git host that is down is a passing failure."""
    for scheme in ("http", "https", "ssh", "git"):
        with pytest.raises(SourceUnreachable) as caught:
            mirror(tmp_path, f"{scheme}://127.0.0.1:{_free_port()}/x.git").fetch(20)
        assert caught.value.retry is Retry.TRANSIENT


# http: git's own server program behind a small web server


class _Backend(BaseHTTPRequestHandler):
    root: Path
    user = ""
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _serve(self, body: bytes) -> None:
        expected = "Basic " + base64.b64encode(self.user.encode()).decode()
        if self.user and self.headers.get("Authorization") != expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        environment = {
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "PATH": os.environ["PATH"],
        }
        if self.headers.get("Content-Encoding"):
            environment["HTTP_CONTENT_ENCODING"] = self.headers["Content-Encoding"]
        ended = subprocess.run(
            ["git", "http-backend"], input=body, capture_output=True, env=environment, timeout=30, check=False
        )
        head, _, content = ended.stdout.partition(b"\r\n\r\n")
        lines = [line.partition(": ") for line in head.decode().splitlines()]
        status = next((value for name, _, value in lines if name == "Status"), "200 OK")
        self.send_response(int(status.split()[0]))
        for name, _, value in lines:
            if name != "Status":
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        return


@contextlib.contextmanager
def _web(root: Path, user: str = "") -> Iterator[str]:
    """Serve the repositories below a directory; with `user:password`, only to that user."""
    handler = type("Backend", (_Backend,), {"root": root, "user": user})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_fetch_over_http(tmp_path: Path, remote: Remote) -> None:
    """A remote over http is followed."""
    commit = remote.commit(web="a: 1\n")
    with _web(tmp_path) as url:
        following = mirror(tmp_path, f"{url}/remote/.git")
        following.fetch(20)
        assert following.read(commit).files[0].content == b"a: 1\n"


def test_http_credentials_from_settings_or_the_address(tmp_path: Path, remote: Remote) -> None:
    """P22: a token reaches the remote and neither a process list nor an error."""
    remote.commit(web="a: 1\n")
    with _web(tmp_path, user="git:s3cret'\"$x") as url:
        access = Access(password="s3cret'\"$x")
        mirror(tmp_path, f"{url}/remote/.git", access).fetch(20)
        in_address = url.replace("http://", "http://git:s3cret'%22$x@")
        mirror(tmp_path / "b", f"{in_address}/remote/.git").fetch(20)
        in_user = url.replace("http://", "http://t0ken@")
        with pytest.raises(AuthFailed, match="refuses the credentials"):
            mirror(tmp_path, f"{in_user}/remote/.git").fetch(20)
        with pytest.raises(AuthFailed, match="refuses the credentials") as caught:
            mirror(tmp_path, f"{url}/remote/.git", Access(password="wr0ng")).fetch(20)
        assert "wr0ng" not in str(caught.value) and "wr0ng" not in repr(Access(password="wr0ng"))
        assert caught.value.retry is Retry.TERMINAL
        with pytest.raises(AuthFailed, match="wants credentials"):
            mirror(tmp_path, f"{url}/remote/.git").fetch(20)


def test_credentials_are_only_for_their_own_host(tmp_path: Path, remote: Remote) -> None:
    """P22: a remote that sends us elsewhere does not make us hand the token to that place."""
    remote.commit(web="a: 1\n")
    seen: list[str | None] = []

    class Thief(_Backend):
        root = tmp_path
        user = "git:other"

        def _serve(self, body: bytes) -> None:
            seen.append(self.headers.get("Authorization"))
            super()._serve(body)

    class Redirect(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{thief.server_address[1]}{self.path}")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Thief) as thief,
        ThreadingHTTPServer(("127.0.0.1", 0), Redirect) as first,
    ):
        servers = [threading.Thread(target=server.serve_forever, args=(0.05,)) for server in (thief, first)]
        for thread in servers:
            thread.start()
        url = f"http://127.0.0.1:{first.server_address[1]}/remote/.git"
        with pytest.raises((AuthFailed, SourceUnreachable)):
            mirror(tmp_path, url, Access(password="s3cret")).fetch(20)
        for server in (thief, first):
            server.shutdown()
        for thread in servers:
            thread.join()
    assert seen and set(seen) == {None}


def test_an_untrusted_certificate_is_named(tmp_path: Path) -> None:
    """P28: a certificate that is not trusted is told apart from a host that is down, with the fix."""
    import ssl

    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
        timeout=30,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    handler = type("Backend", (_Backend,), {"root": tmp_path})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        url = f"https://127.0.0.1:{server.server_address[1]}/remote/.git"
        with pytest.raises(TrustFailed, match="not trusted") as caught:
            mirror(tmp_path, url).fetch(20)
        assert "ca-file" in caught.value.hint
        with pytest.raises(SourceUnreachable):  # trusted now; there is no such repository
            mirror(tmp_path, url, Access(ca_file=certificate)).fetch(20)
        server.shutdown()
        thread.join()


# ssh: a real server on the loopback


class SshServer:
    """An sshd of the test's own, with its own host key and port, that lets one key in."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()
        self.port = _free_port()
        self.host_key = _key(directory / "host")
        self.user_key = _key(directory / "user")
        authorized = directory / "authorized_keys"
        authorized.write_text(Path(f"{self.user_key}.pub").read_text())
        self.config = directory / "sshd_config"
        self.config.write_text(
            f'Port {self.port}\nListenAddress 127.0.0.1\nHostKey "{self.host_key}"\nPidFile none\n'
            f'AuthorizedKeysFile "{authorized}"\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n'
            "KbdInteractiveAuthentication no\nPermitRootLogin yes\nLogLevel QUIET\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def access(self) -> Access:
        known = self.directory / "known hosts"
        kind, blob, *_ = Path(f"{self.host_key}.pub").read_text().split()
        known.write_text(f"[127.0.0.1]:{self.port} {kind} {blob}\n")
        return Access(ssh_key=self.user_key, known_hosts=known)

    def url(self, path: Path) -> str:
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{path}"

    def __enter__(self) -> "SshServer":
        Path("/run/sshd").mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-e", "-f", self.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + 20
        while time.monotonic() < end:
            assert self._process.poll() is None, "sshd ended"
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                break
            threading.Event().wait(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(20)


needs_sshd = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/usr/sbin/sshd").exists() or not shutil.which("ssh-keyscan"),
    reason="needs an sshd that may log its user in",
)


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[SshServer]:
    """A running ssh server."""
    with SshServer(tmp_path / "ssh server") as server:
        yield server


@pytest.mark.real
@needs_sshd
def test_fetch_over_ssh(tmp_path: Path, remote: Remote, ssh: SshServer) -> None:
    """A remote over ssh is followed with the given key and known hosts."""
    commit = remote.commit(web="a: 1\n")
    following = mirror(tmp_path, ssh.url(remote.directory), ssh.access)
    following.fetch(30)
    assert following.read(commit).files[0].content == b"a: 1\n"


@pytest.mark.real
@needs_sshd
def test_a_changed_host_key_is_named_with_the_fix(tmp_path: Path, remote: Remote, ssh: SshServer) -> None:
    """P28: a rotated host key says which key is offered and the one command that accepts it, which works."""
    commit = remote.commit(web="a: 1\n")
    access = ssh.access
    other = Path(f"{_key(tmp_path / 'other')}.pub").read_text().split()
    assert access.known_hosts is not None
    access.known_hosts.write_text(f"[127.0.0.1]:{ssh.port} {other[0]} {other[1]}\n")
    following = mirror(tmp_path, ssh.url(remote.directory), access)
    with pytest.raises(HostKeyChanged) as caught:
        following.fetch(30)
    shown = subprocess.run(["ssh-keygen", "-lf", f"{ssh.host_key}.pub"], capture_output=True, check=True, timeout=30)
    assert caught.value.fingerprint in shown.stdout.decode()
    assert caught.value.fingerprint in str(caught.value)
    subprocess.run(["sh", "-c", caught.value.hint], check=True, capture_output=True, timeout=30)
    following.fetch(30)
    assert following.has(commit)


@pytest.mark.real
@needs_sshd
def test_an_unknown_host_key_is_named_with_the_fix(tmp_path: Path, remote: Remote, ssh: SshServer) -> None:
    """P28: the first contact with a host asks for its key to be accepted, with the command that does it."""
    commit = remote.commit(web="a: 1\n")
    access = Access(ssh_key=ssh.user_key, known_hosts=tmp_path / "none yet")
    following = mirror(tmp_path, ssh.url(remote.directory), access)
    with pytest.raises(HostKeyUnknown) as caught:
        following.fetch(30)
    assert not isinstance(caught.value, HostKeyChanged)
    subprocess.run(["sh", "-c", caught.value.hint], check=True, capture_output=True, timeout=30)
    following.fetch(30)
    assert following.has(commit)


@pytest.mark.real
@needs_sshd
def test_a_refused_key_and_a_missing_repository_are_told_apart(tmp_path: Path, remote: Remote, ssh: SshServer) -> None:
    """What a person has to mend is named: the key on the host, or the address."""
    remote.commit(web="a: 1\n")
    stranger = Access(ssh_key=_key(tmp_path / "stranger"), known_hosts=ssh.access.known_hosts)
    with pytest.raises(AuthFailed):
        mirror(tmp_path, ssh.url(remote.directory), stranger).fetch(30)
    with pytest.raises(RepositoryMissing):
        mirror(tmp_path, ssh.url(tmp_path / "nowhere"), ssh.access).fetch(30)


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "path", "shown"),
    [
        ("git@example.org:shop/deploy.git", "ssh", "example.org", None, "shop/deploy.git", None),
        ("git@[::1]:x.git", "ssh", "::1", None, "x.git", None),
        ("ssh://git@example.org:2222/x", "ssh", "example.org", 2222, "/x", None),
        ("https://me:t0ken@example.org/x", "https", "example.org", None, "/x", "https://example.org/x"),
        ("https://t0ken@[::1]:8443/x", "https", "::1", 8443, "/x", "https://[::1]:8443/x"),
        ("/srv/x.git", "file", "", None, "/srv/x.git", "file:///srv/x.git"),
    ],
)
def test_addresses(url: str, scheme: str, host: str, port: int | None, path: str, shown: str | None) -> None:
    """Addresses are taken apart as git does, and shown without their secrets."""
    remote = parse_remote(url)
    assert (remote.scheme, remote.host, remote.port, remote.path) == (scheme, host, port, path)
    assert remote.url == (shown or url)
    assert "t0ken" not in repr(remote)


def _fetch_quietly(following: Mirror, deadline_s: float) -> None:
    with contextlib.suppress(DeadlineExceeded):
        following.fetch(deadline_s)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True, timeout=30)
    return path


def _group_is_alive(group: int) -> bool:
    """Whether any process of a group still works (and does not only wait to be reaped)."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, its_group = (process / "stat").read_text().rpartition(") ")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                return True
    return False
