"""Three hosts, one daemon: hosts join, Pods run on each, and no host needs the daemon to go on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.host import CLI, Host, Run, wait_for
from tests.e2e.lab_node import Inside, LabNode, lab_nodes
from tests.e2e.manifests import SLEEPER
from tests.e2e.stage import container, manifest, pod_spec

pytestmark = pytest.mark.real

PODS = 6
SPREAD = {
    "maxSkew": 1,
    "topologyKey": "kubernetes.io/hostname",
    "whenUnsatisfiable": "DoNotSchedule",
    "labelSelector": {"matchLabels": {"app": "web"}},
}


def web(replicas: int = PODS) -> str:
    """A Deployment that is spread over the hosts."""
    labels = {"app": "web"}
    spec = pod_spec(container("app", SLEEPER), topologySpreadConstraints=[SPREAD])
    template = {"metadata": {"labels": labels}, "spec": spec}
    wanted = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return manifest("Deployment", "web", "apps/v1", spec=wanted)


class NodeHost(Host):
    """A host of several: its commands run there."""

    def __init__(self, home: Path, node: LabNode) -> None:
        super().__init__(home)
        self.node = node
        self.agent: Inside | None = None

    def run(self, *arguments: str, timeout: float = 60) -> Run:
        """Run one of our commands on this host."""
        return Run(self.node.run(*CLI, *arguments, "--data-dir", str(self.data), timeout=timeout))

    def start(self) -> None:
        """Start the daemon and wait until it answers."""
        self.daemon = self.node.spawn(self.home / "daemon.log", *CLI, "daemon", "--data-dir", str(self.data))
        wait_for("the daemon answers", self.answers, 30)

    def start_agent(self) -> None:
        """Start the agent."""
        self.agent = self.node.spawn(self.home / "agent.log", *CLI, "agent", "--data-dir", str(self.data))

    def connections(self) -> int:
        """How often the agents of this host have reached the daemon."""
        return (self.home / "agent.log").read_text().count("connected with the daemon")

    def stop_agent(self) -> None:
        """Stop the agent as a service manager does."""
        assert self.agent is not None
        self.agent.terminate()
        assert self.agent.wait(30) == 0
        self.agent = None


class Cluster:
    """A daemon's host and those that have joined it."""

    def __init__(self, hosts: list[NodeHost]) -> None:
        self.hosts = hosts
        self.main = hosts[0]

    def names(self) -> set[str]:
        """The nodes that are ready."""
        table = self.main.run("nodes").out.splitlines()[1:]
        return {line.split()[0] for line in table if line.split()[1] == "Ready"}

    def running(self) -> dict[str, dict[str, str]]:
        """Return when each running container was started, by host and id."""
        return {
            one.node.name: {c["Id"]: c["State"]["StartedAt"] for c in one.node.running().values()} for one in self.hosts
        }

    def apps(self, host: NodeHost) -> dict[str, dict[str, Any]]:
        """Return the running containers of Pods on a host."""
        return {name: one for name, one in host.node.running().items() if not name.startswith("rc_POD_")}

    def log(self) -> str:
        """What daemon and agents have logged last."""
        files = [one.home / name for one in self.hosts for name in ("daemon.log", "agent.log")]
        return "\n".join(f"--- {path}\n{path.read_text()[-3000:]}" for path in files if path.exists())


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Cluster]:
    """Three hosts, of which two have joined, with six Pods on them."""
    with lab_nodes(3, image) as nodes:
        hosts = [NodeHost(tmp_path_factory.mktemp(node.name), node) for node in nodes]
        main = hosts[0]
        done = main.run("init", "--node", "host-1", "--receive", "--api-address", "0.0.0.0:6443")
        assert done.code == 0, done
        main.git("init", "--quiet", "--initial-branch=main", str(main.tree), cwd=main.home)
        main.git("remote", "add", "origin", str(main.data / "receive" / "manifests.git"))
        main.start()
        one = Cluster(hosts)
        for host in hosts[1:]:
            join(main, host)
            host.start_agent()
        wait_for("every node is ready", lambda: one.names() == {"host-1", "host-2", "host-3"}, 60, 0.5)
        main.push({"web.yaml": web()}, wait=False)
        main.settle(90)
        yield one


def join(main: NodeHost, host: NodeHost) -> None:
    """Run on a host what `token create` prints on the daemon's."""
    printed = main.run("token", "create")
    assert printed.code == 0, printed
    words = printed.out.split()
    assert words[:3] == ["reconciler", "join", f"https://{main.node.address}:6443"]
    done = host.run(*words[1:])
    assert done.code == 0, done


def test_pods_run_on_every_host(cluster: Cluster) -> None:
    """Two on each, as the spread asks; every node has a range of its own, and its Pods have addresses of it."""
    counts = {one.node.name: len(cluster.apps(one)) for one in cluster.hosts}
    assert counts == {"host-1": 2, "host-2": 2, "host-3": 2}, cluster.log()
    nodes = {one["metadata"]["name"]: one for one in cluster.main.get("/api/v1/nodes")["items"]}
    for pod in cluster.main.pods():
        cidr = nodes[pod["spec"]["nodeName"]]["spec"]["podCIDR"]
        assert pod["status"]["podIP"].startswith(cidr.rpartition(".")[0]), (pod["status"]["podIP"], cidr)
    assert len({one["spec"]["podCIDR"] for one in nodes.values()}) == 3


