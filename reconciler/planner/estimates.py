"""How long things take, learnt from how long they took. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from statistics import median
from typing import cast

from reconciler.model.base import Value
from reconciler.model.forecast import Estimate
from reconciler.model.kinds import Pod
from reconciler.model.node_report import ContainerFact
from reconciler.model.observed import ObservedState
from reconciler.planner.workloads.podview import ready_since

READY, TASK = "ready", "task"

# Where nothing is recorded: what a small host takes.
_DEFAULTS: Mapping[str, float] = {
    READY: 1.0,
    TASK: 5.0,
    "pullImage": 10.0,
    "createSandbox": 0.5,
    "startContainer": 0.3,
    "stopContainer": 1.0,
    "removeSandbox": 0.2,
    "removeContainer": 0.05,
    "attachPod": 0.05,
    "detachPod": 0.02,
    "publishVolumes": 0.02,
    "unpublishVolumes": 0.02,
    "provisionVolume": 0.02,
    "trashVolume": 0.02,
    "prepareHost": 1.0,
    "programServices": 0.05,
    "publishNames": 0.02,
}
_OTHER_S = 0.1


class Recorded(Value):
    """One duration: of what (see `Estimate.of`), of which image, and how many seconds."""

    of: str
    image: str = ""
    seconds: float


class Estimates(Value):
    """The medians by what and image; the empty image stands for all of them."""

    medians: Mapping[tuple[str, str], Estimate] = {}

    def get(self, of: str, image: str = "") -> Estimate:
        """Return the estimate for an image, for any image, or the default, whichever is known first."""
        known = self.medians.get((of, image)) or self.medians.get((of, ""))
        return known or Estimate(of=of, seconds=_DEFAULTS.get(of, _OTHER_S))


def learn(recorded: Iterable[Recorded]) -> Estimates:
    """Return the medians of what was recorded."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in recorded:
        for image in {one.image, ""}:
            found[one.of, image].append(max(0.0, one.seconds))
    medians = {
        (of, image): Estimate(of=of, image=image, seconds=round(median(values), 3), samples=len(values))
        for (of, image), values in sorted(found.items())
    }
    return Estimates(medians=medians)


def durations_of(observed: ObservedState) -> Iterator[Recorded]:
    """Go through what the Pods that exist tell: when they became ready, and how long their tasks ran."""
    pods = {
        one.object.metadata.uid: cast(Pod, one.object) for ref, one in observed.objects.items() if ref.kind == "Pod"
    }
    for name in sorted(observed.nodes):
        observation = observed.nodes[name].observation
        for fact in observation.facts.containers if observation is not None else ():
            pod = pods.get(fact.pod_uid)
            if pod is not None and fact.role != "sandbox":
                yield from _of_container(pod, fact)


def _of_container(pod: Pod, fact: ContainerFact) -> Iterator[Recorded]:
    is_task = fact.role == "init" or (fact.role == "app" and pod.spec.restart_policy != "Always")
    if is_task and fact.state == "exited" and fact.exit_code == 0 and fact.started_at:
        yield Recorded(of=TASK, image=fact.image, seconds=fact.finished_at - fact.started_at)
    probed = [one.name for one in pod.spec.containers if one.readiness_probe is not None]
    since = ready_since(pod)
    is_first = fact.state == "running" and fact.attempt == 0
    # Of several probed containers nobody can tell which one the Pod waited for.
    if is_first and since is not None and probed == [fact.container] and since >= fact.started_at - 1.0:
        yield Recorded(of=READY, image=fact.image, seconds=since - fact.started_at)
