"""Other versions of a kind become the one that is kept, and back."""

import pytest

from reconciler.model.conversions import NotConvertible, from_kept, to_kept

OLD = {
    "apiVersion": "autoscaling/v1",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "web"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 2,
        "maxReplicas": 5,
        "targetCPUUtilizationPercentage": 70,
    },
}


def test_an_old_autoscaler_becomes_a_new_one_and_back() -> None:
    """The one number of the old form is a metric of the processor in the new form."""
    kept = to_kept(OLD)
    assert kept["apiVersion"] == "autoscaling/v2"
    target = {"type": "Utilization", "averageUtilization": 70}
    assert kept["spec"]["metrics"] == [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    assert from_kept(kept, "autoscaling/v1") == OLD


def test_a_new_field_in_the_old_version_is_named() -> None:
    """Nothing of a document is dropped in silence (P30)."""
    with pytest.raises(NotConvertible) as caught:
        to_kept({**OLD, "spec": {**OLD["spec"], "behavior": {}}})  # type: ignore[dict-item]
    assert caught.value.pointer == "/spec/behavior"


def test_other_documents_stay_as_they_are() -> None:
    """What is of the kept version already, or of another kind, is not touched."""
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    assert to_kept(document) == document
    assert from_kept(document, "v1") == document


def test_an_old_ingress_becomes_a_new_one() -> None:
    """`serviceName` and `servicePort` are in `service`, and a path says of which type it is."""
    old = {
        "apiVersion": "extensions/v1beta1",
        "kind": "Ingress",
        "metadata": {"name": "web"},
        "spec": {
            "backend": {"serviceName": "web", "servicePort": 80},
            "rules": [{"http": {"paths": [{"path": "/a", "backend": {"serviceName": "web", "servicePort": "http"}}]}}],
        },
    }
    assert to_kept(old) == {
        **old,
        "apiVersion": "networking.k8s.io/v1",
        "spec": {
            "defaultBackend": {"service": {"name": "web", "port": {"number": 80}}},
            "rules": [
                {
                    "http": {
                        "paths": [
                            {
                                "path": "/a",
                                "pathType": "ImplementationSpecific",
                                "backend": {"service": {"name": "web", "port": {"name": "http"}}},
                            }
                        ]
                    }
                }
            ],
        },
    }


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [
        ({"defaultBackend": {}}, "/spec/defaultBackend"),
        ({"backend": {"service": {}}}, "/spec/backend/service"),
        (
            {"rules": [{"http": {"paths": [{"backend": {"service": {}}}]}}]},
            "/spec/rules/0/http/paths/0/backend/service",
        ),
    ],
)
def test_a_field_of_the_new_ingress_in_an_old_one_is_named(spec: dict[str, object], pointer: str) -> None:
    """It would be dropped by the old version's rules."""
    with pytest.raises(NotConvertible) as caught:
        to_kept({"apiVersion": "networking.k8s.io/v1beta1", "kind": "Ingress", "spec": spec})
    assert caught.value.pointer == pointer


@pytest.mark.parametrize("spec", [None, {"rules": "x"}, {"rules": [3]}, {"rules": [{"http": {"paths": [7]}}]}])
def test_an_old_ingress_of_a_wrong_shape_is_left_to_the_schema(spec: object) -> None:
    """Its faults are told with their places."""
    found = to_kept({"apiVersion": "extensions/v1beta1", "kind": "Ingress", "spec": spec})
    assert found["apiVersion"] == "networking.k8s.io/v1"
    assert found["spec"] == spec
