"""Which containers may be added to a Pod: others than it has, without what only its own containers have."""

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.kinds import (
    Container,
    ContainerPort,
    EphemeralContainer,
    Lifecycle,
    ObjectMeta,
    Pod,
    PodSpec,
    Probe,
    ResourceRequirements,
    SecurityContext,
    VolumeMount,
)
from reconciler.model.kinds.container import WindowsSecurityContextOptions
from reconciler.model.kinds.probe import TCPSocketAction
from reconciler.planner.updates.ephemeral import added_containers, ephemeral_faults
from reconciler.planner.updates.fault import DUPLICATE, FORBIDDEN

POD = Pod(
    metadata=ObjectMeta(name="web", namespace="shop"),
    spec=PodSpec(
        containers=(Container(name="web", image="web"),), init_containers=(Container(name="setup", image="web"),)
    ),
)
ONE = EphemeralContainer(name="one", image="busybox")
TWO = EphemeralContainer(name="two", image="busybox")
PROBE = Probe(tcp_socket=TCPSocketAction(port=80))


def having(*ephemeral: EphemeralContainer, **metadata: Any) -> Pod:
    """The Pod with these."""
    found = replace(POD, metadata=replace(POD.metadata, **metadata))
    return replace(found, spec=replace(found.spec, ephemeral_containers=ephemeral))


def faults(old: Pod, new: Pod) -> list[tuple[str, str]]:
    """Return what is refused, and for which of Kubernetes' reasons."""
    return [(fault.field, fault.reason) for fault in ephemeral_faults(old, new)]


def test_containers_are_added_in_any_order() -> None:
    """Those that are there may stand elsewhere; only the new ones are new."""
    assert faults(having(), having(ONE, TWO)) == []
    assert faults(having(ONE), having(TWO, ONE)) == []
    assert added_containers(having(ONE), having(TWO, ONE)) == (TWO,)


def test_a_container_that_is_there_stays_as_it_is() -> None:
    """It can neither go nor become another."""
    assert faults(having(ONE, TWO), having(ONE)) == [("spec.ephemeralContainers", FORBIDDEN)]
    other = replace(ONE, image="debian")
    assert faults(having(TWO, ONE), having(TWO, other)) == [("spec.ephemeralContainers[1]", FORBIDDEN)]


def test_a_name_is_that_of_one_container() -> None:
    """Of whatever sort."""
    for name in ("web", "setup", "one"):
        same = replace(TWO, name=name)
        assert faults(having(), having(ONE, same)) == [("spec.ephemeralContainers[1].name", DUPLICATE)]


@pytest.mark.parametrize(
    ("field", "wire", "value"),
    [
        ("ports", "ports", (ContainerPort(container_port=80),)),
        ("resources", "resources", ResourceRequirements(requests={"cpu": "1"})),
        ("restart_policy", "restartPolicy", "Always"),
        ("liveness_probe", "livenessProbe", PROBE),
        ("readiness_probe", "readinessProbe", PROBE),
        ("startup_probe", "startupProbe", PROBE),
        ("lifecycle", "lifecycle", Lifecycle(stop_signal="SIGTERM")),
    ],
)
def test_it_has_nothing_that_only_the_pods_own_have(field: str, wire: str, value: Any) -> None:
    """Ports, probes, resources, hooks."""
    assert faults(having(), having(replace(ONE, **{field: value}))) == [
        (f"spec.ephemeralContainers[0].{wire}", FORBIDDEN)
    ]


def test_it_mounts_whole_volumes() -> None:
    """No part of one."""
    mounts = (VolumeMount(name="data", mount_path="/a"), VolumeMount(name="data", mount_path="/b", sub_path="x"))
    found = faults(having(), having(replace(ONE, volume_mounts=mounts)))
    assert found == [("spec.ephemeralContainers[0].volumeMounts[1].subPath", FORBIDDEN)]


def test_it_sees_the_processes_of_a_container_of_the_pod() -> None:
    """Of one that looks on itself it does not."""
    assert faults(having(), having(replace(ONE, target_container_name="setup"))) == []
    (found,) = faults(having(ONE), having(ONE, replace(TWO, target_container_name="one")))
    assert found[0] == "spec.ephemeralContainers[1].targetContainerName"


def test_a_static_pod_cannot_be_looked_into() -> None:
    """Nobody here has one; the rule is Kubernetes'."""
    mark = {"kubernetes.io/config.mirror": "a"}
    assert faults(having(annotations=mark), having(ONE, annotations=mark)) == [("spec.ephemeralContainers", FORBIDDEN)]
    assert faults(having(annotations=mark), having(annotations=mark)) == []


@pytest.mark.parametrize(("own", "fields"), [(False, []), (True, ["spec.ephemeralContainers"])])
def test_it_is_of_the_host_itself_where_the_pod_is(own: bool, fields: list[str]) -> None:
    """Containers of the host itself stand alone in a Pod."""
    context = SecurityContext(windows_options=WindowsSecurityContextOptions(host_process=own))
    assert [field for field, _ in faults(POD, having(replace(ONE, security_context=context)))] == fields
