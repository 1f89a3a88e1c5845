"""What the objects of each namespace use of its quotas, kept up to date while a pass changes them. Pure."""

from collections.abc import Collection
from typing import cast

from reconciler.model.kinds import AnyObject, PersistentVolumeClaim, Pod, ResourceQuota
from reconciler.model.observed import StoredObject
from reconciler.model.podresources import Amounts, plus
from reconciler.model.refs import ObjectRef
from reconciler.planner.admission.scopes import is_in_scope
from reconciler.planner.admission.usage import count_name, is_at_an_end, overdue_at, usage_of
from reconciler.planner.priority import with_class
from reconciler.planner.storage.claims import class_name_of
from reconciler.planner.view import View


class Ledger:
    """Counts once what there is, then follows the journal of the view."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._read = 0
        self._quotas: dict[str, list[StoredObject]] = {}
        self._used: dict[ObjectRef, Amounts] = {}
        self._count()

    def quotas(self, namespace: str) -> list[StoredObject]:
        """Return the quotas of a namespace by name."""
        self._catch_up()
        return self._quotas.get(namespace, [])

    def used(self, quota: StoredObject) -> Amounts:
        """Return what is used of everything that a quota bounds."""
        self._catch_up()
        return self._used.get(quota.ref, {})

    def counts_for(self, quota: StoredObject, object: StoredObject) -> Amounts:
        """Return what an object counts for a quota, by the names that the quota bounds."""
        spec = cast(ResourceQuota, quota.object).spec
        if not is_in_scope(spec, self._with_class(object)):
            return {}
        return {name: value for name, value in self._usage(object).items() if name in spec.hard}

    def _count(self) -> None:
        self._read = len(self._view.journal)
        self._quotas, self._used = {}, {}
        for stored in self._view.of_kind("ResourceQuota"):
            self._quotas.setdefault(stored.ref.namespace, []).append(stored)
        for namespace, objects in inhabitants(self._view, self._quotas).items():
            for quota in self._quotas[namespace]:
                self._used[quota.ref] = self._total(quota, objects)

    def _total(self, quota: StoredObject, objects: list[StoredObject]) -> Amounts:
        """Count everything; what was counted before counts the same, unless time comes into it."""

        def count() -> Amounts:
            total: Amounts = {}
            for one in objects:
                total = plus(total, self.counts_for(quota, one))
            return total

        if any(one.object.metadata.deletion_timestamp for one in objects):
            return count()
        return self._view.memo.get(("used", quota.ref), inputs_of(self._view, quota, objects), count)

    def _catch_up(self) -> None:
        changes = self._view.journal[self._read :]
        if any(map(_is_other_quota, changes)):
            self._count()
            return
        self._read += len(changes)
        for before, after in changes if self._quotas else ():
            for one, sign in ((before, -1), (after, 1)):
                if one is not None:
                    self._add_to_all(one, sign)

    def _add_to_all(self, one: StoredObject, sign: int = 1) -> None:
        for quota in self._quotas.get(one.ref.namespace, ()):
            self._used[quota.ref] = plus(self._used.get(quota.ref, {}), self.counts_for(quota, one), sign)

    def _with_class(self, stored: StoredObject) -> AnyObject:
        """A Pod counts for the class whose priority it will have."""
        return with_class(self._view, stored.object) if isinstance(stored.object, Pod) else stored.object

    def _usage(self, stored: StoredObject) -> Amounts:
        if stored.ref.kind == "PersistentVolumeClaim":
            return usage_of(stored.object, class_name_of(self._view, cast(PersistentVolumeClaim, stored.object)))
        if stored.ref.kind != "Pod":
            return usage_of(stored.object)
        pod = cast(Pod, stored.object)
        if is_at_an_end(pod, self._view.now):
            return {count_name("Pod"): usage_of(pod)[count_name("Pod")]}
        if (until := overdue_at(pod)) is not None:
            self._view.look_again(until + 0.001)
        return self._view.memo.get(("usage", stored.ref), (pod.spec,), lambda: usage_of(pod))


def inhabitants(view: View, namespaces: Collection[str]) -> dict[str, list[StoredObject]]:
    """Return the objects of some namespaces."""
    found: dict[str, list[StoredObject]] = {}
    for ref, stored in view.objects.items() if namespaces else ():
        if ref.namespace in namespaces:
            found.setdefault(ref.namespace, []).append(stored)
    return found


def inputs_of(view: View, quota: StoredObject, objects: list[StoredObject]) -> tuple[object, ...]:
    """Return everything that what counts for a quota follows from, but its own status."""
    others = (one for one in objects if one.ref.kind != "ResourceQuota")
    classes = (*view.of_kind("StorageClass"), *view.of_kind("PriorityClass"))
    return (cast(ResourceQuota, quota.object).spec, *classes, *others)


def _is_other_quota(change: tuple[StoredObject | None, StoredObject | None]) -> bool:
    before, after = change
    if before is None or after is None:
        return any(one is not None and one.ref.kind == "ResourceQuota" for one in change)
    is_quota = after.ref.kind == "ResourceQuota"
    return is_quota and cast(ResourceQuota, before.object).spec != cast(ResourceQuota, after.object).spec
