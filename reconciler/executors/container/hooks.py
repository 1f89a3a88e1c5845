"""Lifecycle hooks: a command, a request, a connection, or a pause.

Effect; raises when the hook does not succeed within the deadline.
"""

from reconciler.executors.container.command import run_in_container
from reconciler.executors.container.network_probes import http_get, port_number, tcp_connect
from reconciler.executors.engine import Engine
from reconciler.executors.transport import Deadline
from reconciler.model.errors import TransientError
from reconciler.model.kinds import Container, LifecycleHandler

HOOK_AGENT = "kube-lifecycle/reconciler"


class HookFailed(TransientError):
    """A lifecycle hook did not succeed."""

    reason = "HookFailed"


def run_hook(
    engine: Engine,
    container: str,
    hook: LifecycleHandler,
    spec: Container | None,
    pod_ip: str,
    deadline: Deadline,
) -> None:
    """Run one hook of a container."""
    if hook.exec is not None:
        ended = run_in_container(engine, container, hook.exec.command, deadline)
        if ended.exit_code != 0:
            # What it printed may hold a secret, and this message becomes an event (P22).
            raise HookFailed(f"the command exited with {ended.exit_code}")
    elif hook.http_get is not None:
        ok, message = http_get(hook.http_get, spec, pod_ip, deadline.left_s, HOOK_AGENT)
        _require(ok, message)
    elif hook.tcp_socket is not None:
        host = hook.tcp_socket.host or pod_ip
        ok, message = tcp_connect(host, port_number(hook.tcp_socket.port, spec), deadline.left_s)
        _require(ok, message)
    elif hook.sleep is not None:
        _sleep(engine, container, float(hook.sleep.seconds), deadline)


def _require(ok: bool, message: str) -> None:
    if not ok:
        raise HookFailed(message)


def _sleep(engine: Engine, container: str, seconds: float, deadline: Deadline) -> None:
    """Wait, but not longer than the container lives: waiting for its end has the time as its deadline."""
    engine.wait_container(container, deadline.at_most(seconds))
