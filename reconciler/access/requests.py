"""Certificate signing requests: a client makes its key and asks; the key never leaves it. Effect: random numbers."""

from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from reconciler.access.certificates import key_pem
from reconciler.model.errors import TerminalError

_RSA_BITS_MIN = 2048
_EC_BITS_MIN = 256


@dataclass(frozen=True, slots=True)
class Request:
    """A new private key, and the request to sign a certificate for it; both PEM."""

    key: bytes
    request: bytes


def make_request() -> Request:
    """Make a key and a request. It names nobody: who the certificate is for is decided by whoever signs it."""
    key = key_pem(ec.generate_private_key(ec.SECP256R1()))
    return Request(key=key, request=request_for(key))


def request_for(key_pem_: bytes) -> bytes:
    """Return a request (PEM) to sign a certificate for a key that was made before. Raises TerminalError for no key."""
    try:
        key = load_pem_private_key(key_pem_, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise TerminalError("the private key cannot be read", reason="BadRequest") from error
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(Encoding.PEM)


def requested_key(pem: bytes) -> CertificatePublicKeyTypes:
    """Return the key of a request whose sender has shown to own it. Raises TerminalError for any other."""
    try:
        request = x509.load_pem_x509_csr(pem)
        is_valid = request.is_signature_valid
        key = request.public_key()
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise TerminalError("the certificate request cannot be read", reason="BadRequest") from error
    if not is_valid:
        raise TerminalError("the certificate request is not signed by its own key", reason="BadRequest")
    if not _is_strong(key):
        raise TerminalError(
            "the key of the certificate request is too weak",
            reason="BadRequest",
            hint=f"use ECDSA of {_EC_BITS_MIN} bits or more, Ed25519, or RSA of {_RSA_BITS_MIN} bits or more",
        )
    return key


def _is_strong(key: CertificatePublicKeyTypes) -> bool:
    match key:
        case ec.EllipticCurvePublicKey():
            return key.key_size >= _EC_BITS_MIN
        case rsa.RSAPublicKey():
            return key.key_size >= _RSA_BITS_MIN
        case ed25519.Ed25519PublicKey():
            return True
        case _:
            return False
