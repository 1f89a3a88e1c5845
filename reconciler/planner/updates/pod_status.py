"""What may be said of a Pod: addresses that are any, ends that stay ends, conditions with a name. Pure.

The rules are Kubernetes' ValidatePodStatusUpdate. They hold for what a node reports, as far as addresses go, and for
whoever writes the status through the API.
"""

import re
from collections.abc import Iterator, Sequence, Set

from reconciler.model.addresses import address_list_faults
from reconciler.model.kinds import Container, ContainerStatus, Pod, PodSpec, PodStatus
from reconciler.model.kinds.scalars import LABEL_KEY_PATTERN
from reconciler.planner.updates.container_status import container_status_faults
from reconciler.planner.updates.fault import FORBIDDEN, Fault

# Conditions that nodes and the cluster itself keep; all others are other controllers'.
KEPT_CONDITIONS = frozenset(
    {
        "ContainersReady",
        "DisruptionTarget",
        "Initialized",
        "PodReadyToStartContainers",
        "PodResizeInProgress",
        "PodResizePending",
        "PodScheduled",
        "Ready",
    }
)
_QUALIFIED = re.compile(LABEL_KEY_PATTERN)


def status_faults(old: Pod, new: Pod) -> Iterator[Fault]:
    """Yield what is wrong with a new status of a Pod."""
    before, after = old.status, new.status
    yield from address_faults(before, after)
    if before.qos_class and before.qos_class != after.qos_class:
        yield Fault("status.qosClass", "cannot be changed")
    if after.nominated_node_name not in ("", before.nominated_node_name) and old.spec.node_name:
        yield Fault("status.nominatedNodeName", "cannot be set on a Pod that has its node", FORBIDDEN)
    yield from _generation_faults(after)
    for number, condition in enumerate(after.conditions):
        if not _QUALIFIED.search(condition.type):
            yield Fault(f"status.conditions[{number}].type", "must be a name such as Ready or example.com/ready")
    for field, statuses in (
        ("initContainerStatuses", after.init_container_statuses),
        ("containerStatuses", after.container_statuses),
        ("ephemeralContainerStatuses", after.ephemeral_container_statuses),
    ):
        yield from container_status_faults(f"status.{field}", old.spec, statuses)
    yield from _transition_faults(old.spec, before, after)


def address_faults(before: PodStatus, after: PodStatus) -> Iterator[Fault]:
    """Yield the addresses that are none; those that were there before may stay."""
    pods, hosts = ([one.ip for one in ips] for ips in (after.pod_ips, after.host_ips))
    yield from _faults("status.podIPs", pods, {one.ip for one in before.pod_ips})
    known = {before.host_ip, *(one.ip for one in before.host_ips)}
    yield from _faults("status.hostIPs", hosts or [after.host_ip] * bool(after.host_ip), known)
    if hosts and hosts[0] != after.host_ip:
        yield Fault("status.hostIPs[0]", "must be the same as hostIP")


def _faults(field: str, addresses: Sequence[str], known: Set[str]) -> Iterator[Fault]:
    for place, fault in address_list_faults(field, addresses, known):
        yield Fault(place, fault)


def _generation_faults(status: PodStatus) -> Iterator[Fault]:
    if status.observed_generation < 0:
        yield Fault("status.observedGeneration", "must not be less than 0")
    for number, condition in enumerate(status.conditions):
        if (condition.observed_generation or 0) < 0:
            yield Fault(f"status.conditions[{number}].observedGeneration", "must not be less than 0")


def _transition_faults(spec: PodSpec, before: PodStatus, after: PodStatus) -> Iterator[Fault]:
    apps = (spec.containers, before.container_statuses, after.container_statuses)
    yield from ended_faults(spec, "status.containerStatuses", *apps)
    inits = tuple(one for one in spec.init_containers if one.restart_policy != "Always")
    yield from ended_faults(
        spec, "status.initContainerStatuses", inits, before.init_container_statuses, after.init_container_statuses
    )


def ended_faults(
    spec: PodSpec,
    field: str,
    containers: Sequence[Container],
    before: Sequence[ContainerStatus],
    after: Sequence[ContainerStatus],
) -> Iterator[Fault]:
    """Yield the containers that ended for good and are said to have begun again."""
    by_name = {one.name: one for one in containers}
    states = {one.name: one.state for one in before}
    for number, status in enumerate(after):
        ended = states[status.name].terminated if status.name in states else None
        container = by_name.get(status.name)
        if ended is None or container is None or status.state.terminated is not None:
            continue
        if not may_start_again(spec, container, ended.exit_code):
            yield Fault(f"{field}[{number}].state", "cannot be other than terminated any more", FORBIDDEN)


def may_start_again(spec: PodSpec, container: Container, exit_code: int) -> bool:
    """Whether a container that ended is started again, by its own rules and policy, the Pod's, or another's rule."""
    if any(rule.action == "RestartAllContainers" for one in _main(spec) for rule in one.restart_policy_rules):
        return True
    rules = (rule.exit_codes for rule in container.restart_policy_rules)
    if any((exit_code in ends.values) == (ends.operator == "In") for ends in rules):
        return True
    policy = container.restart_policy or spec.restart_policy
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def _main(spec: PodSpec) -> tuple[Container, ...]:
    return (*spec.init_containers, *spec.containers)
