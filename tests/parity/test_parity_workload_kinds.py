"""StatefulSets, DaemonSets, ReplicationControllers and what bounds and scales workloads: admitted as upstream does."""

import json
from collections.abc import Callable
from typing import Any

from reconciler.model.kinds import KINDS
from reconciler.model.problem import Severity
from reconciler.schema.decode import decode
from reconciler.schema.rules.objects import findings
from reconciler.schema.structure import faults
from tests.parity.rows import compare, parity_rows
from tests.parity.test_parity_validation import manifest, pod_manifest

_POD = {"Containers": [{"Name": "a", "Image": "b"}]}
_TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "b"}]}}


def verdict(kind: str, document: dict[str, Any], is_valid: bool) -> bool:
    """Whether our verdict on a manifest, by its schema and by the rules of its kind, is upstream's."""
    spec = KINDS[kind]
    document = {"apiVersion": spec.api_version, "kind": kind, "metadata": {"name": "x"}, **document}
    structure = faults(kind, document)
    if structure:
        return not is_valid
    found = [one for one in findings(decode(spec, document), document) if one.severity is Severity.ERROR]
    return (not found) == is_valid


def workload(kind: str, case: dict[str, Any], is_valid: bool) -> bool:
    """Judge a row with a workload."""
    document = manifest(case)
    template = document["spec"].get("template")
    if template:
        template["spec"] = pod_manifest({"Spec": case["Spec"]["Template"]["Spec"]})["spec"]
    return verdict(kind, document, is_valid)


def names(package: str) -> dict[str, str]:
    """Return the names of rows by their content: rows that are admitted have none in some tables."""
    return {json.dumps(row["case"]): row["name"] for row in parity_rows(package) if "case" in row}


def test_sets_are_admitted_as_upstream_admits_them() -> None:
    """StatefulSets and DaemonSets get upstream's verdict."""
    known = names("pkg_apis_apps_validation")

    def daemon_set(case: dict[str, Any]) -> bool:
        return workload("DaemonSet", case, not known[json.dumps(case)])

    def surge(case: dict[str, Any]) -> bool:
        # The rows spell out what defaults leave: what is absent is 0.
        limits = {"maxUnavailable": 0, "maxSurge": 0, **manifest(case["ds"])}
        strategy = {"type": "RollingUpdate", "rollingUpdate": limits}
        spec = {"selector": {"matchLabels": {"a": "b"}}, "template": _TEMPLATE, "updateStrategy": strategy}
        return verdict("DaemonSet", {"spec": spec}, not case.get("expectError"))

    def stateful_set(case: dict[str, Any]) -> bool:
        return workload("StatefulSet", {"Spec": case["ss"]}, not case.get("expectErr"))

    tables: dict[str, Callable[[dict[str, Any]], bool]] = {
        "TestValidateDaemonSet": daemon_set,
        "TestDaemonSetUpdateMaxSurge": surge,
        "TestValidateStatefulSetMinReadySeconds": stateful_set,
    }
    compare("pkg_apis_apps_validation", tables)


