"""Persons who override things in the middle of everything: restarts, rollbacks, cordons, deletions of Pods."""

import random
from typing import cast

from reconciler.model.kinds import ReplicaSet
from reconciler.model.overrides import Override, Rollback, merged
from reconciler.model.refs import ObjectRef
from reconciler.planner.overrides import plain_template
from reconciler.planner.view import replace
from reconciler.planner.workloads.deployment_sets import revision_of
from reconciler.simulation.cluster import SimulatedCluster


class Persons:
    """Override what there is, with dice of their own; `act` returns what it was in words."""

    def __init__(self, seed: int, cluster: SimulatedCluster) -> None:
        self.dice = random.Random(f"persons {seed}")
        self.cluster = cluster

    def act(self) -> str:
        """Do one thing, where there is something to do it to."""
        acts = (self._restart, self._undo, self._cordon, self._delete)
        return self.dice.choices(acts, (3, 3, 2, 4))[0]()

    def release(self) -> None:
        """Take back what would keep the cluster from coming to rest as it is declared."""
        for ref, one in list(self.cluster.observed.overrides.items()):
            if one.unschedulable:
                self._write(ref, unschedulable=False)
            if one.rollback is not None:
                self._write(ref, rollback=Rollback())

    def _restart(self) -> str:
        ref = self._one("Deployment")
        if ref is None:
            return "nothing to restart"
        self._write(ref, restarted_at=f"2026-01-01T{self.dice.randrange(24):02}:{self.dice.randrange(60):02}:00Z")
        return f"restart {ref}"

    def _undo(self) -> str:
        ref = self._one("Deployment")
        if ref is None:
            return "nothing to roll back"
        stored = self.cluster.observed.objects[ref]
        sets = [
            one
            for other, one in sorted(self.cluster.observed.objects.items())
            if other.kind == "ReplicaSet" and one.manager == stored.object.metadata.uid
        ]
        if not sets:
            return f"{ref} has no revision"
        chosen = self.dice.choice(sets)
        template = plain_template(cast(ReplicaSet, chosen.object).spec.template)
        number = revision_of(chosen)
        rollback = Rollback(
            revision=number, replica_set=chosen.ref.name, digest=stored.declared_digest, template=template
        )
        self._write(ref, rollback=rollback)
        return f"roll {ref} back to revision {number}"

    def _cordon(self) -> str:
        ref = self._one("Node")
        if ref is None:
            return "no node to cordon"
        wanted = self.dice.random() < 0.5
        self._write(ref, unschedulable=wanted)
        return f"{'cordon' if wanted else 'uncordon'} {ref}"

    def _delete(self) -> str:
        ref = self._one("Pod")
        if ref is None:
            return "no Pod to delete"
        self._write(ref, delete_at=self.cluster.now, grace_s=self.dice.choice((0, 2, 30)))
        return f"delete {ref}"

    def _one(self, kind: str) -> ObjectRef | None:
        found = [ref for ref in sorted(self.cluster.observed.objects) if ref.kind == kind]
        return self.dice.choice(found) if found else None

    def _write(self, ref: ObjectRef, **parts: object) -> None:
        """Merge a change as the store does, and have the daemon look."""
        store = self.cluster.store
        uid = store.observed.objects[ref].object.metadata.uid if ref in store.observed.objects else ""
        change = Override(ref=ref, uid=uid, by="ada", at=self.cluster.now, **parts)  # type: ignore[arg-type]
        after = merged(store.observed.overrides.get(ref), change)
        others = {other: one for other, one in store.observed.overrides.items() if other != ref}
        store.observed = replace(store.observed, overrides=others if after.is_empty else {**others, ref: after})
        if self.cluster.daemon is not None:
            self.cluster.daemon.look()
