"""What may change in claims and volumes: the size of a bound claim, a volume's marks, never what a volume is. Pure.

The rules are Kubernetes' ValidatePersistentVolumeClaimUpdate and ValidatePersistentVolumeUpdate.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction

import msgspec

from reconciler.model.canonical import canonical
from reconciler.model.kinds import (
    CSIPersistentVolumeSource,
    NodeSelector,
    NodeSelectorTerm,
    PersistentVolume,
    PersistentVolumeClaim,
)
from reconciler.model.quantity import QuantityText, parse_quantity
from reconciler.planner.updates.fault import FORBIDDEN, Fault, fixed

replace = msgspec.structs.replace

_STORAGE = "storage"
_CLASS = "volume.beta.kubernetes.io/storage-class"
# Labels of nodes that were renamed: an affinity may follow.
_RENAMED = {
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
}


def claim_faults(old: PersistentVolumeClaim, new: PersistentVolumeClaim) -> Iterator[Fault]:
    """Yield what an update changes of a claim although nobody may."""
    before, after = old.spec, new.spec
    yield from fixed(f"metadata.annotations[{_CLASS}]", _class_noted(old), _class_noted(new))
    if not before.volume_name:
        before = replace(before, volume_name=after.volume_name)
    if before.storage_class_name is None and _class_noted(old) is None:
        before = replace(before, storage_class_name=after.storage_class_name)
    if new.status.phase == "Bound":
        sizes = {**before.resources.requests, **_only_storage(after.resources.requests)}
        before = replace(before, resources=replace(before.resources, requests=sizes))
    ours, theirs = canonical(before), canonical(after)
    for name in sorted({*ours, *theirs}):
        if ours.get(name) != theirs.get(name):
            open_when_bound = ": a claim can grow once it is bound" if name == "resources" else ""
            yield Fault(f"spec.{name}", f"cannot be changed{open_when_bound}", FORBIDDEN)
    yield from _size_faults(old, new)


def _class_noted(claim: PersistentVolumeClaim) -> str | None:
    return claim.metadata.annotations.get(_CLASS)


def _only_storage(requests: Mapping[str, QuantityText]) -> dict[str, QuantityText]:
    return {name: size for name, size in requests.items() if name == _STORAGE}


def _size_faults(old: PersistentVolumeClaim, new: PersistentVolumeClaim) -> Iterator[Fault]:
    """A claim that grew too far may shrink again, to more than it has."""
    before, after = _size(old.spec.resources.requests), _size(new.spec.resources.requests)
    if after < before and after <= _size(old.status.capacity):
        field = "spec.resources.requests.storage"
        yield Fault(field, "cannot be as little as the volume has: volumes do not shrink", FORBIDDEN)


def _size(amounts: Mapping[str, QuantityText]) -> Fraction:
    return parse_quantity(amounts.get(_STORAGE, "0"))


def volume_faults(old: PersistentVolume, new: PersistentVolume) -> Iterator[Fault]:
    """Yield what an update changes of a volume although nobody may."""
    yield from fixed("spec.hostPath", old.spec.host_path, new.spec.host_path)
    yield from fixed("spec.local", old.spec.local, new.spec.local)
    yield from fixed("spec.nfs", old.spec.nfs, new.spec.nfs)
    yield from fixed("spec.csi", _with_expand_secret(old.spec.csi, new.spec.csi), new.spec.csi)
    yield from fixed("spec.volumeMode", old.spec.volume_mode, new.spec.volume_mode)
    before, after = old.spec.node_affinity.required, new.spec.node_affinity.required
    if before is not None and not (after is not None and _is_renamed(before, after)):
        yield from fixed("spec.nodeAffinity", before, after)


def _with_expand_secret(
    before: CSIPersistentVolumeSource | None, after: CSIPersistentVolumeSource | None
) -> CSIPersistentVolumeSource | None:
    """The Secret for growing may come to be there; once it is, it stays."""
    if before is None or after is None or before.controller_expand_secret_ref is not None:
        return before
    return replace(before, controller_expand_secret_ref=after.controller_expand_secret_ref)


def _is_renamed(before: NodeSelector, after: NodeSelector) -> bool:
    """Whether two affinities are alike but for labels that now have another name."""
    ours, theirs = before.node_selector_terms, after.node_selector_terms
    return len(ours) == len(theirs) and all(map(_is_term_renamed, ours, theirs))


def _is_term_renamed(before: NodeSelectorTerm, after: NodeSelectorTerm) -> bool:
    ours, theirs = before.match_expressions, after.match_expressions
    return (
        before.match_fields == after.match_fields
        and len(ours) == len(theirs)
        and all(
            one == other or replace(one, key=_RENAMED.get(one.key, one.key)) == other
            for one, other in zip(ours, theirs, strict=True)
        )
    )
