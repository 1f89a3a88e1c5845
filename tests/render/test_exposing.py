"""Services for what is there."""

from typing import Any

import pytest

from reconciler.render.exposing import NotExposed, ports_of, selector_of, service_for

Json = dict[str, Any]


def workload(*ports: Json, **spec: Any) -> Json:
    """Return a Deployment `web` whose containers have these ports."""
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a", "ports": list(ports)}]}}
    return {
        "metadata": {"name": "web", "namespace": "shop", "labels": {"team": "shop"}},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template, **spec},
    }


def test_a_service_leads_to_the_ports_of_the_containers() -> None:
    """One port needs no name; labels are those of the object."""
    assert service_for("Deployment", workload({"containerPort": 8080})) == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"team": "shop"}},
        "spec": {
            "type": "ClusterIP",
            "selector": {"app": "web"},
            "ports": [{"port": 8080, "protocol": "TCP", "targetPort": 8080}],
        },
    }


def test_several_ports_get_names() -> None:
    """So does one port with two protocols."""
    dns = ({"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"})
    made = service_for("StatefulSet", workload(*dns, {"containerPort": 9153}))
    assert [(one["name"], one["port"], one["protocol"]) for one in made["spec"]["ports"]] == [
        ("port-1", 53, "UDP"),
        ("port-2", 53, "TCP"),
        ("port-3", 9153, "TCP"),
    ]


def test_ports_and_names_can_be_chosen() -> None:
    """A port that is not named by a container is one of TCP; a long name is cut."""
    made = service_for("Deployment", workload(), name="x" * 70, ports=(80,), target="http", service_type="LoadBalancer")
    assert made["metadata"]["name"] == "x" * 63
    assert made["spec"]["type"] == "LoadBalancer"
    assert made["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": "http"}]
    known = service_for("Deployment", workload({"containerPort": 53, "protocol": "UDP"}), ports=(53,))
    assert known["spec"]["ports"] == [{"port": 53, "protocol": "UDP", "targetPort": 53}]


def test_a_service_beside_a_service_leads_to_the_same() -> None:
    """Not to the number of its own port."""
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}, {"port": 81}]}
    made = service_for("Service", {"metadata": {"name": "web", "namespace": "shop"}, "spec": spec}, name="more")
    assert [(one["port"], one["targetPort"]) for one in made["spec"]["ports"]] == [(80, "http"), (81, 81)]
    assert "labels" not in made["metadata"]


@pytest.mark.parametrize(
    ("kind", "document", "why"),
    [
        ("Deployment", workload(), "names no ports"),
        ("Node", {"metadata": {"name": "a"}, "spec": {}}, "no Pods that a Service could lead to"),
        (
            "Deployment",
            workload({"containerPort": 1}, selector={"matchExpressions": [{"key": "a", "operator": "Exists"}]}),
            "by expressions",
        ),
        ("Deployment", workload({"containerPort": 1}, selector={}), "selector without labels"),
        ("Pod", {"metadata": {}, "spec": {"containers": [{"ports": [{"containerPort": 1}]}]}}, "has no labels"),
        ("Service", {"metadata": {}, "spec": {"ports": [{"port": 1}]}}, "has no selector"),
    ],
)
def test_what_cannot_be_exposed_says_why(kind: str, document: Json, why: str) -> None:
    """A person knows what to do."""
    named = {**document, "metadata": {"name": "web", "namespace": "shop", **document["metadata"]}}
    with pytest.raises(NotExposed, match=why):
        service_for(kind, named)


def test_a_replication_controller_chooses_by_its_template() -> None:
    """Its selector may be left out, and is plain labels."""
    assert selector_of("ReplicationController", workload(selector=None)) == {"app": "web"}
    assert selector_of("ReplicationController", workload(selector={"a": "b"})) == {"a": "b"}
    assert ports_of("ReplicationController", workload({"containerPort": 1}, {"containerPort": 1})) == {1: ("TCP",)}
