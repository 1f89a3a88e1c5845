"""`reconciler lab`: several hosts with one command, what can be done to them, and nothing left of them afterwards."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from reconciler.lab.cgroups import cgroup_hierarchies
from reconciler.lab.sockets import document
from tests.e2e.host import CLI, IMAGE, Host, Run, wait_for
from tests.e2e.manifests import SLEEPER
from tests.e2e.stage import container, manifest, pod_spec, workload

pytestmark = pytest.mark.real

NODES = {"node-1", "node-2", "node-3"}
_SERVES = "echo fresh > /data/index.html; trap 'exit 0' TERM; httpd -f -p 8080 -h /data & wait $!"
_SPEC = pod_spec(
    container("app", _SERVES, volumeMounts=[{"name": "data", "mountPath": "/data"}]),
    volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "shop"}}],
)
SHOP = "\n---\n".join(
    (
        manifest(
            "StorageClass",
            "lab",
            "storage.k8s.io/v1",
            provisioner="reconciler.dev/provider",
            volumeBindingMode="WaitForFirstConsumer",
        ),
        manifest(
            "PersistentVolumeClaim",
            "shop",
            spec={
                "storageClassName": "lab",
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Mi"}},
            },
        ),
        workload("Deployment", "shop", _SPEC),
        manifest(
            "Service",
            "shop",
            metadata={"annotations": {"external-dns.alpha.kubernetes.io/hostname": "shop.example.org"}},
            spec={
                "type": "LoadBalancer",
                "loadBalancerClass": "reconciler.dev/provider",
                "selector": {"app": "shop"},
                "ports": [{"port": 80, "targetPort": 8080}],
            },
        ),
    )
)


class LabHost(Host):
    """The first node, as whoever has typed `lab up` on this machine reaches it."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.folder = home / "lab"
        self.data = self.folder / "nodes" / "node-1" / "data"

    def lab(self, *words: str, timeout: float = 120) -> Run:
        """Run `reconciler lab`."""
        verb, *rest = words
        command = [*CLI, "lab", verb, "--data-dir", str(self.folder), *rest]
        return Run(subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, cwd="/"))

    def told(self, *words: str) -> Any:
        """Run `reconciler lab`, which must succeed, and return its JSON."""
        done = self.lab(words[0], "--output", "json", *words[1:])
        assert done.code == 0, done
        return json.loads(done.out)

    def nodes(self) -> dict[str, dict[str, Any]]:
        """Return what `lab status` tells of each node."""
        return {one["name"]: one for one in self.told("status")["nodes"]}

    def states(self) -> dict[str, str]:
        """Return what the daemon says of each node."""
        return {name: one["status"] for name, one in self.nodes().items()}

    def running(self) -> dict[str, str]:
        """Return when each container of a Pod was started, by node and id."""
        return {
            f"{name}/{one['Id']}": document(self.engine(name), f"/containers/{one['Id']}/json")["State"]["StartedAt"]
            for name in sorted(NODES)
            for one in document(self.engine(name), "/containers/json") or ()
        }

    def engine(self, node: str) -> Path:
        """Return a node's Engine's socket."""
        return self.folder / "nodes" / node / "run" / "docker.sock"

    def reaches(self, node: str, other: str) -> bool:
        """Whether a node reaches another."""
        address = self.nodes()[other]["address"]
        return self.lab("exec", node, "busybox", "ping", "-c", "1", "-W", "1", address).code == 0


def traces() -> dict[str, set[str]]:
    """What there is on this machine of the kinds of things of which a lab is made."""
    links = [one / "ns" / "net" for one in Path("/proc").iterdir() if one.name.isdigit()]
    groups = {
        str(path) for one in cgroup_hierarchies() for path in one.path.rglob("*/") if "reconciler-lab" in str(path)
    }
    commands = set()
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and (words := _command(process)) and int(process.name) != os.getpid():
            commands.add(words)
    return {
        # Of a process that has just ended there is nothing to read.
        "namespaces": ({_link(one) for one in links} - {""}) | set(_names("/run/netns")),
        "mounts": {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()},
        "links": set(_names("/sys/class/net")),
        "cgroups": groups,
        "processes": commands,
        # Those of other hosts on this machine are there, too.
        "devices": {one.parts[3] for one in Path("/sys/block").glob("loop*/loop/backing_file") if _is_ours(one)},
    }


def assert_nothing_is_left(before: dict[str, set[str]]) -> None:
    """Wait until what has ended is collected; then there is nothing that was not there before."""

    def left() -> dict[str, set[str]]:
        return {kind: more for kind, found in traces().items() if (more := found - before[kind])}

    with suppress(AssertionError):
        wait_for("nothing is left", lambda: not left(), 30, 0.2)
    assert left() == {}


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _is_ours(device: Path) -> bool:
    with suppress(OSError):
        return os.environ["RECONCILER_LAB_DIR"] in device.read_text()
    return False


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def _names(folder: str) -> list[str]:
    return [one.name for one in Path(folder).iterdir()] if Path(folder).exists() else []


