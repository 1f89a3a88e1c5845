"""How healthy each kind is said to be, by its status alone: at each side of every boundary."""

import pytest

from reconciler.model.status import Health
from reconciler.planner.health import health_of, node_health
from tests.planner.reading import read, stored

SELECTED = (
    "selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}"
)
TWO = f"replicas: 2, {SELECTED}"
SEEN = "generation: 2"
WELL = "observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 2"
SPREAD = "observedGeneration: 2, desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2"
CRON = "schedule: '* * * * *', jobTemplate: {spec: {template: {spec: {containers: [{name: c, image: i}]}}}}"
PARTED = f"{TWO}, serviceName: s, updateStrategy: {{type: RollingUpdate, rollingUpdate: {{partition: PART}}}}"
MISSED = "conditions: [{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded, message: too slow}]"
POD = "containers: [{name: c, image: i}, {name: d, image: i}]"
ENDED = "lastState: {terminated: {exitCode: CODE, reason: WHY, message: SAID}}"
BACK_OFF = (
    "{name: c, image: i, imageID: i, ready: false, restartCount: 1, state: {waiting: {reason: WHY, message: why}}}"
)
CLAIM = "accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}"
TASK = "template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}"


def ending(code: str, reason: str, said: str) -> str:
    """Return the status of a container that waits after it ended."""
    ended = ENDED.replace("CODE", code).replace("WHY", reason).replace("SAID", f"'{said}'")
    return f"{BACK_OFF.replace('WHY', 'CrashLoopBackOff')[:-1]}, {ended}}}"


def changed(status: str, **fields: int) -> str:
    """Return a status with other numbers."""
    parts = dict(part.split(": ") for part in status.split(", "))
    return ", ".join(f"{name}: {number}" for name, number in {**parts, **fields}.items())


