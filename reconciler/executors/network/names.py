"""The node's DNS server as the executor sees it: what it answers, whether it runs, and how it is started.

Effect. The server outlives us. One that runs from the same code with the same settings is left alone (P10); one of
another version is replaced without a gap: its successor listens before it stops.
"""

import hashlib
import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import msgspec

from reconciler.executors.network.dns import pidfile
from reconciler.executors.network.state import Kernel, replace_file
from reconciler.executors.systemd import SystemdError, has_unit, systemctl
from reconciler.model.details import PrepareHost, PublishNames
from reconciler.model.errors import DeadlineError, TransientError

logger = logging.getLogger(__name__)

UNIT = "reconciler-dns.service"
_START_S = 15.0
_NUDGE_S = 5.0


class Names:
    """The records file and the server of one runtime directory. Not thread-safe: its owner holds a lock."""

    def __init__(self, cluster_id: str, runtime_dir: Path, kernel: Kernel, python: str = sys.executable) -> None:
        self._cluster_id = cluster_id
        self._runtime = runtime_dir
        self._kernel = kernel
        self._python = python
        self._records = runtime_dir / "names.json"
        self._code = _code_digest()
        self._digest = self._read_digest()

    @property
    def digest(self) -> str:
        """Return the digest of the names that the server answers from; it reads them at its start."""
        return self._digest if self._records.exists() else ""

    @property
    def server(self) -> pidfile.Holder | None:
        """Return the server that runs."""
        return pidfile.running(self._runtime)

    def is_running(self, wanted: PrepareHost) -> bool:
        """Return whether a server of this version and these settings runs."""
        server = self.server
        return server is not None and server.identity == self._identity(wanted)

    def ensure_running(self, wanted: PrepareHost) -> bool:
        """Start the server unless the right one runs; return whether it was started."""
        if self.is_running(wanted):
            return False
        self._runtime.mkdir(parents=True, exist_ok=True, mode=0o700)
        if has_unit(UNIT):
            self._start_unit()
        else:
            self._start_process(wanted)
        return True

    def publish(self, detail: PublishNames) -> bool:
        """Have the server answer from these records; return when it does, and whether anything changed."""
        if self.digest == detail.digest:
            return False
        document = {
            "what": "names that reconciler's DNS server answers",
            "cluster": self._cluster_id,
            "kernel": self._kernel,
            "digest": detail.digest,
            "domain": detail.domain,
            "records": [
                {"name": record.name, "type": record.type, "values": record.values, "ttl": record.ttl}
                for record in detail.records
            ],
        }
        replace_file(self._records, msgspec.json.encode(document))
        if self.server is not None and self._ask(b"reload") != detail.digest:
            raise TransientError("the DNS server did not take the new names", reason="NamesNotTaken")
        self._digest = detail.digest
        return True

    def stop(self) -> bool:
        """Stop the server and remove its files; return whether one ran."""
        server = self.server
        if server is not None:
            pidfile.stop(server)
        for name in (pidfile.NAME, pidfile.CONTROL, self._records.name):
            (self._runtime / name).unlink(missing_ok=True)
        self._digest = ""
        return server is not None

    def arguments(self, wanted: PrepareHost) -> list[str]:
        """Return the command that starts the server in the foreground."""
        return [
            self._python,
            "-m",
            "reconciler.executors.network.dns.server",
            *("--records", str(self._records)),
            *("--runtime", str(self._runtime)),
            *("--address", wanted.dns_address),
            *("--domain", wanted.domain),
            *("--upstream-from", "/etc/resolv.conf"),
            *("--identity", self._identity(wanted)),
        ]

    def _start_process(self, wanted: PrepareHost) -> None:
        log = self._runtime / "dns.log"
        with log.open("ab") as output:
            try:
                done = subprocess.run(
                    [*self.arguments(wanted), "--detach", "--take-over"],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd="/",
                    env=_environment(),
                    timeout=_START_S,
                    check=False,
                    start_new_session=True,
                )
            except subprocess.TimeoutExpired as error:
                raise DeadlineError(f"the DNS server did not start within {_START_S:.0f} s; see {log}") from error
        if done.returncode != 0:
            lines = log.read_text(errors="replace").strip().splitlines()
            said = lines[-1] if lines else "it said nothing"
            raise TransientError(
                f"the DNS server did not start: {said}",
                reason="NamesNotServed",
                hint="ss -lnptu 'sport = :53' shows who listens there: let it listen on certain addresses, or stop it",
            )

    def _start_unit(self) -> None:
        if (server := self.server) is not None and server.identity != UNIT:
            pidfile.stop(server)  # one that we started before the unit was installed holds the lock
        try:
            systemctl("restart", UNIT, timeout_s=_START_S)
        except SystemdError as error:
            raise TransientError(f"{error}; journalctl -u {UNIT} says why", reason="NamesNotServed") from error

    def _ask(self, command: bytes) -> str:
        """Have the server read its records (`reload`) or not (`digest`); return the digest of what it answers then."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
            door.settimeout(_NUDGE_S)
            try:
                door.bind("")  # a name of its own, for the answer
                door.connect(str(self._runtime / pidfile.CONTROL))
                door.send(command)
                return door.recv(4096).decode(errors="replace")
            except TimeoutError as error:
                raise DeadlineError(f"the DNS server did not answer within {_NUDGE_S:.0f} s") from error
            except OSError as error:
                raise TransientError(f"the DNS server cannot be reached: {error.strerror}") from error

    def _identity(self, wanted: PrepareHost) -> str:
        if has_unit(UNIT):
            return UNIT  # the unit says how it is started, and package upgrades restart it
        words = f"{self._code} {self._python} {wanted.dns_address} {wanted.domain}"
        return hashlib.sha256(words.encode()).hexdigest()[:16]

    def _read_digest(self) -> str:
        """Return what was published, unless we were killed before the server took it."""
        written = self._written_digest()
        if written and self.server is not None:
            try:
                return written if self._ask(b"digest") == written else ""
            except TransientError:
                return ""
        return written

    def _written_digest(self) -> str:
        try:
            content = json.loads(self._records.read_bytes())
            same = content["kernel"] == msgspec.to_builtins(self._kernel) and content["cluster"] == self._cluster_id
            return str(content["digest"]) if same else ""
        except (FileNotFoundError, ValueError, KeyError):
            return ""


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "PYTHONPATH"}}
    return {**kept, "PYTHONUNBUFFERED": "1"}


def _code_digest() -> str:
    """Name the server's code: an upgrade that does not touch it does not restart it."""
    digest = hashlib.sha256()
    for file in sorted(Path(pidfile.__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
