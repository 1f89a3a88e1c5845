"""A node's certificate: kept in one file with its key, shown with every connection, renewed by itself. Effect: files.

Without a valid one the agent goes on healing its host; it only cannot talk to the daemon.
"""

import logging
import ssl
import threading
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from reconciler.access import files, make_request
from reconciler.access.certificates import key_hash
from reconciler.client.agents import AgentClient
from reconciler.client.secure import join_again, trusting_context
from reconciler.model.agents import NODE_PREFIX
from reconciler.model.errors import ConfigurationError
from reconciler.model.ports import Clock
from reconciler.model.times import rfc3339

log = logging.getLogger(__name__)

AUTHORITY, CERTIFICATE, JOINING_KEY = "ca.crt", "agent.pem", "joining.key"
# Renewed when two thirds of its life are over.
_RENEW_AFTER = 2 / 3
CHECK_EVERY_S = 60.0


class NodeCertificate:
    """The certificate of one node in a folder. Thread-safe."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._authority = folder / AUTHORITY
        self._path = folder / CERTIFICATE
        self._clock = clock
        self._lock = threading.Lock()
        self._made: tuple[tuple[int, int], ssl.SSLContext] | None = None
        # Read once, so that what is missing is said at once.
        self._read()

    def context(self) -> ssl.SSLContext:
        """Return what a connection is made with: a new one as soon as the files have changed, as after joining anew."""
        with self._lock:
            try:
                stamp = (self._path.stat().st_mtime_ns, self._authority.stat().st_mtime_ns)
                if self._made is None or self._made[0] != stamp:
                    context = trusting_context(self._authority.read_text(encoding="ascii"))
                    context.load_cert_chain(self._path)
                    self._made = (stamp, context)
            except (OSError, ValueError) as error:
                raise ConfigurationError(f"{self._path}: cannot be used: {error}", hint=join_again()) from error
            return self._made[1]

    @property
    def expires_at(self) -> float:
        """When it ends, in Unix seconds."""
        return self._read().not_valid_after_utc.timestamp()

    def problem(self) -> str:
        """Say what is wrong with it now, and what to do; empty when nothing is."""
        certificate, now = self._read(), self._clock.now()
        if certificate.not_valid_after_utc.timestamp() <= now:
            at = rfc3339(certificate.not_valid_after_utc.timestamp())
            again = join_again(_node_of(certificate))
            return f"this node's certificate expired at {at}, so the daemon cannot be told anything; {again}"
        if certificate.not_valid_before_utc.timestamp() > now:
            return "this node's certificate is not valid yet: the clock of this host is wrong"
        return ""

    def is_due(self) -> bool:
        """Whether it is time for the next one."""
        certificate, now = self._read(), self._clock.now()
        begins = certificate.not_valid_before_utc.timestamp()
        ends = certificate.not_valid_after_utc.timestamp()
        return begins + (ends - begins) * _RENEW_AFTER <= now < ends

    def renew(self, client: AgentClient, node: str) -> None:
        """Ask for the next one, and use it from now on."""
        made = make_request()
        renewed = client.renew(node, made.request)
        files.replace(self._path, made.key + renewed.certificate.encode("ascii"))
        log.info("this node's certificate was renewed", extra={"until": rfc3339(self.expires_at)})

    def _read(self) -> x509.Certificate:
        content = files.read(self._path)
        if content is None or files.read(self._authority) is None:
            raise ConfigurationError(f"{self._path.parent} has no certificate of a node", hint="run: reconciler join")
        try:
            return x509.load_pem_x509_certificate(content)
        except ValueError as error:
            raise ConfigurationError(f"{self._path}: is not a certificate", hint=join_again()) from error


def _node_of(certificate: x509.Certificate) -> str:
    """Return whose certificate it is."""
    [name] = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(name.value).removeprefix(NODE_PREFIX)


def hash_of_authority(pem: str) -> str:
    """Return the hash of the key of an authority, as kubeadm writes it. Raises ValueError for what is none."""
    return key_hash(x509.load_pem_x509_certificate(pem.encode()).public_key())
