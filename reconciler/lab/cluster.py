"""What runs on the nodes of a lab: our own commands, as a person types them there. Effect: processes on the nodes."""

import json
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path

from reconciler.lab.node import Node
from reconciler.lab.sockets import document
from reconciler.model.errors import DeadlineError, TransientError

PORT = 6443
_DAEMON_S, _READY_S, _ASKED_S = 60.0, 90.0, 3


def start_daemon(node: Node, provider: Path, network_backend: str) -> None:
    """Have the first node run the daemon, which is its own agent, with a provider; returns when it answers."""
    settings = node.data / "config.yaml"
    if not settings.exists():
        words = ("--api-address", f"0.0.0.0:{PORT}", "--network-backend", network_backend)
        ours(node, "init", "--node", node.name, "--receive", *words)
        with settings.open("a", encoding="utf-8") as file:
            file.write(f"provider: {json.dumps({'script': str(provider), 'intervalS': _ASKED_S})}\n")
        node.serve({"daemon": _command("daemon")})
    _await("the daemon answers", lambda: states(node) is not None, _DAEMON_S, node, "daemon.log")


def join(node: Node, first: Node) -> None:
    """Have a node join over HTTPS, and run its agent."""
    token = json.loads(ours(first, "token", "create", "--output", "json"))
    ours(node, *token["command"].split()[1:], "--node-name", node.name)
    node.serve({"agent": _command("agent")})


def await_ready(first: Node, names: Collection[str]) -> None:
    """Wait until the daemon says that every node is ready."""

    def are_ready() -> bool:
        told = states(first) or {}
        return all(told.get(name) == "Ready" for name in names)

    _await("every node is ready", are_ready, _READY_S, first, "daemon.log")


def states(first: Node) -> dict[str, str] | None:
    """Return what the daemon says of each node, as `kubectl get nodes` does; None when it does not answer."""
    listed = document(first.data / "run" / "reconciler.sock", "/api/v1/nodes") if first.init else None
    if listed is None:
        return None
    return {one["metadata"]["name"]: _state(one.get("status", {}).get("conditions", ())) for one in listed["items"]}


def ours(node: Node, *words: str) -> str:
    """Run one of our commands on a node; return what it prints."""
    done = node.run(*_command(*words))
    if done.returncode != 0:
        raise TransientError(f"{node.name}: reconciler {words[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "reconciler.cli.main", *words]


def _state(conditions: Collection[dict[str, str]]) -> str:
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return "Ready" if ready else "NotReady"


def _await(what: str, holds: Callable[[], bool], timeout_s: float, node: Node, log: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise DeadlineError(f"waited {timeout_s:.0f} s in vain until {what}; its log:\n{node.end_of(log)}")
        time.sleep(0.1)
