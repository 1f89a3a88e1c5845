"""The lab's own provider, asked as the daemon asks any: by its executable; and what carries its load balancers."""

from __future__ import annotations

import asyncio
import fcntl
import json
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from reconciler.executors.provider.script import ScriptProvider
from reconciler.lab.balancer import Balancer as Carrier
from reconciler.lab.provided import write_provider
from reconciler.model.provider import (
    Balanced,
    Balancer,
    BalancerPort,
    Instance,
    LocalDirectory,
    Owner,
    ProviderAnswer,
    ProviderNode,
    ProviderRequest,
    ProviderVolume,
    Record,
    Recorded,
    Route,
    VolumeMade,
)

NODES = tuple(ProviderNode(name=f"node-{n}", address=f"10.99.0.{10 + n}", is_fit=n != 2) for n in (1, 2, 3, 4))
OWNER = Owner(kind="Service", namespace="shop", name="web", uid="u")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A lab's folder, in which load balancers are taken to be carried already: no process is started."""
    (tmp_path / "provider").mkdir()
    with (tmp_path / "provider" / "balancer.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield tmp_path


def ask(folder: Path, **wanted: object) -> ProviderAnswer:
    """Ask it."""
    script = write_provider(folder, IPv4Network("10.99.0.0/24"))
    request = ProviderRequest(cluster_id="c", nodes=NODES, **wanted)  # type: ignore[arg-type]
    return ScriptProvider(str(script), 20.0, folder / "run").ask(request)


def balancer(name: str, port: BalancerPort, **fields: str) -> Balancer:
    """A load balancer that is wanted."""
    return Balancer(namespace="shop", name=name, uid=f"u-{name}", ports=(port,), **fields)  # type: ignore[arg-type]


def test_nodes_are_spread_over_zones(folder: Path) -> None:
    """By their numbers, and each has a name as a machine."""
    told = ask(folder)
    assert [(one.node, one.zone) for one in told.instances] == [
        ("node-1", "a"),
        ("node-2", "b"),
        ("node-3", "c"),
        ("node-4", "a"),
    ]
    first = Instance(node="node-1", provider_id="lab://node-1", zone="a", region="lab", type="lab.host")
    assert told.instances[0] == first
    assert told.capabilities == ("records", "volumes")


def test_load_balancers_keep_their_addresses(folder: Path) -> None:
    """Each has one of the lab's network; it leads to the nodes that are fit; what goes gives its address back."""
    web = balancer("web", BalancerPort(port=80, node_port=30080))
    api = balancer("api", BalancerPort(port=80, node_port=30081))
    named = balancer("named", BalancerPort(port=80, node_port=30082), ip="10.99.0.240")
    datagrams = balancer("dns", BalancerPort(port=53, node_port=30053, protocol="UDP"))
    told = ask(folder, load_balancers=(web, api, named, datagrams)).load_balancers
    assert told == (
        Balanced(namespace="shop", name="web", ip="10.99.0.200"),
        Balanced(namespace="shop", name="api", ip="10.99.0.201"),
        Balanced(namespace="shop", name="named", ip="10.99.0.240"),
        Balanced(namespace="shop", name="dns", error="load balancers of a lab carry TCP and nothing else"),
    )
    (first, *_) = json.loads((folder / "provider" / "balancers.json").read_text())
    assert (first["address"], first["port"]) == ("10.99.0.200", 80)
    assert first["targets"] == [["10.99.0.11", 30080], ["10.99.0.13", 30080], ["10.99.0.14", 30080]]
    assert [one.ip for one in ask(folder, load_balancers=(api,)).load_balancers] == ["10.99.0.201"]
    assert [one.ip for one in ask(folder, load_balancers=(web, api)).load_balancers] == ["10.99.0.200", "10.99.0.201"]


def test_records_are_lines_of_a_file_of_hosts(folder: Path) -> None:
    """What such a file cannot say is an error; what is not wanted any more is gone from it."""
    www = Record(name="www.example.org", targets=("10.99.0.200", "10.99.0.201"), owner=OWNER)
    other = Record(name="x.example.org", type="CNAME", targets=("lb.example.org",), owner=OWNER)
    error = "a file of hosts has neither other names (CNAME) nor wildcards"
    assert ask(folder, records=(www, other)).records == (
        Recorded(name="www.example.org"),
        Recorded(name="x.example.org", error=error),
    )
    hosts = folder / "provider" / "hosts"
    assert hosts.read_text() == "10.99.0.200 www.example.org\n10.99.0.201 www.example.org\n"
    ask(folder)
    assert hosts.read_text() == ""


def test_volumes_are_directories_until_they_are_to_be_deleted(folder: Path) -> None:
    """In the zone of the node that was asked for, where they stay; what is not asked for is kept."""
    wanted = ProviderVolume(name="pvc-1", claim=OWNER, size=5, node="node-3")
    path = folder / "provider" / "volumes" / "pvc-1"
    made = VolumeMade(name="pvc-1", size=5, local=LocalDirectory(zone="c", path=str(path)))
    assert ask(folder, volumes=(wanted,)).volumes == (made,)
    (path / "data").write_text("kept")
    anywhere = ProviderVolume(name="pvc-2", claim=OWNER, size=5)
    local = ask(folder, volumes=(anywhere,)).volumes[1].local
    assert local is not None and local.zone == "a"
    assert (path / "data").read_text() == "kept"
    gone = ProviderVolume(name="pvc-1", claim=OWNER, size=5, deleting=True)
    assert [one.name for one in ask(folder, volumes=(gone, anywhere)).volumes] == ["pvc-2"]
    assert not path.exists()
    [trashed] = (folder / "provider" / "trash").iterdir()
    assert trashed.name.endswith("-pvc-1") and (trashed / "data").read_text() == "kept"


def test_routes_are_seen_to_where_the_network_is_lent(folder: Path) -> None:
    """One that cannot be made is told with the reason."""
    wanted = Route(node="node-3", pod_cidr="10.42.2.0/24", node_address="10.99.0.13")
    assert ask(folder, routes=(wanted,)).routes == ()
    (folder / "provider" / "network").touch()
    told = ask(folder, routes=(wanted,))
    assert "routes" in told.capabilities
    assert [(one.node, "nsenter" in one.error) for one in told.routes] == [("node-3", True)]


def test_a_volume_that_is_gone_is_not_made_anew(folder: Path) -> None:
    """An empty directory in its place would be taken for it; when it is back all is well."""
    wanted = ProviderVolume(name="pvc-1", claim=OWNER, size=5, node="node-3")
    [made] = ask(folder, volumes=(wanted,)).volumes
    path = folder / "provider" / "volumes" / "pvc-1"
    path.rename(folder / "elsewhere")
    [gone] = ask(folder, volumes=(wanted,)).volumes
    assert gone.error == f"{path} is gone, with what was on it" and not path.exists()
    (folder / "elsewhere").rename(path)
    assert ask(folder, volumes=(wanted,)).volumes == (made,)


def test_connections_are_passed_on_by_turns(tmp_path: Path) -> None:
    """To the next target where one does not answer; not from elsewhere than the source ranges say."""

    async def answer(name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(name.encode() + await reader.readline())
        writer.close()

    async def through(port: int) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b" hello\n")
        said = b""
        with suppress(ConnectionResetError):
            said = await reader.read()
        writer.close()
        return said.decode()

    async def story() -> tuple[list[str], str]:
        servers = [
            await asyncio.start_server(lambda r, w, name=name: answer(name, r, w), "127.0.0.1", 0) for name in "ab"
        ]
        free = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
        ports = [server.sockets[0].getsockname()[1] for server in (*servers, free)]
        free.close()
        await free.wait_closed()
        silent = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
        silent_port = silent.sockets[0].getsockname()[1]
        silent.close()
        await silent.wait_closed()
        targets = [["127.0.0.1", port] for port in (*ports[:2], silent_port)]
        rule = {"address": "127.0.0.1", "port": ports[2], "targets": targets, "sourceRanges": []}
        carrier = Carrier(tmp_path / "balancers.json", link="")
        await carrier.follow([rule])
        said = [await through(ports[2]) for _ in range(3)]
        await carrier.follow([{**rule, "sourceRanges": ["192.0.2.0/24"]}])
        refused = await through(ports[2])
        await carrier.follow([])
        for server in servers:
            server.close()
        return said, refused

    said, refused = asyncio.run(story())
    assert said == ["a hello\n", "b hello\n", "a hello\n"] and refused == ""
