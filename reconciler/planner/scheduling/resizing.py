"""What a Pod takes of its node while it is resized. Pure.

The rule is that of Kubernetes' PodRequests: the larger of what it asks for and what it was given, and where its node is
too small for it, only what it was given.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from reconciler.model.kinds import Container, ContainerStatus, Pod, PodSpec, ResourceRequirements
from reconciler.model.quantity import QuantityText, parse_quantity

_NAMES = ("cpu", "memory")


def counted_spec(pod: Pod) -> PodSpec:
    """Return the spec by which a placed Pod is counted; almost always its own."""
    reason = next((one.reason for one in pod.status.conditions if one.type.startswith("PodResize")), None)
    if reason is None:
        return pod.spec
    status = pod.status
    given = {one.name: one for one in (*status.container_statuses, *status.init_container_statuses)}
    containers, inits = (
        tuple(_counted(one, given.get(one.name), only_given=reason == "Infeasible") for one in group)
        for group in (pod.spec.containers, pod.spec.init_containers)
    )
    return replace(pod.spec, containers=containers, init_containers=inits)


def _counted(container: Container, status: ContainerStatus | None, *, only_given: bool) -> Container:
    if status is None or not status.allocated_resources:
        return container
    asked = {**container.resources.limits, **container.resources.requests}
    in_force = status.resources.requests if status.resources is not None else {}
    said = [status.allocated_resources, in_force, *([] if only_given else [asked])]
    requests = {**asked, **{name: _most(said, name) for name in _NAMES if any(name in one for one in said)}}
    return replace(container, resources=ResourceRequirements(requests=requests))


def _most(amounts: list[Mapping[str, QuantityText]], name: str) -> QuantityText:
    return max((one[name] for one in amounts if name in one), key=parse_quantity)
