"""The working picture that the steps of one planning pass build on: observed objects plus what was decided so far.

Mutable, and private to one call of `plan()`. What it ends with, compared with what was observed, is the plan.
"""

from collections.abc import Callable, Container, Iterable
from typing import Any, cast

import msgspec

from reconciler.model.desired import Provenance
from reconciler.model.kinds import KINDS, AnyObject, Object, ObjectMeta, OwnerReference
from reconciler.model.observed import ObservedState, StoredObject
from reconciler.model.plan import Blocked, Change, Decision, FieldChange, Happening, Hold, Reason, Verdict
from reconciler.model.policy import Policy
from reconciler.model.refs import ObjectRef
from reconciler.model.times import rfc3339
from reconciler.planner.changes import changes_between
from reconciler.planner.identity import object_uid
from reconciler.planner.memo import Memo
from reconciler.planner.picture import SYSTEM as SYSTEM
from reconciler.planner.reader import Reader
from reconciler.planner.refusal import Refusal

replace = msgspec.structs.replace

# Objects of these kinds are served from observation: they change with it and get no verdict.
OBSERVED_KINDS = frozenset({"Node", "Endpoints", "EndpointSlice", "Event"})


# What steps note of objects for the steps that follow.
_VERDICTS, _CURRENT_SETS = "verdicts", "current sets"


