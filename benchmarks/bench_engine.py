"""Fifty one-container Deployments: from nothing to ready, again with nothing changed, and with one changed."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks import raw_engine
from benchmarks.events import Events
from benchmarks.ours import Ours, wait_until
from benchmarks.row import Row

NEEDS_LAB = True
PACKAGES = ("docker-compose", "busybox-static")
COUNT = 50
REPEATS = 5
ROOT = Path(__file__).resolve().parents[1]


def run() -> list[Row]:
    """Measure the three kinds of work with bare Engine calls, docker-compose, and us."""
    subprocess.run([ROOT / "examples" / "images" / "make"], check=True, stdout=subprocess.DEVNULL, timeout=120)
    raw = measure_raw()
    compose = measure_compose()
    ours = measure_ours()
    up, again, change, requested = ours
    works = (
        (f"{COUNT} one-container Deployments, from zero to ready", "1.1 x the raw calls"),
        (f"the same {COUNT} again, nothing changed", "10 ms, no write"),
        (f"one of the {COUNT} changed, push to new Pod ready", "0.6 s"),
    )
    rows = [
        Row(work, mine, (("raw Engine calls", raw[at]), ("docker-compose", compose[at])), budget)
        for at, ((work, budget), mine) in enumerate(zip(works, (up, again, change), strict=True))
    ]
    work = f"one of the {COUNT} changed, push to the request for its container"
    return [*rows, Row(work, requested, (("raw Engine calls, until it runs", raw[2]),), "0.3 s")]


def measure_raw() -> tuple[float, float, float]:
    """Bare calls for the same Pods: a sandbox, its link, and one container each."""
    up = timed(lambda: raw_engine.pods(COUNT))
    again = median([timed(lambda: raw_engine.compare(COUNT)) for _ in range(REPEATS)])
    change = median([timed(partial(raw_engine.replace, number)) for number in range(REPEATS)])
    raw_engine.remove(COUNT)
    return up, again, change


def measure_compose() -> tuple[float, float, float]:
    """docker-compose with the same number of services, each one container on its default bridge."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "docker-compose.yml"
        command = ["docker-compose", "--project-name", "bench", "--file", str(file)]

        def up(changed: int | None = None) -> None:
            services = {
                f"app-{number}": {
                    "image": raw_engine.IMAGE,
                    "entrypoint": ["sleep", "100000" if number != changed else "200000"],
                    "stop_grace_period": "0s",
                }
                for number in range(COUNT)
            }
            file.write_text(json.dumps({"version": "3", "services": services}))
            subprocess.run([*command, "up", "-d"], check=True, capture_output=True, timeout=300)

        first = timed(up)
        again = median([timed(up) for _ in range(REPEATS)])
        change = timed(lambda: up(changed=0))
        subprocess.run([*command, "down", "--timeout", "0"], check=True, capture_output=True, timeout=300)
    return first, again, change


def measure_ours() -> tuple[float, float, float, float]:
    """The same, pushed to our daemon; and when the Engine was asked for the new container of what changed."""
    with Ours() as ours:
        first = timed(lambda: ours.push_deployments(COUNT))
        ours.settle()
        again = ours.plan_without_change_s()
        events = Events()
        changes, requests = zip(*(change(ours, events, number) for number in range(REPEATS)), strict=True)
        return first, again, median(changes), median(requests)


def change(ours: Ours, events: Events, number: int) -> tuple[float, float]:
    """Push one change; return how long it took until its Pod was ready, and until its container was asked for."""
    start = time.time()
    spent = timed(lambda: ours.change_deployment(number))
    asked = events.wait("create", lambda about: about["name"].startswith(f"rc_app_app-{number}-"), start)
    # The old Pod's end is part of this change, not of the next.
    wait_until(lambda: len(ours.pods(number)) == 1)
    ours.settle()
    return spent, asked - ours.pushed_at


def timed(work: Callable[[], object]) -> float:
    """How long a piece of work takes, in seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median(values: Sequence[float]) -> float:
    """The value in the middle."""
    return sorted(values)[len(values) // 2]
