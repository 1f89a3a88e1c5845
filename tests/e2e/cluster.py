"""Several hosts as their user sees them: one with the daemon, the others joined to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.e2e.host import CLI, Host, Run, wait_for
from tests.e2e.lab_node import Inside, LabNode


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


def start_cluster(hosts: list[NodeHost], *options: str) -> Cluster:
    """Start the daemon on the first host and join the others; returns when every node is ready."""
    main, one = hosts[0], Cluster(hosts)
    done = main.run("init", "--node", main.node.name, "--receive", "--api-address", "0.0.0.0:6443", *options)
    assert done.code == 0, done
    main.git("init", "--quiet", "--initial-branch=main", str(main.tree), cwd=main.home)
    main.git("remote", "add", "origin", str(main.data / "receive" / "manifests.git"))
    main.start()
    for host in hosts[1:]:
        join(main, host)
        host.start_agent()
    wait_for("every node is ready", lambda: one.names() == {host.node.name for host in hosts}, 60, 0.5)
    return one


def join(main: NodeHost, host: NodeHost) -> None:
    """Run on a host what `token create` prints on the daemon's."""
    printed = main.run("token", "create")
    assert printed.code == 0, printed
    words = printed.out.split()
    assert words[:3] == ["reconciler", "join", f"https://{main.node.address}:6443"]
    done = host.run(*words[1:])
    assert done.code == 0, done
