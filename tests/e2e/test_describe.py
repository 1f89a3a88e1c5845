"""`kubectl describe` and its like on a real host: what a person reads when something has to be found out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.kubectl import Kubectl, found
from tests.e2e.manifests import web
from tests.e2e.stage import Stage, container, manifest, pod, stage
from tests.e2e.test_kubectl import kubeconfig

pytestmark = pytest.mark.real

PROGRAMS = found()
# Typed requests of the newest ask for protocol buffers first, discovery of the oldest for a form of its own.
ENDS = sorted({*sorted(PROGRAMS)[:1], *sorted(PROGRAMS)[-1:]})


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Stage]:
    """A host that runs a Deployment behind a Service, and a Pod with an init container."""
    with stage(tmp_path_factory.mktemp("describe")) as one:
        first = container("first", "echo ready")
        peer = {"namespaceSelector": {"matchLabels": {"team": "blue"}}}
        rule = {"from": [peer, {"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"port": 8080, "endPort": 8090}]}
        spec = {"podSelector": {"matchLabels": {"app": "nobody"}}, "ingress": [rule]}
        policy = manifest("NetworkPolicy", "closed", "networking.k8s.io/v1", spec=spec)
        one.put(web=web(), policy=policy, once=pod("staged", container("app"), initContainers=[first]))
        one.host.settle()
        yield one


@pytest.fixture(scope="module", params=ENDS or [pytest.param("none", marks=pytest.mark.skip)])
def kubectl(request: pytest.FixtureRequest, cluster: Stage, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """The oldest and the newest kubectl that are here."""
    config: Path = kubeconfig(cluster.host, tmp_path_factory.mktemp("config") / "admin")
    return Kubectl(PROGRAMS[request.param], config, tmp_path_factory.mktemp("cache"))


def test_a_node_is_described_completely(kubectl: Kubectl) -> None:
    """Lease, heartbeat, room, versions, Pods; in the wide table nothing is unknown."""
    head, row = kubectl.out("get", "nodes", "-o", "wide").splitlines()
    assert "CONTAINER-RUNTIME" in head
    assert "docker://" in row
    assert "v1.33.0+reconciler" in row
    assert "<unknown>" not in row
    told = kubectl.out("describe", "nodes")
    for line in ("HolderIdentity:", "RenewTime:", "ephemeral-storage:", "Kubelet Version:", "Boot ID:", "staged"):
        assert line in told, line
    assert "0001" not in next(line for line in told.splitlines() if line.startswith("  Ready "))
    assert "Container Runtime Version:  docker://" in told


def test_pods_tell_containers_conditions_and_events(kubectl: Kubectl) -> None:
    """Events name the container that they are about, and the node that tells them."""
    told = kubectl.out("describe", "pod", "staged")
    for line in ("Init Containers:", "Container ID:  docker://", "Started", "PodScheduled", "Events:"):
        assert line in told, line
    wide = kubectl.out("get", "events", "-o", "wide", "--field-selector=involvedObject.name=staged")
    assert "spec.initContainers{first}" in wide
    assert "spec.containers{app}" in wide
    assert "Started" in kubectl.out("events", "--for=pod/staged")


def test_workloads_and_services_are_described(kubectl: Kubectl) -> None:
    """Strategy, ReplicaSets, endpoints."""
    told = kubectl.out("describe", "deployment", "web")
    assert "StrategyType:           RollingUpdate" in told
    assert "2 available" in told
    assert "10.42." in kubectl.out("describe", "service", "web")
    assert "2 Running" in kubectl.out("describe", "replicaset")


def test_network_policies_are_listed_and_described(kubectl: Kubectl) -> None:
    """By their short name; with the direction that the manifest left out, and their rules."""
    head, row = kubectl.out("get", "netpol").splitlines()
    assert head.split() == ["NAME", "POD-SELECTOR", "AGE"]
    assert row.split()[:2] == ["closed", "app=nobody"]
    told = kubectl.out("describe", "networkpolicy", "closed")
    for line in ("NamespaceSelector: team=blue", "CIDR: 192.0.2.0/24", "8080", "Policy Types: Ingress"):
        assert line in told, told
    assert kubectl.out("get", "netpol", "closed", "-o", "jsonpath={.spec.policyTypes}") == '["Ingress"]'
    assert "ipBlock" in kubectl.out("explain", "networkpolicy.spec.ingress.from")


def test_the_parts_of_the_control_plane_are_healthy(kubectl: Kubectl) -> None:
    """As components, and as readiness."""
    told = kubectl.out("get", "componentstatuses")
    for name in ("agent", "controller-manager", "scheduler", "store"):
        assert next(line for line in told.splitlines() if line.startswith(name))
    assert "[+]store ok" in kubectl.out("get", "--raw=/readyz?verbose")
    assert "FIELDS" in kubectl.out("explain", "node.status.nodeInfo")
