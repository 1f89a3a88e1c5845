"""Quotas, limits and disruption budgets in stories: persons who evict, and what must hold at every step."""

import random
from collections.abc import Iterator
from typing import Any, cast

from reconciler.model.kinds import Pod, PodDisruptionBudget, ResourceQuota, ref_of
from reconciler.model.observed import ObservedState
from reconciler.model.refs import ObjectRef
from reconciler.planner.budgets import may_disrupt
from reconciler.planner.view import View
from reconciler.planner.workloads.podview import is_ready
from reconciler.simulation.cluster import SimulatedCluster
from tests.simulation.cluster.persons import Persons
from tests.simulation.cluster.repository import Document, Repository
from tests.simulation.cluster.unsafe import Unsafe

_ROOM = "200"


class BoundsRepository(Repository):
    """A repository with quotas that are often too small, defaults that change, and budgets."""

    def add(self) -> str:
        """Add one of them, or something else."""
        if self.dice.random() < 0.65:
            return super().add()
        self._numbers += 1
        number = f"{self.source}-{self._numbers}"
        document = self.dice.choice((self._quota, self._limits, self._budget, self._budget, self._budget))(number)
        key = f"{document['kind'].lower()}/{document['metadata']['name']}"
        self.documents[key] = document
        return f"add {key} {document['spec']}"

    def scale(self) -> str:
        """Change how much a quota allows, what a LimitRange gives, or scale something else."""
        document = self._one("ResourceQuota", "LimitRange")
        if document is None or self.dice.random() < 0.5:
            return super().scale()
        maker = self._quota if document["kind"] == "ResourceQuota" else self._limits
        document["spec"] = maker("")["spec"]
        return f"change {document['metadata']['name']} to {document['spec']}"

    def heal(self, everything: set[str]) -> None:
        """Leave room for everything."""
        super().heal(everything)
        for document in self.documents.values():
            if document["kind"] == "ResourceQuota":
                document["spec"]["hard"] = dict.fromkeys(document["spec"]["hard"], _ROOM)

    def _quota(self, number: str) -> Document:
        dice = self.dice
        hard = {"pods": str(dice.randint(0, 8))}
        if dice.random() < 0.5:
            hard |= {"configmaps": str(dice.randint(0, 2)), "count/deployments.apps": str(dice.randint(0, 3))}
        return _object("ResourceQuota", "v1", f"quota-{number}", {"hard": hard})

    def _limits(self, number: str) -> Document:
        item = {"type": "Container", "default": {"memory": self.dice.choice(("64Mi", "128Mi"))}}
        return _object("LimitRange", "v1", f"limits-{number}", {"limits": [item]})

    def _budget(self, number: str) -> Document:
        target = self._one("Deployment")
        return budget_for(number, target["metadata"]["name"] if target is not None else "nobody", self.dice)


def budget_for(number: str, app: str, dice: random.Random) -> Document:
    """Return a budget for the Pods of an app."""
    bound = dice.choice(({"minAvailable": dice.randint(0, 3)}, {"maxUnavailable": 1}))
    spec = {**bound, "selector": {"matchLabels": {"app": app}}}
    return _object("PodDisruptionBudget", "policy/v1", f"budget-{number}", spec)


def _object(kind: str, version: str, name: str, spec: Document) -> Document:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "default"}, "spec": spec}


