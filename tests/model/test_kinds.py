"""The types of kinds: names on the wire, defaults, registry."""

import msgspec
import pytest

from reconciler.model.base import to_builtins, wire_name
from reconciler.model.kinds import (
    KINDS,
    Container,
    Deployment,
    ObjectMeta,
    Pod,
    PodSpec,
    Probe,
    Secret,
    Service,
    decode_object,
    kind_named,
    kind_of,
    name_with_kind,
    ref_of,
)
from reconciler.model.refs import ObjectRef
from tests.model.manifests import manifests

WIRE_NAMES = {
    "host_pid": "hostPID",
    "host_ipc": "hostIPC",
    "pod_ip": "podIP",
    "pod_ips": "podIPs",
    "cluster_ips": "clusterIPs",
    "container_id": "containerID",
    "image_id": "imageID",
    "set_hostname_as_fqdn": "setHostnameAsFQDN",
    "non_resource_urls": "nonResourceURLs",
    "pod_cidr": "podCIDR",
    "provider_id": "providerID",
    "boot_id": "bootID",
    "machine_id": "machineID",
    "system_uuid": "systemUUID",
    "external_ips": "externalIPs",
    "uid": "uid",
    "fs_group": "fsGroup",
}


@pytest.mark.parametrize(("field", "wire"), WIRE_NAMES.items())
def test_names_on_the_wire_are_those_of_kubernetes(field: str, wire: str) -> None:
    """Acronyms are written as Kubernetes writes them."""
    assert wire_name(field) == wire


def test_every_kind_is_named_in_every_way() -> None:
    """Kind, plural, singular and short names find the same row, in any case; no word is taken twice."""
    for spec in KINDS.values():
        for word in (spec.kind, spec.plural, spec.singular, *spec.short_names):
            assert kind_named(word.upper()) is spec
        assert kind_of(spec.api_version, spec.kind) is spec
        assert kind_of("nope/v1", spec.kind) is None
        assert spec.type.kind == spec.kind
    words = [word for spec in KINDS.values() for word in {spec.plural, spec.singular, *spec.short_names}]
    assert len(words) == len(set(words))


def test_the_order_of_kinds_is_that_of_applying() -> None:
    """Namespaces come first, then configuration, storage, workloads, services; no two share a place."""
    orders = [spec.order for spec in KINDS.values()]
    assert len(set(orders)) == len(orders)
    names = ["Namespace", "ConfigMap", "PersistentVolumeClaim", "Deployment", "Service"]
    assert [KINDS[name].order for name in names] == sorted(KINDS[name].order for name in names)


def test_defaults_are_those_of_the_kubernetes_api() -> None:
    """A field that is left out has the value that Kubernetes would give it."""
    spec = PodSpec(containers=(Container(name="a", image="b"),))
    assert (spec.restart_policy, spec.termination_grace_period_seconds, spec.dns_policy) == (
        "Always",
        30,
        "ClusterFirst",
    )
    probe = Probe()
    assert (probe.timeout_seconds, probe.period_seconds, probe.success_threshold, probe.failure_threshold) == (
        1,
        10,
        1,
        3,
    )
    service = Service()
    assert (service.spec.type, service.spec.session_affinity) == ("ClusterIP", "None")
    deployment = decode_object(
        {
            "kind": "Deployment",
            "apiVersion": "apps/v1",
            "spec": {"selector": {}, "template": {"spec": {"containers": [{"name": "a", "image": "b"}]}}},
        }
    )
    assert isinstance(deployment, Deployment)
    rolling = deployment.spec.strategy.rolling_update
    assert (deployment.spec.replicas, rolling.max_surge, rolling.max_unavailable) == (1, "25%", "25%")
    assert (deployment.spec.revision_history_limit, deployment.spec.progress_deadline_seconds) == (10, 600)


def test_objects_are_frozen() -> None:
    """Nobody changes an object in place."""
    pod = Pod(spec=PodSpec(containers=(Container(name="a", image="b"),)))
    with pytest.raises(AttributeError):
        pod.metadata = ObjectMeta(name="x")


def test_the_wire_form_names_kind_and_version() -> None:
    """What leaves the process says what it is."""
    for _, object in manifests():
        wire = to_builtins(object)
        assert (wire["kind"], wire["apiVersion"]) == (object.kind, KINDS[object.kind].api_version)
        assert decode_object(msgspec.json.decode(msgspec.json.encode(object))) == object


def test_references_name_objects() -> None:
    """A reference prints as kind, namespace and name."""
    secret = Secret(metadata=ObjectMeta(name="a", namespace="b"), data={"x": "aHVudGVyMg=="})
    assert ref_of(secret) == ObjectRef(kind="Secret", namespace="b", name="a")
    assert str(ref_of(secret)) == "secret/b/a"


def test_a_secret_prints_without_its_values() -> None:
    """Values do not reach logs by way of repr (P22)."""
    secret = Secret(metadata=ObjectMeta(name="a"), data={"x": "aHVudGVyMg=="})
    assert "aHVudGVyMg" not in repr(secret)
    assert "aHVudGVyMg" not in f"{secret} {(secret,)!r}"


def test_a_group_may_follow_the_word_for_a_kind() -> None:
    """What `get -o name` prints can be said again; the group of another kind names none."""
    deployment = kind_named("deployment")
    for word in ("deployment.apps", "deployments.apps", "deploy.apps", "Deployments.v1.apps"):
        assert kind_named(word) is deployment
    for word in ("deployment.batch", "deployments.v2.apps", "pod.apps", "nothing.apps"):
        assert kind_named(word) is None
    assert name_with_kind("Deployment", "apps", "web") == "deployment.apps/web"
    assert name_with_kind("Pod", "", "web") == "pod/web"
    assert name_with_kind("", "", "web") == "web"
