"""What one object counts for a quota, and until when a Pod does."""

from typing import Any

import pytest

from reconciler.model.kinds import ResourceQuotaSpec
from reconciler.model.podresources import plus, requests_of
from reconciler.planner.admission.scopes import is_in_scope
from reconciler.planner.admission.usage import (
    compute_usage,
    is_at_an_end,
    listed,
    overdue_at,
    unspecified,
    usage_of,
)
from tests.planner.reading import read

CLAIM = "accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}"
CLASS = "storageclass.storage.k8s.io"


def counted(object: Any, storage_class: str = "") -> str:
    """Return what an object counts, in one line."""
    return listed(usage_of(object, storage_class))


PLAIN_CLAIM = "count/persistentvolumeclaims=1,persistentvolumeclaims=1,requests.storage=2Gi"


def named_claim(name: str) -> str:
    """Return what a claim of a class counts."""
    of_class = f"{name}.{CLASS}/persistentvolumeclaims=1,{name}.{CLASS}/requests.storage=2Gi"
    return ",".join(sorted([*PLAIN_CLAIM.split(","), *of_class.split(",")]))


PORTS = "ports: [{port: 1}, {port: 2}]"
OBJECTS = {
    "a ConfigMap": (read("ConfigMap"), "", "configmaps=1,count/configmaps=1"),
    "a ServiceAccount": (read("ServiceAccount"), "", "count/serviceaccounts=1"),
    "a Service": (read("Service", spec=PORTS), "", "count/services=1,services=1"),
    "a Service on the nodes": (
        read("Service", spec=f"type: NodePort, {PORTS}"),
        "",
        "count/services=1,services=1,services.nodeports=2",
    ),
    "a load balancer": (
        read("Service", spec=f"type: LoadBalancer, {PORTS}"),
        "",
        "count/services=1,services=1,services.loadbalancers=1,services.nodeports=2",
    ),
    "a load balancer without ports on the nodes": (
        read(
            "Service",
            spec="type: LoadBalancer, allocateLoadBalancerNodePorts: false, "
            "ports: [{port: 1, nodePort: 30001}, {port: 2}]",
        ),
        "",
        "count/services=1,services=1,services.loadbalancers=1,services.nodeports=1",
    ),
    "a claim": (read("PersistentVolumeClaim", spec=CLAIM), "", PLAIN_CLAIM),
    "a claim of the default class": (read("PersistentVolumeClaim", spec=CLAIM), "usual", named_claim("usual")),
    "a claim of a class": (
        read("PersistentVolumeClaim", spec=f"storageClassName: own, {CLAIM}"),
        "usual",
        named_claim("own"),
    ),
    "a claim of no class": (read("PersistentVolumeClaim", spec=f"storageClassName: '', {CLAIM}"), "usual", PLAIN_CLAIM),
    "a claim of no size": (
        *(read("PersistentVolumeClaim", spec="accessModes: [ReadWriteOnce], resources: {}"), "usual"),
        f"count/persistentvolumeclaims=1,persistentvolumeclaims=1,usual.{CLASS}/persistentvolumeclaims=1",
    ),
}


@pytest.mark.parametrize("case", OBJECTS)
def test_an_object_counts_under_all_its_names(case: str) -> None:
    """As objects, by ports, by size and class."""
    object, storage_class, expected = OBJECTS[case]
    assert counted(object, storage_class) == expected


def spec_of(containers: str, inits: str = "", rest: str = "") -> Any:
    """Return the spec of a Pod."""
    return read("Pod", spec=f"containers: [{containers}], initContainers: [{inits}], {rest}").spec


def container(requests: str, limits: str = "", name: str = "c", rest: str = "") -> str:
    """Return a container."""
    return f"{{name: {name}, image: i, resources: {{requests: {{{requests}}}, limits: {{{limits}}}}}, {rest}}}"


SIDECAR = "restartPolicy: Always"


@pytest.mark.parametrize(
    ("containers", "inits", "cpu"),
    [
        (["cpu: 1", "cpu: 2"], [], "3"),
        (["cpu: 1"], [("cpu: 2", "")], "2"),
        (["cpu: 3"], [("cpu: 2", "")], "3"),
        (["cpu: 1"], [("cpu: 2", SIDECAR)], "3"),
        (["cpu: 1"], [("cpu: 2", SIDECAR), ("cpu: 4", "")], "6"),
        (["cpu: 1"], [("cpu: 4", ""), ("cpu: 2", SIDECAR)], "4"),
        (["cpu: 5"], [("cpu: 4", ""), ("cpu: 2", SIDECAR), ("cpu: 1", "")], "7"),
        ([""], [("cpu: 2", ""), ("cpu: 1", "")], "2"),
    ],
)
def test_a_pod_asks_for_the_most_that_it_needs_at_once(
    containers: list[str], inits: list[tuple[str, str]], cpu: str
) -> None:
    """All containers and sidecars, or a first step beside the sidecars that began before it."""
    steps = [container(one, name=f"i{n}", rest=rest) for n, (one, rest) in enumerate(inits)]
    apps = [container(one, name=f"c{n}") for n, one in enumerate(containers)]
    assert listed(requests_of(spec_of(", ".join(apps), ", ".join(steps)))) == f"cpu={cpu}"


