"""What tests of every part share: they run on a lab host, or they need none."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.sweep import sweep

# What takes minutes, longest first: begun last, it would leave the other lab hosts with nothing to do for so long.
LONG = (
    "test_healing",
    "test_shows_of_lab",
    "test_lab",
    "test_exec",
    "test_power_loss_under_load",
    "test_autoscaler",
    "test_nodes",
    "test_bounds",
    "test_boot",
    "test_network_between_nodes",
    "test_hostile",
    "test_networkpolicy",
    "test_kubectl",
    "test_services_outside",
    "test_logs",
    "test_forecast",
    "test_full_disk",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long; skip what touches the host unless it runs where the host can be thrown away."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))
    if os.environ.get("RECONCILER_LAB") == "1":
        return
    skip = pytest.mark.skip(reason="touches the host; run it on a lab host: scripts/lab-run .venv/bin/python -m pytest")
    for item in items:
        if item.get_closest_marker("real"):
            item.add_marker(skip)


@pytest.fixture(scope="module", autouse=True)
def swept_host(request: pytest.FixtureRequest) -> Iterator[None]:
    """A lab host is shared by all modules of a run; none finds what another one left on it."""
    real = any(item.get_closest_marker("real") for item in request.session.items if item.module is request.module)
    yield
    if real and os.environ.get("RECONCILER_LAB") == "1":
        sweep()


@pytest.fixture(scope="session")
def postgresql_url() -> str:
    """The URL of a PostgreSQL server that a test may do anything with."""
    url = os.environ.get("RECONCILER_TEST_POSTGRESQL_URL")
    if not url:
        pytest.skip("no PostgreSQL server; use scripts/with-postgresql, or set RECONCILER_TEST_POSTGRESQL_URL")
    return url
