"""Several hosts on one lab host with a cluster on them, driven by `git push` as people do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.ours import IMAGE, deployment, is_ready, wait_until
from reconciler.lab import cluster
from reconciler.lab.node import Node
from reconciler.lab.sockets import document
from tests.e2e.lab_node import lab_nodes

ROOT = Path(__file__).resolve().parents[1]
_DAEMON = [sys.executable, "-m", "reconciler.cli.main", "daemon"]
_AT_ONCE = 4


class Hosts:
    """A cluster; the first host runs its daemon."""

    def __init__(self, nodes: Sequence[Node], clone: Path) -> None:
        self.nodes = nodes
        self._first = nodes[0]
        self._clone = clone

    def get(self, path: str) -> Any:
        """One document of the API, or None while it does not answer with one."""
        return document(self._first.data / "run" / "reconciler.sock", path)

    def push(self, manifests: str) -> None:
        """Make these the manifests of the cluster; does not wait for the rollout."""
        if not self._clone.exists():
            subprocess.run(["git", "init", "--quiet", "--initial-branch=main", self._clone], check=True, timeout=30)
            self._git("config", "user.name", "Benchmark")
            self._git("config", "user.email", "benchmark@example.org")
            self._git("remote", "add", "origin", str(self._first.data / "receive" / "manifests.git"))
        (self._clone / "all.yaml").write_text(manifests)
        self._git("add", ".")
        self._git("commit", "--quiet", "--message", "Change")
        subprocess.Popen(
            ["git", "push", "--quiet", "origin", "main"],
            cwd=self._clone,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def pods(self, count: int) -> list[dict[str, Any]]:
        """Wait until there are so many Pods and all are ready; return them by name."""
        found: list[dict[str, Any]] = []

        def are_ready() -> bool:
            found[:] = (self.get("/api/v1/namespaces/default/pods") or {"items": []})["items"]
            return len(found) == count and all(map(is_ready, found))

        wait_until(are_ready)
        return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))

    def node_of(self, pod: dict[str, Any]) -> Node:
        """Return the host that a Pod runs on."""
        return next(node for node in self.nodes if node.name == pod["spec"]["nodeName"])

    def container_of(self, pod: dict[str, Any]) -> dict[str, Any]:
        """Return a Pod's container as its Engine inspects it."""
        [status] = pod["status"]["containerStatuses"]
        identity = status["containerID"].removeprefix("docker://")
        return dict(document(self.node_of(pod).socket, f"/containers/{identity}/json"))

    def inside(self, pod: dict[str, Any], *command: str) -> list[str]:
        """Return a command that runs on a Pod's host in the Pod's network."""
        pid = self.container_of(pod)["State"]["Pid"]
        return self.node_of(pod).inside("nsenter", "--target", str(pid), "--net", *command)

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self._clone, check=True, capture_output=True, timeout=60)


@contextmanager
def hosts(count: int, backend: str = "vxlan") -> Iterator[Hosts]:
    """Switch on that many hosts as one cluster; everything of them is gone afterwards."""
    subprocess.run([ROOT / "examples" / "images" / "make"], check=True, stdout=subprocess.DEVNULL, timeout=120)
    with lab_nodes(count, IMAGE) as nodes:
        _connect(nodes, backend)
        yield Hosts(nodes, nodes[0].home.parent / "clone")


def _connect(nodes: Sequence[Node], backend: str) -> None:
    first, *others = nodes
    address = f"0.0.0.0:{cluster.PORT}"
    cluster.ours(
        first, "init", "--node", first.name, "--receive", "--api-address", address, "--network-backend", backend
    )
    first.serve({"daemon": _DAEMON})
    wait_until(lambda: cluster.states(first) is not None)
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        list(pool.map(lambda node: cluster.join(node, first), others))
    cluster.await_ready(first, [node.name for node in nodes], routed=backend == "routed")


def pod_on(node: str, name: str) -> dict[str, Any]:
    """A Pod that does nothing on a node, and is not begun again when it ends; its label `app` is `web`."""
    spec = {**deployment(0, "100000")["spec"]["template"]["spec"], "restartPolicy": "Never", "nodeName": node}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": "web"}},
        "spec": spec,
    }
