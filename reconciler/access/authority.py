"""The cluster's own certificate authority: two files, and what is signed with them. Effect: key files.

The key (`ca.key`) is read by the daemon only. Without the certificate (`ca.crt`) it is made again from the key, which
every client goes on trusting; without the key nothing can be signed, and that is an error and never a new authority.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from reconciler.access import files
from reconciler.access.certificates import (
    CLIENT,
    NAME_MAX,
    SERVER,
    authority_certificate,
    key_hash,
    key_pem,
    leaf,
    pem,
    subject,
)
from reconciler.access.requests import requested_key
from reconciler.model.errors import ConfigurationError, TerminalError
from reconciler.model.ports import Clock

DAY_S = 86_400.0
LIFETIME_S = 3650 * DAY_S
CERTIFICATE, KEY = "ca.crt", "ca.key"


class Authority:
    """Signs for one cluster. Thread-safe: nothing in it changes."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, clock: Clock) -> None:
        self.certificate = certificate
        self._key = key
        self._clock = clock

    @classmethod
    def open(cls, folder: Path, cluster_id: str, clock: Clock) -> Self:
        """Read the authority of a folder; make it when there is none. Raises ConfigurationError when it is broken."""
        files.make_private_directory(folder)
        if files.read(folder / CERTIFICATE) is not None and files.read(folder / KEY) is None:
            hint = f"restore it from a backup; without it no certificate can be signed. {_HINT_NEW}"
            raise ConfigurationError(f"{folder / KEY} is missing", hint=hint)
        if files.read(folder / KEY) is None:
            files.create(folder / KEY, key_pem(ec.generate_private_key(ec.SECP256R1())))
        key = _read_key(folder / KEY)
        if files.read(folder / CERTIFICATE) is None:
            name = f"reconciler-ca {cluster_id}"[:NAME_MAX]
            made = authority_certificate(key, name, clock.now(), LIFETIME_S)
            files.create(folder / CERTIFICATE, pem(made))
        return cls(_read_certificate(folder / CERTIFICATE, key), key, clock)

    @property
    def certificate_pem(self) -> bytes:
        """The authority's certificate: what a client needs to trust the API."""
        return pem(self.certificate)

    @property
    def expires_at(self) -> float:
        """When the authority itself ends, in Unix seconds."""
        return self.certificate.not_valid_after_utc.timestamp()

    def ca_hash(self) -> str:
        """Return the hash of the authority's key: `sha256:` and hex, as kubeadm writes it."""
        return key_hash(self.certificate.public_key())

    def sign_request(self, csr_pem: bytes, user: str, groups: Sequence[str], lifetime_s: float) -> bytes:
        """Return a client certificate (PEM) of `user` (CN) and `groups` (O) for the key of a signing request.

        What the request itself says of its subject, names and usages does not count. Raises TerminalError for a
        request that is not signed by its own key, and for a name that no certificate can carry.
        """
        for name in (user, *groups):
            _require_name(name)
        builder = leaf(
            self.certificate,
            requested_key(csr_pem),
            subject(user, groups),
            now=self._clock.now(),
            lifetime_s=lifetime_s,
            usages=(CLIENT,),
        )
        return pem(builder.sign(self._key, hashes.SHA256()))

    def issue_server(self, names: Sequence[str], lifetime_s: float) -> bytes:
        """Return a new key and a server certificate for names and addresses, as one PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            builder = leaf(
                self.certificate,
                key.public_key(),
                subject("reconciler-api"),
                now=self._clock.now(),
                lifetime_s=lifetime_s,
                usages=(SERVER,),
                names=names,
            )
        except ValueError as error:
            raise ConfigurationError(f"a name of the API cannot be in a certificate: {error}") from error
        return key_pem(key) + pem(builder.sign(self._key, hashes.SHA256()))

    def has_signed(self, certificate: x509.Certificate) -> bool:
        """Whether a certificate is one of ours."""
        try:
            certificate.verify_directly_issued_by(self.certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True


_HINT_NEW = f"To start anew, remove {CERTIFICATE} too: every kubeconfig has to be made again"


def _require_name(name: str) -> None:
    if not name or len(name) > NAME_MAX or not name.isprintable():
        raise TerminalError(
            f"{name[:80]!r} cannot be a name in a certificate",
            reason="BadRequest",
            hint=f"use 1 to {NAME_MAX} printable characters, or a token instead",
        )


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    content = files.read(path)
    try:
        key = load_pem_private_key(content or b"", password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(f"{path}: is not a private key", hint="restore it from a backup") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigurationError(f"{path}: is not an ECDSA key", hint="restore it from a backup")
    return key


def _read_certificate(path: Path, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    content = files.read(path)
    try:
        certificate = x509.load_pem_x509_certificate(content or b"")
    except ValueError as error:
        raise ConfigurationError(f"{path}: is not a certificate", hint=f"remove it: {_AGAIN}") from error
    if certificate.public_key() != key.public_key():
        raise ConfigurationError(f"{path}: does not belong to {KEY} beside it", hint="restore both from one backup")
    return certificate


_AGAIN = f"it is made again from {KEY}, and every kubeconfig stays valid"
