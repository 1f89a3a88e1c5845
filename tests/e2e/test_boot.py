"""Two machines that are booted, with the program installed as the README says: what systemd does with the units."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.booted import BootedNode, booted_nodes
from tests.e2e.host import wait_for
from tests.e2e.stage import container, manifest, pod_spec

pytestmark = pytest.mark.real

LABELS = {"app": "web"}
PAGE = "mkdir -p /www && echo hello >/www/index.html && trap 'exit 0' TERM; httpd -f -p 8080 -h /www & wait $!"
WEB = "\n---\n".join(
    (
        manifest(
            "DaemonSet",
            "web",
            "apps/v1",
            spec={
                "selector": {"matchLabels": LABELS},
                "template": {"metadata": {"labels": LABELS}, "spec": pod_spec(container("app", PAGE))},
            },
        ),
        manifest("Service", "web", spec={"selector": LABELS, "ports": [{"port": 80, "targetPort": 8080}]}),
        manifest(
            "Ingress",
            "web",
            "networking.k8s.io/v1",
            spec={"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}},
        ),
    )
)
DAEMON, AGENT, NAMES, PROXY = "reconciler", "reconciler-agent", "reconciler-dns", "reconciler-ingress"
ASK = "python3 -c 'import urllib.request as r; print(r.urlopen(\"http://127.0.0.1/\", timeout=5).read().decode())'"
# Sixty seconds in the unit.
SOONER = "[Service]\nWatchdogSec=6\nTimeoutAbortSec=5\n"
LOGGED = re.compile(r"(info|warning) +[a-z_.]+: \w")
RELOADED = "reloaded level='debug'"
PUSH = """
git config --global user.name Ada && git config --global user.email ada@example.org
git init --quiet --initial-branch=main /root/shop && mv /root/web.yaml /root/shop && cd /root/shop
git add . && git commit --quiet --message web && git push /var/lib/reconciler/receive/manifests.git main
"""


class Machines:
    """The daemon's host, and one that has joined it."""

    def __init__(self, nodes: Sequence[BootedNode]) -> None:
        self.main, self.other = nodes

    @property
    def units(self) -> tuple[tuple[BootedNode, str], ...]:
        """Each host with the unit that looks after it."""
        return (self.main, DAEMON), (self.other, AGENT)

    def ready(self) -> set[str]:
        """Which nodes are."""
        lines = self.main.type("reconciler nodes").out.splitlines()[1:]
        return {line.split()[0] for line in lines if line.split()[1] == "Ready"}

    def await_ready(self) -> None:
        """Wait until both are."""
        wait_for("both nodes are ready", lambda: self.ready() == {"host-1", "host-2"}, 60, 0.3)

    def running(self) -> dict[str, str]:
        """Return when each container was started."""
        return self.main.running() | self.other.running()


@pytest.fixture(scope="module")
def machines(image: str) -> Iterator[Machines]:
    """Both, as the README makes them."""
    with booted_nodes(("host-1", "host-2"), image) as nodes:
        with ThreadPoolExecutor() as pool:
            list(pool.map(BootedNode.install, nodes))
        one = Machines(nodes)
        one.main.typed("reconciler init --receive")
        one.main.typed(f"systemctl enable --now {DAEMON}")
        line = one.main.typed("reconciler token create").splitlines()[0]
        one.other.typed(line)
        one.other.typed(f"systemctl enable --now {AGENT}")
        one.await_ready()
        one.main.write("/root/web.yaml", WEB)
        one.main.typed(PUSH)
        one.main.typed("reconciler status --wait")
        yield one


def test_what_the_documentation_says_makes_a_cluster(machines: Machines) -> None:
    """A Pod runs on each host, every unit is active, and `doctor` finds nothing that is missing on either."""
    assert {one.name: len(one.running()) for one, _ in machines.units} == {"host-1": 2, "host-2": 2}
    for node, unit in machines.units:
        assert node.property(unit, "StatusText"), unit
        for each in (unit, NAMES, PROXY):
            assert (each, node.property(each, "ActiveState")) == (each, "active")
        node.typed("reconciler doctor")
        lines = node.typed(f"journalctl --unit {unit} --identifier reconciler --output cat").splitlines()
        assert any(": ready " in line for line in lines), lines
        assert [line for line in lines if not LOGGED.match(line)] == []
        assert node.state() == "running", node.typed("systemctl --failed")


