"""P06: what lasts that a node cannot do is told by every view of the whole, as long as it lasts, and is no source's."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from reconciler.cli.exits import Exit
from reconciler.cli.waiting import exit_of_status, wait_until_healthy
from reconciler.config import SourceSettings
from reconciler.controller.loop import Controller
from reconciler.controller.status import status_of
from reconciler.model.base import to_builtins
from reconciler.model.node_report import NodeFault
from reconciler.model.status import Health, Status
from reconciler.render.nodes import nodes_table, troubles_text
from tests.controller.test_loop import Clock, controller, observation, reading, wait
from tests.planner.test_safety import config_maps

FAULT = NodeFault(action="prepareHost", reason="NamesNotServed", message="port 53 is taken", blocks_pods=False)


def status(one: Controller) -> Status:
    """What `status` says."""
    return status_of(one, [SourceSettings(name="main")], (one.status(),))


@contextmanager
def healthy(folder: Path, clock: Clock) -> Iterator[Controller]:
    """A cluster of which nothing but good is known."""
    with controller(folder / "db", clock) as (one, _):
        one.receive(observation(clock))
        one.receive_reading(reading(config_maps(range(2))))
        wait(one, lambda: status(one).health is Health.HEALTHY and one.last_plan.changes == ())
        yield one


class Client:
    """Answers with one status."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def status(self) -> dict[str, Any]:
        """Its document."""
        return to_builtins(self._status)  # type: ignore[no-any-return]


def test_a_cluster_with_a_node_in_trouble_is_not_healthy(tmp_path: Path, capsys: Any) -> None:
    """Its sources are; it is again when the node says so."""
    clock = Clock()
    with healthy(tmp_path, clock) as one:
        clock.at += 1
        one.receive(replace(observation(clock, 2), faults=(FAULT,)))
        wait(one, lambda: status(one).health is Health.DEGRADED)
        ill = status(one)
        assert [one.health for one in ill.sources] == [Health.HEALTHY]
        assert [(one.reason, one.message) for one in ill.nodes[0].troubles] == [
            ("NamesNotServed", "prepareHost: port 53 is taken")
        ]
        assert exit_of_status(ill) is Exit.PENDING
        wait_until_healthy(Client(ill), 0.5)  # type: ignore[arg-type]
        assert "node/node-1 NamesNotServed: prepareHost: port 53 is taken" in capsys.readouterr().err
        clock.at += 1
        one.receive(observation(clock, 3))
        wait(one, lambda: status(one).health is Health.HEALTHY)


def test_what_failed_once_is_not_done_yet(tmp_path: Path) -> None:
    """It is told, and nothing is healthy before it is known whether it lasts; no condition says so."""
    clock = Clock()
    with healthy(tmp_path, clock) as one:
        clock.at += 1
        one.receive(replace(observation(clock, 2), faults=(replace(FAULT, tries=1),)))
        wait(one, lambda: status(one).health is Health.PROGRESSING)
        [node] = status(one).nodes
        assert node.message == "prepareHost failed, and is tried again: port 53 is taken"
        assert not node.troubles


def test_a_node_that_this_daemon_has_not_heard_is_not_known_to_be_well(tmp_path: Path) -> None:
    """What was stored before may be otherwise by now: nobody listened."""
    clock = Clock()
    with healthy(tmp_path, clock):
        pass
    clock.at += 5
    with controller(tmp_path / "db", clock) as (one, _):
        one.receive_reading(reading(config_maps(range(2))))
        wait(one, lambda: one.ticks > 0)
        [node] = status(one).nodes
        assert status(one).health is Health.PROGRESSING and node.ready
        assert node.message.startswith("has not been heard since the daemon has run")
        one.receive(observation(clock, 2))
        wait(one, lambda: status(one).health is Health.HEALTHY)


def test_the_list_of_nodes_says_what_and_why() -> None:
    """In the column of the status, and in a sentence below."""
    conditions = [
        {"type": "NetworkUnavailable", "status": "True", "reason": "NetworkConflict", "message": "link l is foreign"},
        {"type": "reconciler.dev/Degraded", "status": "False", "reason": "Recovered", "message": "over"},
        {"type": "Ready", "status": "True"},
    ]
    node = {"metadata": {"name": "n"}, "status": {"conditions": conditions}, "spec": {"unschedulable": True}}
    [row] = nodes_table([node], now=0.0).rows
    assert row[1] == "Ready,NetworkUnavailable,SchedulingDisabled"
    assert troubles_text([node], now=0.0).startswith("n NetworkConflict: link l is foreign")
    assert troubles_text([{"metadata": {"name": "m"}}], now=0.0) == ""
