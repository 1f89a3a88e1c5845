"""Ports on which a node tells load balancers whether it has endpoints of a Service."""

from __future__ import annotations

import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from reconciler.executors.network.health_checks import HealthChecks
from reconciler.model.errors import TransientError
from reconciler.model.external import HealthCheck


def free_ports(count: int) -> list[int]:
    """Ports that nobody has."""
    doors = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(door.getsockname()[1]) for door in doors]
    for door in doors:
        door.close()
    return ports


@pytest.fixture
def checks() -> Iterator[HealthChecks]:
    """No port is open, before and after."""
    one = HealthChecks()
    yield one
    one.open(())


def check(port: int, endpoints: int = 1) -> HealthCheck:
    """A Service with so many endpoints here."""
    return HealthCheck(port=port, namespace="shop", name="web", endpoints=endpoints)


def ask(port: int) -> int:
    """The code of the answer; 0 where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except urllib.error.URLError:
        return 0


def listeners() -> list[str]:
    """The threads that wait for connections."""
    return [one.name for one in threading.enumerate() if one.name.startswith("health")]


def test_one_thread_answers_for_every_port(checks: HealthChecks) -> None:
    """Ports come, change and go one by one; with the last one the thread goes."""
    first, second, third = free_ports(3)
    checks.open((check(first), check(second, endpoints=0)))
    assert (ask(first), ask(second), ask(third)) == (200, 503, 0)
    checks.open((check(second), check(third)))
    assert (ask(first), ask(second), ask(third)) == (0, 200, 200)
    assert checks.are_open()
    assert listeners() == ["health-checks"]
    checks.open(())
    assert (ask(second), ask(third)) == (0, 0)
    assert checks.are_open()
    assert listeners() == []
    checks.open((check(first),))
    assert ask(first) == 200


def test_who_does_not_ask_holds_up_nobody(checks: HealthChecks) -> None:
    """A connection on which nothing is said; and one that is given up at once."""
    (port,) = free_ports(1)
    checks.open((check(port),))
    with socket.create_connection(("127.0.0.1", port)):
        socket.create_connection(("127.0.0.1", port)).close()
        assert ask(port) == 200


def test_a_port_of_another_program_is_told_and_taken_when_it_is_free(checks: HealthChecks) -> None:
    """The others are answered meanwhile."""
    mine, taken = sorted(free_ports(2))
    wanted = (check(mine), check(taken))
    with (
        socket.create_server(("0.0.0.0", taken)),
        pytest.raises(TransientError, match=rf"service/shop/web cannot be answered on port {taken}"),
    ):
        checks.open(wanted)
    assert (ask(mine), ask(taken)) == (200, 0)
    checks.open(tuple(replace(one, endpoints=0) for one in wanted))
    assert (ask(mine), ask(taken)) == (503, 503)