@pytest.fixture(scope="module")
def disk() -> Iterator[Path]:
    """A folder with a short name: sockets are below it."""
    folder = Path(os.environ["RECONCILER_LAB_DIR"]) / "l"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def lab(disk: Path, image: str) -> Iterator[LabHost]:
    """Three nodes with a Pod of one DaemonSet on each; nothing of them is left at the end."""
    before = traces()
    host = LabHost(disk)
    try:
        done = host.lab("up", "--nodes", "3", "--network-backend", "routed")
        assert done.code == 0, done
        assert f"git remote add lab {host.data}/receive/manifests.git" in done.out
        assert set(host.told("load", IMAGE)["nodes"]) == NODES
        host.git("init", "--quiet", "--initial-branch=main", str(host.tree), cwd=disk)
        host.git("remote", "add", "origin", str(host.data / "receive" / "manifests.git"))
        labels = {"app": "web"}
        template = {"metadata": {"labels": labels}, "spec": pod_spec(container("app", SLEEPER))}
        spec = {"selector": {"matchLabels": labels}, "template": template}
        host.push({"web.yaml": manifest("DaemonSet", "web", "apps/v1", spec=spec)}, wait=False)
        host.settle(90)
        yield host
    finally:
        host.lab("down")
    assert not host.folder.exists()
    assert_nothing_is_left(before)


def test_pods_run_on_every_node(lab: LabHost) -> None:
    """A push from this machine, three hosts, and a Pod with an address of its own range on each."""
    pods = lab.pods()
    assert {one["spec"]["nodeName"] for one in pods} == NODES
    assert len({one["status"]["podIP"] for one in pods}) == 3
    assert lab.states() == dict.fromkeys(NODES, "Ready")


def test_pods_reach_each_other_by_routes_of_the_provider(lab: LabHost) -> None:
    """No node makes a way of its own; each tells that there is one."""
    for node in lab.get("/api/v1/nodes")["items"]:
        [way] = [one for one in node["status"]["conditions"] if one["type"] == "NetworkUnavailable"]
        assert (way["status"], way["reason"]) == ("False", "RouteCreated")
    there = {one["spec"]["nodeName"]: one["status"]["podIP"] for one in lab.pods()}
    ways = lab.lab("exec", "node-2", "ip", "route", "show", "proto", "82").out
    assert not any(address.rpartition(".")[0] in ways for node, address in there.items() if node != "node-2")
    [pod] = [one for one in document(lab.engine("node-2"), "/containers/json") if "/rc_POD_" not in one["Names"][0]]
    ping = ("docker", "exec", pod["Id"], "ping", "-c", "1", "-W", "2")
    assert all(lab.lab("exec", "node-2", *ping, address).code == 0 for address in there.values())


def test_the_lab_has_a_provider_of_its_own(lab: LabHost) -> None:
    """Zones of nodes, a volume in that of its Pod, and a load balancer with a name, which serves what is on it."""
    (lab.tree / "shop.yaml").write_text(SHOP)
    assert lab.push(wait=False).code == 0
    lab.settle(60)

    def page() -> str:
        entries = lab.get("/api/v1/namespaces/default/services/shop")["status"].get("loadBalancer", {}).get("ingress")
        with suppress(OSError):
            return (
                str(urllib.request.urlopen(f"http://{entries[0]['ip']}/", timeout=2).read().decode()) if entries else ""
            )
        return ""

    wait_for("the load balancer serves", lambda: page() == "fresh\n", 60, 0.3)
    labels = {one["metadata"]["name"]: one["metadata"]["labels"] for one in lab.get("/api/v1/nodes")["items"]}
    zones = {name: one.get("topology.kubernetes.io/zone") for name, one in labels.items()}
    assert sorted(zones.values()) == ["a", "b", "c"]
    [volume] = lab.get("/api/v1/persistentvolumes")["items"]
    [term] = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    [shop] = [one["spec"]["nodeName"] for one in lab.pods() if one["metadata"]["labels"]["app"] == "shop"]
    assert term["matchExpressions"][0]["values"] == [zones[shop]]
    hosts = lab.folder / "provider" / "hosts"
    wait_for("the name is written down", lambda: is_written(hosts, " shop.example.org\n"), 30, 0.3)
    [page_kept] = (lab.folder / "provider" / "volumes").glob("pvc-*/index.html")
    assert page_kept.read_text() == "fresh\n"


def is_written(file: Path, end: str) -> bool:
    """Whether a file is there, and ends so."""
    return file.exists() and file.read_text().endswith(end)


