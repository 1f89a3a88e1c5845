"""Rules on one container."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from reconciler.model.kinds import (
    AppArmorProfile,
    Container,
    EnvVar,
    LifecycleHandler,
    ObjectFieldSelector,
    PodSpec,
    Probe,
    ResourceFieldSelector,
    SeccompProfile,
)
from reconciler.model.kinds.scalars import ANNOTATION_KEY_PATTERN, LABEL_KEY_PATTERN
from reconciler.model.quantity import parse_quantity
from reconciler.schema.positions import join_pointer
from reconciler.schema.rules.devices import device_findings
from reconciler.schema.rules.finding import Finding, error, repeated, warning

_KEYS = {"metadata.labels": re.compile(LABEL_KEY_PATTERN), "metadata.annotations": re.compile(ANNOTATION_KEY_PATTERN)}
_APP_ARMOR_MAX = 4095
_PREFIX = re.compile(r"[ -<>-~]*")
_ENV_FIELDS = frozenset(
    (
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "spec.nodeName",
        "spec.serviceAccountName",
        "status.hostIP",
        "status.hostIPs",
        "status.podIP",
        "status.podIPs",
    )
)
_VOLUME_FIELDS = frozenset(
    ("metadata.name", "metadata.namespace", "metadata.uid", "metadata.labels", "metadata.annotations")
)
_RESOURCES = frozenset(
    f"{side}.{name}" for side in ("limits", "requests") for name in ("cpu", "memory", "ephemeral-storage")
)


class _Place(NamedTuple):
    pointer: str
    is_init: bool
    is_sidecar: bool


def container_findings(
    at: str, container: Container, is_init: bool, volumes: frozenset[str], spec: PodSpec
) -> Iterator[Finding]:
    """Yield what is wrong with the container at pointer `at`."""
    place = _Place(at, is_init, is_init and container.restart_policy == "Always")
    if container.image != container.image.strip():
        yield error(f"{at}/image", "image: has spaces around it", code="bad-image")
    if container.restart_policy_rules and container.restart_policy is None:
        yield error(at, "restartPolicyRules need a restartPolicy of the container", code="missing-field")
    yield from _port_findings(at, container, spec.host_network)
    yield from _environment_findings(at, container)
    yield from _resource_findings(at, container)
    yield from _resize_findings(place, container, spec.restart_policy)
    yield from _mount_findings(at, container, volumes)
    yield from device_findings(at, container, volumes, spec)
    yield from _probe_findings(place, container)
    yield from _sleep_findings(at, container, spec.termination_grace_period_seconds)
    if container.lifecycle.stop_signal is not None and spec.os is None:
        hint = "write os: {name: linux} in the Pod"
        yield error(f"{at}/lifecycle/stopSignal", "stopSignal needs the Pod's os", hint)
    yield from _security_findings(at, container)


def field_findings(at: str, source: ObjectFieldSelector, for_volume: bool) -> Iterator[Finding]:
    """Yield what is wrong with a reference to a field of the Pod."""
    path = source.field_path
    head, bracket, rest = path.partition("['")
    is_key = rest.endswith("']") and head in _KEYS and _KEYS[head].search(rest.removesuffix("']")) is not None
    keyed = bool(bracket) and is_key
    known = _VOLUME_FIELDS if for_volume else _ENV_FIELDS
    if not keyed and path not in known:
        listed = ", ".join([*sorted(known), "metadata.labels['KEY']", "metadata.annotations['KEY']"])
        yield error(f"{at}/fieldPath", f"fieldPath: {path} cannot be referred to here", f"one of {listed}")


def resource_findings(at: str, source: ResourceFieldSelector) -> Iterator[Finding]:
    """Yield what is wrong with a reference to a container's resources."""
    if source.resource not in _RESOURCES and not source.resource.startswith(("limits.huge", "requests.huge")):
        listed = ", ".join(sorted(_RESOURCES))
        yield error(f"{at}/resource", f"resource: {source.resource} cannot be referred to", f"one of {listed}")


