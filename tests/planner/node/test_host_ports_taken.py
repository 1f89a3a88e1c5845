"""A program of the host listens where a port of the host is to lead to a Pod: that is told once."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.executors.listening import listening_ports
from reconciler.model.kinds import ContainerPort
from reconciler.planner.node.step import NodeStep
from tests.planner.node.host import container, pod
from tests.planner.node.situation import IP, fact, look, remembered, sandbox, shows


def started(*listening: str, **port: Any) -> NodeStep:
    """A Pod with a port of the host whose sandbox has just come up."""
    one = ContainerPort(container_port=80, host_port=8080, **port)
    facts = replace(shows(sandbox(), fact()), listening=listening)
    return look(facts, pod("web", container(ports=(one,))), memory=remembered(ip=IP))


@pytest.mark.parametrize(
    ("listening", "port", "told"),
    [
        ((), {}, []),
        (("TCP/8080/",), {}, ["0.0.0.0:8080/TCP"]),
        (("TCP/8080/127.0.0.1",), {}, ["0.0.0.0:8080/TCP"]),
        (("TCP/80800/", "TCP/808/", "UDP/8080/"), {}, []),
        (("UDP/8080/",), {"protocol": "UDP"}, ["0.0.0.0:8080/UDP"]),
        (("TCP/8080/",), {"host_ip": "10.0.0.7"}, ["10.0.0.7:8080/TCP"]),
        (("TCP/8080/10.0.0.7",), {"host_ip": "10.0.0.7"}, ["10.0.0.7:8080/TCP"]),
        (("TCP/8080/127.0.0.1",), {"host_ip": "10.0.0.7"}, []),
    ],
)
def test_a_port_that_a_program_has_is_told(listening: tuple[str, ...], port: dict[str, Any], told: list[str]) -> None:
    """With what becomes of it."""
    events = [one for one in started(*listening, **port).events if one.reason == "HostPortConflict"]
    assert [one.message.split()[7].rstrip(":") for one in events] == told
    assert all((one.type, one.pod) == ("Warning", "web") for one in events)


def test_it_is_told_once() -> None:
    """When the Pod gets its address."""
    first = started("TCP/8080/")
    facts = replace(shows(sandbox(), fact()), listening=("TCP/8080/",))
    one = ContainerPort(container_port=80, host_port=8080)
    again = look(facts, pod("web", container(ports=(one,))), memory=first.memory)
    assert [one for one in again.events if one.reason == "HostPortConflict"] == []


def test_a_host_tells_who_listens(tmp_path: Path) -> None:
    """Programs that wait for others, by protocol; not those that talk."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("0.0.0.0", 0))
        tcp, udp = server.getsockname()[1], datagrams.getsockname()[1]
        with socket.create_connection(("127.0.0.1", tcp)) as client:
            found = listening_ports()
            assert {f"TCP/{tcp}/127.0.0.1", f"UDP/{udp}/"} <= set(found)
            assert not any(one.startswith(f"TCP/{client.getsockname()[1]}/") for one in found)
    assert listening_ports(tmp_path) == ()