CASES = {
    "a Deployment": ("Deployment", TWO, WELL, Health.HEALTHY, "", "", "2/2"),
    "an unseen one": (
        *("Deployment", TWO, changed(WELL, observedGeneration=1)),
        *(Health.PROGRESSING, "NotObserved", "waits for the next look", "2/2"),
    ),
    "one too slow": (
        "Deployment",
        TWO,
        f"{WELL}, {MISSED}",
        Health.DEGRADED,
        "ProgressDeadlineExceeded",
        "too slow",
        "2/2",
    ),
    "one that was too slow": (
        "Deployment",
        TWO,
        f"{WELL}, {MISSED}".replace("'False'", "'True'"),
        Health.HEALTHY,
        "",
        "",
        "2/2",
    ),
    "one that is slow": (
        *("Deployment", TWO, f"{WELL}, {MISSED}".replace("DeadlineExceeded", "ing")),
        *(Health.HEALTHY, "", "", "2/2"),
    ),
    "one with old Pods alone": (
        *("Deployment", TWO, changed(WELL, updatedReplicas=1)),
        *(Health.PROGRESSING, "Updating", "1 of 2 replicas are new", "2/2"),
    ),
    "one with old Pods besides": (
        *("Deployment", TWO, changed(WELL, replicas=5)),
        *(Health.PROGRESSING, "Updating", "3 old replicas remain", "2/2"),
    ),
    "one that starts": (
        *("Deployment", TWO, changed(WELL, availableReplicas=1)),
        *(Health.PROGRESSING, "Starting", "1/2 replicas available", "1/2"),
    ),
    "one that is paused on its way": (
        *("Deployment", f"paused: true, {TWO}", changed(WELL, updatedReplicas=1)),
        *(Health.SUSPENDED, "Paused", "the rollout is paused", "2/2"),
    ),
    "one that is paused at its end": ("Deployment", f"paused: true, {TWO}", WELL, Health.HEALTHY, "", "", "2/2"),
    "a StatefulSet": ("StatefulSet", PARTED.replace("PART", "0"), WELL, Health.HEALTHY, "", "", "2/2"),
    "an unseen set": (
        *("StatefulSet", PARTED.replace("PART", "0"), changed(WELL, observedGeneration=1)),
        *(Health.PROGRESSING, "NotObserved", "waits for the next look", "2/2"),
    ),
    "a set too large": (
        *("StatefulSet", PARTED.replace("PART", "0"), changed(WELL, replicas=5)),
        *(Health.PROGRESSING, "Scaling", "3 replicas too many", "2/2"),
    ),
    "a set on its way": (
        *("StatefulSet", PARTED.replace("PART", "0"), changed(WELL, updatedReplicas=1)),
        *(Health.PROGRESSING, "Updating", "1 of 2 replicas are new", "2/2"),
    ),
    "a set up to its partition": (
        *("StatefulSet", PARTED.replace("PART", "1"), changed(WELL, updatedReplicas=1)),
        *(Health.HEALTHY, "", "", "2/2"),
    ),
    "a set short of its partition": (
        *("StatefulSet", PARTED.replace("PART", "1"), changed(WELL, updatedReplicas=0)),
        *(Health.PROGRESSING, "Updating", "0 of 1 replicas are new", "2/2"),
    ),
    "a set with a partition beyond it": (
        *("StatefulSet", PARTED.replace("PART", "5"), changed(WELL, updatedReplicas=0)),
        *(Health.HEALTHY, "", "", "2/2"),
    ),
    "a set updated by hand": (
        *(
            "StatefulSet",
            f"{TWO}, serviceName: s, updateStrategy: {{type: OnDelete}}",
            changed(WELL, updatedReplicas=0),
        ),
        *(Health.HEALTHY, "", "", "2/2"),
    ),
    "a set that starts": (
        *("StatefulSet", PARTED.replace("PART", "0"), changed(WELL, availableReplicas=1)),
        *(Health.PROGRESSING, "Starting", "1/2 replicas available", "1/2"),
    ),
    "a ReplicaSet": ("ReplicaSet", TWO, "replicas: 2, availableReplicas: 2", Health.HEALTHY, "", "", "2/2"),
    "a ReplicaSet too large": (
        *("ReplicaSet", TWO, "replicas: 3, availableReplicas: 2"),
        *(Health.PROGRESSING, "Scaling", "2/2 available", "2/2"),
    ),
    "a ReplicaSet that starts": (
        *("ReplicaSet", TWO, "replicas: 2, availableReplicas: 1"),
        *(Health.PROGRESSING, "Scaling", "1/2 available", "1/2"),
    ),
    "a Job": (
        "Job",
        f"completions: 3, {TASK}",
        "succeeded: 1, active: 2",
        Health.PROGRESSING,
        "Running",
        "2 active",
        "1/3",
    ),
    "a Job without a number": (
        *("Job", f"parallelism: 2, {TASK}", "succeeded: 1, active: 2"),
        *(Health.PROGRESSING, "Running", "2 active", "1/2"),
    ),
    "a Job that is done": (
        *("Job", TASK, "succeeded: 1, conditions: [{type: Complete, status: 'True'}]"),
        *(Health.HEALTHY, "Complete", "", "1/1"),
    ),
    "a Job that is not done": (
        *("Job", TASK, "conditions: [{type: Complete, status: 'False'}, {type: Failed, status: 'False'}]"),
        *(Health.PROGRESSING, "Running", "0 active", "0/1"),
    ),
    "a Job that failed": (
        *("Job", TASK, "conditions: [{type: Failed, status: 'True', reason: BackoffLimitExceeded, message: m}]"),
        *(Health.DEGRADED, "BackoffLimitExceeded", "m", "0/1"),
    ),
    "a Job that is held": ("Job", f"suspend: true, {TASK}", "", Health.SUSPENDED, "Suspended", "", "0/1"),
    "a DaemonSet": ("DaemonSet", SELECTED, SPREAD, Health.HEALTHY, "", "", "2/2"),
    "an unseen DaemonSet": (
        *("DaemonSet", SELECTED, changed(SPREAD, observedGeneration=1)),
        *(Health.PROGRESSING, "NotObserved", "waits for the next look", "2/2"),
    ),
    "a DaemonSet on its way": (
        *("DaemonSet", SELECTED, changed(SPREAD, updatedNumberScheduled=1)),
        *(Health.PROGRESSING, "Updating", "1 of 2 nodes are new", "2/2"),
    ),
    "a DaemonSet updated by hand": (
        *("DaemonSet", f"updateStrategy: {{type: OnDelete}}, {SELECTED}", changed(SPREAD, updatedNumberScheduled=1)),
        *(Health.HEALTHY, "", "", "2/2"),
    ),
    "a DaemonSet that starts": (
        *("DaemonSet", SELECTED, changed(SPREAD, numberAvailable=1)),
        *(Health.PROGRESSING, "Starting", "available on 1 of 2 nodes", "1/2"),
    ),
    "a claim": ("PersistentVolumeClaim", CLAIM, "phase: Bound", Health.HEALTHY, "", "", ""),
    "a claim that waits": (
        *("PersistentVolumeClaim", CLAIM, "phase: Pending"),
        *(Health.PROGRESSING, "Pending", "waits for a volume", ""),
    ),
    "a Pod": (
        *("Pod", POD, "phase: Running, conditions: [{type: Ready, status: 'True'}]"),
        *(Health.HEALTHY, "", "", "0/2"),
    ),
    "a Pod that is not ready": (
        *(
            "Pod",
            POD,
            "phase: Running, conditions: [{type: PodScheduled, status: 'True'}, {type: Ready, status: 'False'}]",
        ),
        *(Health.PROGRESSING, "Starting", "", "0/2"),
    ),
    "a Pod without a node": (
        *("Pod", POD, "conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: full}]"),
        *(Health.PROGRESSING, "Unschedulable", "full", "0/2"),
    ),
    "a Pod that is done": ("Pod", POD, "phase: Succeeded", Health.HEALTHY, "Completed", "", "0/2"),
    "a Pod that failed": ("Pod", POD, "phase: Failed, message: m", Health.DEGRADED, "Failed", "m", "0/2"),
    "a Pod that was evicted": ("Pod", POD, "phase: Failed, reason: Evicted", Health.DEGRADED, "Evicted", "", "0/2"),
    "a Pod that cannot pull": (
        *("Pod", POD, f"containerStatuses: [{BACK_OFF.replace('WHY', 'ImagePullBackOff')}]"),
        *(Health.DEGRADED, "ImagePullBackOff", "why", "0/2"),
    ),
    "a Pod whose container ends again and again": (
        *("Pod", POD, f"containerStatuses: [{ending('3', 'Error', '')}]"),
        *(Health.DEGRADED, "CrashLoopBackOff", "why; it ended with exit code 3", "0/2"),
    ),
    "a Pod whose container cannot be started": (
        *("Pod", POD, f"containerStatuses: [{ending('128', 'StartError', 'no sh here')}]"),
        *(Health.DEGRADED, "CrashLoopBackOff", "why; it ended with exit code 128, StartError: no sh here", "0/2"),
    ),
    "a Pod whose first step crashes": (
        *("Pod", POD, f"initContainerStatuses: [{BACK_OFF.replace('WHY', 'CrashLoopBackOff')}]"),
        *(Health.DEGRADED, "CrashLoopBackOff", "why", "0/2"),
    ),
    "a Pod that is being made": (
        *("Pod", POD, f"containerStatuses: [{BACK_OFF.replace('WHY, message: why', 'ContainerCreating')}]"),
        *(Health.PROGRESSING, "Starting", "", "0/2"),
    ),
    "a Pod whose volumes cannot be had": (
        *("Pod", POD, f"containerStatuses: [{BACK_OFF.replace('WHY', 'ContainerCreating')}]"),
        *(Health.PROGRESSING, "Starting", "why", "0/2"),
    ),
    "a Pod of which nothing is heard": (
        "Pod",
        POD,
        f"containerStatuses: [{BACK_OFF.replace('WHY', 'CrashLoopBackOff')}], conditions: "
        "[{type: Ready, status: 'False', reason: NodeNotReady, message: node a is silent}]",
        *(Health.PROGRESSING, "NodeNotReady", "node a is silent", "0/2"),
    ),
    "a Pod of which one half is ready": (
        *("Pod", POD, "containerStatuses: [{name: c, image: i, imageID: i, ready: true, restartCount: 0, state: {}}]"),
        *(Health.PROGRESSING, "Starting", "", "1/2"),
    ),
    "a Pod of which one half runs and the other is made": (
        "Pod",
        POD,
        "containerStatuses: [{name: d, image: i, imageID: i, ready: false, restartCount: 0, state: {running: {}}},"
        f" {BACK_OFF.replace('WHY', 'ContainerCreating')}], conditions: "
        "[{type: Ready, status: 'False', message: 'not ready: c, d'}]",
        *(Health.PROGRESSING, "Starting", "not ready: c, d", "0/2"),
    ),
    "a CronJob": (
        "CronJob",
        CRON,
        "active: [{kind: Job, name: a}, {kind: Job, name: b}]",
        Health.HEALTHY,
        "",
        "",
        "2 running",
    ),
    "a CronJob that waits": ("CronJob", CRON, "", Health.HEALTHY, "", "", ""),
    "a CronJob that is held": ("CronJob", f"suspend: true, {CRON}", "", Health.SUSPENDED, "Suspended", "", ""),
    "a ConfigMap": ("ConfigMap", "", "", Health.HEALTHY, "", "", ""),
}


