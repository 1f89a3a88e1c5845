"""The few facts of an object that rules across objects need, with their places. Small: kept for every object."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.model.kinds import (
    AnyObject,
    Container,
    DaemonSet,
    Deployment,
    PodDisruptionBudget,
    PodDisruptionBudgetSpec,
    PodSpec,
    ReplicaSet,
    ReplicationController,
    Service,
    StatefulSet,
)
from reconciler.model.refs import ObjectRef
from reconciler.schema.decode import pod_spec_of, pod_template_of
from reconciler.schema.positions import Mark, Positions
from reconciler.schema.rules.metadata import DEPENDS_ON, annotation_pointer, dependencies
from reconciler.schema.rules.references import references_of

_SELECTING = Deployment | ReplicaSet | StatefulSet | DaemonSet
# Made by the cluster itself; nobody may declare another of that beginning.
_SYSTEM_CLASSES = "system-"
_COUNTED = Deployment | ReplicaSet | StatefulSet | ReplicationController


class Reference(NamedTuple):
    """Another object that this one names, and where."""

    ref: ObjectRef
    pointer: str
    mark: Mark


class HostPort(NamedTuple):
    """A port of the host that this object's Pods take, and where it says so."""

    port: int
    protocol: str
    address: str
    pointer: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Facts:
    """What other objects' rules need of one object.

    `pod_labels` are the labels of the Pods it makes, `pod_ports` the names of their ports, `selects` the labels by
    which it chooses Pods (Services, and workloads that keep copies running). `node_ports` are those that a Service
    asks for. `keeps` is how many of its Pods a budget keeps, which has `keeps_at` as its place.
    """

    references: tuple[Reference, ...] = ()
    depends_on: tuple[Reference, ...] = ()
    host_ports: tuple[HostPort, ...] = ()
    replicas: int = 1
    pod_labels: Mapping[str, str] | None = None
    pod_ports: frozenset[str] = frozenset()
    selects: Mapping[str, str] | None = None
    selects_at: Reference | None = None
    target_ports: tuple[tuple[str, str, Mark], ...] = ()
    node_ports: tuple[HostPort, ...] = ()
    keeps: PodDisruptionBudgetSpec | None = None
    keeps_at: Reference | None = None


def facts_of(object: AnyObject, positions: Positions) -> Facts:
    """Return the facts of an object."""
    depends_on = tuple(_depends_on(object, positions))
    found = pod_spec_of(object)
    if found is not None:
        return _workload_facts(object, positions, depends_on, *found)
    if isinstance(object, Service):
        return _service_facts(object, positions, depends_on)
    if isinstance(object, PodDisruptionBudget):
        at = "/spec/minAvailable" if object.spec.max_unavailable is None else "/spec/maxUnavailable"
        keeps_at = _reference("", "", "", at, positions)
        return Facts(depends_on=depends_on, keeps=object.spec, keeps_at=keeps_at)
    named: dict[ObjectRef, str] = {}
    for ref, pointer in references_of(object):
        named.setdefault(ref, pointer)
    return Facts(references=_placed(named, positions), depends_on=depends_on)


def _placed(named: Mapping[ObjectRef, str], positions: Positions) -> tuple[Reference, ...]:
    return tuple(Reference(ref, pointer, positions.value(pointer)) for ref, pointer in named.items())


def _workload_facts(
    object: AnyObject, positions: Positions, depends_on: tuple[Reference, ...], at: str, spec: PodSpec
) -> Facts:
    namespace = object.metadata.namespace
    template = pod_template_of(object)
    labels = object.metadata.labels if template is None else template.metadata.labels
    named: dict[ObjectRef, str] = {}
    if isinstance(object, StatefulSet) and object.spec.service_name:
        named[ObjectRef(kind="Service", namespace=namespace, name=object.spec.service_name)] = "/spec/serviceName"
    for ref, pointer in _named(namespace, at, spec):
        named.setdefault(ref, pointer)
    return Facts(
        references=_placed(named, positions),
        depends_on=depends_on,
        host_ports=tuple(_host_ports(at, spec, positions)),
        replicas=object.spec.replicas if isinstance(object, _COUNTED) else 1,
        pod_labels=labels,
        pod_ports=frozenset(port.name for one in _containers(spec) for port in one.ports if port.name),
        selects=_selected_by(object),
        selects_at=_reference("", "", "", "/spec/selector", positions),
    )


def _selected_by(object: AnyObject) -> Mapping[str, str] | None:
    if isinstance(object, ReplicationController):
        return object.spec.selector
    # What is chosen by expressions as well is less than what has the labels.
    if not isinstance(object, _SELECTING) or object.spec.selector.match_expressions:
        return None
    return object.spec.selector.match_labels


def _service_facts(service: Service, positions: Positions, depends_on: tuple[Reference, ...]) -> Facts:
    node_ports = tuple(_node_ports(service, positions))
    if not service.spec.selector or service.spec.type == "ExternalName":
        return Facts(depends_on=depends_on, node_ports=node_ports)
    targets = []
    for number, port in enumerate(service.spec.ports):
        if isinstance(port.target_port, str):
            pointer = f"/spec/ports/{number}/targetPort"
            targets.append((port.target_port, pointer, positions.value(pointer)))
    return Facts(
        depends_on=depends_on,
        selects=service.spec.selector,
        selects_at=_reference("", "", "", "/spec/selector", positions),
        target_ports=tuple(targets),
        node_ports=node_ports,
    )


