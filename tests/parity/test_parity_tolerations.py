"""Tolerations that compare numbers get the verdict that the Kubernetes API gives them."""

from typing import Any

from tests.parity.rows import compare
from tests.parity.test_parity_pods import Pods


def switched_off(row: dict[str, Any]) -> str:
    """Name the reason for which a row differs, if there is one."""
    return "" if row["case"].get("featureGateOn") else "a cluster without a feature that is always on"


def test_tolerations_that_compare() -> None:
    """The bound is a whole number in its one spelling."""
    pods = Pods()

    def judge(case: dict[str, Any]) -> bool:
        return pods.spec({"Tolerations": [case["toleration"]]}, "errorMsg" not in case)

    compare("pkg_apis_core_validation", {"TestNumericTolerationsWithFeatureGate": judge}, switched_off)
