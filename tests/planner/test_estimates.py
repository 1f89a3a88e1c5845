"""How long things are said to take: what was seen, else what a small host takes."""

import pytest

from reconciler.model.kinds import Pod
from reconciler.model.node_report import ContainerFact
from reconciler.model.observed import ObservedState
from reconciler.model.times import rfc3339
from reconciler.planner.estimates import READY, TASK, Estimates, Recorded, durations_of, learn
from tests.planner.reading import read, stored
from tests.planner.world import Cluster, replace

START = 1_800_000_000.0
PROBE = "readinessProbe: {exec: {command: [a]}}"


def test_the_median_is_told_of_each_image_and_of_all() -> None:
    """An image that was never seen takes as long as the others; a clock that went back counts as no time."""
    durations = (("web:1", 1.0), ("web:1", 3.0), ("db:1", 10.00049), ("db:1", -5.0), ("db:1", 12.0), ("odd", -5.0))
    known = learn(Recorded(of="pullImage", image=image, seconds=seconds) for image, seconds in durations)
    assert {
        image: (known.get("pullImage", image).seconds, known.get("pullImage", image).samples)
        for image in ("web:1", "db:1", "odd", "new", "")
    } == {
        "web:1": (2.0, 2),
        "db:1": (10.0, 3),
        "odd": (0.0, 1),
        "new": (2.0, 6),
        "": (2.0, 6),
    }


def test_what_has_no_image_is_counted_once() -> None:
    """Such as a network link."""
    assert learn([Recorded(of="attachPod", seconds=1.0)]).get("attachPod").samples == 1


@pytest.mark.parametrize(
    ("of", "seconds"),
    [
        (READY, 1.0),
        (TASK, 5.0),
        ("pullImage", 10.0),
        ("createSandbox", 0.5),
        ("startContainer", 0.3),
        ("stopContainer", 1.0),
        ("removeSandbox", 0.2),
        ("removeContainer", 0.05),
        ("attachPod", 0.05),
        ("detachPod", 0.02),
        ("publishVolumes", 0.02),
        ("unpublishVolumes", 0.02),
        ("provisionVolume", 0.02),
        ("trashVolume", 0.02),
        ("prepareHost", 1.0),
        ("programServices", 0.05),
        ("publishNames", 0.02),
        ("somethingElse", 0.1),
    ],
)
def test_what_was_never_seen_takes_what_a_small_host_takes(of: str, seconds: float) -> None:
    """An estimate without samples."""
    assert (Estimates().get(of).seconds, Estimates().get(of).samples) == (seconds, 0)


def told(pod: Pod, fact: ContainerFact) -> list[tuple[str, str, float]]:
    """Return what is learnt where a node reports one container of a Pod."""
    base = Cluster().observed
    state = base.nodes["node-1"]
    assert state.observation is not None
    facts = replace(state.observation.facts, containers=(fact,))
    node = replace(state, observation=replace(state.observation, facts=facts))
    one = stored(pod)
    seen: ObservedState = replace(
        base, objects={one.ref: one}, nodes={"node-1": node, "silent": replace(node, observation=None)}
    )
    return [(found.of, found.image, found.seconds) for found in durations_of(seen)]


def pod(
    ready_after: float | None = 4.0, restarts: str = "Always", containers: str = f"{{name: a, image: i, {PROBE}}}"
) -> Pod:
    """Return a Pod that became ready so long after its container's start."""
    ready = (
        ""
        if ready_after is None
        else f"conditions: [{{type: Ready, status: 'True', lastTransitionTime: '{rfc3339(START + ready_after)}'}}]"
    )
    found: Pod = read(
        "Pod", metadata="uid: u", spec=f"restartPolicy: {restarts}, containers: [{containers}]", status=ready
    )
    return found


def running(**fields: object) -> ContainerFact:
    """Return a container that runs."""
    plain: dict[str, object] = {"role": "app", "state": "running", "started_at": START, "container": "a", "image": "i"}
    return ContainerFact(id="1", name="n", **{"pod_uid": "u", **plain, **fields})  # type: ignore[arg-type]


def ended(**fields: object) -> ContainerFact:
    """Return a container that ended after seven seconds."""
    return running(**{"state": "exited", "finished_at": START + 7.0, **fields})


TWO = f"{{name: a, image: i, {PROBE}}}, {{name: b, image: i, PROBE}}"
CASES = {
    "ready after its probe": (pod(), running(), [(READY, "i", 4.0)]),
    "ready at the second of its start": (pod(-1.0), running(), [(READY, "i", -1.0)]),
    "ready since before its start": (pod(-2.0), running(), []),
    "started anew": (pod(), running(attempt=1), []),
    "never ready": (pod(None), running(), []),
    "without a probe": (pod(containers="{name: a, image: i}"), running(), []),
    "the only one with a probe": (pod(containers=TWO.replace(", PROBE", "")), running(), [(READY, "i", 4.0)]),
    "one of two with probes": (pod(containers=TWO.replace("PROBE", PROBE)), running(), []),
    "the one without": (pod(containers=TWO.replace(", PROBE", "")), running(container="b"), []),
    "a sandbox": (pod(), running(role="sandbox"), []),
    "another Pod's": (pod(), running(pod_uid="v"), []),
    "a first step": (pod(None), ended(role="init"), [(TASK, "i", 7.0)]),
    "a task": (pod(None, "OnFailure"), ended(), [(TASK, "i", 7.0)]),
    "a service that ended": (pod(None), ended(), []),
    "a sidecar that ended": (pod(None, "OnFailure"), ended(role="sidecar"), []),
    "a task that failed": (pod(None, "Never"), ended(exit_code=1), []),
    "a task that runs": (pod(None, "Never", "{name: a, image: i}"), running(finished_at=START + 7.0), []),
    "a task that never began": (pod(None, "Never"), ended(started_at=0.0), []),
}


@pytest.mark.parametrize("case", CASES)
def test_pods_tell_how_long_they_took(case: str) -> None:
    """Only what surely says it: tasks that succeeded, and first starts of the one container that was waited for."""
    one, fact, expected = CASES[case]
    assert told(one, fact) == expected
