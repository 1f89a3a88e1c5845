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


def await_ready(first: Node, names: Collection[str], *, routed: bool) -> None:
    """Wait until the daemon says that every node is ready; where Pods are `routed`, that there is a way to its Pods."""

    def are_ready() -> bool:
        told = _conditions(first) or {}
        return all(_is(told.get(name, ()), "Ready", "True") for name in names)

    def are_reached() -> bool:
        told = _conditions(first) or {}
        return all(_is(told.get(name, ()), "NetworkUnavailable", "False") for name in names)

    _await("every node is ready", are_ready, _READY_S, first, "daemon.log")
    if routed:
        _await("there is a route to the Pods of every node", are_reached, _READY_S, first, "daemon.log")


def states(first: Node) -> dict[str, str] | None:
    """Return what the daemon says of each node, as `kubectl get nodes` does; None when it does not answer."""
    told = _conditions(first)
    if told is None:
        return None
    return {name: "Ready" if _is(found, "Ready", "True") else "NotReady" for name, found in told.items()}


def ours(node: Node, *words: str) -> str:
    """Run one of our commands on a node; return what it prints."""
    done = node.run(*_command(*words))
    if done.returncode != 0:
        raise TransientError(f"{node.name}: reconciler {words[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "reconciler.cli.main", *words]


def _conditions(first: Node) -> dict[str, Collection[dict[str, str]]] | None:
    """Return the conditions of each node; None when the daemon does not answer."""
    listed = document(first.data / "run" / "reconciler.sock", "/api/v1/nodes") if first.init else None
    if listed is None:
        return None
    return {one["metadata"]["name"]: one.get("status", {}).get("conditions", ()) for one in listed["items"]}


def _is(conditions: Collection[dict[str, str]], type_: str, status: str) -> bool:
    return any(one["type"] == type_ and one["status"] == status for one in conditions)


def _await(what: str, holds: Callable[[], bool], timeout_s: float, node: Node, log: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise DeadlineError(f"waited {timeout_s:.0f} s in vain until {what}; its log:\n{node.end_of(log)}")
        time.sleep(0.1)