class View(Reader):
    """Objects as they will be, with verdicts, happenings and times to look again."""

    def __init__(self, observed: ObservedState, policy: Policy, now: float, memo: Memo | None = None) -> None:
        self.memo = memo or Memo()
        super().__init__(observed, self.memo.picture, self.memo.attention)
        self.policy = policy
        self.now = now
        self.touched: dict[ObjectRef, Reason] = {}
        self.verdicts: dict[ObjectRef, Verdict] = {}
        self.blocked: list[Blocked] = []
        self.holds: list[Hold] = []
        self.unheld: list[str] = []
        self.happenings: list[Happening] = []
        self.warnings: list[str] = []
        self.allocations: dict[str, str] = {}
        self.read_sources: frozenset[str] = frozenset()
        self.declared: Container[ObjectRef] = ()
        self.overrides = dict(observed.overrides)
        # What an autoscaler scales, and which one.
        self.autoscaled: dict[ObjectRef, ObjectRef] = {}
        self._placed: set[ObjectRef] = set()
        # The ReplicaSet that has the template of each Deployment.
        self.current_sets: dict[ObjectRef, ObjectRef] = {}
        # Pods that have ended for good and stay until their Job has counted them.
        self.ended: set[ObjectRef] = set()
        self.look_again_at: float | None = None
        # Every object that was written in this pass: as it was, and as it is.
        self.journal: list[tuple[StoredObject | None, StoredObject | None]] = []
        self._kept: dict[str, Any] = {}
        # Owners that could not make an object, and why.
        self.refused: dict[ObjectRef, Refusal] = {}
        # Pods that wait for a node, and that no change since may have helped.
        self.waiting: Container[ObjectRef] = ()
        self._attention.begin({_VERDICTS: self.verdicts, _CURRENT_SETS: self.current_sets})
        # What is otherwise than when the last pass ended.
        self.differences = self._picture.begin(observed.objects)
        for difference in self.differences:
            self._attention.change(*difference)

    @property
    def timestamp(self) -> str:
        """The time of this pass as Kubernetes writes it."""
        return rfc3339(self.now)

    def kept_for_pass(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what a step made for the whole pass, or have it made now."""
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    # Writing

    def create(
        self,
        object: AnyObject,
        *,
        manager: str,
        reason: Reason,
        message: str = "",
        provenance: Provenance | None = None,
        digest: str = "",
    ) -> StoredObject:
        """Add an object that does not exist yet; uid, generation and time of creation are given here."""
        ref = ref_for(object)
        before = self.observed.objects.get(ref)
        incarnation = (before.incarnation if before else self.observed.tombstones.get(ref, 0)) + 1
        uid = object_uid(self.observed.cluster.id, ref.kind, ref.namespace, ref.name, incarnation)
        metadata = replace(
            object.metadata, uid=uid, generation=1, creation_timestamp=self.timestamp, resource_version=""
        )
        stored = StoredObject(
            ref=ref,
            object=with_metadata(object, metadata),
            manager=manager,
            provenance=provenance,
            digest=digest,
            incarnation=incarnation,
        )
        self._put(stored, reason)
        decision = Decision.REPLACE if before else Decision.CREATE
        self.judge(ref, decision, reason, message, stored=stored)
        return stored

    def update(
        self,
        stored: StoredObject,
        object: AnyObject,
        *,
        reason: Reason,
        message: str = "",
        changes: tuple[FieldChange, ...] = (),
        provenance: Provenance | None = None,
        digest: str | None = None,
        manager: str | None = None,
        judged: bool = True,
    ) -> StoredObject:
        """Change anything of an object but its status; the generation grows with its spec."""
        before = stored.object
        if _spec_of(before) != _spec_of(object):
            metadata = replace(object.metadata, generation=before.metadata.generation + 1)
            object = with_metadata(object, metadata)
        updated = replace(
            stored,
            object=object,
            provenance=provenance or stored.provenance,
            digest=stored.digest if digest is None else digest,
            manager=stored.manager if manager is None else manager,
        )
        if updated == stored:
            return stored
        self._put(updated, reason)
        if judged:
            self.judge(stored.ref, Decision.UPDATE, reason, message, changes=changes, stored=updated)
        return updated

    def complete(self, stored: StoredObject, object: AnyObject) -> StoredObject:
        """Fill in what Kubernetes' admission would: no verdict, and no change of the generation."""
        updated = replace(stored, object=object)
        self._put(updated, self.touched.get(stored.ref, Reason.DECLARED))
        return updated

    def set_status(self, stored: StoredObject, status: Any) -> StoredObject:
        """Write a status; it gives no verdict and does not count as a change that a person approves."""
        if cast(Any, stored.object).status == status:
            return stored
        updated = replace(stored, object=replace(cast(Any, stored.object), status=status))
        self._put(updated, Reason.STATUS)
        return updated

    def place(self, stored: StoredObject, bound: AnyObject) -> StoredObject:
        """Show a Pod on its node. The binding itself is an action; the written object stays without a node."""
        updated = replace(stored, object=bound)
        self._put(updated, Reason.PLACED)
        self._placed.add(stored.ref)
        return updated

    def remove(self, stored: StoredObject, reason: Reason, message: str = "") -> None:
        """Take an object away at once."""
        self._write(stored.ref, None)
        self.touched[stored.ref] = reason
        self.judge(stored.ref, Decision.DELETE, reason, message, stored=stored)

    def terminate(self, stored: StoredObject, reason: Reason, message: str = "", grace_s: int | None = None) -> None:
        """Ask an object to end: sets deletionTimestamp; it is removed once it is observed to be gone."""
        if stored.object.metadata.deletion_timestamp is None:
            metadata = replace(
                stored.object.metadata,
                deletion_timestamp=self.timestamp,
                deletion_grace_period_seconds=grace_s,
            )
            stored = replace(stored, object=with_metadata(stored.object, metadata))
            self._put(stored, reason)
        self.judge(stored.ref, Decision.DELETE, reason, message, stored=stored)

    def judge(
        self,
        ref: ObjectRef,
        decision: Decision,
        reason: Reason,
        message: str = "",
        *,
        changes: tuple[FieldChange, ...] = (),
        stored: StoredObject | None = None,
        provenance: Provenance | None = None,
        since: float | None = None,
    ) -> None:
        """Give an object its verdict. A later step of the pass may know better and replaces an earlier one."""
        if ref.kind in OBSERVED_KINDS:
            return
        earlier = self.verdicts.get(ref)
        if earlier and earlier.decision in (Decision.CREATE, Decision.REPLACE) and decision is Decision.UPDATE:
            return
        if earlier and earlier.decision is Decision.DELETE and decision is Decision.UNCHANGED:
            # It is as declared, and ends all the same: why, was said when it was asked to.
            return
        verdict = Verdict(
            object=ref,
            decision=decision,
            reason=reason,
            message=message,
            provenance=provenance or (stored.provenance if stored else None),
            manager=stored.manager if stored else "",
            changes=changes,
            since=since,
        )
        self._attention.note(_VERDICTS, ref, verdict)

    def note_current_set(self, deployment: ObjectRef, replica_set: ObjectRef) -> None:
        """Note the ReplicaSet that has the template of a Deployment."""
        self._attention.note(_CURRENT_SETS, deployment, replica_set)

    def warn(self, message: str) -> None:
        """Tell a person something besides."""
        self._attention.keep_awake()
        self.warnings.append(message)

    def happened(self, stored: StoredObject, reason: str, message: str, *, warning: bool = False) -> None:
        """Record something worth an Event."""
        self.happened_to(stored.object, reason, message, warning=warning)

    def happened_to(self, object: Object, reason: str, message: str, *, warning: bool = False) -> None:
        """Record something worth an Event of an object."""
        self._attention.keep_awake()
        self.happenings.append(
            Happening(
                object=ref_for(object),
                uid=object.metadata.uid,
                type="Warning" if warning else "Normal",
                reason=reason,
                message=message,
            )
        )

    def look_again(self, at: float) -> None:
        """Note a time at which the answer could differ by itself."""
        if at > self.now:
            self._attention.keep_awake()
            self.look_again_at = at if self.look_again_at is None else min(at, self.look_again_at)

    # Results

    def all_verdicts(self) -> tuple[Verdict, ...]:
        """Return the verdict of every object, in the order of references; sleepers keep theirs."""
        return self._attention.verdicts.brought_to(self.verdicts, self.awake())

    def settle(self) -> None:
        """End the pass: what was in order need not be looked at until something of it changes."""
        self._attention.settle(self._is_calm, self._is_kept)

    def _is_kept(self, ref: ObjectRef) -> bool:
        return ref in self.objects or ref in self.declared or ref in self.observed.objects

    def _is_calm(self, ref: ObjectRef) -> bool:
        stored = self.objects.get(ref)
        if stored is None or ref in self.overrides:
            return False
        if stored.object.metadata.deletion_timestamp:
            return False
        verdict = self.verdicts.get(ref)
        if ref in self.waiting:
            is_calm = verdict is not None and verdict.reason is Reason.UNSCHEDULABLE
        else:
            is_calm = verdict is None or verdict.decision is Decision.UNCHANGED
            is_calm = is_calm and (ref.kind != "Pod" or self._has_place(ref, stored))
        return (
            is_calm
            and ref not in self.autoscaled
            and (ref in self.declared or not stored.manager.startswith("source/"))
        )

    def _has_place(self, ref: ObjectRef, stored: StoredObject) -> bool:
        return bool(cast(Any, stored.object).spec.node_name) and ref not in self.ended

    def changes(self) -> tuple[Change, ...]:
        """Return the writes that lead from what was observed to this view: deletes last, kinds in apply order."""
        return changes_between(self.observed.objects, self.objects, self.touched, self._placed)

    def _put(self, stored: StoredObject, reason: Reason) -> None:
        self._write(stored.ref, stored)
        if reason is not Reason.STATUS or stored.ref not in self.touched:
            self.touched[stored.ref] = reason

    def _write(self, ref: ObjectRef, stored: StoredObject | None) -> None:
        before = self._picture.write(ref, stored)
        self.journal.append((before, stored))
        self._attention.change(ref, before, stored)


def ref_for(object: Object) -> ObjectRef:
    """Return the reference that names `object`."""
    return ObjectRef(kind=object.kind, namespace=object.metadata.namespace, name=object.metadata.name)


def with_metadata(object: Any, metadata: ObjectMeta) -> Any:
    """Return `object` with other metadata."""
    return replace(object, metadata=metadata)


def owner_of(stored: StoredObject) -> OwnerReference:
    """Return the reference by which children name `stored` as their controller."""
    return OwnerReference(
        api_version=stored.object.api_version,
        kind=stored.ref.kind,
        name=stored.ref.name,
        uid=stored.object.metadata.uid,
        controller=True,
        block_owner_deletion=True,
    )


def in_apply_order(refs: Iterable[ObjectRef]) -> list[ObjectRef]:
    """Sort references by kind order, then name."""
    return sorted(refs, key=lambda ref: (KINDS[ref.kind].order, ref.namespace, ref.name))


def _spec_of(object: Any) -> Any:
    return getattr(object, "spec", None)