def _port_findings(at: str, container: Container, host_network: bool) -> Iterator[Finding]:
    named = ((f"{at}/ports/{n}/name", port.name) for n, port in enumerate(container.ports))
    yield from repeated(((pointer, name) for pointer, name in named if name), "port name")
    for number, port in enumerate(container.ports):
        if host_network and port.host_port not in (None, port.container_port):
            place = f"{at}/ports/{number}/hostPort"
            yield error(place, "with hostNetwork, hostPort must be the same as containerPort")


def _environment_findings(at: str, container: Container) -> Iterator[Finding]:
    for number, variable in enumerate(container.env):
        yield from _variable_findings(f"{at}/env/{number}", variable)
    for number, source in enumerate(container.env_from):
        if not _PREFIX.fullmatch(source.prefix):
            yield error(
                f"{at}/envFrom/{number}/prefix", "prefix: printable ASCII characters other than =", code="bad-name"
            )


def _variable_findings(at: str, variable: EnvVar) -> Iterator[Finding]:
    source = variable.value_from
    if source is None:
        return
    if variable.value:
        yield error(f"{at}/valueFrom", "value and valueFrom exclude each other")
    if source.field_ref is not None:
        yield from field_findings(f"{at}/valueFrom/fieldRef", source.field_ref, for_volume=False)
    if source.resource_field_ref is not None:
        yield from resource_findings(f"{at}/valueFrom/resourceFieldRef", source.resource_field_ref)


def _resource_findings(at: str, container: Container) -> Iterator[Finding]:
    limits = container.resources.limits
    for side, values in (("requests", container.resources.requests), ("limits", limits)):
        for name, value in values.items():
            if parse_quantity(value) < 0:
                yield error(join_pointer_at(at, "resources", side, name), f"{name}: must be at least 0")
            elif "/" in name and parse_quantity(value).denominator != 1:
                yield error(join_pointer_at(at, "resources", side, name), f"{name}: must be a whole number")
    for name, value in container.resources.requests.items():
        if name in limits and parse_quantity(value) > parse_quantity(limits[name]):
            yield error(join_pointer_at(at, "resources", "requests", name), f"{name}: the request exceeds the limit")


def _resize_findings(place: _Place, container: Container, pod_policy: str) -> Iterator[Finding]:
    at, policies = place.pointer, container.resize_policy
    if policies and place.is_init and not place.is_sidecar:
        yield error(f"{at}/resizePolicy", "an init container has no resizePolicy", "only sidecars have one")
    yield from repeated(
        ((f"{at}/resizePolicy/{n}/resourceName", one.resource_name) for n, one in enumerate(policies)), "resource"
    )
    for number, one in enumerate(policies):
        if pod_policy == "Never" and one.restart_policy == "RestartContainer":
            pointer = f"{at}/resizePolicy/{number}/restartPolicy"
            yield error(pointer, "with restartPolicy Never of the Pod, it must be NotRequired")


def _mount_findings(at: str, container: Container, volumes: frozenset[str]) -> Iterator[Finding]:
    yield from repeated(
        ((f"{at}/volumeMounts/{n}/mountPath", one.mount_path) for n, one in enumerate(container.volume_mounts)),
        "mount path",
    )
    for number, mount in enumerate(container.volume_mounts):
        place = f"{at}/volumeMounts/{number}"
        if mount.name not in volumes:
            listed = ", ".join(sorted(volumes)) or "none"
            yield error(f"{place}/name", f"there is no volume {mount.name}", f"volumes of this Pod: {listed}")
        if ":" in mount.mount_path:
            yield error(f"{place}/mountPath", "mountPath: must not contain a colon")
        if mount.mount_propagation == "Bidirectional" and not container.security_context.privileged:
            yield error(f"{place}/mountPropagation", "Bidirectional is for privileged containers only")
        if mount.sub_path and mount.sub_path_expr:
            yield error(f"{place}/subPathExpr", "subPath and subPathExpr exclude each other")
        for field, path in (("subPath", mount.sub_path), ("subPathExpr", mount.sub_path_expr)):
            if path.startswith("/") or ".." in path.split("/"):
                yield error(f"{place}/{field}", f"{field}: must be a path below the volume")


