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
