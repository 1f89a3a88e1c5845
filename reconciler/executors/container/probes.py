"""Running one probe once.

Effect. A probe that fails is an answer. A command that the Engine could not run tells nothing about the container
(the Engine restarts, the container is just ending): that raises, and the caller keeps what it knew (P10).
"""

from reconciler.executors.container.command import run_in_container
from reconciler.executors.container.environment import expand
from reconciler.executors.container.grpc import grpc_health
from reconciler.executors.container.network_probes import UnknownPort, http_get, port_number, tcp_connect
from reconciler.executors.engine import Engine
from reconciler.executors.transport import Deadline
from reconciler.model.errors import DeadlineError
from reconciler.model.kinds import Container
from reconciler.model.node_report import ProbeTarget


def run_probe(engine: Engine, target: ProbeTarget, timeout_s: float) -> tuple[bool, str]:
    """Return whether a probe succeeded, and a message; raises where the Engine could not run it."""
    try:
        return _run(engine, target, timeout_s)
    except DeadlineError:
        return False, f"command timed out after {timeout_s:g}s"
    except UnknownPort as error:
        return False, str(error)


def _run(engine: Engine, target: ProbeTarget, timeout_s: float) -> tuple[bool, str]:
    probe = target.probe
    if probe.exec is not None:
        command = expanded(probe.exec.command, target.spec)
        ended = run_in_container(engine, target.container_id, command, Deadline(timeout_s))
        return ended.exit_code == 0, ended.output
    if probe.http_get is not None:
        return http_get(probe.http_get, target.spec, target.pod_ip, timeout_s)
    if probe.tcp_socket is not None:
        port = port_number(probe.tcp_socket.port, target.spec)
        return tcp_connect(probe.tcp_socket.host or target.pod_ip, port, timeout_s)
    if probe.grpc is not None:
        return grpc_health(target.pod_ip, probe.grpc.port, probe.grpc.service, timeout_s)
    return False, "the probe says nothing to do"


def expanded(command: tuple[str, ...], spec: Container) -> tuple[str, ...]:
    """Return a probe's command with what the container's `env` gives as plain values, as the kubelet has it."""
    values = {one.name: one.value for one in spec.env if one.value_from is None}
    return tuple(expand(word, values) for word in command)
