"""The units are accepted by systemd and stay within the exposure we state."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from reconciler.config import Settings

UNITS = Path(__file__).parents[2] / "systemd"
NAMES = sorted(path.name for path in UNITS.glob("*.service"))
# Tenths of systemd's 0 (nothing exposed) to 10; what the daemon needs of the host rules out much less than this.
EXPOSURE_MAX = {
    "reconciler.service": 55,
    "reconciler-agent.service": 55,
    "reconciler-dns.service": 22,
    "reconciler-ingress.service": 35,
}

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd's own tool")


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with their program replaced by one that exists, because `verify` looks for it."""
    for name in NAMES:
        text = (UNITS / name).read_text()
        (tmp_path / name).write_text(re.sub(r"/opt/reconciler/bin/\S+|/usr/sbin/haproxy", "/bin/true", text))
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_systemd_finds_no_fault_in_a_unit(units: Path, name: str) -> None:
    """`systemd-analyze verify` says nothing; its exit code is 0 even for unknown settings, so silence is the test."""
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", units / name],
        capture_output=True,
        text=True,
        timeout=30,
        env={"SYSTEMD_UNIT_PATH": f"{units}:", "PATH": "/usr/bin:/bin"},
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_misspelt_setting_would_be_found(units: Path) -> None:
    """The check above is able to fail."""
    unit = units / "reconciler.service"
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchdogSeconds="))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit],
        capture_output=True,
        text=True,
        timeout=30,
        env={"SYSTEMD_UNIT_PATH": f"{units}:", "PATH": "/usr/bin:/bin"},
    )
    assert "WatchdogSeconds" in done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_is_no_more_exposed_than_stated(units: Path, name: str) -> None:
    """`systemd-analyze security` stays below the threshold, so that no hardening is lost unnoticed."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX[name]}", units / name],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stdout.splitlines()[-1:] + done.stderr.splitlines()


@pytest.mark.parametrize("name", ["reconciler.service", "reconciler-agent.service"])
def test_daemon_and_agent_are_watched_and_always_restarted(name: str) -> None:
    """P08: the service manager restarts a process whose loop stopped, and never gives up."""
    lines = set((UNITS / name).read_text().splitlines())
    assert {"Type=notify", "Restart=always", "StartLimitIntervalSec=0"} <= lines
    assert any(line.startswith("WatchdogSec=") for line in lines)


def test_the_agent_is_hardened_as_the_daemon() -> None:
    """Both do the same to a host; a setting that one of them lost would be noticed by nobody."""

    def hardening(name: str) -> list[str]:
        lines = (UNITS / name).read_text().partition("# --- Hardening")[2].splitlines()
        return [line for line in lines if line and not line.startswith("#")]

    assert hardening("reconciler-agent.service") == hardening("reconciler.service")


def test_every_variable_of_the_example_is_a_setting() -> None:
    """reconciler.env.example names only variables that the daemon reads."""
    named = re.findall(r"^#?(RECONCILER_[A-Z_]+)=", (UNITS / "reconciler.env.example").read_text(), re.MULTILINE)
    known = {f"RECONCILER_{field.upper()}" for field in Settings.__struct_fields__}
    assert named and set(named) <= known
