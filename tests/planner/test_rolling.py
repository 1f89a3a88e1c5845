"""What the limits of a rolling update come to."""

from typing import Any

import pytest

from reconciler.model.kinds import Deployment, decode_object
from reconciler.planner.workloads.rolling import count_of, limits_of, new_size


def deployment(replicas: int, strategy: dict[str, Any]) -> Deployment:
    """Return a Deployment of a size with a strategy."""
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "b"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"a": "b"}}, "template": template, "strategy": strategy}
    found = decode_object({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": spec})
    assert isinstance(found, Deployment)
    return found


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [
        (10, "25%", "25%", (3, 2)),
        (10, 0, 0, (0, 1)),
        (10, "0%", "5%", (0, 1)),
        (3, 0, 5, (0, 3)),
        (1, 1, 0, (1, 0)),
        (0, 0, 0, (0, 0)),
    ],
)
def test_surge_rounds_up_and_unavailable_down(
    replicas: int, surge: int | str, unavailable: int | str, expected: tuple[int, int]
) -> None:
    """Never both none where there is something to roll, and never more away than there are."""
    limits = {"maxSurge": surge, "maxUnavailable": unavailable}
    assert limits_of(deployment(replicas, {"type": "RollingUpdate", "rollingUpdate": limits})) == expected


def test_without_a_rolling_update_there_are_no_limits() -> None:
    """Recreate lets nothing run beside, so that no room is reckoned with."""
    assert limits_of(deployment(4, {"type": "Recreate"})) == (0, 0)


@pytest.mark.parametrize(
    ("value", "of", "up", "expected"),
    [
        ("1%", 7, True, 1),
        ("1%", 7, False, 0),
        ("100%", 7, True, 7),
        ("100%", 200, True, 200),
        ("100%", 200, False, 200),
        ("50%", 201, True, 101),
        ("50%", 201, False, 100),
        (2, 7, True, 2),
    ],
)
def test_percentages_are_of_the_replicas(value: int | str, of: int, up: bool, expected: int) -> None:
    """Also where there are many."""
    assert count_of(value, of, up=up) == expected


def test_the_current_replicaset_never_shrinks_to_make_room() -> None:
    """It grows as far as maxSurge has room for all Pods together."""
    rolled = deployment(4, {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}})
    assert [new_size(rolled, total, 2) for total in (3, 4, 5, 9)] == [4, 3, 2, 2]
