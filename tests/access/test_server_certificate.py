"""The certificate that the API shows: for which names, and when it is renewed."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography import x509
from moved_clock import MovedClock

from reconciler.access import Authority, ServerCertificate
from reconciler.access.addresses import host_addresses, primary_address, server_names
from reconciler.access.authority import DAY_S
from reconciler.access.certificates import names_of


class Names:
    """Names that a test changes."""

    def __init__(self, *names: str) -> None:
        self.now = names

    def __call__(self) -> tuple[str, ...]:
        return self.now


@pytest.fixture
def names() -> Names:
    """The names of this moment."""
    return Names("node-1", "localhost", "127.0.0.1")


@pytest.fixture
def certificate(folder: Path, authority: Authority, names: Names, clock: MovedClock) -> ServerCertificate:
    """A certificate that was just made."""
    made = ServerCertificate(folder, authority, names, clock)
    assert made.ensure()
    return made


def _read(certificate: ServerCertificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(certificate.path.read_bytes())


def test_it_is_for_every_way_to_reach_the_api() -> None:
    """From the host, from others, from Pods by name and by the first address of Services."""
    names = server_names("Node-1", "cluster.local", "10.43.0.0/16", ["API.example.org", "FD00::0002", "192.0.2.7"])
    service = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
    own = ("node-1", "localhost", *service, "127.0.0.1", "::1", "10.43.0.1")
    assert names == (*own, "api.example.org", "fd00::2", "192.0.2.7")


def test_the_hosts_own_addresses_are_found_once_each() -> None:
    """Loopback and link-local ones reach nobody else."""
    found = host_addresses()
    assert len(set(found)) == len(found)
    assert not [one for one in found if one.startswith(("127.", "169.254.", "fe80:")) or one == "::1"]
    assert primary_address() in (*found, "127.0.0.1")


def test_names_and_key_are_in_one_private_file(certificate: ServerCertificate, names: Names) -> None:
    """No crash can leave a certificate with another one's key."""
    assert names_of(_read(certificate)) == frozenset(names.now)
    assert b"PRIVATE KEY" in certificate.path.read_bytes()
    assert stat.S_IMODE(certificate.path.stat().st_mode) == 0o600


def test_it_stays_as_long_as_it_fits(
    certificate: ServerCertificate, folder: Path, authority: Authority, names: Names, clock: MovedClock
) -> None:
    """Neither a look nor a restart makes a new one; a name that is no longer needed does not either."""
    before = certificate.path.read_bytes()
    clock.at += 200 * DAY_S
    names.now = ("localhost",)
    assert not certificate.ensure()
    assert not ServerCertificate(folder, authority, names, clock).ensure()
    assert certificate.path.read_bytes() == before


def test_it_is_renewed_before_it_ends(certificate: ServerCertificate, clock: MovedClock) -> None:
    """With less than a third of its year left there is a new one, which lasts a year."""
    clock.at += 244 * DAY_S
    assert certificate.renew_if_due()
    assert certificate.expires_at == pytest.approx(clock.at + 365 * DAY_S, abs=2)
    assert not certificate.renew_if_due()


def test_a_new_name_makes_a_new_one(certificate: ServerCertificate, names: Names) -> None:
    """A host that gets another address can be reached at it."""
    names.now = (*names.now, "192.0.2.7")
    assert certificate.renew_if_due()
    assert "192.0.2.7" in names_of(_read(certificate))


def test_a_clock_that_was_ahead_is_noticed(certificate: ServerCertificate, clock: MovedClock) -> None:
    """What is valid only from tomorrow on would be believed by nobody today."""
    clock.at -= DAY_S
    assert certificate.renew_if_due()


@pytest.mark.parametrize("content", [b"", b"no PEM", None])
def test_a_broken_or_lost_file_is_made_again(
    certificate: ServerCertificate,
    folder: Path,
    authority: Authority,
    names: Names,
    clock: MovedClock,
    content: bytes | None,
) -> None:
    """Nothing depends on this file surviving."""
    certificate.path.unlink()
    if content is not None:
        certificate.path.write_bytes(content)
    assert ServerCertificate(folder, authority, names, clock).ensure()


def test_one_of_another_authority_is_replaced(
    certificate: ServerCertificate, folder: Path, names: Names, clock: MovedClock, tmp_path: Path
) -> None:
    """After the authority was made anew, clients trust only what it signed."""
    other = Authority.open(tmp_path / "other", "other", clock)
    assert ServerCertificate(folder, other, names, clock).ensure()


def test_one_that_cannot_be_renewed_stays_in_use_and_says_so(certificate: ServerCertificate, clock: MovedClock) -> None:
    """A full disk does not take the API away; the status has a warning until it works again."""
    clock.at += 300 * DAY_S
    home = certificate.path
    certificate.path = home.parent / "gone" / home.name
    assert not certificate.renew_if_due()
    assert "cannot be renewed" in certificate.problem
    assert home.exists()
    certificate.path = home
    assert certificate.renew_if_due()
    assert certificate.problem == ""
