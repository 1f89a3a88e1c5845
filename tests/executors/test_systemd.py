"""What the service manager of a host is told, and what it answers."""

from pathlib import Path

import pytest

from reconciler.executors import systemd
from reconciler.executors.ingress.process import Proxy
from reconciler.executors.network.names import UNIT, Names
from reconciler.executors.network.state import Kernel
from reconciler.executors.systemd import SystemdError, has_unit, systemctl
from reconciler.model.details import PrepareHost
from reconciler.model.errors import TransientError


@pytest.fixture
def bin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host of which a test plays the service manager."""
    monkeypatch.setattr(systemd, "_SEARCHED", str(tmp_path))
    return tmp_path


def answers(bin: Path, script: str) -> None:
    """Have the service manager answer so."""
    (bin / "systemctl").write_text(f"#!/bin/sh\n{script}\n")
    (bin / "systemctl").chmod(0o755)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'Unit x.service not found.' >&2; exit 5", "systemctl start: Unit x.service not found."),
        ("exit 4", "systemctl start: it ended with 4 and said nothing"),
        ("exec sleep 30", "systemctl start did not end within 0.3 s"),
    ],
)
def test_what_it_does_not_do_is_told_in_its_words(bin: Path, script: str, why: str) -> None:
    """Or that it has none."""
    answers(bin, script)
    with pytest.raises(SystemdError) as told:
        systemctl("start", "x.service", timeout_s=0.3)
    assert str(told.value) == why


def test_a_host_without_it_is_told(bin: Path) -> None:
    """With where it was looked for."""
    with pytest.raises(SystemdError, match=f"no systemctl in {bin}"):
        systemctl("start", "x.service", timeout_s=5)


def test_a_unit_counts_where_the_service_manager_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file alone says that a package is there, as in the image of a container."""
    monkeypatch.setattr(systemd, "_FOLDERS", (str(tmp_path),))
    monkeypatch.setattr(systemd, "_RUNS", tmp_path / "run")
    unit = "one-of-a-test.service"
    (tmp_path / unit).touch()
    assert not has_unit(unit)
    (tmp_path / "run").mkdir()
    assert has_unit(unit)
    assert not has_unit("another-of-a-test.service")


def test_a_unit_that_does_not_start_says_where_to_look(
    bin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the DNS server as of HAProxy."""
    answers(bin, "echo 'Job failed.' >&2; exit 1")
    monkeypatch.setattr("reconciler.executors.network.names.has_unit", lambda _: True)
    monkeypatch.setattr("reconciler.executors.ingress.process.unit_of", lambda _: "reconciler-ingress.service")
    names = Names("c", tmp_path, Kernel.current())
    wanted = PrepareHost(
        pod_cidr="10.42.1.0/24",
        cluster_pod_cidr="10.42.0.0/16",
        service_cidr="10.43.0.0/16",
        dns_address="169.254.20.10",
        domain="cluster.local",
    )
    with pytest.raises(TransientError) as told:
        names.ensure_running(wanted)
    assert str(told.value) == f"systemctl restart: Job failed.; journalctl -u {UNIT} says why"
    assert told.value.reason == "NamesNotServed"
    with pytest.raises(TransientError) as told:
        Proxy(tmp_path, tmp_path / "haproxy.cfg").start("s1")
    assert str(told.value) == "systemctl restart: Job failed.; journalctl -u reconciler-ingress.service says why"
    assert told.value.reason == "ProxyNotStarted"
