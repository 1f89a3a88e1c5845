"""Three hosts, one daemon: hosts join, Pods run on each, and no host needs the daemon to go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e import manifests
from tests.e2e.cluster import Cluster, NodeHost, start_cluster
from tests.e2e.host import CLI, ROOT, wait_for
from tests.e2e.lab_node import lab_nodes
from tests.e2e.manifests import SLEEPER
from tests.e2e.stage import container, manifest, pod_spec

pytestmark = pytest.mark.real

PODS = 6
SPREAD = {
    "maxSkew": 1,
    "topologyKey": "kubernetes.io/hostname",
    "whenUnsatisfiable": "DoNotSchedule",
    # A host that is drained needs no Pods for the others to have more.
    "nodeTaintsPolicy": "Honor",
    "labelSelector": {"matchLabels": {"app": "web"}},
}


def web(replicas: int = PODS) -> str:
    """A Deployment that is spread over the hosts."""
    labels = {"app": "web"}
    spec = pod_spec(container("app", SLEEPER), topologySpreadConstraints=[SPREAD])
    template = {"metadata": {"labels": labels}, "spec": spec}
    wanted = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return manifest("Deployment", "web", "apps/v1", spec=wanted)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Cluster]:
    """Three hosts, of which two have joined, with six Pods on them."""
    with lab_nodes(3, image) as nodes:
        one = start_cluster([NodeHost(tmp_path_factory.mktemp(node.name), node) for node in nodes])
        pushed = one.main.push({"web.yaml": web()}, wait=False)
        assert pushed.code == 0, pushed
        one.main.settle(90)
        yield one


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
    wait_for("there is nothing to do", lambda: cluster.main.run("plan").code == 0, 30, 0.5)


def test_an_agent_that_is_restarted_restarts_nothing(cluster: Cluster) -> None:
    """P10: neither does one that was killed."""
    before = cluster.running()
    host = cluster.hosts[2]
    host.stop_agent()
    # It also tells of each time that the daemon was away.
    known = host.connections()
    host.start_agent()
    wait_for("it is connected", lambda: host.connections() > known, 30, 0.2)
    assert host.agent is not None
    host.agent.kill()
    host.agent.wait(10)
    known = host.connections()
    host.start_agent()
    wait_for("it is connected again", lambda: host.connections() > known, 30, 0.2)
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
        wait_for("its log has it", lambda name=name: "said" in main.run("logs", name).out, 60, 0.3)


def test_a_host_that_is_slow_sends_no_request_to_a_container_that_ends(cluster: Cluster) -> None:
    """Rolled without a preStop while the agent of the host that asks does nothing for most of the time."""
    main, slow = cluster.main, cluster.hosts[2]
    main.push({"web.yaml": web(), "front.yaml": front("1")}, wait=False)
    main.settle(60)
    services = main.get("/api/v1/namespaces/default/services")["items"]
    (address,) = (one["spec"]["clusterIP"] for one in services if one["metadata"]["name"] == "front")
    command = slow.node.inside(sys.executable, str(ROOT / "tests" / "e2e" / "load.py"), address, "80", "100")
    load = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert load.stdout is not None
    assert load.stdout.readline() == "started\n"
    with interrupted(slow):
        main.push({"web.yaml": web(), "front.yaml": front("2")}, wait=False)
        main.settle(90)
    (inside,) = Path(f"/proc/{load.pid}/task/{load.pid}/children").read_text().split()
    os.kill(int(inside), signal.SIGTERM)
    told = json.loads(load.stdout.readline())
    load.wait(20)
    assert told["ok"] > 100
    assert set(told) == {"ok"}, f"{told}\n{cluster.log()}"
    main.push({"web.yaml": web()}, wait=False)
    main.settle(60)


def front(version: str) -> str:
    """A Deployment behind a Service whose containers end at once when they are told to."""
    text = manifests.web(version, replicas=3, name="front")
    return "\n".join(line for line in text.splitlines() if "lifecycle" not in line)


@contextmanager
def interrupted(host: NodeHost) -> Iterator[None]:
    """Stop the agent of a host again and again for half a second."""
    over = threading.Event()

    def interrupt() -> None:
        assert host.agent is not None
        while not over.wait(0.3):
            host.agent.send_signal(signal.SIGSTOP)
            over.wait(0.5)
            host.agent.send_signal(signal.SIGCONT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_drained_node_is_empty_and_its_pods_run_elsewhere(cluster: Cluster) -> None:
    """Budgets allowing; the spread then has to be met by the others."""
    main, host = cluster.main, cluster.hosts[2]
    wait_for("two run on each", lambda: all(len(cluster.apps(one)) == 2 for one in cluster.hosts), 60, 0.3)
    done = main.run("drain", "host-3", "--timeout", "60s", timeout=90)
    assert done.code == 0, f"{done}\n{cluster.log()}"
    assert done.err.count("evicted pod/default/web-") == 2
    main.settle(60)
    assert cluster.apps(host) == {}
    elsewhere = cluster.hosts[:2]
    wait_for("all run elsewhere", lambda: sum(len(cluster.apps(one)) for one in elsewhere) == PODS, 30, 0.3)


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
