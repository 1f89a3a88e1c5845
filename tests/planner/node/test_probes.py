"""How probes are counted, and what is told of a Pod when it changes."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.kinds import (
    ConfigMapKeySelector,
    EnvVar,
    EnvVarSource,
    SecretKeySelector,
    Volume,
)
from reconciler.model.kinds.container import EnvFromSource, SecretEnvSource
from reconciler.model.kinds.volumes import (
    ConfigMapProjection,
    ProjectedVolumeSource,
    SecretProjection,
    SecretVolumeSource,
    VolumeProjection,
)
from reconciler.model.node import ConfigReference
from reconciler.model.node_report import ProbeState, ProbeTarget
from reconciler.planner.node.memory import ContainerMemory, Failure
from reconciler.planner.node.probes import advance, next_at
from reconciler.planner.node.step import NodeStep
from tests.planner.node.host import container, pod, probe
from tests.planner.node.situation import IP, NOW, UID, ended, fact, look, remembered, sandbox, shows, waits


def target(started_at: float = NOW - 100, **fields: Any) -> ProbeTarget:
    """A probe of a container."""
    return ProbeTarget(
        pod_uid=UID,
        pod_ip=IP,
        container="web",
        container_id="id",
        probe_kind="readiness",
        probe=probe(**fields),
        spec=container(),
        started_at=started_at,
    )


@pytest.mark.parametrize(
    ("answers", "results"),
    [
        ("+", ["success"]),
        ("---", ["unknown", "unknown", "failure"]),
        ("--+", ["unknown", "unknown", "success"]),
        ("+--+--", ["success"] * 6),
        ("+---+", ["success"] * 3 + ["failure", "success"]),
    ],
)
def test_three_failures_in_a_row_or_one_success_are_a_result(answers: str, results: list[str]) -> None:
    """Unless the probe says otherwise; a count begins anew with every change."""
    state, found = ProbeState(key="id/readiness"), []
    for number, answer in enumerate(answers):
        state = advance(state, target(), answer == "+", "refused", NOW + number)
        assert (state.probed_at, state.message) == (NOW + number, "" if answer == "+" else "refused")
        found.append(state.result)
    assert found == results


def test_a_probe_may_ask_for_more_successes_and_fewer_failures() -> None:
    """Each at its own threshold; what goes on is not counted for ever."""
    one = target(success_threshold=2, failure_threshold=1)
    state = advance(ProbeState(key="k"), one, True, "", NOW)
    assert (state.result, state.successes, state.failures) == ("unknown", 1, 0)
    state = advance(state, one, True, "", NOW)
    assert (state.result, state.successes, state.failures) == ("success", 2, 0)
    state = advance(state, one, False, "m", NOW)
    assert (state.result, state.successes, state.failures) == ("failure", 0, 1)
    many = ProbeState(key="k", successes=1_000_000, failures=1_000_000)
    assert advance(many, one, True, "", NOW).successes == 1_000_000
    assert advance(many, one, False, "", NOW).failures == 1_000_000


@pytest.mark.parametrize(
    ("started", "probed", "expected"),
    [
        (-100, None, -95),
        (-1, None, 4),
        (-100, -4, 6),
        (-100, 0, 10),
        (0, None, 5),
        (1, None, 0),
        (-100, 1, 0),
        (-2, -8, 3),
    ],
)
def test_a_probe_is_due_after_its_delay_and_then_every_period(
    started: float, probed: float | None, expected: float
) -> None:
    """What lies in the future was noted by another clock: it is due now."""
    state = None if probed is None else ProbeState(key="k", probed_at=NOW + probed)
    one = target(NOW + started, initial_delay_seconds=5, period_seconds=10)
    assert next_at(state, one, NOW) == NOW + expected
    assert next_at(ProbeState(key="k"), target(NOW - 3, initial_delay_seconds=5), NOW) == NOW + 2


def told(answer: NodeStep) -> list[tuple[str, str, str]]:
    """Type, reason and container of the events of a pass."""
    return [(one.type, one.reason, one.container) for one in answer.events]


@pytest.mark.parametrize(
    ("word", "event"),
    [
        ("RunContainerError", []),
        ("CreateContainerConfigError", [("Warning", "Failed", "web")]),
    ],
)
def test_what_a_container_waits_for_is_told_once(word: str, event: list[Any]) -> None:
    """When it begins to wait for it, and again when it waits for something else."""
    failure = Failure(count=1, until=NOW + 50, reason=word, message="why")
    first = look(shows(), pod("web"), memory=remembered(ip=IP, containers={"web": ContainerMemory(failure=failure)}))
    assert told(first) == event
    later = replace(failure, message="another")
    changed = replace(first.memory.pods[UID], containers={"web": ContainerMemory(failure=later)})
    second = look(shows(), pod("web"), memory=replace(first.memory, pods={UID: changed}))
    assert second.reports != first.reports
    assert told(second) == []
    crashed = ContainerMemory(attempt=0, container_id="id-web-0", backoff_s=300.0, image="shop/web:1")
    changed = replace(changed, containers={"web": crashed})
    third = look(shows(sandbox(), ended(code=1)), pod("web"), memory=replace(first.memory, pods={UID: changed}))
    assert ("Warning", "BackOff", "web") in told(third)
    assert (third.events[0].message or "").startswith("back-off 300s restarting failed container=web")


@pytest.mark.parametrize(("reason", "kind"), [("Evicted", "Warning"), ("DeadlineExceeded", "Normal")])
def test_why_a_pod_has_failed_is_told_once(reason: str, kind: str) -> None:
    """Its being evicted is a warning."""
    memory = remembered(ip=IP, finished="Failed", reason=reason, message="why")
    first = look(shows(sandbox(), fact()), pod("web"), memory=memory)
    assert [(one.type, one.reason, one.message) for one in first.events] == [(kind, reason, "why")]
    second = look(shows(sandbox(), ended(code=143)), pod("web"), memory=first.memory)
    assert second.reports != first.reports
    assert told(second) == []


def test_a_pod_that_is_fine_has_nothing_to_tell() -> None:
    """Nor has one that nobody asks for."""
    first = look(shows(sandbox(), fact()), pod("web"))
    assert (told(first), told(look(shows(), memory=first.memory))) == ([], [])


SETTINGS, KEY = {"configmap/settings"}, {"secret/key"}
MISSING = tuple(
    ConfigReference(kind=kind, namespace="shop", name=name)
    for kind, name in (("ConfigMap", "settings"), ("Secret", "key"))
)
AT_KEY = SecretKeySelector(name="key", key="k")
AT_SETTING = ConfigMapKeySelector(name="settings", key="k")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {
                "env": (
                    EnvVar(name="a", value="1"),
                    EnvVar(name="b", value_from=EnvVarSource(config_map_key_ref=AT_SETTING)),
                )
            },
            SETTINGS,
        ),
        ({"env": (EnvVar(name="a", value_from=EnvVarSource(secret_key_ref=AT_KEY)),)}, KEY),
        ({"env_from": (EnvFromSource(secret_ref=SecretEnvSource(name="key")),)}, KEY),
        ({}, set()),
    ],
)
def test_a_container_waits_for_what_its_environment_refers_to(fields: dict[str, Any], expected: set[str]) -> None:
    """Variable by variable; what exists by now holds nothing up."""
    one = pod("web", container(**fields), configuration=MISSING)
    said = {f"missing-reference: container web: {name} not found" for name in expected}
    assert set(waits(look(shows(), one))) == said
    there = tuple(replace(entry, version="1") for entry in MISSING)
    assert waits(look(shows(), replace(one, configuration=there))) == []


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        (Volume(name="v", secret=SecretVolumeSource(secret_name="key")), KEY),
        (
            Volume(
                name="v",
                projected=ProjectedVolumeSource(
                    sources=(
                        VolumeProjection(config_map=ConfigMapProjection(name="settings")),
                        VolumeProjection(secret=SecretProjection(name="key")),
                    )
                ),
            ),
            SETTINGS | KEY,
        ),
    ],
)
def test_a_pod_waits_for_what_its_volumes_refer_to(volume: Volume, expected: set[str]) -> None:
    """Each part of a projected one."""
    answer = look(shows(), pod("web", volumes=(volume,), configuration=MISSING))
    assert set(waits(answer)) == {f"missing-reference: {name} not found" for name in expected}
