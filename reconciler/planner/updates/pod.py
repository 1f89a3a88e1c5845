"""What may change in a Pod that exists: images, a deadline that comes nearer, more tolerations, fewer gates. Pure.

The rules are Kubernetes' ValidatePodUpdate. All else is what the Pod was made as.
"""

from collections.abc import Iterator, Sequence

import msgspec

from reconciler.model.canonical import canonical
from reconciler.model.kinds import Container, Pod, PodSpec, Toleration
from reconciler.planner.updates.fault import FORBIDDEN, INVALID, REQUIRED, Fault
from reconciler.planner.updates.gated_pod import choice_faults, gate_faults

replace = msgspec.structs.replace

MIRROR = "kubernetes.io/config.mirror"


def pod_faults(old: Pod, new: Pod) -> Iterator[Fault]:
    """Yield what an update changes of a Pod although nobody may."""
    before, after = old.spec, new.spec
    if old.metadata.annotations.get(MIRROR) != new.metadata.annotations.get(MIRROR):
        yield Fault(f"metadata.annotations[{MIRROR}]", "cannot be changed", FORBIDDEN)
    for field, ours, theirs in (
        ("spec.containers", before.containers, after.containers),
        ("spec.initContainers", before.init_containers, after.init_containers),
    ):
        if len(ours) != len(theirs):
            yield Fault(field, "can be neither more nor less than before", FORBIDDEN)
            return
        yield from _images_missing(field, theirs)
    yield from _deadline_faults(before.active_deadline_seconds, after.active_deadline_seconds)
    yield from toleration_faults(before.tolerations, after.tolerations)
    yield from gate_faults(before, after)
    if before.scheduling_gates:
        yield from choice_faults(before, after)
    if field := _first_difference(_with_what_may_change(before, after), after):
        yield Fault(field, "cannot be changed: of a Pod only images, deadline, tolerations and gates can", FORBIDDEN)


def ends_with_its_image(old: Pod, new: Pod) -> bool:
    """Whether a placed Pod that is told of another image would end a container that is not started again."""
    pairs = zip(old.spec.containers, new.spec.containers, strict=True)
    changed = (ours for ours, theirs in pairs if ours.image != theirs.image)
    return bool(old.spec.node_name) and any(
        (one.restart_policy or old.spec.restart_policy) != "Always" for one in changed
    )


def _images_missing(field: str, containers: Sequence[Container]) -> Iterator[Fault]:
    for number, container in enumerate(containers):
        if not container.image:
            yield Fault(f"{field}[{number}].image", "is missing", REQUIRED)


def _deadline_faults(before: int | None, after: int | None) -> Iterator[Fault]:
    if before is None or before == after:
        return
    if after is None:
        yield Fault("spec.activeDeadlineSeconds", "cannot be taken away", INVALID)
    elif after > before:
        yield Fault("spec.activeDeadlineSeconds", f"can only come nearer than {before}", INVALID)


def toleration_faults(before: Sequence[Toleration], after: Sequence[Toleration]) -> Iterator[Fault]:
    """Yield a fault where a toleration is gone or another one; how long it lasts may change."""
    kept = {replace(one, toleration_seconds=None) for one in after}
    if any(replace(one, toleration_seconds=None) not in kept for one in before):
        yield Fault("spec.tolerations", "can only be added to, and change their tolerationSeconds", FORBIDDEN)


def _with_what_may_change(before: PodSpec, after: PodSpec) -> PodSpec:
    """Return the old spec with those fields of the new one that may change, each by its own rule."""
    if before.scheduling_gates:
        affinity = replace(before.affinity, node_affinity=after.affinity.node_affinity)
        before = replace(before, node_selector=after.node_selector, affinity=affinity)
    return replace(
        before,
        containers=_with_images(before.containers, after.containers),
        init_containers=_with_images(before.init_containers, after.init_containers),
        active_deadline_seconds=after.active_deadline_seconds,
        tolerations=after.tolerations,
        scheduling_gates=after.scheduling_gates,
    )


def _with_images(before: Sequence[Container], after: Sequence[Container]) -> tuple[Container, ...]:
    return tuple(replace(ours, image=theirs.image) for ours, theirs in zip(before, after, strict=True))


def _first_difference(before: PodSpec, after: PodSpec) -> str:
    ours, theirs = canonical(before), canonical(after)
    return next((f"spec.{name}" for name in sorted({*ours, *theirs}) if ours.get(name) != theirs.get(name)), "")