def _probe_findings(place: _Place, container: Container) -> Iterator[Finding]:
    at, runs_on = place.pointer, not place.is_init or place.is_sidecar
    ports = frozenset(port.name for port in container.ports if port.name)
    for name, probe in (
        ("livenessProbe", container.liveness_probe),
        ("readinessProbe", container.readiness_probe),
        ("startupProbe", container.startup_probe),
    ):
        if probe is None:
            continue
        if not runs_on:
            hint = "only sidecars (restartPolicy: Always) have probes"
            yield error(f"{at}/{name}", f"an init container has no {name}", hint)
        yield from _one_probe_findings(f"{at}/{name}", name, probe, ports)
    for name, handler in (("postStart", container.lifecycle.post_start), ("preStop", container.lifecycle.pre_stop)):
        if handler is not None:
            if not runs_on:
                yield error(f"{at}/lifecycle/{name}", "an init container has no lifecycle hooks")
            yield from _handler_findings(f"{at}/lifecycle/{name}", handler, ports)


def _sleep_findings(at: str, container: Container, grace_s: int) -> Iterator[Finding]:
    for name, handler in (("postStart", container.lifecycle.post_start), ("preStop", container.lifecycle.pre_stop)):
        if handler is not None and handler.sleep is not None and handler.sleep.seconds > grace_s:
            place = f"{at}/lifecycle/{name}/sleep/seconds"
            yield error(place, f"seconds: must be at most terminationGracePeriodSeconds ({grace_s})")


def _one_probe_findings(at: str, name: str, probe: Probe, ports: frozenset[str]) -> Iterator[Finding]:
    if name != "readinessProbe" and probe.success_threshold != 1:
        yield error(f"{at}/successThreshold", f"successThreshold of a {name} must be 1")
    if name == "readinessProbe" and probe.termination_grace_period_seconds is not None:
        place = f"{at}/terminationGracePeriodSeconds"
        yield error(place, "a readinessProbe ends nothing: it has no terminationGracePeriodSeconds")
    yield from _handler_findings(at, probe, ports)


def _handler_findings(at: str, handler: Probe | LifecycleHandler, ports: frozenset[str]) -> Iterator[Finding]:
    if handler.exec is not None and not handler.exec.command:
        yield error(f"{at}/exec", "exec needs a command")
    for field, action in (("httpGet", handler.http_get), ("tcpSocket", handler.tcp_socket)):
        if action is not None and isinstance(action.port, str) and action.port not in ports:
            listed = ", ".join(sorted(ports)) or "none"
            hint = f"named ports of this container: {listed}"
            yield warning(f"{at}/{field}/port", f"the container has no port named {action.port}", hint)


def _security_findings(at: str, container: Container) -> Iterator[Finding]:
    context = container.security_context
    if context.allow_privilege_escalation is False and context.privileged:
        place = f"{at}/securityContext/allowPrivilegeEscalation"
        yield error(place, "a privileged container cannot have allowPrivilegeEscalation: false")
    if context.run_as_non_root and context.run_as_user == 0:
        yield warning(f"{at}/securityContext/runAsUser", "runAsNonRoot will refuse to start user 0")
    yield from profile_findings(f"{at}/securityContext", context.seccomp_profile, context.app_armor_profile)


def profile_findings(at: str, seccomp: SeccompProfile | None, app_armor: AppArmorProfile | None) -> Iterator[Finding]:
    """Yield what is wrong with the profiles of the security context at pointer `at`."""
    for name, profile in (("seccompProfile", seccomp), ("appArmorProfile", app_armor)):
        if profile is None:
            continue
        path = profile.localhost_profile
        if (profile.type == "Localhost") != bool(path):
            yield error(f"{at}/{name}", "localhostProfile belongs to type Localhost, and only to it")
        elif path and profile is seccomp and (path.startswith("/") or ".." in path.split("/")):
            place = f"{at}/{name}/localhostProfile"
            yield error(place, "localhostProfile: must be a path below the node's profiles, without ..")
        elif path and profile is app_armor and (path != path.strip() or len(path.encode()) > _APP_ARMOR_MAX):
            place = f"{at}/{name}/localhostProfile"
            yield error(place, f"localhostProfile: at most {_APP_ARMOR_MAX} bytes, without spaces around it")


def join_pointer_at(at: str, *parts: str) -> str:
    """Return a pointer below `at`, with its parts escaped."""
    return at + join_pointer(*parts)