def test_every_node_knows_its_peers(cluster: Cluster) -> None:
    """Address and range of each, on the disk of each."""
    for host in cluster.hosts:
        view = json.loads((host.data / "agent" / "view.json").read_text())
        assert [one["node"] for one in view["peers"]] == ["host-1", "host-2", "host-3"]
        assert [one["address"] for one in view["peers"]] == [one.node.address for one in cluster.hosts]


def test_nodes_are_listed_with_when_they_were_heard(cluster: Cluster) -> None:
    """The table of `reconciler nodes`."""
    header, *lines = cluster.main.run("nodes").out.splitlines()
    assert {"HEARD", "CLOCK", "POD-CIDR"} <= set(header.split())
    assert [line.split()[0] for line in lines] == ["host-1", "host-2", "host-3"]
    document = cluster.main.json("nodes")
    assert all(one["agent"]["heardSecondsAgo"] < 30 for one in document["items"]), document


def test_hosts_heal_without_the_daemon_and_nothing_restarts_when_it_is_back(cluster: Cluster) -> None:
    """P10, P17: the daemon is killed, a container on another host dies and is replaced, the daemon comes back."""
    before = cluster.running()
    cluster.main.kill()
    victim = cluster.hosts[1]
    name, killed = next(iter(cluster.apps(victim).items()))
    victim.node.docker("kill", killed["Id"])
    pod = name.split("_")[2]
    wait_for(
        "the container is replaced",
        lambda: any(pod in one and c["Id"] != killed["Id"] for one, c in cluster.apps(victim).items()),
        30,
        0.2,
    )
    cluster.main.start()
    wait_for("every node is ready again", lambda: len(cluster.names()) == 3, 60, 0.5)
    cluster.main.settle(60)
    after = cluster.running()
    healed = {id for id in after["host-2"] if id not in before["host-2"]}
    assert len(healed) == 1
    del before["host-2"][killed["Id"]]
    assert {host: {id: at for id, at in one.items() if id not in healed} for host, one in after.items()} == before
    plan = cluster.main.run("plan")
    assert plan.code == 0, plan


def test_an_agent_that_is_restarted_restarts_nothing(cluster: Cluster) -> None:
    """P10: neither does one that was killed."""
    before = cluster.running()
    host = cluster.hosts[2]
    host.stop_agent()
    host.start_agent()
    wait_for("it is connected", lambda: host.connections() == 2, 30, 0.2)
    assert host.agent is not None
    host.agent.kill()
    host.agent.wait(10)
    host.start_agent()
    wait_for("it is connected again", lambda: host.connections() == 3, 30, 0.2)
    wait_for("it is ready", lambda: "host-3" in cluster.names(), 30, 0.5)
    assert cluster.running() == before


def test_logs_and_commands_reach_every_host(cluster: Cluster) -> None:
    """By way of the daemon, although it opens no connection to an agent."""
    main = cluster.main
    script = "echo on $(cat); echo said >/proc/1/fd/1; exit 3"
    for pod in main.pods():
        name = f"pod/{pod['metadata']['name']}"
        command = [*CLI, "exec", "--data-dir", str(main.data), "-i", name, "--", "/bin/sh", "-c", script]
        done = subprocess.run(main.node.inside(*command), input=b"wire", capture_output=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (3, b"on wire\n"), f"{done}\n{cluster.log()}"
        wait_for("its log has it", lambda name=name: "said" in main.run("logs", name).out, 20, 0.3)


def test_a_drained_node_is_empty_and_its_pods_run_elsewhere(cluster: Cluster) -> None:
    """Budgets allowing; the spread then has to be met by the others."""
    main, host = cluster.main, cluster.hosts[2]
    main.push({"web.yaml": web().replace("DoNotSchedule", "ScheduleAnyway")}, wait=False)
    main.settle(90)
    done = main.run("drain", "host-3", "--timeout", "60s", timeout=90)
    assert done.code == 0, f"{done}\n{cluster.log()}"
    assert "evicted pod/default/web-" in done.err
    main.settle(60)
    assert cluster.apps(host) == {}
    assert sum(len(cluster.apps(one)) for one in cluster.hosts[:2]) == PODS


def test_a_removed_node_is_gone_and_joins_again(cluster: Cluster) -> None:
    """What is told to its agent says what to do; with a token for its name it is a node again."""
    main, host = cluster.main, cluster.hosts[2]
    done = main.run("node", "remove", "host-3")
    assert done.code == 0, done
    wait_for("it is gone", lambda: cluster.names() == {"host-1", "host-2"}, 30, 0.5)
    wait_for("its agent says so", lambda: "was the node removed" in (host.home / "agent.log").read_text(), 60, 0.5)
    words = main.run("token", "create", "--node", "host-3").out.split()
    assert host.run(*words[1:]).code == 0
    wait_for("it is back", lambda: "host-3" in cluster.names(), 60, 0.5)
