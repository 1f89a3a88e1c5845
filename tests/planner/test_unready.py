"""What `status` says of a workload whose Pods are not ready: which one, and why."""

from reconciler.model.kinds import ref_of
from reconciler.model.observed import StoredObject
from reconciler.model.status import Health
from reconciler.planner.health import health_of
from reconciler.planner.unready import faults_of_pods, with_fault
from tests.planner.reading import read, stored

SELECTED = (
    "selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}"
)
ONE = f"replicas: 1, {SELECTED}"
STATE = "{name: c, image: i, imageID: i, ready: false, restartCount: 1, state: {STATE}}"
RUNS = STATE.replace("STATE", "running: {}")
CRASHES = STATE.replace("STATE", "waiting: {reason: CrashLoopBackOff, message: back-off}")
PROBE = "containers with unready status: [c]; c: Readiness probe failed: refused"
UNREADY = f"conditions: [{{type: Ready, status: 'False', reason: ContainersNotReady, message: '{PROBE}'}}]"


def pod(name: str, owner: str, status: str, **fields: str) -> StoredObject:
    """One Pod that belongs to the workload of a uid."""
    spec = "containers: [{name: c, image: i}]"
    return stored(read("Pod", name=name, spec=spec, status=status, **fields), manager=owner)


def said(workload: StoredObject, *others: StoredObject) -> str:
    """What is said of a workload in the midst of other objects."""
    objects = {one.ref: one for one in (workload, *others)}
    return with_fault(health_of(workload), workload, faults_of_pods(objects)).message


def deployment(available: int = 0) -> StoredObject:
    """A Deployment of one Pod."""
    seen = f"observedGeneration: 2, replicas: 1, updatedReplicas: 1, availableReplicas: {available}"
    return stored(read("Deployment", metadata="generation: 2, uid: d", spec=ONE, status=seen))


def replica_set() -> StoredObject:
    """The Deployment's ReplicaSet."""
    return stored(read("ReplicaSet", metadata="uid: r", spec=ONE), manager="d")


def test_a_deployment_says_which_probe_keeps_its_pod_from_being_ready() -> None:
    """Through its ReplicaSet: the Pod, the probe and its answer."""
    ill = pod("one-a", "r", f"containerStatuses: [{RUNS}], {UNREADY}")
    assert said(deployment(), replica_set(), ill) == f"0/1 replicas available; one-a Starting: {PROBE}"


def test_what_crashes_is_said_before_what_only_starts() -> None:
    """One Pod is named: the one that is worst off, not the first by name."""
    ill = pod("one-a", "r", f"containerStatuses: [{RUNS}], {UNREADY}")
    worse = pod("one-b", "r", f"containerStatuses: [{CRASHES}]")
    assert said(deployment(), replica_set(), ill, worse).endswith("; one-b CrashLoopBackOff: back-off")


def test_a_statefulset_says_it_of_its_own_pods() -> None:
    """Without a ReplicaSet between."""
    spec = f"{ONE}, serviceName: s"
    owner = stored(
        read(
            "StatefulSet",
            metadata="generation: 2, uid: s",
            spec=spec,
            status="observedGeneration: 2, updatedReplicas: 1",
        )
    )
    ill = pod("one-0", "s", f"containerStatuses: [{RUNS}], {UNREADY}")
    assert said(owner, ill) == f"0/1 replicas available; one-0 Starting: {PROBE}"


def test_a_healthy_workload_says_nothing_of_its_pods() -> None:
    """Nor does anything say something of the Pods of others, or of Pods that end or have nothing to say."""
    ill = pod("one-a", "r", f"containerStatuses: [{RUNS}], {UNREADY}")
    assert said(deployment(available=1), replica_set(), ill) == ""
    others = pod("two-a", "x", f"containerStatuses: [{CRASHES}]")
    gone = pod("one-b", "r", f"containerStatuses: [{CRASHES}]", metadata="deletionTimestamp: '2026-01-01T00:00:00Z'")
    new = pod("one-c", "r", "phase: Pending")
    assert said(deployment(), replica_set(), others, gone, new) == "0/1 replicas available"


def test_a_pod_itself_says_it_too() -> None:
    """Only once its containers run: before that there is nothing to probe."""
    ill = pod("one-a", "r", f"containerStatuses: [{RUNS}], {UNREADY}")
    health = health_of(ill)
    assert (health.health, health.reason, health.message) == (Health.PROGRESSING, "Starting", PROBE)
    waits = STATE.replace("STATE", "waiting: {reason: ContainerCreating}")
    assert health_of(pod("one-a", "r", f"containerStatuses: [{waits}], {UNREADY}")).message == ""
    assert ref_of(ill.object) == ill.ref