def test_a_reload_restarts_nothing(machines: Machines) -> None:
    """It ends well, the process is the same, and the log level is read anew."""
    before = machines.running()
    for node, unit in machines.units:
        pid = node.property(unit, "MainPID")
        node.typed(f"echo 'logLevel: debug' >>/etc/reconciler/config.yaml && systemctl reload {unit}")
        wait_for(f"{unit} says so", lambda node=node, unit=unit: RELOADED in node.journal(unit), 60, 0.2)
        assert node.property(unit, "MainPID") == pid
    assert machines.running() == before


def test_stopping_a_unit_stops_no_container(machines: Machines) -> None:
    """Neither does starting it again; `stop` ends well and at once."""
    before = machines.running()
    for node, unit in reversed(machines.units):
        node.typed(f"systemctl stop {unit}", timeout=30)
        assert (node.property(unit, "ActiveState"), node.property(unit, "Result")) == ("inactive", "success")
        assert node.property(NAMES, "ActiveState") == "active"
    assert machines.running() == before
    for node, unit in machines.units:
        node.typed(f"systemctl start {unit}")
    machines.await_ready()
    machines.main.typed("reconciler status --wait")
    assert machines.running() == before


def serves(node: BootedNode) -> bool:
    """Whether the Ingress answers on a host."""
    return node.type(ASK).out.strip() == "hello"


def test_ingresses_are_served_by_a_unit_of_their_own(machines: Machines) -> None:
    """It goes on without daemon and agent, works as a user without rights, and is back after being killed."""
    for node, unit in machines.units:
        wait_for(f"{node.name} serves", lambda node=node: serves(node), 60, 0.3)
        master = node.property(PROXY, "MainPID")
        users = node.typed(f"ps --no-headers -o user --ppid {master}").split()
        assert users == ["haproxy"], users
        node.typed(f"systemctl stop {unit}", timeout=30)
        assert serves(node)
        node.typed(f"kill -KILL {master}")
        wait_for(f"{node.name} serves again", lambda node=node: serves(node), 60, 0.3)
        assert node.property(PROXY, "MainPID") != master
    for node, unit in machines.units:
        node.typed(f"systemctl start {unit}")
    machines.await_ready()


def test_a_process_that_hangs_is_started_again_and_no_container_is(machines: Machines) -> None:
    """Its stacks are in the journal, for whoever wants to know where it hung."""
    before = machines.running()
    for node, unit in machines.units:
        node.write(f"/etc/systemd/system/{unit}.service.d/sooner.conf", SOONER)
        node.typed(f"systemctl daemon-reload && systemctl restart {unit}")
    machines.await_ready()
    for node, unit in machines.units:
        node.typed(f"kill -STOP {node.property(unit, 'MainPID')}")
    for node, unit in machines.units:
        wait_for(
            f"{unit} is started again", lambda node=node, unit=unit: int(node.property(unit, "NRestarts")) > 0, 60, 0.3
        )
        journal = node.journal(unit)
        assert "Watchdog timeout" in journal
        assert "Fatal Python error: Aborted" in journal
        assert re.search(r'File ".*", line \d+ in ', journal)
    machines.await_ready()
    machines.main.typed("reconciler status --wait")
    assert machines.running() == before


def test_after_a_power_cut_everything_is_there_again(machines: Machines) -> None:
    """Nobody types anything: the units were enabled."""
    before = machines.main.running()
    machines.other.power_off()
    machines.other.power_on()
    machines.other.await_boot()
    wait_for("its Pod runs again", lambda: len(machines.other.running()) == 2, 60, 0.3)
    wait_for("its Ingress is served again", lambda: serves(machines.other), 60, 0.3)
    machines.await_ready()
    assert machines.main.running() == before
