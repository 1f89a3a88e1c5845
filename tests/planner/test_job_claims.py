"""Which Pods a Job takes in, and how they count from then on."""

from msgspec.structs import replace

from reconciler.model.kinds import Pod
from reconciler.planner.view import View
from reconciler.planner.workloads.job_claims import claim_pods
from reconciler.planner.workloads.job_tally import CONTROLLER_UID, TRACKED
from tests.planner.jobs import JOB, job, pod, stored, view_of


def alone(one: Pod, **labels: str) -> Pod:
    """Return a Pod that has no owner, with these labels instead of its own where there are any."""
    return replace(one, metadata=replace(one.metadata, owner_references=(), labels=labels or one.metadata.labels))


def marked(view: View) -> dict[str, int]:
    """Return how often each Pod of the Job bears the mark of those that are still to be counted."""
    pods = view.owned_by("j", "Pod")
    return {one.ref.name: one.object.metadata.finalizers.count(TRACKED) for one in pods}


def test_a_pod_that_is_taken_in_is_still_to_be_counted() -> None:
    """One that bears the mark already gets no second one, and one that was counted none again."""
    mine = [pod("counted", "Succeeded", counted=True), pod("runs")]
    comes = [alone(pod("fresh", counted=True)), alone(pod("tracked")), alone(pod("other"), **{CONTROLLER_UID: "k"})]
    view = view_of(job(), [*mine, *comes])
    claim_pods(view, view.objects[JOB], [view.objects[stored(one).ref] for one in comes])
    assert marked(view) == {"counted": 0, "runs": 1, "fresh": 1, "tracked": 1}
