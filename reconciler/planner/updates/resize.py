"""How much a Pod that exists may be given to use: other CPU and memory, never another class of service. Pure.

The rules are Kubernetes' ValidatePodResize, those of the subresource `resize`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from reconciler.model.granted import qos_class
from reconciler.model.kinds import Container, ContainerStatus, Pod, PodSpec, ResourceRequirements
from reconciler.model.podresources import WHOLE, amounts, contradictions
from reconciler.model.quantity import QuantityText, parse_quantity
from reconciler.planner.updates.fault import FORBIDDEN, Fault

replace = msgspec.structs.replace

_RESIZABLE = frozenset({"cpu", "memory"})
_SIDES = ("limits", "requests")


def with_resources(pod: Pod, other: Pod) -> Pod:
    """Return a Pod with the CPU and memory of another, and of its containers of the same names."""
    found = {one.name: one.resources for one in (*other.spec.init_containers, *other.spec.containers)}
    return with_these(pod, {**found, WHOLE: other.spec.resources})


def with_these(pod: Pod, found: Mapping[str, ResourceRequirements]) -> Pod:
    """Return a Pod with these CPU and memory for its containers, by name, and for itself."""
    spec = replace(
        pod.spec,
        init_containers=_resized(pod.spec.init_containers, found),
        containers=_resized(pod.spec.containers, found),
        resources=_mixed(pod.spec.resources, found[WHOLE]) if WHOLE in found else pod.spec.resources,
    )
    return pod if spec == pod.spec else replace(pod, spec=spec)


def _resized(containers: Iterable[Container], resources: Mapping[str, ResourceRequirements]) -> tuple[Container, ...]:
    return tuple(
        replace(one, resources=_mixed(one.resources, resources[one.name])) if one.name in resources else one
        for one in containers
    )


def _mixed(ours: ResourceRequirements, theirs: ResourceRequirements) -> ResourceRequirements:
    """Return the CPU and memory of one, and all other resources of the other."""
    sides = {}
    for side in _SIDES:
        kept = {name: value for name, value in getattr(ours, side).items() if name not in _RESIZABLE}
        sides[side] = {name: value for name, value in getattr(theirs, side).items() if name in _RESIZABLE} | kept
    mixed = ResourceRequirements(**sides)
    return ours if mixed == ours else mixed


def resize_faults(old: Pod, new: Pod) -> Iterator[Fault]:
    """Yield why a Pod cannot be given what another one asks for; all else of the two has to be the same."""
    before, after = old.spec, new.spec
    for field, ours, theirs in (
        ("spec.containers", before.containers, after.containers),
        ("spec.initContainers", before.init_containers, after.init_containers),
    ):
        if [one.name for one in ours] != [one.name for one in theirs]:
            yield Fault(field, "can be neither more nor less than before", FORBIDDEN)
            return
    if with_resources(old, new).spec != after:
        yield Fault("spec", "cannot be changed: of a Pod that is resized only cpu and memory can", FORBIDDEN)
    if before.os is not None and before.os.name == "windows":
        yield Fault("spec", "cannot be resized: the Pod is made for Windows", FORBIDDEN)
    if _runs_unmeasured(old):
        yield Fault("spec", "cannot be resized: the Pod's node does not tell what its containers may use", FORBIDDEN)
    if qos_class(before) != qos_class(after):
        what = f"{qos_class(before)} -> {qos_class(after)}"
        yield Fault("spec", f"cannot be resized to another class of service: {what}")
    yield from _container_faults("spec.containers", before.containers, after.containers)
    yield from _init_faults(before, after)
    yield from _amount_faults("spec.resources", before.resources, after.resources)
    for one in contradictions(after):
        yield Fault(_field(one.path), one.message)


def _field(path: Iterable[str]) -> str:
    return "spec" + "".join(f"[{part}]" if part.isdecimal() else f".{part}" for part in path)


def needs_restart(old: Pod, new: Pod) -> bool:
    """Whether a placed Pod would have containers started anew for other resources that are not started again."""
    pairs = zip(old.spec.containers, new.spec.containers, strict=True)
    return bool(old.spec.node_name) and any(
        _asks_for_restart(ours, theirs) and (ours.restart_policy or old.spec.restart_policy) != "Always"
        for ours, theirs in pairs
    )


def _asks_for_restart(ours: Container, theirs: Container) -> bool:
    return any(
        one.restart_policy == "RestartContainer" and _of(ours, one.resource_name) != _of(theirs, one.resource_name)
        for one in ours.resize_policy
    )


def _of(container: Container, name: str) -> tuple[QuantityText | None, ...]:
    return tuple(getattr(container.resources, side).get(name) for side in _SIDES)


def _runs_unmeasured(pod: Pod) -> bool:
    statuses: tuple[ContainerStatus, ...] = (*pod.status.container_statuses, *pod.status.init_container_statuses)
    return any(one.state.running is not None and one.resources is None for one in statuses)


def _init_faults(before: PodSpec, after: PodSpec) -> Iterator[Fault]:
    yield from _container_faults("spec.initContainers", before.init_containers, after.init_containers)
    for number, (ours, theirs) in enumerate(zip(before.init_containers, after.init_containers, strict=True)):
        policies = {one.restart_policy for one in ours.resize_policy}
        if ours.restart_policy != "Always" and ours.resources != theirs.resources and "RestartContainer" in policies:
            message = "cannot be resized: an init container that ends is not started anew for that"
            yield Fault(f"spec.initContainers[{number}]", message, FORBIDDEN)


def _container_faults(field: str, before: Sequence[Container], after: Sequence[Container]) -> Iterator[Fault]:
    for number, (ours, theirs) in enumerate(zip(before, after, strict=True)):
        yield from _amount_faults(f"{field}[{number}].resources", ours.resources, theirs.resources)


def _amount_faults(field: str, ours: ResourceRequirements, theirs: ResourceRequirements) -> Iterator[Fault]:
    for side in _SIDES:
        gone = _RESIZABLE & getattr(ours, side).keys() - getattr(theirs, side).keys()
        if gone:
            message = f"of {', '.join(sorted(gone))} cannot be taken away, only changed"
            yield Fault(f"{field}.{side}", message, FORBIDDEN)
    for name in sorted(_RESIZABLE & theirs.limits.keys() & theirs.requests.keys()):
        if parse_quantity(theirs.requests[name]) > parse_quantity(theirs.limits[name]):
            yield Fault(f"{field}.requests.{name}", "exceeds the limit")


def changed_resources(old: Pod, new: Pod) -> bool:
    """Whether any amount of CPU or memory differs."""
    return _whole(old.spec) != _whole(new.spec) or any(
        _amounts(ours, name) != _amounts(theirs, name)
        for before, after in (
            (old.spec.containers, new.spec.containers),
            (old.spec.init_containers, new.spec.init_containers),
        )
        for ours, theirs in zip(before, after, strict=False)
        for name in _RESIZABLE
    )


def _whole(spec: PodSpec) -> tuple[object, ...]:
    given = spec.resources
    return tuple(
        {name: one for name, one in amounts(getattr(given, side)).items() if name in _RESIZABLE} for side in _SIDES
    )


def _amounts(container: Container, name: str) -> tuple[object, ...]:
    return tuple(None if value is None else parse_quantity(value) for value in _of(container, name))
