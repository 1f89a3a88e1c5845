"""What Services are given of pools: how a free value is looked for."""

import pytest

from reconciler.planner.services.rows import probing


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_all_of_a_pool_are_looked_at_once_upwards_from_one_that_the_key_names(size: int) -> None:
    """After the last one comes the first."""
    found = list(probing("clusterip/default/web", size))
    assert found == [(found[0] + step) % size for step in range(size)]
    assert sorted(found) == list(range(size)) and found == list(probing("clusterip/default/web", size))


def test_different_keys_begin_at_different_places() -> None:
    """So that two clusters agree, and two Services seldom meet."""
    assert len({next(probing(f"clusterip/default/s{number}", 1_000)) for number in range(50)}) > 40


@pytest.mark.parametrize("size", [0, -1])
def test_in_an_empty_pool_there_is_nothing(size: int) -> None:
    """Nor in one of less."""
    assert list(probing("clusterip/default/web", size)) == []
