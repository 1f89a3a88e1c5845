"""`make demo` keeps its word on a host, and `make clean` leaves nothing of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

TRACES = """
ip -oneline link | grep -v '@if' | cut -d: -f2
ip -oneline address | grep -v docker0 | awk '{ print $2, $4 }'
ip route | grep -v docker0
nft list tables | grep reconciler
iptables-save | grep -i reconciler
docker ps --all --quiet
ps axo args | grep -E '[r]econciler.*daemon|[r]econciler.*dns'
grep -F "$DEMO_DIR" /proc/self/mountinfo
ls -d "$DEMO_DIR" 2>/dev/null
"""


def traces(environment: dict[str, str]) -> list[str]:
    """What a demo could leave on this host."""
    looked = subprocess.run(["bash", "-c", TRACES], env=environment, capture_output=True, text=True, timeout=60)
    return sorted(looked.stdout.splitlines())


def test_the_demo_comes_true_and_can_be_taken_back(tmp_path: Path) -> None:
    """Push, page, update without a failed request, refusal: exit code 0; afterwards the host is as before."""
    environment = {**os.environ, "DEMO_DIR": str(tmp_path / "demo")}
    before = traces(environment)
    shown = subprocess.run(
        [ROOT / "scripts" / "demo"], env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert shown.returncode == 0, shown.stdout[-6000:] + shown.stderr[-6000:]
    assert ", 0 failed" in shown.stdout
    subprocess.run([ROOT / "scripts" / "demo-clean"], env=environment, timeout=120, check=True)
    assert traces(environment) == before
