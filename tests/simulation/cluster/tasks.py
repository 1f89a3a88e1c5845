"""DaemonSets, Jobs and CronJobs in stories: what a person does with them, and what must hold at every step."""

from collections import Counter
from typing import cast

from reconciler.model.indexes import from_ranges
from reconciler.model.kinds import CronJob, DaemonSet, Job, Pod
from reconciler.model.observed import ObservedState
from reconciler.simulation.cluster import SimulatedCluster
from tests.simulation.cluster.repository import Document, Repository
from tests.simulation.cluster.unsafe import Unsafe

# A node that was not heard of for longer is left alone.
_HEARD_S = 30.0
_INDEX = "batch.kubernetes.io/job-completion-index"


class TasksRepository(Repository):
    """A repository with DaemonSets, Jobs of every sort and CronJobs."""

    def add(self) -> str:
        """Add one of them, or something else."""
        if self.dice.random() < 0.4:
            return super().add()
        self._numbers += 1
        number = f"{self.source}-{self._numbers}"
        document = self.dice.choice((self._daemon_set, self._indexed_job, self._cron_job))(number)
        key = f"{document['kind'].lower()}/{document['metadata']['name']}"
        self.documents[key] = document
        return f"add {key}"

    def scale(self) -> str:
        """Change the parallelism of a Job, suspend or resume one, or scale something else."""
        document = self._one("Job", "CronJob")
        if document is None or self.dice.random() < 0.4:
            return super().scale()
        name = document["metadata"]["name"]
        if document["kind"] == "CronJob" or self.dice.random() < 0.5:
            document["spec"]["suspend"] = not document["spec"].get("suspend", False)
            return f"{'suspend' if document['spec']['suspend'] else 'resume'} {name}"
        document["spec"]["parallelism"] = self.dice.randint(0, 3)
        return f"run {document['spec']['parallelism']} of {name} at a time"

    def roll(self) -> str:
        """Change the image or the limits of a DaemonSet, or roll something else."""
        document = self._one("DaemonSet")
        if document is None or self.dice.random() < 0.4:
            return super().roll()
        if self.dice.random() < 0.3:
            document["spec"]["updateStrategy"] = self._daemon_strategy()
        image = f"shop/{self.dice.choice(('web', 'slow', 'never', 'crash'))}:{self.dice.randint(1, 3)}"
        document["spec"]["template"]["spec"]["containers"][0]["image"] = image
        return f"set daemonset/{document['metadata']['name']} to {image}"

    def heal(self, everything: set[str]) -> None:
        """Leave only what can become healthy; nothing starts by the clock any more."""
        super().heal(everything)
        for document in self.documents.values():
            if document["kind"] == "DaemonSet":
                image = document["spec"]["template"]["spec"]["containers"][0]["image"]
                if "never" in image or "crash" in image:
                    document["spec"]["template"]["spec"]["containers"][0]["image"] = "shop/web:3"
                document["spec"]["updateStrategy"] = {"type": "RollingUpdate"}
            if document["kind"] in ("Job", "CronJob"):
                document["spec"]["suspend"] = document["kind"] == "CronJob"
                document["spec"].setdefault("parallelism", 1) if document["kind"] == "Job" else None
                if document["kind"] == "Job":
                    document["spec"]["parallelism"] = max(document["spec"]["parallelism"], 1)

    def _daemon_set(self, number: str) -> Document:
        labels = {"app": f"agent-{number}"}
        return {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": f"agent-{number}", "namespace": "default"},
            "spec": {
                "minReadySeconds": self.dice.choice((0, 0, 4)),
                "revisionHistoryLimit": self.dice.choice((0, 1, 10)),
                "updateStrategy": self._daemon_strategy(),
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": self._pod_spec(number)},
            },
        }

    def _daemon_strategy(self) -> Document:
        if self.dice.random() < 0.15:
            return {"type": "OnDelete"}
        surge = self.dice.choice((0, 0, 1, "50%"))
        unavailable = 0 if surge else self.dice.choice((1, 2, "50%"))
        return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}

    def _indexed_job(self, number: str) -> Document:
        dice = self.dice
        spec: Document = {
            "completionMode": "Indexed",
            "completions": dice.randint(1, 4),
            "parallelism": dice.randint(1, 3),
            "template": {"spec": self._task(("shop/task:1", "shop/task:2", "shop/failing:1"), "Never")},
        }
        if dice.random() < 0.5:
            spec["backoffLimitPerIndex"] = dice.randint(0, 2)
        if dice.random() < 0.3:
            spec["successPolicy"] = {"rules": [{"succeededIndexes": "0"}]}
        if dice.random() < 0.3:
            spec["podReplacementPolicy"] = "Failed"
        return _of_batch("Job", f"index-{number}", spec)

    def _cron_job(self, number: str) -> Document:
        task = self._task(("shop/task:1", "shop/web:1"))
        spec = {
            "schedule": self.dice.choice(("* * * * *", "@every 40s", "*/2 * * * *")),
            "concurrencyPolicy": self.dice.choice(("Allow", "Forbid", "Replace")),
            "successfulJobsHistoryLimit": self.dice.randint(0, 2),
            "jobTemplate": {"spec": {"backoffLimit": 1, "activeDeadlineSeconds": 90, "template": {"spec": task}}},
        }
        return _of_batch("CronJob", f"cron-{number}", spec)

    def _task(self, images: tuple[str, ...], policy: str = "Never") -> Document:
        container = {"name": "main", "image": self.dice.choice(images)}
        return {"restartPolicy": policy, "terminationGracePeriodSeconds": 2, "containers": [container]}


