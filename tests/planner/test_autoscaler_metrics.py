"""How many Pods a metric asks for: whom it counts, and what is assumed of those that are not measured."""

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.model.kinds import Pod, decode_object
from reconciler.model.metrics import ContainerUsage, PodUsage
from reconciler.model.times import rfc3339
from reconciler.planner.workloads.autoscaler_metrics import (
    Answer,
    Groups,
    NotMeasurable,
    Reading,
    by_average,
    by_utilization,
    group_pods,
    readings_of,
    requests_of,
)
from reconciler.planner.workloads.autoscaler_rules import rules_of

NOW = 1_800_000_000.0
RULES = rules_of(None)


def pod(name: str = "p", *, phase: str = "Running", ready: Any = None, **more: Any) -> Pod:
    """Return a Pod; `ready` is the status of its condition and for how many seconds it has had it."""
    status: dict[str, Any] = {"phase": phase}
    if "started" in more:
        status["startTime"] = rfc3339(NOW - more.pop("started"))
    if ready is not None:
        word, since_s = ready
        status["conditions"] = [{"type": "Ready", "status": word, "lastTransitionTime": rfc3339(NOW - since_s)}]
    metadata = {"name": name, "namespace": "default", "uid": name, **more.pop("metadata", {})}
    spec = {"containers": [{"name": "app", "image": "app"}], **more}
    found = decode_object({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status})
    assert isinstance(found, Pod)
    return found


def asked(**given: Any) -> Answer:
    """Return what a metric asks for, whose Pods use so many thousandths of a core each and ask for a tenth of one."""
    used: list[int] = given.get("used", [])
    unready, missing = given.get("unready", 0), given.get("missing", 0)
    ready = {f"r{number}": amount for number, amount in enumerate(used)}
    others = {"unready": [f"u{n}" for n in range(unready)], "missing": [f"m{n}" for n in range(missing)]}
    names = [*ready, *others["unready"], *others["missing"]]
    groups = Groups(
        ready=frozenset(ready),
        unready=frozenset(others["unready"]),
        missing=frozenset(others["missing"]),
        ignored=frozenset({"gone"}),
    )
    measured: Mapping[str, int] = {**ready, **dict.fromkeys(others["unready"], 7), "gone": 900}
    readings = {name: Reading(amount, NOW, 15) for name, amount in measured.items()}
    pods = [pod(name) for name in names]
    target, current = given.get("target", 50), given["current"]
    if given.get("average"):
        return by_average(pods, readings, target, current, groups, RULES)
    return by_utilization(pods, readings, dict.fromkeys([*names, "gone"], 100), target, current, groups, RULES)


@pytest.mark.parametrize(
    ("given", "replicas"),
    [
        ({"used": [100, 100], "current": 2}, 4),
        ({"used": [55, 55], "current": 3}, 3),
        ({"used": [56, 56], "current": 2}, 3),
        ({"used": [45, 45], "current": 3}, 3),
        ({"used": [44, 44, 44, 44, 44], "current": 6}, 5),
        ({"used": [60], "unready": 1, "current": 1}, 1),
        ({"used": [60], "unready": 3, "current": 4}, 4),
        ({"used": [111], "unready": 1, "current": 2}, 2),
        ({"used": [113], "unready": 1, "current": 2}, 3),
        ({"used": [50], "unready": 1, "current": 2}, 2),
        ({"used": [48], "unready": 1, "current": 2}, 2),
        ({"used": [10], "missing": 1, "current": 4}, 4),
        ({"used": [30], "missing": 1, "current": 1}, 1),
        ({"used": [50], "missing": 1, "current": 2}, 2),
        ({"used": [111], "missing": 1, "current": 2}, 2),
        ({"used": [100, 100], "missing": 1, "current": 3}, 4),
        ({"used": [130], "missing": 1, "current": 5}, 5),
        ({"used": [50] * 16, "unready": 4, "current": 2}, 2),
        ({"used": [50], "missing": 1, "current": 5}, 5),
        ({"used": [30], "missing": 1, "current": 5}, 5),
        ({"used": [60], "unready": 3, "current": 1}, 1),
        ({"used": [20, 20, 20], "missing": 1, "current": 2}, 2),
        ({"used": [20, 20, 20], "missing": 1, "current": 5}, 4),
        ({"used": [40] * 30, "missing": 30, "target": 80, "current": 60}, 53),
        ({"used": [41] * 30, "missing": 30, "target": 80, "current": 60}, 53),
        ({"used": [20], "missing": 1, "target": 160, "current": 2}, 2),
        ({"used": [100, 200], "current": 2, "average": True}, 6),
        ({"used": [20], "missing": 3, "current": 4, "average": True}, 4),
    ],
)
def test_so_many_pods_are_asked_for(given: dict[str, Any], replicas: int) -> None:
    """Who starts counts as idle when more are wanted; who is not measured is as busy or idle as changes least."""
    assert asked(**given).replicas == replicas


