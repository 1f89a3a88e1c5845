"""The volumes that there are, by whom they are kept for and by class. Pure."""

from collections.abc import Iterator
from typing import cast

from reconciler.model.kinds import Node, PersistentVolume, PersistentVolumeClaim
from reconciler.planner.storage.classes import Objects
from reconciler.planner.storage.volumes import find_volume

_Key = tuple[str, str]


class Catalogue:
    """Finds volumes without a look at all of them; one that has been given away since is no longer found."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._kept: dict[_Key, list[str]] = {}
        self._free: dict[str, list[str]] = {}
        for stored in objects.of_kind("PersistentVolume"):
            spec = cast(PersistentVolume, stored.object).spec
            if spec.claim_ref is not None:
                self._kept.setdefault((spec.claim_ref.namespace, spec.claim_ref.name), []).append(stored.ref.name)
            else:
                self._free.setdefault(spec.storage_class_name, []).append(stored.ref.name)

    def find(
        self,
        claim: PersistentVolumeClaim,
        class_name: str,
        node: Node | None = None,
        taken: frozenset[str] = frozenset(),
        *,
        reserved_only: bool = False,
    ) -> PersistentVolume | None:
        """Return the volume for a claim, as `find_volume` does."""
        among = self._candidates(claim, class_name, reserved_only=reserved_only)
        return find_volume(claim, class_name, among, node, taken, reserved_only=reserved_only)

    def keeps_for(self, claim: PersistentVolumeClaim) -> bool:
        """Whether a volume is kept for a claim of this name."""
        return (claim.metadata.namespace, claim.metadata.name) in self._kept

    def _candidates(
        self, claim: PersistentVolumeClaim, class_name: str, *, reserved_only: bool
    ) -> Iterator[PersistentVolume]:
        for name in self._kept.get((claim.metadata.namespace, claim.metadata.name), ()):
            if volume := self._objects.typed(PersistentVolume, "", name):
                yield volume
        for name in () if reserved_only else self._free.get(class_name, ()):
            volume = self._objects.typed(PersistentVolume, "", name)
            if volume is not None and volume.spec.claim_ref is None:
                yield volume
