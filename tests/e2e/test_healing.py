"""What is broken by hand comes back at once, woken by events, and is told."""

import subprocess
import time
from typing import Any

import pytest

from tests.e2e.host import ROOT, Host, docker, wait_for
from tests.e2e.manifests import sleeper, web
from tests.e2e.test_push import page

pytestmark = pytest.mark.real


# Woken by an event; without one the next full look is half a minute away.
WOKEN_S = 12.0


def only_container(host: Host, part: str) -> tuple[str, dict[str, Any]]:
    """Return the one running container whose name contains `part`."""
    found = [(n, one) for n, one in host.containers().items() if part in n and one["State"]["Running"]]
    assert len(found) == 1, [name for name, _ in found]
    return found[0]


def replaced(host: Host, part: str, old: str) -> bool:
    """Whether another container than `old` runs in its place."""
    return any(part in name and id_ != old for name, id_ in host.running().items())


@pytest.mark.parametrize("command", [("rm", "--force"), ("stop", "--time", "1"), ("kill",)])
def test_a_container_that_goes_is_replaced_at_once(host: Host, command: tuple[str, ...]) -> None:
    """Removed, stopped or killed by hand: the agent is woken by the Engine's event; it is told in events."""
    assert host.push({"a.yaml": sleeper("one")}).code == 0
    host.settle()
    name, before = only_container(host, "rc_app_one")
    docker(*command, name)
    took = wait_for("a new container runs", lambda: replaced(host, "rc_app_one", before["Id"]), WOKEN_S)
    print(f"docker {' '.join(command)}: replaced after {took:.2f} s")
    host.settle()
    pod = host.pods()[0]["metadata"]["name"]

    def told() -> bool:
        """Whether the second start is told, counted with the first or on a line of its own."""
        lines = [line for line in host.events().splitlines() if pod in line and "Started" in line]
        return any("(x2)" in line or "again" in line for line in lines)

    wait_for("the events tell it", told, 30, every=0.2)
    assert host.run("explain", f"pod/default/{pod}").code == 0


@pytest.mark.parametrize(
    "damage",
    [
        ("ip link delete LINK", "the veth"),
        ("ip route delete ADDRESS/32", "the route"),
        ("nft flush table ip reconciler", "the table's content"),
        ("nft delete table ip reconciler", "the table"),
    ],
    ids=lambda damage: damage[1],
)
def test_network_damage_is_healed_by_the_kernels_events(host: Host, damage: tuple[str, str]) -> None:
    """A deleted veth or route, a flushed table: healed at once, no container restarts."""
    assert host.push({"web.yaml": web(replicas=1)}).code == 0
    host.settle()
    before = host.running()
    address = host.address("web")
    wait_for("the Service answers", lambda: page(address) == "version-1", 30)
    pod = host.pods()[0]["status"]["podIP"]
    route = subprocess.run(["ip", "-o", "route", "get", pod], capture_output=True, text=True, check=True).stdout
    link = route.split(" dev ")[1].split()[0]
    command = damage[0].replace("LINK", link).replace("ADDRESS", pod)
    subprocess.run(command.split(), check=True)
    took = wait_for("the Service answers", lambda: page(address) == "version-1", WOKEN_S)
    print(f"{damage[1]}: healed after {took:.2f} s")
    assert host.running() == before
    pod_name = host.pods()[0]["metadata"]["name"]
    reasons = ("link-broken", "services-changed", "table-damaged", "host-not-prepared")

    def told() -> bool:
        """Whether the history of the node or of the Pod tells why something was done."""
        parts = [host.run("history", name).out for name in ("node/node-1", f"pod/default/{pod_name}")]
        return any(reason in part for reason in reasons for part in parts)

    wait_for("the history tells why", told, 30, every=0.2)
    wait_for("the events tell the repair", lambda: "Repaired" in host.events(), 30, every=0.2)


