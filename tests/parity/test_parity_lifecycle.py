"""Commands of probes and lifecycle hooks, and requests of hooks, are what upstream's kubelet makes of them."""

import threading
from collections import deque
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from reconciler.executors.container.command import run_in_container
from reconciler.executors.container.hooks import HOOK_AGENT, run_hook
from reconciler.executors.container.network_probes import UnknownPort, http_get, request_of
from reconciler.executors.container.probes import run_probe
from reconciler.executors.transport import Deadline
from reconciler.model.errors import ReconcilerError, TransientError
from reconciler.model.kinds import Container, ContainerPort, LifecycleHandler
from reconciler.model.kinds.probe import HTTPGetAction, Probe
from reconciler.model.node_report import ProbeTarget
from tests.parity.loosely import loosely
from tests.parity.rows import compare
from tests.parity.steps import UID, fact_of, facts_of, step_with
from tests.planner.node.host import container, pod

# What upstream's own tests call the container's port, and where its hook goes.
_PORTS = (ContainerPort(name="quux", container_port=8080),)


class FakeEngine:
    """An Engine whose commands end with this code and output, and that notes what it is asked for."""

    def __init__(self, exit_code: int = 0, output: str = "", *, fails: bool = False) -> None:
        self.exit_code = exit_code
        self.pieces = deque([b"\1\0\0\0" + len(output).to_bytes(4, "big") + output.encode(), b""])
        self.fails = fails
        self.command: tuple[str, ...] = ()
        self.waited_s = 0.0

    def exec_create(self, container: str, command: tuple[str, ...], deadline: Deadline) -> str:
        """Note the command."""
        if self.fails:
            raise TransientError("the Engine does not answer")
        self.command = command
        return "exec"

    def exec_start(self, exec_id: str, deadline: Deadline) -> "FakeEngine":
        """Give the output as a stream."""
        return self

    def read(self, deadline: Deadline) -> bytes:
        """Return the next piece of the output."""
        return self.pieces.popleft()

    def close(self) -> None:
        """End the stream."""

    def exec_inspect(self, exec_id: str) -> Mapping[str, Any]:
        """Tell how the command ended."""
        return {"Running": False, "ExitCode": self.exit_code}

    def wait_container(self, container: str, deadline: Deadline) -> None:
        """Note how long the container's end is waited for at most."""
        self.waited_s = deadline.left_s


def probe(case: dict[str, Any]) -> bool:
    """Judge a row of one probe that runs a command, or that says nothing to do."""
    if "probe" not in case and not case.get("unsupported"):
        return _unprobed() is (case.get("expectedResult", 0) == 0)
    if case.get("execResult") == "warning":
        return _led_away() is (case.get("expectedResult", 0) == 0)
    asked = loosely(Probe, case.get("probe", {}))
    spec = loosely(Container, {"name": "c", "env": case.get("env", [])})
    target = ProbeTarget(
        pod_uid="uid",
        pod_ip="10.0.0.1",
        container="c",
        container_id="id",
        probe_kind="readiness",
        probe=asked,
        spec=spec,
        started_at=0.0,
    )
    engine = FakeEngine(1 if case.get("execResult") == "failure" else 0, fails=case.get("execError", False))
    try:
        ok, _ = run_probe(engine, target, 1.0)  # type: ignore[arg-type]
    except ReconcilerError:
        return bool(case.get("expectError"))
    command = list(engine.command) == case["expectCommand"] if "expectCommand" in case else True
    return ok is (case.get("expectedResult", 0) == 0) and command


def _unprobed() -> bool:
    """Whether a container that runs is well where nothing is asked of it."""
    found = step_with(pod("p", container("c"), uid=UID, host_network=True), facts_of(fact_of("c", "running")))
    return not found.probes and all(one.ready and one.started for one in found.reports[0].container_statuses)


class _Elsewhere(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", "http://elsewhere.example/")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def _led_away() -> bool:
    """Whether a probe that is led to another host succeeds: the one thing of which upstream's kubelet warns."""
    with HTTPServer(("127.0.0.1", 0), _Elsewhere) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        action = HTTPGetAction(host="127.0.0.1", port=server.server_port)
        return http_get(action, None, "", 5.0)[0]


def output(case: dict[str, Any]) -> bool:
    """Judge a row about what is kept of a command's output."""
    engine = FakeEngine(1 if "err" in case else 0, case.get("stdout", case["expected"]))
    return run_in_container(engine, "c", (), Deadline(1.0)).output == case["expected"]  # type: ignore[arg-type]


def hook_port(case: dict[str, Any]) -> bool:
    """Judge a row about a hook's port that may be missing."""
    action = loosely(HTTPGetAction, {"host": "foo", "path": "bar", "scheme": "HTTPS", "port": case["Port"]})
    try:
        url, _ = request_of(action, None, "", HOOK_AGENT)
    except UnknownPort:
        return bool(case.get("ExpectError"))
    return url == case.get("Expected")


def hook_request(case: dict[str, Any]) -> bool:
    """Judge a row about a hook's request: upstream's new form of it; versions of the clients are not compared."""
    action, expected = loosely(HTTPGetAction, case["HTTPGet"]), case["Expected"]
    url, headers = request_of(action, Container(name="c", image="i", ports=_PORTS), case.get("PodIP", ""), HOOK_AGENT)
    found = {name: [_product(value)] for name, value in headers.items() if name != "Connection"}
    wanted = {name: [_product(one) for one in values] for name, values in expected["NewHeader"].items()}
    return url == expected["NewURL"] and found == wanted


def _product(value: str) -> str:
    return value.partition("/")[0] if value.startswith("kube-") else value


def sleep(case: dict[str, Any]) -> bool:
    """Judge a row of a hook that pauses."""
    engine = FakeEngine()
    hook = loosely(LifecycleHandler, {"sleep": {"seconds": case["sleepSeconds"]}})
    run_hook(engine, "c", hook, None, "", Deadline(case["terminationGracePeriodSeconds"]))  # type: ignore[arg-type]
    return abs(engine.waited_s - case["sleepSeconds"]) < 1


def test_commands_of_probes_are_upstreams() -> None:
    """Exit codes, variables, and how much of the output is kept."""
    compare("pkg_kubelet_prober", {"TestProbe": probe, "TestNewExecInContainer": output})


def test_hooks_are_upstreams() -> None:
    """Requests with their port, path, scheme and headers, and pauses."""
    tables = {"TestRunHandlerHTTPPort": hook_port, "TestRunHTTPHandler": hook_request, "TestRunSleepHandler": sleep}
    compare("pkg_kubelet_lifecycle", tables)
