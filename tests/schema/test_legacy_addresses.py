"""Addresses in forms of old: refused, or with the setting for them taken for what Kubernetes took them for."""

import json
from typing import Any

import pytest

from reconciler.model.kinds import NetworkPolicy, Pod, Service
from reconciler.model.problem import Severity
from reconciler.schema.validate import SourceFile, ValidationResult, validate

SERVICE = {"ports": [{"port": 80}], "selector": {"app": "web"}, "externalIPs": ["010.1.2.3"]}
ALIASES = {"containers": [{"name": "a", "image": "b"}], "hostAliases": [{"ip": "::ffff:10.1.2.3", "hostnames": ["db"]}]}


def judged(kind: str, spec: dict[str, Any], *, legacy: bool, version: str = "v1") -> ValidationResult:
    """Validate one manifest."""
    document = {"apiVersion": version, "kind": kind, "metadata": {"name": "x"}, "spec": spec}
    return validate([SourceFile("a.json", json.dumps(document).encode())], legacy_addresses=legacy)


@pytest.mark.parametrize(("kind", "spec"), [("Service", SERVICE), ("Pod", ALIASES)])
def test_an_address_in_a_form_of_old_is_refused(kind: str, spec: dict[str, Any]) -> None:
    """Programs read two addresses in it."""
    assert not judged(kind, spec, legacy=False).is_valid


def test_with_the_setting_it_is_taken_as_kubernetes_took_it() -> None:
    """A warning names the place; all that follows sees the plain form."""
    result = judged("Service", SERVICE, legacy=True)
    assert result.is_valid
    (told,) = (one for one in result.problems if one.pointer == "/spec/externalIPs/0")
    assert told.severity is Severity.WARNING
    assert "10.1.2.3" in told.message
    (service,) = (one.object for one in result.objects)
    assert isinstance(service, Service)
    assert service.spec.external_ips == ("10.1.2.3",)


def test_ipv4_in_the_form_of_ipv6_is_taken_for_ipv4() -> None:
    """Also deep in a Pod."""
    (pod,) = (one.object for one in judged("Pod", ALIASES, legacy=True).objects)
    assert isinstance(pod, Pod)
    assert [one.ip for one in pod.spec.host_aliases] == ["10.1.2.3"]


def test_a_network_loses_what_stands_behind_its_prefix() -> None:
    """The parts that are left out of it lie in what it is taken for."""
    block = {"ipBlock": {"cidr": "010.0.0.7/8", "except": ["010.1.0.0/16"]}}
    policy = {"podSelector": {}, "ingress": [{"from": [block]}]}
    (found,) = (
        one.object for one in judged("NetworkPolicy", policy, legacy=True, version="networking.k8s.io/v1").objects
    )
    assert isinstance(found, NetworkPolicy)
    taken = found.spec.ingress[0].from_[0].ip_block
    assert taken is not None
    assert (taken.cidr, taken.except_) == ("10.0.0.0/8", ("10.1.0.0/16",))


def test_what_never_was_an_address_is_none_with_the_setting_either() -> None:
    """It is for forms of old alone."""
    assert not judged("Service", {**SERVICE, "externalIPs": ["10.1.2"]}, legacy=True).is_valid
