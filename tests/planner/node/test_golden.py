"""Whole plans as text, to be reviewed by people: one file per situation."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.model.kinds import ContainerPort, Volume
from reconciler.model.kinds.volumes import ConfigMapVolumeSource
from reconciler.model.node import ConfigReference
from reconciler.model.plan import Action, Plan
from reconciler.simulation.behaviour import Behaviour
from tests.planner.node.host import Host, container, pod, probe, script, words

GOLDEN = Path(__file__).parent / "golden"
WIDTH_MAX = 140


def rich_pod() -> Host:
    """A Pod with everything, on a host that has nothing."""
    settings = ConfigReference(kind="ConfigMap", namespace="shop", name="settings", version="1")
    host = Host(
        pod(
            "web",
            container("web", "new:1", ports=(ContainerPort(container_port=80, host_port=8080),)),
            container("exporter"),
            init_containers=(container("proxy", restart_policy="Always"),),
            volumes=(Volume(name="v", config_map=ConfigMapVolumeSource(name="settings")),),
            configuration=(settings,),
        )
    )
    host.world.engine.registry["new:1"] = Behaviour()
    return host


def a_pod_comes_up() -> Host:
    """Everything in one plan."""
    host = rich_pod()
    host.node.run_once()
    return host


def a_pod_waits_for_its_init_container() -> Host:
    """Only the first init container starts."""
    host = Host(pod("web", container("web"), init_containers=(script("one", "sleep 5"), script("two", "exit 0"))))
    host.node.run_once()
    return host


def a_pod_ends() -> Host:
    """Containers first, then sidecars, then the rest."""
    host = rich_pod()
    host.settle()
    host.delete("web")
    host.node.run_once()
    return host


def a_pod_is_unassigned() -> Host:
    """With what is remembered of it."""
    host = Host(pod("web"))
    host.settle()
    host.assign()
    host.node.run_once()
    return host


def a_container_crashed() -> Host:
    """The first restart is immediate."""
    host = Host(pod("web"))
    host.settle()
    host.world.end_by_hand(host.full_name("web"), 1)
    host.node.run_once()
    return host


def a_container_is_in_a_crash_loop() -> Host:
    """Nothing is done, and the plan says until when."""
    host = Host(pod("web", script("web", "exit 1")))
    host.node.run_for(18)
    return host


def a_container_is_unhealthy() -> Host:
    """It is stopped; the restart follows its end."""
    app = container("web", "app:1", liveness_probe=probe(period_seconds=5))
    host = Host(pod("web", app), images={"app:1": Behaviour(dead_after_s=10, term_s=None)})
    host.node.run_for(24)
    return host


def a_sandbox_died() -> Host:
    """All containers go with it."""
    host = Host(pod("web", container("web"), container("exporter")))
    host.settle()
    host.world.end_by_hand(host.full_name("POD"))
    host.node.run_once()
    return host


def a_host_was_rebooted() -> Host:
    """The network anew, every Pod in a new sandbox."""
    host = Host(pod("web"))
    host.settle()
    host.world.reboot()
    host.node.crash()
    host.node.restart()
    host.node.run_once()
    return host


def an_engine_is_silent() -> Host:
    """Nothing is done on containers."""
    host = Host(pod("web"))
    host.settle()
    host.world.engine_silent = True
    host.assign()
    host.node.run_once()
    return host


SITUATIONS: tuple[Callable[[], Host], ...] = (
    a_pod_comes_up,
    a_pod_waits_for_its_init_container,
    a_pod_ends,
    a_pod_is_unassigned,
    a_container_crashed,
    a_container_is_in_a_crash_loop,
    a_container_is_unhealthy,
    a_sandbox_died,
    a_host_was_rebooted,
    an_engine_is_silent,
)


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.__name__)
def test_golden_plan(situation: Callable[[], Host]) -> None:
    """The plan of each situation is as reviewed (P13)."""
    host = situation()
    assert host.node.last is not None
    text = f"{situation.__doc__}\n\n{_text(host.node.last.plan, host.clock.now())}"
    assert max(len(line) for line in text.splitlines()) <= WIDTH_MAX
    file = GOLDEN / f"{situation.__name__}.txt"
    if os.environ.get("RECONCILER_UPDATE_GOLDEN") == "1":
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()


def _text(plan: Plan, now: float) -> str:
    numbers = {action.key: number for number, action in enumerate(plan.actions, 1)}
    lines = [_line(action, numbers) for action in plan.actions]
    for one in plan.blocked:
        until = "" if one.until is None else f" (in {one.until - now:.0f} s)"
        lines.append(f"  ! {one.executor.value:<10}{one.object!s:<18}{one.reason.value:<20}{one.message}{until}")
    return "\n".join(lines or ["nothing"]) + "\n"


def _line(action: Action, numbers: dict[str, int]) -> str:
    needs = ", ".join(str(numbers[need]) for need in sorted(action.needs, key=lambda key: numbers.get(key, 0)))
    line = f"{numbers[action.key]:>3} {action.executor.value:<10}{words(action):<28}{action.reason.value:<20}"
    line += f" needs {needs}" if needs else ""
    return (line + (f"  {action.message}" if action.message else "")).rstrip()