def test_a_pod_counts_by_requests_and_limits() -> None:
    """A limit alone is a request; what is not compute counts by requests alone."""
    spec = spec_of(
        container(
            "cpu: 1, ephemeral-storage: 1Gi, hugepages-2Mi: 4Mi, example.com/gpu: 1",
            "memory: 1Gi, cpu: 2, hugepages-2Mi: 4Mi, example.com/gpu: 1",
        )
    )
    assert listed(compute_usage(spec)) == (
        "cpu=1,ephemeral-storage=1Gi,hugepages-2Mi=4194304,limits.cpu=2,limits.memory=1Gi,memory=1Gi,pods=1,"
        "requests.cpu=1,requests.ephemeral-storage=1Gi,requests.example.com/gpu=1,requests.hugepages-2Mi=4194304,"
        "requests.memory=1Gi"
    )


def test_who_does_not_say_how_much_is_named() -> None:
    """First steps too, in the order of names."""
    spec = spec_of(
        f"{container('cpu: 1', name='b')}, {container('', name='a')}", container("", "memory: 1Gi", name="first")
    )
    assert unspecified(spec, ["cpu", "limits.memory", "memory"]) == {
        "cpu": ["a", "first"],
        "limits.memory": ["a", "b"],
        "memory": ["a", "b"],
    }


def test_amounts_are_added_and_taken_away() -> None:
    """By name."""
    one, other = usage_of(read("ConfigMap")), usage_of(read("Secret"))
    both = plus(one, other)
    assert listed(both) == "configmaps=1,count/configmaps=1,count/secrets=1,secrets=1"
    assert plus(plus(both, one), one, -1) == both


def ending(phase: str = "Running", grace: str = "deletionGracePeriodSeconds: 30") -> Any:
    """Return a Pod that was told to end at 1,000,000,000 s."""
    marks = f"deletionTimestamp: '2001-09-09T01:46:40Z', {grace}"
    return read("Pod", metadata=marks, spec="containers: [{name: c, image: i}]", status=f"phase: {phase}")


def test_a_pod_counts_until_twice_its_time_to_end() -> None:
    """Who has ended counts as an object alone."""
    at = 1_000_000_000.0
    assert overdue_at(ending()) == at + 60
    assert [is_at_an_end(ending(), at + after) for after in (0, 59, 60, 60.001)] == [False, False, False, True]
    assert overdue_at(ending(grace="")) is None
    assert not is_at_an_end(ending(grace=""), at + 1000)
    running = read("Pod", metadata="deletionGracePeriodSeconds: 30", spec="containers: [{name: c, image: i}]")
    assert overdue_at(running) is None
    assert is_at_an_end(ending("Succeeded"), at)
    assert is_at_an_end(ending("Failed"), at)


TERM = "{labelSelector: {}, topologyKey: k, WHERE}"
RULES = {
    "required": "requiredDuringSchedulingIgnoredDuringExecution: [TERM]",
    "preferred": "preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: TERM}]",
}


@pytest.mark.parametrize("kind", ["podAffinity", "podAntiAffinity"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("where", "holds"),
    [("", False), ("namespaces: [a]", True), ("namespaceSelector: {}", True), ("namespaces: []", False)],
)
def test_pods_that_look_at_other_namespaces_are_in_a_scope(kind: str, rule: str, where: str, holds: bool) -> None:
    """However they say so; one such term is enough."""
    quota = ResourceQuotaSpec(hard={}, scopes=("CrossNamespacePodAffinity",))
    terms = RULES[rule].replace("TERM", TERM.replace("WHERE", where))
    spec = f"containers: [{{name: c, image: i}}], affinity: {{{kind}: {{{terms}}}}}"
    assert is_in_scope(quota, read("Pod", spec=spec)) == holds


SCOPES = {
    "Terminating": ("activeDeadlineSeconds: 5", "hostname: h"),
    "NotTerminating": ("hostname: h", "activeDeadlineSeconds: 5"),
    "BestEffort": ("containers: [{name: c, image: i}]", f"containers: [{container('cpu: 1')}]"),
    "NotBestEffort": (f"containers: [{container('cpu: 1')}]", "containers: [{name: c, image: i}]"),
    "PriorityClass": ("priorityClassName: high", "priorityClassName: ''"),
}


@pytest.mark.parametrize("scope", SCOPES)
def test_a_scope_is_of_pods_alone(scope: str) -> None:
    """And all scopes of a quota have to hold."""
    inside, outside = (
        f"{text}, containers: [{{name: c, image: i}}]" if "containers" not in text else text for text in SCOPES[scope]
    )
    quota = ResourceQuotaSpec(hard={}, scopes=(scope,))  # type: ignore[arg-type]
    assert is_in_scope(quota, read("Pod", spec=inside))
    assert not is_in_scope(quota, read("Pod", spec=outside))
    assert not is_in_scope(quota, read("ConfigMap"))
    unknown = ResourceQuotaSpec(hard={}, scopes=("VolumeAttributesClass",))
    assert not is_in_scope(unknown, read("Pod", spec=inside))
    both = ResourceQuotaSpec(hard={}, scopes=(scope, "CrossNamespacePodAffinity"))  # type: ignore[arg-type]
    assert not is_in_scope(both, read("Pod", spec=inside))
    assert is_in_scope(ResourceQuotaSpec(hard={}), read("ConfigMap"))
