"""How amounts are written for people."""

import pytest

from reconciler.render.capacity import cpu


@pytest.mark.parametrize(("millis", "shown"), [(0, "0"), (20, "20m"), (100, "100m"), (1500, "1500m"), (2000, "2")])
def test_processors_are_written_as_kubernetes_writes_them(millis: int, shown: str) -> None:
    """Whole ones, or thousandths: one column never has both a tenth and 120m."""
    assert cpu(millis) == shown
