"""What may become of a claim and of what a Pod asks for: each rule of upstream at both of its sides."""

from typing import Any

import pytest

from reconciler.planner.storage.classes import allows, default_class
from reconciler.planner.updates.pod import ends_with_its_image
from reconciler.planner.updates.resize import changed_resources, needs_restart, resize_faults
from reconciler.planner.updates.storage import claim_faults, volume_faults
from tests.planner.reading import read

SIZE = "spec.resources.requests.storage"


def claim(size: str, has: str = "", phase: str = "Bound", more: str = "") -> Any:
    """Return a claim."""
    capacity = f", capacity: {{storage: {has}}}" if has else ""
    spec = f"accessModes: [ReadWriteOnce], volumeName: v, resources: {{requests: {{storage: {size}}}}}, {more}"
    return read("PersistentVolumeClaim", spec=spec, status=f"phase: {phase}{capacity}")


@pytest.mark.parametrize(
    ("before", "after", "has", "fields"),
    [
        ("2Gi", "2Gi", "2Gi", []),
        ("2Gi", "2048Mi", "2Gi", []),
        ("2Gi", "3Gi", "2Gi", []),
        ("3Gi", "2Gi", "1Gi", []),
        ("3Gi", "2Gi", "2Gi", [SIZE]),
        ("3Gi", "1Gi", "2Gi", [SIZE]),
    ],
)
def test_a_claim_grows_and_takes_back_what_it_did_not_get(before: str, after: str, has: str, fields: list[str]) -> None:
    """To more than its volume has."""
    assert [one.field for one in claim_faults(claim(before, has), claim(after, has))] == fields


def volume(spec: str) -> Any:
    """Return a volume."""
    return read("PersistentVolume", spec=f"accessModes: [ReadWriteOnce], capacity: {{storage: 1Gi}}, {spec}")


def near(*expressions: str) -> str:
    """Return the affinity of a volume."""
    return f"nodeAffinity: {{required: {{nodeSelectorTerms: [{{matchExpressions: [{', '.join(expressions)}]}}]}}}}"


def label(key: str, value: str = "a") -> str:
    """Return a condition of an affinity."""
    return f"{{key: {key}, operator: In, values: [{value}]}}"


OLD, NEW = "failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        ("", near(label(NEW)), []),
        (near(label(OLD)), near(label(NEW)), []),
        (near(label(OLD)), near(label(NEW, "b")), ["spec.nodeAffinity"]),
        (near(label(NEW)), near(label(OLD)), ["spec.nodeAffinity"]),
        (near(label(OLD)), near(label(NEW), label("x")), ["spec.nodeAffinity"]),
        (near(label(OLD)), "", ["spec.nodeAffinity"]),
        (near(label("x")), near(label("x")), []),
        (near(label(OLD), label("x")), near(label(NEW), label("x")), []),
        (near(label(OLD), label("x")), near(label(NEW), label("y")), ["spec.nodeAffinity"]),
    ],
)
def test_where_a_volume_is_stays_but_for_the_name_of_a_label(before: str, after: str, fields: list[str]) -> None:
    """Once it is said; labels that Kubernetes has renamed may be written anew."""
    assert [one.field for one in volume_faults(volume(before), volume(after))] == fields


def pod(
    cpu: str = "1", image: str = "i", policy: str = "Never", own: str = "", resize: str = "", node: str = "n"
) -> Any:
    """Return a Pod of two containers."""
    resources = f"resources: {{requests: {{cpu: {cpu}}}}}"
    first = f"{{name: a, image: {image}, {resources}, resizePolicy: [{resize}], {own}}}"
    spec = f"nodeName: '{node}', restartPolicy: {policy}, containers: [{{name: b, image: x}}, {first}]"
    return read("Pod", spec=spec.replace(", }", "}"))


ANEW = "{resourceName: cpu, restartPolicy: RestartContainer}"
MEMORY = "{resourceName: memory, restartPolicy: RestartContainer}"


@pytest.mark.parametrize(
    ("more", "cpu", "restarts"),
    [
        ({"resize": ANEW}, "2", True),
        ({"resize": ANEW}, "1", False),
        ({"resize": MEMORY}, "2", False),
        ({}, "2", False),
        ({"resize": ANEW, "policy": "Always"}, "2", False),
        ({"resize": ANEW, "own": "restartPolicy: Always"}, "2", False),
        ({"resize": ANEW, "policy": "Always", "own": "restartPolicy: Never"}, "2", True),
        ({"resize": ANEW, "node": ""}, "2", False),
    ],
)
def test_a_resize_that_would_end_a_container_for_good(more: dict[str, str], cpu: str, restarts: bool) -> None:
    """One that is started anew for it, by a Pod that starts nothing again."""
    assert needs_restart(pod(**more), pod(cpu, **more)) is restarts


@pytest.mark.parametrize(
    ("more", "image", "ends"),
    [
        ({}, "j", True),
        ({}, "i", False),
        ({"policy": "Always"}, "j", False),
        ({"policy": "OnFailure"}, "j", True),
        ({"own": "restartPolicy: Always"}, "j", False),
        ({"node": ""}, "j", False),
    ],
)
def test_an_image_that_would_end_a_container_for_good(more: dict[str, str], image: str, ends: bool) -> None:
    """Of a Pod that has its node."""
    assert ends_with_its_image(pod(**more), pod(image=image, **more)) is ends


