"""Our side of a comparison: a daemon on a throw-away data directory, driven by `git push` as people do."""

from __future__ import annotations

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

CLI = Path(sys.executable).parent / "reconciler"
DEADLINE_S = 180
NAMESPACE = "bench"
IMAGE = "reconciler-example/worker:1.0"


class Ours:
    """A running daemon, and a clone to push from."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory()
        self.data = Path(self._directory.name) / "data"
        self.clone = Path(self._directory.name) / "clone"

    def __enter__(self) -> Self:
        made: list[str | Path] = [CLI, "init", "--receive", "--api-address", "127.0.0.1:0", "--data-dir", self.data]
        subprocess.run(made, check=True, capture_output=True, timeout=60)
        self.start()
        wait_until(lambda: self.get("/version") is not None)
        subprocess.run(["git", "init", "--quiet", "--initial-branch=main", self.clone], check=True, timeout=30)
        self.git("config", "user.name", "Benchmark")
        self.git("config", "user.email", "benchmark@example.org")
        self.git("remote", "add", "origin", str(self.data / "receive" / "manifests.git"))
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._directory.cleanup()

    def start(self) -> None:
        """Start the daemon."""
        with (self.data / "daemon.log").open("ab") as log:
            self.daemon = subprocess.Popen(
                [CLI, "daemon", "--data-dir", self.data], stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def stop(self) -> None:
        """Stop the daemon; what it started goes on."""
        self.daemon.terminate()
        try:
            self.daemon.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.daemon.kill()

    def push_deployments(self, count: int) -> None:
        """Push that many Deployments of one container; return when every one is available."""
        self.write("namespace.yaml", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        for number in range(count):
            self.write(f"app-{number}.yaml", deployment(number, "100000"))
        self.push("Start all")
        wait_until(lambda: self.available() == count)

    def change_deployment(self, number: int) -> None:
        """Push a change of one of them; return when a Pod of the new kind is ready."""
        before = {pod["metadata"]["uid"] for pod in self.pods(number)}
        self.write(f"app-{number}.yaml", deployment(number, "200000"))
        self.push(f"Change {number}")
        wait_until(lambda: any(is_ready(pod) for pod in self.pods(number) if pod["metadata"]["uid"] not in before))

    def plan_without_change_s(self, repeats: int = 5) -> float:
        """How long `reconciler plan` takes, program start included, when there is nothing to do."""
        taken = []
        for _ in range(repeats):
            start = time.perf_counter()
            subprocess.run([CLI, "plan", "--data-dir", self.data], check=True, capture_output=True, timeout=60)
            taken.append(time.perf_counter() - start)
        return statistics.median(taken)

    def available(self) -> int:
        """How many Deployments have an available replica."""
        listed = self.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments") or {"items": []}
        return sum(1 for each in listed["items"] if each.get("status", {}).get("availableReplicas", 0) >= 1)

    def pods(self, number: int) -> list[dict[str, Any]]:
        """The Pods of one Deployment."""
        listed = self.get(f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=app%3Dapp-{number}") or {"items": []}
        return list(listed["items"])

    def write(self, name: str, document: dict[str, Any]) -> None:
        """Write one manifest; JSON is YAML."""
        (self.clone / name).write_text(json.dumps(document, indent=1))

    def push(self, message: str) -> None:
        """Commit everything and push it, without waiting for the rollout."""
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", message)
        self.pushed_at = time.time()
        # The hook follows the rollout until the pusher leaves; what counts for us is read from the API.
        self.pushed = subprocess.Popen(
            ["git", "push", "--quiet", "origin", "main"],
            cwd=self.clone,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def settle(self) -> None:
        """Wait until the rollout is over: the hook of the last push follows it so far."""
        self.pushed.wait(timeout=DEADLINE_S)

    def git(self, *arguments: str) -> None:
        """Run git in the clone."""
        subprocess.run(["git", *arguments], cwd=self.clone, check=True, capture_output=True, timeout=60)

    def get(self, path: str) -> dict[str, Any] | None:
        """One document of the API, or None while it does not answer with one."""
        connection = Connection(self.data / "run" / "reconciler.sock")
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            return json.loads(body) if answer.status == 200 else None
        except OSError:
            return None
        finally:
            connection.close()

    def resident_mib(self) -> float:
        """The daemon's resident memory."""
        fields = Path(f"/proc/{self.daemon.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self) -> None:
        """Connect to the socket instead of a port."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(str(self.path))


def deployment(number: int, duration: str) -> dict[str, Any]:
    """A Deployment of one container that does nothing for a while."""
    labels = {"app": f"app-{number}"}
    container = {"name": "app", "image": IMAGE, "imagePullPolicy": "Never", "command": ["sleep", duration]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"app-{number}", "namespace": NAMESPACE},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
            },
        },
    }


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether a Pod's condition Ready is true."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def wait_until(condition: Callable[[], bool]) -> None:
    """Look every 10 ms until a condition holds; fail after the deadline."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the daemon did not get there in time")
        time.sleep(0.01)