def test_the_figures_are_those_of_what_was_measured() -> None:
    """Neither what starts nor what is ending is part of the average."""
    assert asked(used=[100], unready=1, current=1) == Answer(1, 100, 100)
    assert asked(used=[100, 51], current=1) == Answer(3, 75, 75)
    assert asked(used=[100, 51], current=1, average=True) == Answer(3, 75)


def test_without_pods_or_measurements_nothing_is_asked_for() -> None:
    """The message says which of the two it is."""
    with pytest.raises(NotMeasurable, match="no pods returned"):
        asked(used=[], current=1)
    with pytest.raises(NotMeasurable, match="any ready pods"):
        asked(used=[], unready=1, current=1)
    readings = {"stranger": Reading(5, NOW, 15)}
    groups = Groups(frozenset(), frozenset(), frozenset(), frozenset())
    with pytest.raises(NotMeasurable, match="matched known pods"):
        by_utilization([pod("p")], readings, {"p": 100}, 50, 1, groups, RULES)


@pytest.mark.parametrize(
    ("what", "measured_s", "expected"),
    [
        (pod(metadata={"deletionTimestamp": rfc3339(NOW)}), 0, "ignored"),
        (pod(phase="Failed"), 0, "ignored"),
        (pod(phase="Pending"), 0, "unready"),
        (pod(ready=("True", 900), started=900), None, "missing"),
        (pod(started=900), 0, "unready"),
        (pod(ready=("True", 900)), 0, "unready"),
        (pod(ready=("True", 290), started=299), 0, "ready"),
        (pod(ready=("False", 290), started=299), 0, "unready"),
        (pod(ready=("True", 14), started=299), 0, "unready"),
        (pod(ready=("True", 15), started=299), 0, "ready"),
        (pod(ready=("True", 20), started=299), 6, "unready"),
        (pod(ready=("True", 1), started=300), 0, "ready"),
        (pod(ready=("False", 271), started=300), 0, "unready"),
        (pod(ready=("False", 270), started=300), 0, "ready"),
        (pod(ready=("False", 600), started=629), 0, "unready"),
        (pod(ready=("True", 600), started=629), 0, "ready"),
    ],
)
def test_a_pod_counts_once_it_has_started(what: Pod, measured_s: int | None, expected: str) -> None:
    """In its first five minutes from its readiness on; later unless it was never ready: within its first 30 s."""
    readings = {"p": Reading(5, NOW - measured_s, 15)} if measured_s is not None else {}
    groups = group_pods([what], readings, "cpu", NOW)
    assert {name: getattr(groups, name) for name in Groups.__slots__ if getattr(groups, name)} == {expected: {"p"}}
    memory = group_pods([what], readings, "memory", NOW)
    started = expected not in ("ignored", "missing") and what.status.phase != "Pending"
    assert (memory.ready == {"p"}) is started


def test_what_is_read_is_of_the_resource_and_the_container() -> None:
    """Cores round up to thousandths; a Pod that has no such container, or is not measured, tells nothing."""
    parts = (
        ContainerUsage(name="app", cpu_nanos=1_000_001, memory_bytes=2),
        ContainerUsage(name="side", cpu_nanos=3_000_000, memory_bytes=5),
    )
    usage = {"p": PodUsage(namespace="default", name="p", uid="p", at=NOW, window_s=15, containers=parts)}
    pods = [pod("p"), pod("q")]
    assert readings_of(usage, pods, "cpu") == {"p": Reading(5, NOW, 15)}
    assert readings_of(usage, pods, "memory") == {"p": Reading(7000, NOW, 15)}
    assert readings_of(usage, pods, "cpu", "app") == {"p": Reading(2, NOW, 15)}
    assert readings_of(usage, pods, "cpu", "other") == {}


def container(name: str, cpu: str = "", limit: str = "", **more: str) -> dict[str, Any]:
    """Return a container that asks for this."""
    resources = {"requests": {"cpu": cpu} if cpu else {}, "limits": {"cpu": limit} if limit else {}}
    return {"name": name, "image": name, "resources": resources, **more}


def test_what_is_asked_for_counts_containers_that_last() -> None:
    """Sidecars do, other init containers do not; a limit stands for a request that is left out."""
    first = [container("init", "900m"), container("side", "30m", restartPolicy="Always")]
    whole = pod("p", containers=[container("app", "100.5m"), container("aux", limit="20m")], initContainers=first)
    assert requests_of([whole], "cpu") == {"p": 151}
    assert requests_of([whole], "cpu", "side") == {"p": 30}
    assert requests_of([whole], "cpu", "aux") == {"p": 20}
    with pytest.raises(NotMeasurable, match="Pod p has no container init"):
        requests_of([whole], "cpu", "init")
    with pytest.raises(NotMeasurable, match="missing request for memory in container app of Pod p"):
        requests_of([whole], "memory")