def storage_class(terms: str = "", default: str = "", name: str = "c", since: str = "") -> Any:
    """Return a storage class."""
    marks = f"annotations: {{storageclass.kubernetes.io/is-default-class: '{default}'}}, creationTimestamp: '{since}'"
    return read("StorageClass", name=name, metadata=marks, rest=f"provisioner: p\nallowedTopologies: [{terms}]")


def term(*labels: str) -> str:
    """Return a term of allowed topologies: `key=value`."""
    parts = (f"{{key: {one.replace('=', ', values: [')}]}}" for one in labels)
    return f"{{matchLabelExpressions: [{', '.join(parts)}]}}"


@pytest.mark.parametrize(
    ("terms", "allowed"),
    [
        ("", True),
        (term("zone=a"), True),
        (term("zone=b"), False),
        (f"{term('zone=b')}, {term('zone=a')}", True),
        (term("zone=a", "rack=r1"), True),
        (term("zone=a", "rack=r2"), False),
        ("{matchLabelExpressions: []}", False),
    ],
)
def test_where_a_class_makes_volumes(terms: str, allowed: bool) -> None:
    """Where one of its terms holds as a whole."""
    node = read("Node", metadata="labels: {zone: a, rack: r1}")
    assert allows(storage_class(terms), node) is allowed


def test_the_default_class_is_the_newest_that_is_marked() -> None:
    """Of one age the first by name."""
    early, late = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
    old, new = storage_class("", "true", "b", early), storage_class("", "true", "c", late)
    assert default_class([old, new, storage_class("", "false", "d", "2026-03-01T00:00:00Z")]) == "c"
    assert default_class([old, storage_class("", "true", "a", early)]) == "a"
    assert default_class([storage_class()]) == default_class([]) == ""


@pytest.mark.parametrize(
    ("statuses", "faults"),
    [
        ("", []),
        ("containerStatuses: [{name: a, state: {running: {}}, resources: {}}]", []),
        ("containerStatuses: [{name: a, state: {running: {}}}]", ["spec"]),
        ("containerStatuses: [{name: a, state: {waiting: {}}}]", []),
        ("initContainerStatuses: [{name: i, state: {terminated: {exitCode: 0}}}]", []),
        ("initContainerStatuses: [{name: i, state: {running: {}}}]", ["spec"]),
    ],
)
def test_a_container_is_resized_where_its_node_tells_what_it_may_use(statuses: str, faults: list[str]) -> None:
    """One that does not run has yet to be given anything."""
    old, new = (
        read(
            "Pod",
            spec=f"containers: [{{name: a, image: a, resources: {{requests: {{cpu: {cpu}}}}}}}]",
            status=f"phase: Running, {statuses}",
        )
        for cpu in ("100m", "200m")
    )
    assert [one.field for one in resize_faults(old, new)] == faults


def asking(cpu: str, policy: str = "", restart: str = "", limit: str = "", more: str = "") -> Any:
    """Return a Pod whose init container asks for so much, and a container that never changes."""
    policies = f"resizePolicy: [{{resourceName: cpu, restartPolicy: {policy}}}], " if policy else ""
    restarts = f"restartPolicy: {restart}, " if restart else ""
    limits = f", limits: {{cpu: {limit}}}" if limit else ""
    init = f"{{name: i, image: i, {policies}{restarts}resources: {{requests: {{cpu: {cpu}}}{limits}}}}}"
    held = "{name: a, image: a, resources: {requests: {cpu: 1m}}}"
    return read("Pod", spec=f"initContainers: [{init}], containers: [{held}], {more}")


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        (asking("1", "RestartContainer"), asking("2", "RestartContainer"), ["spec.initContainers[0]"]),
        (asking("1", "RestartContainer", "Always"), asking("2", "RestartContainer", "Always"), []),
        (asking("1", "NotRequired"), asking("2", "NotRequired"), []),
        (asking("1", "RestartContainer"), asking("1", "RestartContainer"), []),
        (asking("1", limit="4"), asking("4", limit="4"), []),
        (asking("1", limit="4"), asking("5", limit="4"), ["spec.initContainers[0].resources.requests.cpu"]),
        (asking("1", more="os: {name: linux}"), asking("2", more="os: {name: linux}"), []),
        (asking("1", more="os: {name: windows}"), asking("2", more="os: {name: windows}"), ["spec"]),
    ],
)
def test_what_a_container_may_be_resized_to(before: Any, after: Any, fields: list[str]) -> None:
    """An init container that ends is not started anew; no request exceeds its limit; nothing is resized on Windows."""
    assert sorted({one.field for one in resize_faults(before, after)}) == fields


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("requests: {cpu: 1}", "requests: {cpu: 1000m}", False),
        ("requests: {cpu: 1}", "requests: {cpu: 2}", True),
        ("requests: {cpu: 1}", "requests: {cpu: 1}, limits: {cpu: 1}", True),
        ("requests: {cpu: 1}", "requests: {cpu: 1, ephemeral-storage: 1Gi}", False),
        ("", "requests: {memory: 1Gi}", True),
    ],
)
def test_whether_amounts_differ(before: str, after: str, changed: bool) -> None:
    """Of CPU and memory, whatever they are called; of containers, of those that come first, and of the whole Pod."""

    def pods(where: str) -> tuple[Any, ...]:
        return tuple(read("Pod", spec=where.replace("GIVEN", f"resources: {{{one}}}")) for one in (before, after))

    still = "containers: [{name: b, image: b}]"
    for where in (
        "containers: [{name: b, image: b}, {name: a, image: a, GIVEN}]",
        f"initContainers: [{{name: a, image: a, GIVEN}}], {still}",
        f"GIVEN, {still}",
    ):
        assert changed_resources(*pods(where)) is changed