class Evictors(Persons):
    """Evict Pods, some at the same moment, as far as their budgets allow it."""

    def act(self) -> str:
        """Ask for some evictions at once."""
        return "; ".join(self._evict() for _ in range(self.dice.choice((1, 2, 3))))

    def _evict(self) -> str:
        ref = self._guarded() or self._one("Pod")
        if ref is None:
            return "no Pod to evict"
        return self._evict_one(cast(Pod, self.cluster.observed.objects[ref].object))

    def _evict_one(self, pod: Pod) -> str:
        observed, ref = self.cluster.observed, ref_of(pod)
        answer = may_disrupt(View(observed, self.cluster.policy, self.cluster.now), pod)
        if not answer.allowed:
            return f"{ref} may not go: {answer.detail or answer.reason}"
        was_healthy = is_ready(pod) and pod.metadata.deletion_timestamp is None and ref not in observed.overrides
        self._write(ref, delete_at=self.cluster.now, grace_s=self.dice.choice((0, 2, 30)))
        if was_healthy and pod.status.phase == "Running":
            self._check_budgets(pod)
        return f"evict {ref}"

    def _guarded(self) -> ObjectRef | None:
        """Choose a Pod that some budget is about."""
        wanted = [one.spec.selector.match_labels.items() for one in _of(self.cluster.observed, "PodDisruptionBudget")]
        pods = _of(self.cluster.observed, "Pod")
        found = [pod for pod in pods if any(labels <= pod.metadata.labels.items() for labels in wanted)]
        return ref_of(self.dice.choice(found)) if found else None

    def _check_budgets(self, evicted: Pod) -> None:
        observed = self.cluster.observed
        for budget in _of(observed, "PodDisruptionBudget"):
            minimum = cast(PodDisruptionBudget, budget).spec.min_available
            wanted = budget.spec.selector.match_labels
            if not isinstance(minimum, int) or not wanted.items() <= evicted.metadata.labels.items():
                continue
            left = [
                pod
                for pod in _of(observed, "Pod")
                if wanted.items() <= pod.metadata.labels.items()
                and is_ready(pod)
                and not _is_told_to_end(observed, pod)
            ]
            if len(left) < minimum:
                raise Unsafe(f"{evicted.metadata.name} is evicted, {len(left)} are left of {minimum}")


def _is_told_to_end(observed: ObservedState, pod: Pod) -> bool:
    asked = any(one.uid == pod.metadata.uid and one.delete_at is not None for one in observed.overrides.values())
    return asked or pod.metadata.deletion_timestamp is not None


class BoundsSafety:
    """What must hold of them, checked independently of how the planner decides."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.cluster = cluster

    def planned(self, before: ObservedState) -> None:
        """Check one committed plan: nothing is made beyond a quota."""
        after = self.cluster.observed
        for quota in _of(after, "ResourceQuota"):
            for name, kind in (("pods", "Pod"), ("configmaps", "ConfigMap"), ("count/deployments.apps", "Deployment")):
                hard = cast(ResourceQuota, quota).spec.hard.get(name)
                if hard is not None:
                    self._check(before, after, quota.metadata.name, kind, int(str(hard)))

    def _check(self, before: ObservedState, after: ObservedState, quota: str, kind: str, hard: int) -> None:
        made = [
            one for one in _of(after, kind) if one.metadata.uid not in {old.metadata.uid for old in _of(before, kind)}
        ]
        counted = [one for one in _of(after, kind) if kind != "Pod" or self._counts(one)]
        if made and len(counted) > hard:
            names = ", ".join(one.metadata.name for one in made)
            raise Unsafe(f"{names} made beyond {quota}: {len(counted)} {kind} of {hard}")

    def _counts(self, pod: Pod) -> bool:
        """A Pod that has ended does not; one that is ending does, as long as it may take."""
        return pod.status.phase not in ("Succeeded", "Failed") and pod.metadata.deletion_timestamp is None

    def unhealthy(self) -> str:
        """Say what is not as it should be at rest: what is used is what there is."""
        observed = self.cluster.observed
        for quota in _of(observed, "ResourceQuota"):
            status = cast(ResourceQuota, quota).status
            pods = sum(1 for pod in _of(observed, "Pod") if self._counts(pod))
            if dict(status.hard) != dict(quota.spec.hard) or int(str(status.used["pods"])) != pods:
                return f"{quota.metadata.name} says {status}, there are {pods} Pods"
        for budget in _of(observed, "PodDisruptionBudget"):
            if budget.status.observed_generation != budget.metadata.generation:
                return f"{budget.metadata.name} was not looked at"
        return ""


def _of(state: ObservedState, kind: str) -> Iterator[Any]:
    return (one.object for ref, one in sorted(state.objects.items()) if ref.kind == kind)
