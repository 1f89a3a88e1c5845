"""What certificates say, and how ours are built. Pure but for the serial numbers' randomness."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Clocks of hosts differ: a certificate holds from a little before it was made.
BACKDATED_S = 300.0
NAME_MAX = 64
"""How long a user's or a group's name in a certificate may be (RFC 5280, ub-common-name)."""


@dataclass(frozen=True, slots=True)
class Presented:
    """What a client's certificate says: a user (CN), groups (O), until when (Unix seconds), and its SHA-256 in hex."""

    user: str
    groups: tuple[str, ...]
    expires_at: float
    fingerprint: str


def read_presented(der: bytes) -> Presented:
    """Return what a certificate that the TLS handshake has verified says."""
    certificate = x509.load_der_x509_certificate(der)
    users = _values(certificate, NameOID.COMMON_NAME)
    return Presented(
        user=users[0] if users else "",
        groups=tuple(_values(certificate, NameOID.ORGANIZATION_NAME)),
        expires_at=certificate.not_valid_after_utc.timestamp(),
        fingerprint=hashlib.sha256(der).hexdigest(),
    )


def fingerprint_of(pem: bytes) -> str:
    """Return the SHA-256 of a certificate, in hex."""
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    return hashlib.sha256(der).hexdigest()


def key_hash(key: CertificatePublicKeyTypes) -> str:
    """Return the hash of a public key as kubeadm writes it: `sha256:` and hex of its SubjectPublicKeyInfo."""
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    return f"sha256:{digest}"


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate as PEM."""
    return certificate.public_bytes(Encoding.PEM)


def subject(user: str, groups: Sequence[str] = ()) -> x509.Name:
    """Return the name of a user with groups, as Kubernetes reads it."""
    organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*organizations, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def authority_certificate(
    key: ec.EllipticCurvePrivateKey, name: str, now: float, lifetime_s: float
) -> x509.Certificate:
    """Return the self-signed certificate of an authority that signs certificates and no other authorities."""
    own = subject(name)
    builder = _dated(own, own, key.public_key(), now, now + lifetime_s)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    return builder.sign(key, hashes.SHA256())


def leaf(
    issuer: x509.Certificate,
    public_key: CertificatePublicKeyTypes,
    name: x509.Name,
    *,
    now: float,
    lifetime_s: float,
    usages: Sequence[x509.ObjectIdentifier],
    names: Sequence[str] = (),
) -> x509.CertificateBuilder:
    """Return a certificate that is ready to be signed; it ends no later than its issuer's."""
    until = min(now + lifetime_s, issuer.not_valid_after_utc.timestamp())
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())  # type: ignore[arg-type]
    builder = _dated(name, issuer.subject, public_key, now, until)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    builder = builder.add_extension(issuer_key, critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(one) for one in names]), critical=False)
    return builder


def names_of(certificate: x509.Certificate) -> frozenset[str]:
    """Return the names and addresses that a server's certificate is for."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    addresses = (str(address) for address in extension.get_values_for_type(x509.IPAddress))
    return frozenset((*extension.get_values_for_type(x509.DNSName), *addresses))


CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER = ExtendedKeyUsageOID.SERVER_AUTH


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _dated(
    name: x509.Name, issuer: x509.Name, public_key: CertificatePublicKeyTypes, now: float, until: float
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(public_key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(_time(now - BACKDATED_S)).not_valid_after(_time(until))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _values(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(oid)]


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(int(at), UTC)