@pytest.mark.parametrize("case", CASES)
def test_health_is_what_the_status_says(case: str) -> None:
    """Word, reason, message, and how much of it is ready."""
    kind, spec, status, *expected = CASES[case]
    found = health_of(stored(read(kind, spec=spec, status=status, metadata=SEEN)))
    assert [found.health, found.reason, found.message, found.ready] == expected


def test_what_is_well_and_ends_is_on_its_way() -> None:
    """While what is broken and ends is broken."""
    ending = "deletionTimestamp: '2027-01-01T00:00:00Z'"
    well, broken = (
        read("Pod", spec=POD, status=f"phase: {phase}", metadata=ending) for phase in ("Succeeded", "Failed")
    )
    assert (health_of(stored(well)).health, health_of(stored(well)).reason) == (Health.PROGRESSING, "Terminating")
    assert (health_of(stored(broken)).health, health_of(stored(broken)).reason) == (Health.DEGRADED, "Failed")


@pytest.mark.parametrize(
    ("status", "expected"), [("True", Health.HEALTHY), ("Unknown", Health.UNKNOWN), ("False", Health.DEGRADED)]
)
def test_a_node_is_as_it_says_to_be_ready(status: str, expected: Health) -> None:
    """One of which nothing is heard is not called healthy, and says why."""
    word = f"conditions: [{{type: Ready, status: '{status}', reason: Because, message: so it is}}]"
    found = node_health(stored(read("Node", spec="podCIDR: 10.42.0.0/24", status=word)))
    because = ("", "") if expected is Health.HEALTHY else ("Because", "so it is")
    assert (found.health, (found.reason, found.message)) == (expected, because)
