"""Every installed kubectl against the API: explain, validation, describe of every kind, events, nodes, components.

The commands run for real; what they print is judged as a person would who reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from api_double import Api
from kubectl import INSTALLED, Kubectl, Ran, kubectl_for
from populated import of_kind

from reconciler.model.kinds import KINDS
from reconciler.schema.examples import EXAMPLES

pytestmark = pytest.mark.skipif(not INSTALLED, reason="no kubectl of a known version on this machine")

SERVED = {kind: spec for kind, spec in KINDS.items() if spec.served}
NEWEST = INSTALLED[-1] if INSTALLED else ""
# One of each way in which kubectl asks: see the first form of discovery, of schemas, of typed requests.
ACROSS = tuple(version for version in ("1.27", "1.28", "1.30", "1.32", "1.33") if version in INSTALLED)


@pytest.fixture(scope="module")
def kubectl(full_api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """Every kubectl, for that API."""
    with kubectl_for(full_api.path, tmp_path_factory.mktemp("kubectl")) as one:
        yield one


def good(ran: Ran) -> str:
    """Return what a command printed; it must have succeeded without a word of error."""
    assert ran.code == 0, ran.errors
    assert ran.errors == ""
    return ran.out


@pytest.mark.parametrize("version", INSTALLED)
def test_explain_follows_paths_of_fields(kubectl: Kubectl, version: str) -> None:
    """Types, our words, requirements and enumerations, by plural, singular or short name."""
    told = good(kubectl(version, "explain", "pods.spec.containers"))
    assert "FIELD: containers <[]Container>" in told or "RESOURCE: containers <[]Object>" in told
    assert "Image to run, with a tag or digest." in told
    assert "<string> -required-" in told
    assert "How many Pods" in good(kubectl(version, "explain", "deploy.spec.strategy.rollingUpdate.maxSurge"))
    missing = kubectl(version, "explain", "pod.spec.bogus")
    assert missing.code != 0
    assert "bogus" in missing.errors


@pytest.mark.parametrize("kind", sorted(SERVED))
def test_explain_knows_every_kind_to_its_leaves(kubectl: Kubectl, kind: str) -> None:
    """`explain --recursive` ends and shows status fields, which are served as well."""
    spec = KINDS[kind]
    words = [spec.plural, f"--api-version={spec.api_version}", "--recursive"]
    told = good(kubectl(NEWEST, "explain", *words))
    assert f"KIND:       {kind}" in told
    assert "metadata\t<ObjectMeta>" in told
    assert "creationTimestamp\t<string>" in told


@pytest.mark.parametrize("version", INSTALLED)
def test_manifests_are_validated_before_they_are_sent(kubectl: Kubectl, version: str) -> None:
    """A typo and a wrong type are named with their places; nothing is asked of the server."""
    wrong = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {**EXAMPLES["Deployment"]["spec"], "bogus": 1, "replicas": "three"},
    }
    for command in ("apply", "create"):
        ran = kubectl(version, command, "--dry-run=client", "-f", "-", given=yaml.safe_dump(wrong))
        assert ran.code == 1
        assert 'unknown field "bogus"' in ran.errors
        assert "replicas" in ran.errors


def _declarable() -> list[dict[str, Any]]:
    return [EXAMPLES[kind] for kind, spec in SERVED.items() if spec.declarable and kind in EXAMPLES]


@pytest.mark.parametrize("version", ACROSS)
def test_every_example_passes_that_validation(kubectl: Kubectl, version: str) -> None:
    """What we accept from Git is what the schemas say."""
    ran = kubectl(version, "create", "--dry-run=client", "-f", "-", given=yaml.safe_dump_all(_declarable()))
    assert len(good(ran).splitlines()) == len(_declarable())


@pytest.mark.parametrize("version", ACROSS)
def test_describe_tells_every_object_with_its_events(full_api: Api, kubectl: Kubectl, version: str) -> None:
    """No kind that we serve breaks `describe`, and each shows what happened to it."""
    # Each object costs kubectl a fifth of a second: its own limit for requests.
    kinds_asked = SERVED if version == NEWEST else ("Pod", "Deployment", "Service", "PersistentVolumeClaim")
    objects = {kind: of_kind(full_api, kind) for kind in kinds_asked if kind != "Event"}
    kinds = [SERVED[kind] for kind, found in objects.items() if found]
    told = good(
        kubectl(version, "describe", ",".join(f"{one.plural}.{one.version}.{one.group}" for one in kinds), "-A")
    )
    for kind, found in objects.items():
        assert all(object.metadata.name in told for object in found), kind
        assert not found or kind in _WITHOUT_EVENTS or f"{kind} was seen" in told, kind


# kubectl itself shows no events for these.
_WITHOUT_EVENTS = frozenset(
    {"ClusterRole", "ClusterRoleBinding", "LimitRange", "Namespace", "PriorityClass", "ResourceQuota"}
    | {"Role", "RoleBinding", "Secret"}
)


@pytest.mark.parametrize("version", ACROSS)
def test_describe_of_a_node_is_complete(kubectl: Kubectl, version: str) -> None:
    """Lease, heartbeat, versions and the room that Pods take."""
    told = good(kubectl(version, "describe", "node", "node-1"))
    for words in (
        "HolderIdentity:  node-1",
        "Container Runtime Version:  docker://20.10.24",
        "Kubelet Version:            v1.33.0",
        "Kernel Version:             6.1.0",
        "Non-terminated Pods:          (3 in total)",
        "ephemeral-storage:  256Gi",
    ):
        assert words in told
    heartbeat = next(line for line in told.splitlines() if line.startswith("  Ready "))
    assert "0001" not in heartbeat


@pytest.mark.parametrize("version", ACROSS)
def test_events_are_listed_in_both_ways(kubectl: Kubectl, version: str) -> None:
    """`get events -o wide` and `events` show reason, object, source and message."""
    wide = good(kubectl(version, "get", "events", "-A", "-o", "wide", "--field-selector=involvedObject.kind=Pod"))
    assert "Pod was seen" in wide
    assert "pod/web" in wide
    assert "Pod was seen" in good(kubectl(version, "events", "--for=pod/web"))


@pytest.mark.parametrize("version", ACROSS)
def test_nodes_fill_every_wide_column(kubectl: Kubectl, version: str) -> None:
    """Nothing is unknown of a node that reports."""
    head, row = good(kubectl(version, "get", "nodes", "-o", "wide")).splitlines()
    for column in ("VERSION", "INTERNAL-IP", "OS-IMAGE", "KERNEL-VERSION", "CONTAINER-RUNTIME"):
        assert column in head
    assert "<unknown>" not in row
    for text in ("v1.33.0", "10.0.0.1", "Debian GNU/Linux 12 (bookworm)", "6.1.0", "docker://20.10.24"):
        assert text in row


@pytest.mark.parametrize("version", INSTALLED)
def test_what_there_is_is_listed(kubectl: Kubectl, version: str) -> None:
    """Version, resources, versions, components and readiness, for every way of asking."""
    # The versions before 1.29 warn of themselves.
    assert "v1.33.0+reconciler" in kubectl(version, "version").out
    resources = good(kubectl(version, "api-resources")).splitlines()
    for spec in SERVED.values():
        row = next(line.split() for line in resources if line.split()[0] == spec.plural and spec.kind in line)
        assert row[-3:] == [spec.api_version, str(spec.namespaced).lower(), spec.kind]
    assert "apps/v1" in good(kubectl(version, "api-versions")).splitlines()
    components = kubectl(version, "get", "cs")
    assert components.code == 0
    assert "scheduler" in components.out
    assert "readyz check passed" in good(kubectl(version, "get", "--raw=/readyz?verbose"))
    assert "is running at" in good(kubectl(version, "cluster-info"))


def test_get_all_finds_the_category(kubectl: Kubectl) -> None:
    """Only workloads and Services are of it, as upstream."""
    told = good(kubectl(NEWEST, "get", "all", "-o", "name"))
    kinds = {line.partition("/")[0] for line in told.splitlines()}
    assert {"pod", "service", "deployment.apps", "replicaset.apps", "job.batch"} <= kinds
    assert not kinds & {"configmap", "secret", "event"}