def _of_batch(kind: str, name: str, spec: Document) -> Document:
    return {"apiVersion": "batch/v1", "kind": kind, "metadata": {"name": name, "namespace": "default"}, "spec": spec}


class TasksSafety:
    """What must hold of them, checked independently of how the planner decides."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.cluster = cluster
        self._finished: dict[str, tuple[int, int]] = {}
        self._done: dict[str, frozenset[int]] = {}

    def planned(self, before: ObservedState) -> None:
        """Check one committed plan."""
        after = self.cluster.observed
        for ref, stored in after.objects.items():
            match ref.kind:
                case "Job":
                    self._check_job(after, cast(Job, stored.object))
                case "CronJob":
                    self._check_cron_job(before, after, cast(CronJob, stored.object))
                case "DaemonSet":
                    self._check_daemon_set(after, cast(DaemonSet, stored.object))

    def unhealthy(self) -> str:
        """Say what is not as it should be at rest."""
        for ref, stored in sorted(self.cluster.observed.objects.items()):
            if ref.kind == "DaemonSet":
                status = cast(DaemonSet, stored.object).status
                nodes = len(self.cluster.hosts)
                counts = (status.desired_number_scheduled, status.number_available, status.updated_number_scheduled)
                if set(counts) != {nodes}:
                    return f"{ref} has {counts} of {nodes}"
            if ref.kind == "Job":
                job = cast(Job, stored.object)
                ended = {one.type for one in job.status.conditions if one.status == "True"} & {"Complete", "Failed"}
                if len(ended) != 1:
                    return f"{ref} has not ended: {job.status}"
        return ""

    def _check_job(self, after: ObservedState, job: Job) -> None:
        """Counts only grow, nothing counts twice, and one that has ended starts nothing."""
        uid, status = job.metadata.uid, job.status
        pods = _pods(after, uid)
        if status.succeeded + status.failed > status.pods_created and not job.spec.is_indexed:
            raise Unsafe(f"{job.metadata.name} counts {status.succeeded} and {status.failed} of {status.pods_created}")
        done = from_ranges(status.completed_indexes)
        if not self._done.get(uid, frozenset()) <= done:
            raise Unsafe(f"{job.metadata.name} forgot indexes: {self._done[uid]} were done, {done} are")
        self._done[uid] = done
        running = Counter(pod.metadata.annotations.get(_INDEX) for pod in pods if _runs(pod))
        if job.spec.is_indexed and any(count > 1 for count in running.values()):
            raise Unsafe(f"{job.metadata.name} runs an index twice: {running}")
        if any(one.type in ("Complete", "Failed") and one.status == "True" for one in status.conditions):
            known = self._finished.setdefault(uid, (status.succeeded, status.failed))
            if known != (status.succeeded, status.failed) or any(_runs(pod) for pod in pods):
                raise Unsafe(f"{job.metadata.name} has ended, and goes on: {known}, {status}")

    def _check_cron_job(self, before: ObservedState, after: ObservedState, cron_job: CronJob) -> None:
        running = [one for one in _jobs(after, cron_job.metadata.uid) if not _has_ended(one)]
        new = [one for one in _jobs(after, cron_job.metadata.uid) if one.metadata.uid not in _uids(before)]
        if len(new) > 1:
            raise Unsafe(f"{cron_job.metadata.name} starts {len(new)} Jobs at once")
        if cron_job.spec.concurrency_policy == "Forbid" and new and len(running) > 1:
            raise Unsafe(f"{cron_job.metadata.name} starts a Job beside another, and Forbid stands there")

    def _check_daemon_set(self, after: ObservedState, daemon_set: DaemonSet) -> None:
        rolling = daemon_set.spec.update_strategy.rolling_update
        most = 1 if rolling.max_surge in (0, "0%") else 2
        heard = {name for name, one in after.nodes.items() if self.cluster.now - (one.heartbeat_at or 0.0) < _HEARD_S}
        pods = [pod for pod in _pods(after, daemon_set.metadata.uid) if _runs(pod) and pod.spec.node_name in heard]
        for node, count in Counter(pod.spec.node_name for pod in pods).items():
            if count > most:
                raise Unsafe(f"{daemon_set.metadata.name} has {count} Pods on {node}")


def _pods(state: ObservedState, uid: str) -> list[Pod]:
    found = (one.object for ref, one in state.objects.items() if ref.kind == "Pod")
    return [cast(Pod, one) for one in found if any(owner.uid == uid for owner in one.metadata.owner_references)]


def _jobs(state: ObservedState, uid: str) -> list[Job]:
    found = (one.object for ref, one in state.objects.items() if ref.kind == "Job")
    return [cast(Job, one) for one in found if any(owner.uid == uid for owner in one.metadata.owner_references)]


def _uids(state: ObservedState) -> frozenset[str]:
    return frozenset(one.object.metadata.uid for one in state.objects.values())


def _has_ended(job: Job) -> bool:
    return any(one.type in ("Complete", "Failed") and one.status == "True" for one in job.status.conditions)


def _runs(pod: Pod) -> bool:
    return pod.metadata.deletion_timestamp is None and pod.status.phase not in ("Succeeded", "Failed")