def test_restarting_docker_restarts_no_container(host: Host) -> None:
    """P10: with live-restore the containers run on, names and Services answer meanwhile, nothing is left to do."""
    assert host.push({"web.yaml": web()}).code == 0
    host.settle()
    before = {name: (one["Id"], one["State"]["StartedAt"]) for name, one in host.containers(everything=True).items()}
    address = host.address("web")
    subprocess.run([str(ROOT / "scripts" / "lab-dockerd"), "kill"], check=True, timeout=60)
    assert page(address) == "version-1"
    subprocess.run([str(ROOT / "scripts" / "lab-dockerd"), "start"], check=True, timeout=60)
    wait_for("the node is ready again", lambda: host.run("status").code == 0, 40, every=0.5)
    host.settle()
    after = {name: (one["Id"], one["State"]["StartedAt"]) for name, one in host.containers(everything=True).items()}
    assert after == before
    wait_for("there is nothing to do", lambda: host.run("plan").code == 0, 60, every=0.5)


def test_a_foreign_container_is_never_touched(host: Host) -> None:
    """P05: what does not carry our labels stays, whatever is pushed or removed."""
    foreign = docker("run", "--detach", "--name", "foreign", "reconciler-e2e/app:1", "/bin/sleep", "1000").strip()
    try:
        assert host.push({"a.yaml": sleeper("one"), "b.yaml": sleeper("two")}).code == 0
        host.settle()
        assert host.push({"a.yaml": sleeper("one")}).code == 0
        host.settle()
        assert docker("inspect", "--format", "{{.State.Running}}", foreign).strip() == "true"
    finally:
        docker("rm", "--force", foreign)


@pytest.mark.timeout(400)
def test_a_daemon_killed_at_any_moment_of_a_rollout_continues(host: Host) -> None:
    """P17: twenty kills in the middle of rollouts; it converges each time, nothing is doubled, others keep running."""
    steady = "".join(f"---\n{sleeper(f'steady-{n}')}" for n in range(2))
    assert host.push({"web.yaml": web("0"), "steady.yaml": steady}).code == 0
    host.settle()
    untouched = {n: one["State"]["StartedAt"] for n, one in host.containers().items() if "steady" in n}
    in_the_middle = 0
    for number in range(1, 21):
        host.write({"web.yaml": web(str(number)), "steady.yaml": steady})
        host.commit(f"version {number}")
        pusher = subprocess.Popen(
            ["git", "push", "--quiet", "origin", "HEAD:main"],
            cwd=host.tree,
            env=host.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        before = set(host.running())
        # Kill after a number of container changes that grows, so that each kill meets another moment.
        changes = number % 7
        _wait_for_changes(host, before, changes)
        status = host.get("/apis/reconciler.dev/v1/status") or {}
        assert host.daemon is not None
        host.kill()
        pusher.wait(30)
        now = set(host.running())
        middle = now != before and not _is_done(host, str(number))
        in_the_middle += middle
        print(f"kill {number}: in flight {status.get('running', [])}, in the middle of the rollout: {middle}")
        host.start()
        wait_for(f"version {number} is everywhere", lambda n=number: _is_done(host, str(n)), 60, every=0.1)  # type: ignore[misc]
        host.settle()
        names = [name.rsplit("_", 1)[0] for name, id_ in host.running().items()]
        assert len(names) == len(set(names)), names
        assert len([name for name in names if name.startswith("rc_web_")]) == 2
    assert {n: one["State"]["StartedAt"] for n, one in host.containers().items() if "steady" in n} == untouched
    print(f"{in_the_middle} of 20 kills were between the first and the last action")
    assert in_the_middle >= 11


def _wait_for_changes(host: Host, before: set[str], changes: int) -> None:
    # More than a machine needs that has much else to do: it ends with the change that it is for.
    until = time.monotonic() + 20
    while time.monotonic() < until and len(set(host.running()) ^ before) < changes:
        time.sleep(0.01)


def _is_done(host: Host, version: str) -> bool:
    """Whether exactly the Pods of this version run."""
    found = [one for name, one in host.containers().items() if name.startswith("rc_web_") and one["State"]["Running"]]
    current = [one for one in found if f"version-{version} " in " ".join(one["Args"])]
    return len(found) == 2 and len(current) == 2