def test_a_lab_that_is_up_is_left_as_it_is(lab: LabHost) -> None:
    """`up` again says so; with fewer nodes it says what to do."""
    before = lab.running()
    assert lab.told("up", "--nodes", "3")["changed"] is False
    fewer = lab.lab("up", "--nodes", "2")
    assert (fewer.code, "a lab with 3 nodes is up already" in fewer.err, "lab down" in fewer.err) == (1, True, True)
    assert lab.running() == before


def test_a_kubeconfig_reaches_the_daemon_from_here(lab: LabHost) -> None:
    """Its address is one of the lab's network, which this machine has a link into."""
    document = lab.told("kubeconfig")
    assert document["clusters"][0]["cluster"]["server"] == f"https://{lab.nodes()['node-1']['address']}:6443"


def test_links_are_cut_slowed_and_healed(lab: LabHost) -> None:
    """Only between the two that were named, and all of it ends with `heal`."""
    assert lab.told("partition", "node-3", "--from", "node-2")["cutFrom"] == ["node-2"]
    assert (lab.reaches("node-3", "node-2"), lab.reaches("node-3", "node-1")) == (False, True)
    lab.told("slow", "node-1", "--loss", "100%")
    assert not lab.reaches("node-3", "node-1")
    told = lab.nodes()
    assert (told["node-3"]["cutFrom"], told["node-1"]["lossPercent"]) == (["node-2"], 100)
    for node in ("node-1", "node-3"):
        lab.told("heal", node)
    assert (lab.reaches("node-3", "node-2"), lab.reaches("node-3", "node-1")) == (True, True)


def test_a_link_is_delayed_where_the_kernel_can(lab: LabHost) -> None:
    """Each way, so an echo takes twice as long; without netem it is said what is missing."""
    done = lab.lab("slow", "node-3", "--delay", "100ms")
    if done.code:
        assert "this kernel cannot delay packets" in done.err
        assert "modprobe sch_netem" in done.err
        assert lab.nodes()["node-3"]["delay"] == ""
        return
    began = time.monotonic()
    assert lab.reaches("node-3", "node-1")
    assert time.monotonic() - began >= 0.2
    lab.told("heal", "node-3")


def test_a_node_without_power_is_not_ready_and_the_others_go_on(lab: LabHost) -> None:
    """Its lease runs out; with power it comes back by itself, its Pod too, and nothing elsewhere was touched."""
    before = {key: at for key, at in lab.running().items() if not key.startswith("node-2/")}
    assert lab.told("power-off", "node-2")["changed"] is True
    off = lab.nodes()["node-2"]
    assert (off["power"], off["engine"]) == ("off", "")
    refused = lab.lab("exec", "node-2", "true")
    assert (refused.code, "reconciler lab power-on node-2" in refused.err) == (1, True)
    wait_for("the node is not ready", lambda: lab.states()["node-2"] == "NotReady", 90, 0.5)
    assert lab.states() == {"node-1": "Ready", "node-2": "NotReady", "node-3": "Ready"}
    assert lab.told("power-on", "node-2")["changed"] is True
    wait_for("the node is ready", lambda: lab.states()["node-2"] == "Ready", 60, 0.5)
    lab.settle(60)
    after = {key: at for key, at in lab.running().items() if not key.startswith("node-2/")}
    assert after == before
    ps = ("exec", "node-2", "docker", "ps", "--quiet")
    wait_for("its Pod runs again", lambda: lab.lab(*ps).out.split() != [], 30, 0.5)


def test_what_a_crash_leaves_is_removed_by_the_next_up(disk: Path) -> None:
    """`up` is killed in the middle, and the one after it leaves no more than its own."""
    before = traces()
    host = LabHost(disk / "crash")
    try:
        crash(host)
        assert host.lab("down").code == 0
        assert "there is no lab" in host.lab("down").out
    finally:
        host.lab("down")
    assert not host.folder.exists()
    assert_nothing_is_left(before)


def crash(host: LabHost) -> None:
    """Kill `up` in the middle, and later the one node; a device is attached then."""
    command = [*CLI, "lab", "up", "--nodes", "1", "--data-dir", str(host.folder)]
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
    wait_for("a node is on", (host.folder / "nodes" / "node-1" / "init").exists, 60)
    killed.kill()
    killed.wait(30)
    assert "a crash has left" in host.lab("status").err
    done = host.lab("up", "--nodes", "1")
    assert (done.code, "removing what a crash has left" in done.err) == (0, True), done
    os.kill(int((host.folder / "nodes" / "node-1" / "init").read_text().split()[0]), signal.SIGKILL)
    wait_for("its power is off", lambda: host.nodes()["node-1"]["power"] == "off", 30, 0.2)
    image = host.data / "image"
    image.write_bytes(bytes(1 << 20))
    subprocess.run(["losetup", "--find", str(image)], check=True)
