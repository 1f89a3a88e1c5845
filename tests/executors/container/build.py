"""Builders of assignments and actions for the tests of this folder."""

from typing import Any

import msgspec

from reconciler.model.details import (
    CreateSandbox,
    Detail,
    RemoveContainer,
    RemoveSandbox,
    StartContainer,
    StopContainer,
)
from reconciler.model.kinds import PodSpec
from reconciler.model.node import ConfigMaterial, Materials, PodAssignment
from reconciler.model.plan import Action, Executor, Reason, Verb
from reconciler.model.refs import ObjectRef

UID = "01234567-89ab-cdef-0123-456789abcdef"
IMAGE = "reconciler-test/box:1"


def pod(*, uid: str = UID, name: str = "web-1", **spec: Any) -> PodAssignment:
    """An assignment from a spec in JSON's spelling."""
    spec.setdefault("containers", [container()])
    return PodAssignment(
        uid=uid,
        namespace="shop",
        name=name,
        labels={"app": "web"},
        annotations={"note": 'a "quoted" one'},
        spec=msgspec.convert(spec, PodSpec),
        digest="d1",
        revision="abc",
    )


def container(name: str = "main", **fields: Any) -> dict[str, Any]:
    """A container in JSON's spelling."""
    return {"name": name, "image": IMAGE, **fields}


def action(detail: Detail, *, expects: str = "", deadline_s: float = 60.0) -> Action:
    """An action that carries `detail`."""
    return Action(
        key="k",
        executor=Executor.CONTAINER,
        verb=Verb.CREATE,
        object=ObjectRef.of("Pod", "shop", "web-1"),
        reason=Reason.POD_ASSIGNED,
        expects=expects,
        deadline_s=deadline_s,
        detail=detail,
    )


def named(container: str, of: PodAssignment, attempt: int = 0) -> str:
    """The Engine's name of a container."""
    return f"rc_{container}_{of.name}_{of.namespace}_{of.uid.replace('-', '')[:8]}_{attempt}"


def sandbox(of: PodAssignment, attempt: int = 0, pod_ip: str = "10.42.0.7") -> CreateSandbox:
    """Create a Pod's sandbox."""
    return CreateSandbox(
        pod=of,
        name=named("POD", of, attempt),
        attempt=attempt,
        pod_ip=pod_ip,
        domain="cluster.local",
        dns_address="169.254.20.10",
    )


def start(of: PodAssignment, index: int = 0, attempt: int = 0, *, pod_ip: str = "10.42.0.7") -> StartContainer:
    """Start the container number `index` of a Pod."""
    spec = of.spec.containers[index]
    return StartContainer(
        pod=of,
        spec=spec,
        role="app",
        name=named(spec.name, of, attempt),
        attempt=attempt,
        sandbox=named("POD", of),
        pod_ip=pod_ip,
        host_ip="192.0.2.1",
        node="n1",
    )


def stop(of: PodAssignment, container_id: str, grace_s: float = 5.0, index: int = 0) -> StopContainer:
    """Stop a container of a Pod."""
    spec = of.spec.containers[index]
    return StopContainer(
        container_id=container_id,
        name=named(spec.name, of),
        grace_s=grace_s,
        lifecycle=spec.lifecycle,
        pod_ip="127.0.0.1",
        spec=spec,
    )


def remove(of: PodAssignment, container_id: str) -> RemoveContainer:
    """Remove the first container of a Pod."""
    return RemoveContainer(container_id=container_id, name=named(of.spec.containers[0].name, of))


def remove_sandbox(of: PodAssignment, container_id: str = "") -> RemoveSandbox:
    """Remove a Pod's sandbox."""
    return RemoveSandbox(container_id=container_id, name=named("POD", of))


def material(kind: str, name: str, **data: str) -> ConfigMaterial:
    """The values of a ConfigMap or Secret in the Pod's namespace."""
    return ConfigMaterial(
        kind=kind, namespace="shop", name=name, version="v1", data={k: v.encode() for k, v in data.items()}
    )


def materials(*given: ConfigMaterial) -> Materials:
    """All values a node has."""
    return Materials(configuration=given)
