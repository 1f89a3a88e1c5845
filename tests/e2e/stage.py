"""One host that several scenarios share: manifests are added and changed, each push keeps what was there."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.host import IMAGE, Host, docker, fresh_host, wait_for
from tests.e2e.manifests import SLEEPER

# Long enough for a machine that has much else to do: a wait ends as soon as there is what it is for.
SOON_S = 60


def manifest(kind: str, name: str, version: str = "v1", *, metadata: dict[str, Any] | None = None, **rest: Any) -> str:
    """A manifest as JSON, which is YAML too."""
    meta = {"name": name, **(metadata or {})}
    return json.dumps({"apiVersion": version, "kind": kind, "metadata": meta, **rest}, indent=1)


def container(name: str, script: str = SLEEPER, **fields: Any) -> dict[str, Any]:
    """A container that runs a script of the shell."""
    command = ["/bin/sh", "-c", script]
    return {"name": name, "image": IMAGE, "imagePullPolicy": "Never", "command": command, **fields}


def pod_spec(*containers: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The spec of a Pod that ends soon when it is told to."""
    return {"terminationGracePeriodSeconds": 2, "containers": list(containers), **fields}


def pod(name: str, *containers: dict[str, Any], metadata: dict[str, Any] | None = None, **fields: Any) -> str:
    """A Pod of these containers."""
    return manifest("Pod", name, metadata=metadata, spec=pod_spec(*containers, **fields))


def workload(kind: str, name: str, spec: dict[str, Any], **fields: Any) -> str:
    """A Deployment or ReplicaSet of one Pod."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return manifest(kind, name, "apps/v1", spec={"selector": {"matchLabels": labels}, "template": template, **fields})


class Stage:
    """A host and what is in its repository."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.files: dict[str, str] = {}

    def put(self, **files: str) -> None:
        """Push these files beside those that are there; the daemon has applied them on return."""
        self.files.update({f"{name.replace('_', '-')}.yaml": text for name, text in files.items()})
        self.push()

    def drop(self, *names: str) -> None:
        """Push without these files."""
        for name in names:
            del self.files[f"{name}.yaml"]
        self.push()

    def push(self) -> None:
        """Push everything, without waiting for health."""
        pushed = self.host.push(dict(self.files), wait=False)
        assert pushed.code == 0, pushed

    def pod(self, name: str, namespace: str = "default") -> dict[str, Any]:
        """Return the Pod of a name, or of a workload of that name, that is not going; empty when there is none."""
        for one in self.host.pods(namespace):
            meta = one["metadata"]
            owners = [owner["name"] for owner in meta.get("ownerReferences", ())]
            if "deletionTimestamp" in meta:
                continue
            if meta["name"] == name or any(owner == name or owner.startswith(f"{name}-") for owner in owners):
                return one
        return {}

    def status(self, name: str, namespace: str = "default") -> dict[str, Any]:
        """Return the status of a Pod, empty when there is none."""
        return dict(self.pod(name, namespace).get("status", {}))

    def phase(self, name: str, namespace: str = "default") -> str:
        """Return the phase of a Pod."""
        return str(self.status(name, namespace).get("phase", ""))

    def container(self, pod_name: str, name: str = "", *, init: bool = False) -> dict[str, Any]:
        """Return the status of a container, by default of the first one."""
        field = "initContainerStatuses" if init else "containerStatuses"
        statuses = self.status(pod_name).get(field, [])
        return next((one for one in statuses if name in ("", one["name"])), {})

    def is_ready(self, name: str, namespace: str = "default") -> bool:
        """Whether a Pod is ready."""
        conditions = self.status(name, namespace).get("conditions", [])
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    def ready(self, *names: str, timeout: float = SOON_S) -> None:
        """Wait until Pods are ready."""
        for name in names:
            self.until(f"{name} is ready", lambda name=name: self.is_ready(name), timeout)  # type: ignore[misc]

    def until(self, what: str, holds: Callable[[], bool], timeout: float = SOON_S) -> None:
        """Wait for something; on failure tell what the Pods say."""
        try:
            wait_for(what, holds, timeout, every=0.1)
        except AssertionError as error:
            told = [f"{one['metadata']['name']}: {json.dumps(one.get('status', {}))}" for one in self.host.pods()]
            raise AssertionError("\n".join([str(error), *told, self.host.log()])) from error

    def engine(self, pod_name: str, name: str = "") -> dict[str, Any]:
        """Return a container as the Engine inspects it."""
        identity = str(self.container(pod_name, name)["containerID"]).removeprefix("docker://")
        return dict(json.loads(docker("inspect", identity))[0])

    def shell(self, pod_name: str, script: str, name: str = "") -> str:
        """Run a script in a container; return what it prints, with its errors."""
        # While a container is being replaced there is none; the program then says so.
        identity = str(self.container(pod_name, name).get("containerID", "none")).removeprefix("docker://")
        done = subprocess.run(
            ["docker", "exec", identity, "/bin/sh", "-c", script],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return (done.stdout + done.stderr).strip()

    def log(self, pod_name: str, *options: str) -> str:
        """Return the log of a Pod as `reconciler logs` prints it."""
        name = self.pod(pod_name)["metadata"]["name"]
        return self.host.run("logs", f"default/{name}", *options).out

    def nothing_to_do(self) -> None:
        """P09: a plan after all of it changes nothing and does nothing, whatever waits for a person."""
        last: list[dict[str, Any]] = []

        def is_empty() -> bool:
            # One document is judged: between two plans the back-off of a failing container may end.
            last[:] = [self.host.json("plan")]
            verdicts = {one["verdict"] for one in last[0]["verdicts"]}
            return verdicts <= {"unchanged", "blocked"} and not last[0]["actions"]

        try:
            wait_for("the plan is empty", is_empty, SOON_S, every=0.3)
        except AssertionError as error:
            raise AssertionError(last) from error


@contextmanager
def stage(home: Path) -> Iterator[Stage]:
    """A stage on a fresh host."""
    with fresh_host(home) as host:
        yield Stage(host)
