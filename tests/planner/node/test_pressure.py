"""What presses a host: thresholds, and how long a condition stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.executors.signals import SignalReader
from reconciler.model.pressure import SignalFact, parse_thresholds
from tests.planner.node.host import Host, pod

GIB = 1 << 30


def fact(signal: str, share: float, capacity: int = 100 * GIB) -> SignalFact:
    """Return a signal of which this share is left."""
    return SignalFact(signal=signal, available=int(capacity * share), capacity=capacity)


def pressures(*signals: SignalFact) -> tuple[str, ...]:
    """Return what a node with these signals reports."""
    host = Host(pod("web"))
    host.world.signals = signals
    host.node.run_for(5)
    return host.node.observation().pressures


@pytest.mark.parametrize(
    ("signal", "enough", "little", "expected"),
    [
        ("memory.available", 0.002, 0.0009, "MemoryPressure"),
        ("nodefs.available", 0.11, 0.09, "DiskPressure"),
        ("nodefs.inodesFree", 0.06, 0.04, "DiskPressure"),
        ("imagefs.available", 0.16, 0.14, "DiskPressure"),
        ("pid.available", 0.06, 0.04, "PIDPressure"),
    ],
)
def test_less_than_the_kubelets_thresholds_presses(signal: str, enough: float, little: float, expected: str) -> None:
    """100Mi of memory, shares of the disks."""
    assert pressures(fact(signal, enough)) == ()
    assert pressures(fact(signal, little)) == (expected,)


def test_pressure_stays_for_five_minutes_after_it_was_seen() -> None:
    """As the kubelet's evictionPressureTransitionPeriod; the node looks again by itself when it is over."""
    host = Host(pod("web"))
    host.world.signals = (fact("memory.available", 0.0),)
    host.node.run_for(5)
    host.world.signals = (fact("memory.available", 0.5),)
    host.node.run_for(250)
    assert host.node.observation().pressures == ("MemoryPressure",)
    host.node.run_for(60)
    assert host.node.observation().pressures == ()


def test_signals_are_not_reported() -> None:
    """They change all the time: only what follows from them is written."""
    host = Host(pod("web"))
    host.world.signals = (fact("memory.available", 0.5),)
    host.settle()
    assert host.node.observation().facts.signals == ()


@pytest.mark.parametrize("text", ["memory.available", "memory.free<1Gi", "nodefs.available<much", "pid.available<101%"])
def test_a_threshold_that_is_none_is_refused(text: str) -> None:
    """With the text that is wrong."""
    with pytest.raises(ValueError, match="is no threshold"):
        parse_thresholds(f"memory.available<1Gi,{text}")


def test_no_thresholds_press_nobody() -> None:
    """An empty setting switches them off."""
    assert parse_thresholds(" ") == ()


def test_a_host_tells_its_signals(tmp_path: Path) -> None:
    """Memory, the disk of the data and process numbers are there on every host."""
    found = {one.signal: one for one in SignalReader().read(1000.0, tmp_path, str(tmp_path))}
    assert {"memory.available", "nodefs.available", "pid.available"} <= found.keys()
    assert "imagefs.available" not in found
    assert all(0 <= one.available <= one.capacity for one in found.values())
