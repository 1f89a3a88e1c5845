"""The cluster's certificate authority: its files, and what it signs."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from moved_clock import MovedClock

from reconciler.access import Authority, make_request, read_presented
from reconciler.access.authority import DAY_S
from reconciler.model.errors import ConfigurationError, TerminalError


def _der(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def _csr(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, name: str = "anybody") -> bytes:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_the_files_are_for_their_owner_only(authority: Authority, folder: Path) -> None:
    """Nobody else can read the key, nor list what is beside it."""
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"ca.crt": 0o600, "ca.key": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_opening_again_is_the_same_authority(authority: Authority, folder: Path, clock: MovedClock) -> None:
    """What was signed before a restart is believed after it."""
    again = Authority.open(folder, "another", clock)
    assert again.certificate_pem == authority.certificate_pem
    assert again.ca_hash() == authority.ca_hash()


def test_the_hash_is_the_one_that_openssl_computes(authority: Authority, folder: Path) -> None:
    """The hash can be checked by hand, with the command that kubeadm's manual gives."""
    command = (
        f"openssl x509 -pubkey -in {folder}/ca.crt | openssl pkey -pubin -outform der 2>/dev/null"
        " | openssl dgst -sha256 -hex | sed 's/^.* //'"
    )
    told = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout.strip()
    assert authority.ca_hash() == f"sha256:{told}"


def test_a_lost_certificate_is_made_again_from_the_key(authority: Authority, folder: Path, clock: MovedClock) -> None:
    """P17: a crash between the two files, or a lost one, costs nobody their kubeconfig: the key is the same."""
    signed = authority.sign_request(make_request().request, "ada", (), DAY_S)
    (folder / "ca.crt").unlink()
    again = Authority.open(folder, "5f0c1d9e", clock)
    assert again.ca_hash() == authority.ca_hash()
    x509.load_pem_x509_certificate(signed).verify_directly_issued_by(authority.certificate)


def test_a_lost_key_is_an_error_and_not_a_new_authority(authority: Authority, folder: Path, clock: MovedClock) -> None:
    """A new authority would lock everybody out silently."""
    (folder / "ca.key").unlink()
    with pytest.raises(ConfigurationError) as told:
        Authority.open(folder, "5f0c1d9e", clock)
    assert "ca.key is missing" in str(told.value)
    assert "backup" in told.value.hint


@pytest.mark.parametrize("name", ["ca.key", "ca.crt"])
def test_a_broken_file_is_named(authority: Authority, folder: Path, clock: MovedClock, name: str) -> None:
    """The error says which file, and what to do."""
    (folder / name).write_text("no PEM")
    with pytest.raises(ConfigurationError, match=name) as told:
        Authority.open(folder, "5f0c1d9e", clock)
    assert told.value.hint


def test_files_of_two_authorities_do_not_go_together(folder: Path, tmp_path: Path, clock: MovedClock) -> None:
    """A half-restored backup is noticed before anything is signed with it."""
    Authority.open(folder, "one", clock)
    Authority.open(tmp_path / "other", "two", clock)
    (folder / "ca.key").write_bytes((tmp_path / "other" / "ca.key").read_bytes())
    with pytest.raises(ConfigurationError, match="does not belong"):
        Authority.open(folder, "one", clock)


def test_a_signed_request_says_who_we_say(authority: Authority, clock: MovedClock) -> None:
    """User and groups are those given, whatever the request claims; it cannot become an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    signed = authority.sign_request(_csr(key, "system:root"), "ada", ("developers", "on-call"), 30 * DAY_S)
    presented = read_presented(_der(signed))
    assert (presented.user, presented.groups) == ("ada", ("developers", "on-call"))
    assert presented.expires_at == pytest.approx(clock.at + 30 * DAY_S, abs=2)
    certificate = x509.load_pem_x509_certificate(signed)
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.public_key() == key.public_key()


def test_a_node_can_be_signed_for(authority: Authority) -> None:
    """What a joining host will ask for: its own name, in the group of nodes."""
    signed = authority.sign_request(make_request().request, "system:node:node-1", ("system:nodes",), DAY_S)
    presented = read_presented(_der(signed))
    assert (presented.user, presented.groups) == ("system:node:node-1", ("system:nodes",))


def test_nothing_outlives_the_authority(authority: Authority, clock: MovedClock) -> None:
    """A certificate that ends later than its issuer would fail before its time."""
    clock.at = authority.expires_at - DAY_S
    signed = authority.sign_request(make_request().request, "ada", (), 365 * DAY_S)
    assert read_presented(_der(signed)).expires_at == authority.expires_at


def _broken_signature() -> bytes:
    der = x509.load_pem_x509_csr(make_request().request).public_bytes(Encoding.DER)
    changed = der[:-1] + bytes([der[-1] ^ 1])
    return x509.load_der_x509_csr(changed).public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    "request_pem",
    [
        b"",
        b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        _broken_signature(),
        _csr(rsa.generate_private_key(65537, 1024)),
        _csr(ec.generate_private_key(ec.SECP192R1())),
    ],
    ids=["empty", "garbage", "signed by another key", "short RSA", "short curve"],
)
def test_a_request_that_proves_nothing_is_refused(authority: Authority, request_pem: bytes) -> None:
    """Only the owner of a strong key gets a certificate for it."""
    with pytest.raises(TerminalError):
        authority.sign_request(request_pem, "ada", (), DAY_S)


@pytest.mark.parametrize(("user", "groups"), [("", ()), ("x" * 65, ()), ("ada", ("g\n",)), ("ada", ("",))])
def test_a_name_that_a_certificate_cannot_carry_is_refused(
    authority: Authority, user: str, groups: tuple[str, ...]
) -> None:
    """The message says what is possible."""
    with pytest.raises(TerminalError) as told:
        authority.sign_request(make_request().request, user, groups, DAY_S)
    assert "64" in told.value.hint
