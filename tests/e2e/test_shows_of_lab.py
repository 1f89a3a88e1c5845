"""What a lab is for: a market of twelve workloads on several hosts, and what befalls these.

Four nodes, or as many as RECONCILER_SHOW_NODES says.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from reconciler.lab.lab import Lab
from tests.e2e.host import CLI, IMAGE, ROOT, Host, Run, docker, wait_for
from tests.e2e.kubectl import Kubectl, found
from tests.e2e.lab_node import Inside

pytestmark = pytest.mark.real

COUNT = int(os.environ.get("RECONCILER_SHOW_NODES", "4"))
NODES = tuple(f"node-{number}" for number in range(1, COUNT + 1))
# What is drained, and then loses power; what is parted from the daemon; where the market goes on meanwhile.
OFF, PARTED, SERVING = NODES[3:], NODES[1], NODES[1:3]
MARKET = ROOT / "examples" / "many-workloads"
MARKET_IMAGE = "busybox:1.36"
# By its path: a host of the lab is in a folder of its own.
LOAD = str(ROOT / "tests" / "e2e" / "load.py")
RATE = 200
PARTED_S = 42.0
FIVE = "import sys, urllib.request as u; [print(u.urlopen(sys.argv[1], timeout=2).read()) for _ in range(5)]"
DAEMON = {"daemon": [*CLI, "daemon"]}


class Show(Host):
    """A lab as whoever has typed `lab up` uses it."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.folder = home / "lab"
        self.data = self.folder / "nodes" / "node-1" / "data"
        self.lab = Lab(self.folder, lambda _: None)

    def typed(self, *words: str, timeout: float = 120) -> Run:
        """Type `reconciler lab VERB`, which must succeed."""
        verb, *rest = words
        command = [*CLI, "lab", verb, "--data-dir", str(self.folder), *rest]
        done = Run(subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, cwd="/"))
        assert done.code == 0, done
        return done

    def on(self, node: str, *command: str, timeout: float = 60) -> Run:
        """Run a command on a node."""
        return Run(self.lab.node(node).run(*command, timeout=timeout))

    def states(self) -> dict[str, str]:
        """Return what `reconciler nodes` says of each node."""
        lines = self.run("nodes").out.splitlines()[1:]
        return {line.split()[0]: line.split()[1] for line in lines}

    def are_ready(self, *names: str) -> bool:
        """Whether exactly these nodes are ready."""
        return {name for name, state in self.states().items() if state.split(",")[0] == "Ready"} == set(names)

    def engine(self, node: str, *words: str) -> str:
        """Ask a node's Engine."""
        return docker("--host", f"unix://{self.lab.node(node).socket}", *words)

    def running(self, *nodes: str) -> dict[str, str]:
        """Return when each of our containers was started, by node and name; without those of Jobs."""
        found = {}
        for node in nodes or NODES:
            ids = self.engine(node, "ps", "--quiet", "--filter", "label=reconciler.dev/cluster").split()
            for one in self.inspected(node, ids):
                if "quarterly" not in one["Name"]:
                    found[f"{node}{one['Name']}"] = one["State"]["StartedAt"]
        return found

    def inspected(self, node: str, ids: list[str]) -> list[dict[str, Any]]:
        """Return what a node's Engine tells of containers; those that are removed meanwhile are left out."""
        command = ["docker", "--host", f"unix://{self.lab.node(node).socket}", "inspect", *ids]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        return list(json.loads(done.stdout)) if ids else []

    def container(self, node: str, name: str) -> str:
        """Return the running container of a name on a node; empty when there is none."""
        return self.engine(node, "ps", "--quiet", "--no-trunc", "--filter", f"name=rc_{name}_").strip()

    def serves(self, node: str) -> bool:
        """Whether the shop is reached from a node by the Service's address, five times of five."""
        done = self.on(node, sys.executable, "-c", FIVE, f"http://{self.shop}/")
        return done.out.count("welcome, prices in EUR") == 5

    def hosts_of(self, app: str) -> set[str]:
        """Where the Pods of a workload are."""
        pods = [one for one in self.pods("market") if one["metadata"]["labels"].get("app") == app and is_ready(one)]
        return {one["spec"]["nodeName"] for one in pods}

    def count_ready(self, app: str) -> int:
        """How many Pods of a workload are ready."""
        return sum(one["metadata"]["labels"].get("app") == app and is_ready(one) for one in self.pods("market"))

    @cached_property
    def shop(self) -> str:
        """The address of the shop's Service, which never changes; asked for while the daemon runs."""
        return self.address("front", "market")

    def drain(self, *nodes: str) -> None:
        """Drain nodes one after the other, and wait until what can run elsewhere does."""
        for node in nodes:
            done = self.run("drain", node, "--timeout", "60s", timeout=90)
            assert done.code == 0, done
            wait_for("four are ready again", lambda: self.count_ready("front") == 4, 60, 0.3)
        wait_for("what was drained runs elsewhere", self.rests, 60, 0.5)

    def rests(self) -> bool:
        """Whether every Pod that has a node is ready or has ended, and a plan changes nothing."""
        placed = [one for one in self.pods("market") if "nodeName" in one["spec"]]
        return all(is_ready(one) or has_ended(one) for one in placed) and self.has_nothing_to_do()

    def has_nothing_to_do(self) -> bool:
        """Whether a plan changes nothing."""
        plan = self.json("plan")
        # What waits for a host that is drained goes on waiting.
        return {one["verdict"] for one in plan["verdicts"]} <= {"unchanged", "blocked"} and not plan["actions"]

    def agree(self) -> None:
        """Everything is healthy and a plan changes nothing."""
        self.settle(90)
        wait_for("a plan changes nothing", self.has_nothing_to_do, 60, 0.5)

    @contextmanager
    def customers(self, node: str) -> Iterator[dict[str, Any]]:
        """Many new connections from a node, each asking once; what came of them is there afterwards."""
        command = [sys.executable, LOAD, self.shop, "80", str(RATE)]
        told: dict[str, Any] = {}
        with (self.home / "load.log").open("wb") as log:
            load = Inside(
                self.lab.node(node).inside(*command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                start_new_session=True,
            )
        assert load.stdout is not None
        assert load.stdout.readline() == b"started\n"
        try:
            yield told
        finally:
            load.terminate()
            told.update(json.loads(load.stdout.readline() or b"{}"))
            load.wait(20)
            load.stdout.close()


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether a Pod is ready, and is to stay."""
    conditions = pod.get("status", {}).get("conditions", [])
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def has_ended(pod: dict[str, Any]) -> bool:
    """Whether a Pod has ended by itself."""
    return pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}


def without(name: str, running: dict[str, str]) -> dict[str, str]:
    """What runs, without a container that was killed on purpose."""
    return {one: at for one, at in running.items() if f"/rc_{name}_" not in one}


@pytest.fixture(scope="module")
def show(image: str) -> Iterator[Show]:
    """A lab with the market, which is healthy."""
    home = Path(os.environ["RECONCILER_LAB_DIR"]) / "s"
    home.mkdir()
    one = Show(home)
    docker("tag", IMAGE, MARKET_IMAGE)
    try:
        one.typed("up", "--nodes", str(COUNT))
        one.typed("load", MARKET_IMAGE)
        one.git("init", "--quiet", "--initial-branch=main", str(one.tree), cwd=home)
        one.git("remote", "add", "origin", str(one.data / "receive" / "manifests.git"))
        shutil.copytree(MARKET, one.tree, dirs_exist_ok=True)
        yield one
    finally:
        one.typed("down")
        shutil.rmtree(home)


@pytest.fixture
def market(show: Show) -> Show:
    """The market, pushed and healthy, whichever test comes first."""
    if not show.pods("market"):
        assert show.push(wait=False).code == 0
        show.agree()
    assert show.shop
    return show


def test_a_market_is_pushed_and_becomes_healthy(show: Show) -> None:
    """The plan names a node, and why, for every Pod; afterwards a second plan has nothing to do."""
    plan = show.json("plan", str(show.tree))
    pods = {one["object"] for one in plan["verdicts"] if one["object"].startswith("pod/")}
    placed = {one["object"]: one for one in plan["actions"] if one["verb"] == "bind"}
    # Of a StatefulSet the first, of the Job the first two.
    assert set(placed) == pods and len(pods) >= 13 + 2 * COUNT
    for one in placed.values():
        assert one["node"] in NODES
        assert f"{one['node']}, the " in one["message"]
    pushed = show.push(wait=False)
    assert pushed.code == 0, pushed
    show.agree()
    assert {one["spec"]["nodeName"] for one in show.pods("market")} == set(NODES)
    wait_for("the shop is reached from every node", lambda: all(show.serves(node) for node in NODES), 60, 0.5)


def test_kubectl_lists_the_nodes_with_every_column(show: Show) -> None:
    """As those of any cluster; nothing of them is unknown."""
    programs = list(found().values())
    if not programs:
        pytest.skip("needs kubectl")
    (show.home / "kubeconfig").write_text(show.typed("kubeconfig").out)
    kubectl = Kubectl(programs[-1], show.home / "kubeconfig", show.home / "cache")
    header, *lines = kubectl.out("get", "nodes", "-o", "wide").splitlines()
    assert " ".join(header.split()) == (
        "NAME STATUS ROLES AGE VERSION INTERNAL-IP EXTERNAL-IP OS-IMAGE KERNEL-VERSION CONTAINER-RUNTIME"
    )
    assert [line.split()[:2] for line in lines] == [[node, "Ready"] for node in NODES]
    for line in lines:
        assert "<unknown>" not in line
        assert re.search(r" v1\.\d+\.\d+\+reconciler\S+ +10\.\d+\.\d+\.\d+ +<none> .* docker://[\d.]+", line), line


def test_drained_hosts_are_noticed_by_no_customer(market: Show) -> None:
    """The budget keeps three of four; who ends has no new customers by then, and no request fails."""
    with market.customers(PARTED) as told:
        market.drain(NODES[0], *OFF)
    assert set(told) == {"ok"}, (told, (market.home / "load.log").read_text()[-2000:])
    assert told["ok"] > RATE
    assert market.hosts_of("front") == set(SERVING)


def test_without_the_daemon_what_is_killed_comes_back(market: Show) -> None:
    """Each agent looks after its own host; the daemon, when it is back, finds nothing to do."""
    main = market.lab.node("node-1")
    wait_for("everything rests", market.rests, 60, 0.5)
    before = market.running(*SERVING)
    main.serve({})
    stopped = market.on("node-1", "sh", "-c", f"kill -9 $(cat {market.data}/daemon.lock)")
    assert stopped.code == 0, stopped
    killed = {node: market.container(node, "watcher") for node in SERVING}
    for node, id in killed.items():
        market.engine(node, "kill", id)
    wait_for(
        "all are back", lambda: all(market.container(n, "watcher") not in ("", id) for n, id in killed.items()), 60
    )
    assert all(market.serves(node) for node in SERVING)
    main.serve(DAEMON)
    wait_for("the daemon answers", lambda: market.get("/version") is not None, 60, 0.2)
    wait_for("every node is ready", lambda: market.are_ready(*NODES), 60, 0.5)
    wait_for("a plan changes nothing", market.has_nothing_to_do, 60, 0.5)
    assert without("watcher", market.running(*SERVING)) == without("watcher", before)


def test_hosts_that_are_cut_off_or_without_power(market: Show) -> None:
    """One is parted from the daemon, others have no power: all of these are NotReady, and nothing else happens.

    What is on the parted host runs on, is probed and restarted, and serves; when it is healed, nothing restarts.
    """
    market.drain(NODES[0], *OFF)
    before = market.running(*SERVING)
    began = time.monotonic()
    market.typed("partition", PARTED, "--from", "node-1")
    for node in OFF:
        market.typed("power-off", node)
    id = market.container(PARTED, "watcher")
    market.engine(PARTED, "kill", id)
    wait_for("it is restarted", lambda: market.container(PARTED, "watcher") not in ("", id), 60, 0.2)
    wait_for("they are not ready", lambda: market.are_ready(*({*NODES} - {PARTED, *OFF})), 90, 0.5)
    assert set(market.states()) == set(NODES)
    wait_for("it was parted for long", lambda: time.monotonic() - began > PARTED_S, PARTED_S, 0.2)
    assert all(market.serves(node) for node in SERVING)
    market.typed("heal", PARTED)
    for node in OFF:
        market.typed("power-on", node)
    wait_for("every node is ready again", lambda: market.are_ready(*NODES), 90, 0.5)
    for node in (NODES[0], *OFF):
        assert market.run("uncordon", node).code == 0
    market.agree()
    assert without("watcher", market.running(*SERVING)) == without("watcher", before)


def test_a_host_that_joins_has_every_daemonset_without_a_push(market: Show) -> None:
    """It was removed, and is a host like any other again."""
    last = NODES[-1]
    assert market.run("node", "remove", last).code == 0
    wait_for("it is gone", lambda: last not in market.states(), 60, 0.5)
    words = market.on("node-1", *CLI, "token", "create", "--node", last).out.split()
    joined = market.on(last, *CLI, *words[1:])
    assert joined.code == 0, joined
    wait_for("it is ready", lambda: market.are_ready(*NODES), 60, 0.5)

    def has_both() -> bool:
        pods = [one for one in market.pods("market") if one["spec"].get("nodeName") == last and is_ready(one)]
        return {"watcher", "shipper"} <= {one["metadata"]["labels"]["app"] for one in pods}

    wait_for("both DaemonSets have their Pod there", has_both, 60, 0.5)