def _node_ports(service: Service, positions: Positions) -> Iterator[HostPort]:
    for number, port in enumerate(service.spec.ports):
        if port.node_port:
            pointer = f"/spec/ports/{number}/nodePort"
            yield HostPort(port.node_port, port.protocol, "", pointer, positions.value(pointer))
    if service.spec.health_check_node_port:
        pointer = "/spec/healthCheckNodePort"
        yield HostPort(service.spec.health_check_node_port, "TCP", "", pointer, positions.value(pointer))


def _depends_on(object: AnyObject, positions: Positions) -> Iterator[Reference]:
    for _, ref in dependencies(object):
        if ref is not None:
            pointer = annotation_pointer(DEPENDS_ON)
            yield Reference(ref, pointer, positions.value(pointer))


def _reference(kind: str, namespace: str, name: str, pointer: str, positions: Positions) -> Reference:
    return Reference(ObjectRef(kind=kind, namespace=namespace, name=name), pointer, positions.value(pointer))


def _containers(spec: PodSpec) -> tuple[Container, ...]:
    return (*spec.init_containers, *spec.containers)


def _host_ports(at: str, spec: PodSpec, positions: Positions) -> Iterator[HostPort]:
    for index, container in enumerate(spec.containers):
        for number, port in enumerate(container.ports):
            taken = port.container_port if spec.host_network else port.host_port
            if taken:
                pointer = f"{at}/containers/{index}/ports/{number}"
                yield HostPort(taken, port.protocol, port.host_ip, pointer, positions.value(pointer))


def _named(namespace: str, at: str, spec: PodSpec) -> Iterator[tuple[ObjectRef, str]]:
    """Yield the objects that a Pod cannot start without, with the pointers that name them."""

    def ref(kind: str, name: str) -> ObjectRef:
        return ObjectRef(kind=kind, namespace=namespace, name=name)

    if spec.service_account_name and spec.service_account_name != "default":
        yield ref("ServiceAccount", spec.service_account_name), f"{at}/serviceAccountName"
    if spec.priority_class_name and not spec.priority_class_name.startswith(_SYSTEM_CLASSES):
        yield ObjectRef.of("PriorityClass", "", spec.priority_class_name), f"{at}/priorityClassName"
    for number, secret in enumerate(spec.image_pull_secrets):
        yield ref("Secret", secret.name), f"{at}/imagePullSecrets/{number}/name"
    for list_name, containers in (("initContainers", spec.init_containers), ("containers", spec.containers)):
        for number, container in enumerate(containers):
            for kind, name, pointer in _of_container(f"{at}/{list_name}/{number}", container):
                yield ref(kind, name), pointer
    for kind, name, pointer in _of_volumes(at, spec):
        yield ref(kind, name), pointer


def _of_container(at: str, container: Container) -> Iterator[tuple[str, str, str]]:
    for number, variable in enumerate(container.env):
        source = variable.value_from
        if source is None:
            continue
        place = f"{at}/env/{number}/valueFrom"
        if source.config_map_key_ref is not None and not source.config_map_key_ref.optional:
            yield "ConfigMap", source.config_map_key_ref.name, f"{place}/configMapKeyRef/name"
        if source.secret_key_ref is not None and not source.secret_key_ref.optional:
            yield "Secret", source.secret_key_ref.name, f"{place}/secretKeyRef/name"
    for number, bundle in enumerate(container.env_from):
        place = f"{at}/envFrom/{number}"
        if bundle.config_map_ref is not None and not bundle.config_map_ref.optional:
            yield "ConfigMap", bundle.config_map_ref.name, f"{place}/configMapRef/name"
        if bundle.secret_ref is not None and not bundle.secret_ref.optional:
            yield "Secret", bundle.secret_ref.name, f"{place}/secretRef/name"


def _of_volumes(at: str, spec: PodSpec) -> Iterator[tuple[str, str, str]]:
    for number, volume in enumerate(spec.volumes):
        place = f"{at}/volumes/{number}"
        if volume.config_map is not None and not volume.config_map.optional:
            yield "ConfigMap", volume.config_map.name, f"{place}/configMap/name"
        if volume.secret is not None and not volume.secret.optional:
            yield "Secret", volume.secret.secret_name, f"{place}/secret/secretName"
        if volume.persistent_volume_claim is not None:
            claim = volume.persistent_volume_claim.claim_name
            yield "PersistentVolumeClaim", claim, f"{place}/persistentVolumeClaim/claimName"
        for index, part in enumerate(volume.projected.sources if volume.projected is not None else ()):
            source = f"{place}/projected/sources/{index}"
            if part.config_map is not None and not part.config_map.optional:
                yield "ConfigMap", part.config_map.name, f"{source}/configMap/name"
            if part.secret is not None and not part.secret.optional:
                yield "Secret", part.secret.name, f"{source}/secret/name"
