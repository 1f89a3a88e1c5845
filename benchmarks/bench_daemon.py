"""A real daemon at rest and in trouble: what it costs while nothing happens, how quick it is when something does."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import raw_engine
from benchmarks.events import Events
from benchmarks.ours import Ours, deployment, wait_until
from benchmarks.row import Row

NEEDS_LAB = True
PACKAGES = ("busybox-static",)
# The budgets are for an hour of rest; a minute shows the same, since everything periodic comes round within it.
COUNT, REST_S, REPEATS = 50, 60, 5
ROOT = Path(__file__).resolve().parents[1]
PROBE = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 10}
TICK = os.sysconf("SC_CLK_TCK")


def run() -> list[Row]:
    """Push Pods with one HTTP probe each, let them rest, kill a container, restart the daemon."""
    subprocess.run([ROOT / "examples" / "images" / "make"], check=True, stdout=subprocess.DEVNULL, timeout=120)
    docker_restart = raw_restart_s()
    with Ours() as ours:
        for number in range(COUNT):
            ours.write(f"app-{number}.yaml", probed(number))
        ours.push_deployments(0)
        wait_until(lambda: ours.available() == COUNT)
        time.sleep(10)
        rest = at_rest(ours)
        events = Events()
        killed = statistics.median(kill(events, number) for number in range(REPEATS))
        again = restart(ours)
    imports = timed(lambda: subprocess.run([sys.executable, "-c", "import reconciler.daemon"], check=True, timeout=60))
    return [
        rest,
        Row(
            "container killed -> replacement requested, after the event",
            killed,
            (("Docker's own restart policy", docker_restart),),
            "0.2 s",
        ),
        Row("daemon started again -> first tick", again, (("importing its modules", imports),), "2 s"),
    ]


def probed(number: int) -> dict[str, Any]:
    """A Deployment of one web server with a readiness probe every ten seconds."""
    found = deployment(number, "0")
    spec = found["spec"]["template"]["spec"]
    spec["containers"][0] |= {"image": "reconciler-example/web:1.0", "readinessProbe": PROBE}
    del spec["containers"][0]["command"]
    return found


def at_rest(ours: Ours) -> Row:
    """Watch the daemon and the Engine for a while in which nothing happens."""
    engine = int(Path("/var/run/docker.pid").read_text())
    size = database_bytes(ours)
    before = cpu_s(ours.daemon.pid), cpu_s(engine)
    time.sleep(REST_S)
    mine, theirs = cpu_s(ours.daemon.pid) - before[0], cpu_s(engine) - before[1]
    grown = database_bytes(ours) - size
    note = (
        f"{ours.resident_mib():.0f} MiB resident, {mine / REST_S:.2%} of a core, database grew by {grown} bytes "
        f"(log that is reused included)"
    )
    work = f"CPU time of a daemon with {COUNT} Pods and probes, {REST_S} s at rest"
    return Row(work, mine, (("dockerd in that time", theirs),), "120 MiB, 1 % of a core, database growth 0", note)


def database_bytes(ours: Ours) -> int:
    """The size of the database's files."""
    return sum(file.stat().st_size for file in ours.data.glob("*.db*"))


def cpu_s(process: int) -> float:
    """The CPU time of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def kill(events: Events, number: int) -> float:
    """Kill one Pod's container; return the time from its death to the request for the next."""
    start = time.time()
    listed = raw_engine.call("GET", "/containers/json")
    name = next(n for each in listed for n in each["Names"] if n.startswith(f"/rc_app_app-{number}-"))
    raw_engine.call("POST", f"/containers{name}/kill")
    prefix = name.lstrip("/").rpartition("_")[0]

    def is_of_pod(about: dict[str, str]) -> bool:
        return about["name"].startswith(prefix)

    died = events.wait("die", is_of_pod, start)
    return events.wait("create", is_of_pod, died) - died


def raw_restart_s() -> float:
    """How long Docker takes to start a killed container by its own policy."""
    events = Events()
    body = {"Image": raw_engine.IMAGE, "Entrypoint": ["sh", "-c", "sleep 0.3"]}
    body["HostConfig"] = {"NetworkMode": "none", "RestartPolicy": {"Name": "always"}}  # type: ignore[assignment]
    raw_engine.call("POST", "/containers/create?name=raw-restart", body)
    start = time.time()
    raw_engine.call("POST", "/containers/raw-restart/start")
    died = events.wait("die", lambda about: about["name"] == "raw-restart", start)
    began = events.wait("start", lambda about: about["name"] == "raw-restart", died)
    raw_engine.call("DELETE", "/containers/raw-restart?force=1")
    return began - died


def restart(ours: Ours) -> float:
    """Stop the daemon and start it again; return the time from its start to its first tick."""
    ours.stop()
    start = time.time()
    ours.start()

    def ticked() -> bool:
        status = ours.get("/apis/reconciler.dev/v1/status") or {}
        return any(loop["name"] == "controller" and loop.get("ranAt") for loop in status.get("loops", []))

    wait_until(ticked)
    return time.time() - start


def timed(work: Callable[[], object]) -> float:
    """Return how long it takes, in seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
