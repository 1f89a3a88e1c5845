"""Whether what a Secret holds can serve: a certificate with its key, or a list of users. Pure."""

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from reconciler.model.observed import StoredObject
from reconciler.planner.contents import data_of

CERTIFICATE, KEY, USERS = "tls.crt", "tls.key", "auth"


def certificate_fault(stored: StoredObject) -> str:
    """Return why a Secret is no certificate with its key, or an empty text."""
    data = data_of(stored)
    missing = [key for key in (CERTIFICATE, KEY) if not data.get(key)]
    if missing:
        return f"has no {' and no '.join(missing)}"
    try:
        chain = x509.load_pem_x509_certificates(data[CERTIFICATE])
    except ValueError:
        return f"{CERTIFICATE} is no certificate in PEM form"
    try:
        key = load_pem_private_key(data[KEY], password=None)
    except (ValueError, TypeError):
        return f"{KEY} is no key in PEM form without a password"
    public = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*public) != chain[0].public_key().public_bytes(*public):
        return f"{KEY} is not the key of the certificate in {CERTIFICATE}"
    return ""


def users_fault(stored: StoredObject, by_key: bool) -> str:
    """Return why a Secret is no list of users, or an empty text."""
    data = data_of(stored)
    if by_key:
        return "" if data else "names no user"
    if USERS not in data:
        return f"has no {USERS}"
    lines = [line for line in data[USERS].splitlines() if line.strip() and not line.startswith(b"#")]
    return "" if any(b":" in line for line in lines) else f"{USERS} has no line USER:HASH"