def test_core_policies_are_admitted_as_upstream_admits_them() -> None:
    """ReplicationControllers, quotas and limits get upstream's verdict."""
    defaulted = "the fault is in a field that defaults fill before the API validates"
    on_purpose = {
        "zero-length namespace": defaulted,
        "zero-length-namespace": defaulted,
        "zero-length Namespace": defaulted,
        "missing-namespace": defaulted,
        "missing namespace": defaulted,
        "nil replicas": defaulted,
        "empty selector": defaulted,
    }

    def controller(case: dict[str, Any]) -> bool:
        spelled = case.get("input", case)
        document = spelled | {"Spec": {**spelled["Spec"]}}
        selector = document["Spec"].pop("Selector", None)
        document = dict(document)
        result = manifest(document)
        if selector is not None:
            result["spec"]["selector"] = selector
        if result["spec"].get("template"):
            result["spec"]["template"]["spec"] = pod_manifest({"Spec": spelled["Spec"]["Template"]["Spec"]})["spec"]
        return verdict("ReplicationController", result, not case.get("expectedErrs"))

    def quota(case: dict[str, Any]) -> bool:
        spelled = case["rq"]
        document = manifest({"ObjectMeta": spelled["ObjectMeta"]})
        spec = spelled.get("Spec", {})
        document["spec"] = {**manifest({n: v for n, v in spec.items() if n != "Hard"}), "hard": spec.get("Hard", {})}
        return verdict("ResourceQuota", document, not any(name in case for name in ("errDetail", "errField")))

    def limits(case: dict[str, Any]) -> bool:
        spelled = case.get("R") or {"Spec": case["spec"]}
        items = [
            {name[0].lower() + name[1:]: value for name, value in item.items()}
            for item in spelled.get("Spec", {}).get("Limits", [])
        ]
        document = manifest({"ObjectMeta": spelled["ObjectMeta"]}) if "ObjectMeta" in spelled else {}
        return verdict("LimitRange", {**document, "spec": {"limits": items}}, "R" not in case)

    tables: dict[str, Callable[[dict[str, Any]], bool]] = {
        "TestValidateReplicationController": controller,
        "TestValidateResourceQuota": quota,
        "TestValidateLimitRange": limits,
        "TestValidateLimitRangeForLocalStorage": limits,
    }
    compare("pkg_apis_core_validation", tables, lambda row: on_purpose.get(row["name"], ""))


def test_autoscalers_are_admitted_as_upstream_admits_them() -> None:
    """HorizontalPodAutoscalers and their behaviour get upstream's verdict."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}

    def autoscaler(case: dict[str, Any]) -> bool:
        document = manifest(case.get("horizontalPodAutoscaler", case))
        return verdict("HorizontalPodAutoscaler", document, "msg" not in case)

    def behaviour(case: dict[str, Any]) -> bool:
        spec = {"scaleTargetRef": target, "maxReplicas": 5, "behavior": manifest(case.get("behavior", case))}
        return verdict("HorizontalPodAutoscaler", {"spec": spec}, "msg" not in case)

    def rules(case: dict[str, Any]) -> bool:
        spelled = case.get("rule", {}) if "msg" in case else case
        behavior = {"scaleUp": manifest(spelled)}
        spec = {"scaleTargetRef": target, "maxReplicas": 5, "behavior": behavior}
        return verdict("HorizontalPodAutoscaler", {"spec": spec}, "msg" not in case)

    def purpose(row: dict[str, Any]) -> str:
        if "at least one Policy" in str(row["case"].get("msg")):
            return "defaults fill the policies before the API validates"
        return ""

    tables: dict[str, Callable[[dict[str, Any]], bool]] = {
        "TestValidateHorizontalPodAutoscaler": autoscaler,
        "TestValidateBehavior": behaviour,
        "TestValidateHorizontalPodAutoscalerConfigurableToleranceEnabled": rules,
        "TestValidateHorizontalPodAutoscalerConfigurableToleranceDisabled": rules,
    }
    compare("pkg_apis_autoscaling_validation", tables, purpose)


def test_budgets_are_admitted_as_upstream_admits_them() -> None:
    """PodDisruptionBudgets get upstream's verdict."""

    def minimum(case: Any) -> bool:
        return verdict("PodDisruptionBudget", {"spec": {"minAvailable": case}}, case in ("1%", "100%", 100))

    def policy(case: dict[str, Any]) -> bool:
        return verdict("PodDisruptionBudget", {"spec": manifest(case["pdbSpec"])}, not case.get("expectErr"))

    tables: dict[str, Callable[[Any], bool]] = {
        "TestValidateMinAvailablePodDisruptionBudgetSpec": minimum,
        "TestValidateUnhealthyPodEvictionPolicyDisruptionBudgetSpec": policy,
    }
    compare("pkg_apis_policy_validation", tables)
