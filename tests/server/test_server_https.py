"""HTTPS as the daemon sets it up from its settings."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from reconciler.access.certificates import names_of
from reconciler.config import Settings, check_api
from reconciler.model.errors import ConfigurationError
from reconciler.server.authentication import NoAccounts
from reconciler.server.https import Https


class Now:
    """The Clock port on this machine's time, with days added by a test."""

    days = 0

    def now(self) -> float:
        return time.time() + self.days * 86_400.0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a data directory from before there was HTTPS."""
    return Settings(data_dir=str(tmp_path), cluster_id="c-1", node="node-1", api_address="127.0.0.1:0")


@pytest.fixture
def https(settings: Settings) -> Iterator[Https]:
    """HTTPS that is set up."""
    made = Https(settings, Now())
    yield made
    assert made.listener is not None
    made.listener.close()


def test_everything_is_made_that_is_missing(https: Https, settings: Settings) -> None:
    """A port, an authority, and a certificate for the ways in which Pods and people reach the API."""
    assert https.place.startswith("https://127.0.0.1:")
    assert f":{https.access(NoAccounts()).port}" in https.place
    shown = x509.load_pem_x509_certificate((settings.pki_path / "server.pem").read_bytes())
    assert {"node-1", "localhost", "127.0.0.1", "::1", "kubernetes.default.svc.cluster.local", "10.43.0.1"} <= names_of(
        shown
    )
    assert https.warnings() == ()


def test_a_certificate_that_cannot_be_renewed_is_a_warning_until_it_can(settings: Settings) -> None:
    """Status shows it; nothing stops working."""
    clock = Now()
    https = Https(settings, clock)
    clock.days = 300
    shutil.rmtree(settings.pki_path)
    https.renew()
    [warning] = https.warnings()
    assert "cannot be renewed" in warning
    settings.pki_path.mkdir()
    https.renew()
    assert https.warnings() == ()
    assert https.listener is not None
    https.listener.close()


def test_switched_off_there_is_no_port_and_still_an_authority(settings: Settings, tmp_path: Path) -> None:
    """Credentials of the socket's clients do not depend on it."""
    off = Https(Settings(data_dir=str(tmp_path), cluster_id="c-1", api_address=""), Now())
    assert (off.listener, off.place, off.access(NoAccounts()).port) == (None, "", 0)
    off.renew()


@pytest.mark.parametrize("address", ["6443", ":6443", "localhost:6443", "0.0.0.0:http", "0.0.0.0:70000", "0.0.0.0:-1"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    """With the setting's name and what it looks like."""
    with pytest.raises(ConfigurationError, match="apiAddress") as told:
        check_api(Settings(api_address=address))
    assert "0.0.0.0:6443" in told.value.hint


def test_ipv6_is_written_in_brackets() -> None:
    """As everywhere."""
    assert Settings(api_address="[::]:6443").api_endpoint == ("::", 6443)


@pytest.mark.parametrize("name", ["", "two words", "bücher.example"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    """A certificate cannot be for it."""
    with pytest.raises(ConfigurationError, match="apiNames"):
        check_api(Settings(api_names=(name,)))
