"""What tests of every part share: they run on a lab host, or they need none."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.sweep import sweep


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests that touch the host unless they run where the host can be thrown away."""
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
