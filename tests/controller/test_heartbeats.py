"""Node objects tell when the node was heard, and an idle cluster hardly writes because of it."""

from pathlib import Path
from typing import cast

from reconciler.controller.heartbeats import REFRESH_S
from reconciler.controller.loop import Controller
from reconciler.model.kinds import Node
from reconciler.model.refs import ObjectRef
from reconciler.model.times import rfc3339
from tests.controller.test_loop import Clock, controller, observation, wait


def heard(one: Controller) -> str | None:
    """Return what the Node object tells."""
    stored = one.index.get(ObjectRef(kind="Node", name="node-1"))
    conditions = cast(Node, stored.object).status.conditions if stored is not None else ()
    return conditions[0].last_heartbeat_time if conditions else None


def test_a_heartbeat_is_refreshed_now_and_then(tmp_path: Path) -> None:
    """P09: in between reports write nothing, and a plan has nothing to do because of it."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock))
        wait(one, lambda: heard(one) == rfc3339(clock.at))
        first = rfc3339(clock.at)
        for sequence in range(2, 12):
            # Often enough that the node never counts as silent.
            clock.at += (REFRESH_S - 1) / 10
            one.receive(observation(clock, sequence))
            wait(one, lambda: one._nodes["node-1"].heartbeat_at == clock.at)
        wait(one, lambda: one.last_plan.changes == ())
        assert heard(one) == first
        clock.at += 1
        one.receive(observation(clock, 12))
        wait(one, lambda: heard(one) == rfc3339(clock.at))
        wait(one, lambda: one.last_plan.changes == ())
