"""Quotas count and limits bound as upstream's controllers and admission do."""

from itertools import pairwise
from typing import Any

from reconciler.model.kinds import LimitRange, PersistentVolumeClaim, Pod, ResourceQuota
from reconciler.model.observed import ClusterInfo, ObservedState, StoredObject
from reconciler.model.policy import Policy
from reconciler.model.quantity import parse_quantity
from reconciler.model.refs import ObjectRef
from reconciler.planner.admission.limits import violations
from reconciler.planner.admission.quota import sync_quotas
from reconciler.planner.admission.scopes import is_in_scope, scopes_of
from reconciler.planner.view import View
from tests.parity.loosely import NoSuchField, loosely
from tests.parity.rows import compare, parity_rows


def used(case: dict[str, Any]) -> bool:
    """Judge a row of what is used; what upstream cannot list is what we always can."""
    objects = {}
    for type_, given in ((ResourceQuota, case["quota"]), *((Pod, item) for item in case["items"])):
        one = loosely(type_, given)
        namespace = case["quota"]["metadata"]["namespace"]
        ref = ObjectRef(kind=one.kind, namespace=namespace, name=one.metadata.name)
        objects[ref] = StoredObject(ref=ref, object=one, manager="api")
    view = View(ObservedState(cluster=ClusterInfo(id="t"), objects=objects), Policy(digest_key="00" * 16), 1.8e9)
    sync_quotas(view)
    (quota,) = (one.object for one in view.of_kind("ResourceQuota"))
    assert isinstance(quota, ResourceQuota)
    return all(_same(case["status"][name], getattr(quota.status, name)) for name in ("hard", "used"))


def recounted(case: dict[str, Any]) -> bool:
    """Judge a row of a quota that comes: whether its use is to be counted anew."""
    quota = loosely(ResourceQuota, case["quota"])
    ref = ObjectRef(kind=quota.kind, namespace=quota.metadata.namespace, name=quota.metadata.name)
    stored = StoredObject(ref=ref, object=quota, manager="api")
    cluster = ObservedState(cluster=ClusterInfo(id="t"), objects={ref: stored})
    view = View(cluster, Policy(digest_key="00" * 16), 1.8e9)
    sync_quotas(view)
    return bool(view.changes()) == case.get("expectedPriority", False)


def _same(wanted: dict[str, str], found: Any) -> bool:
    return {name: parse_quantity(text) for name, text in wanted.items()} == {
        name: parse_quantity(text) for name, text in found.items()
    }


def test_quotas_count_what_upstream_counts() -> None:
    """Pods by phase and scope; a status that is made or mended."""

    def why(row: dict[str, Any]) -> str:
        if "foobars.example.com" in row["case"]["quota"]["spec"]["hard"]:
            return "a value that is refused at the door"
        words = "a quota counts all of its kinds at once: no list of them can fail"
        return words if "partial-calculation-error" in row["name"] else ""

    compare("pkg_controller_resourcequota", {"TestSyncResourceQuota": used, "TestAddQuota": recounted}, why)


def test_limit_ranges_bound_what_upstream_bounds() -> None:
    """The rows that are admitted come first, with growing numbers; those of the others begin anew."""
    rows = [row for row in parity_rows("plugin_pkg_admission_limitranger") if row["test"] == "TestPodLimitFunc"]
    numbers = [int(row["name"]) for row in rows]
    falls = (place for place, (one, other) in enumerate(pairwise(numbers), start=1) if other <= one)
    admitted = {id_of(row["case"]) for row in rows[: next(falls, len(rows))]}

    def pod(case: dict[str, Any]) -> bool:
        limits = loosely(LimitRange, case["limitRange"])
        try:
            found = violations((limits,), loosely(Pod, case["pod"]))
        except NoSuchField:
            return False
        return bool(found) != (id_of(case) in admitted)

    def claim(case: dict[str, Any]) -> bool:
        limits = loosely(LimitRange, case["limitRange"])
        return not violations((limits,), loosely(PersistentVolumeClaim, case["pvc"]))

    judges = {"TestPodLimitFunc": pod, "TestPersistentVolumeClaimLimitFunc": claim}
    compare("plugin_pkg_admission_limitranger", judges)


def id_of(case: dict[str, Any]) -> str:
    """Return what tells two rows apart."""
    return f"{case['pod']} {case['limitRange']}"


def test_scopes_choose_the_pods_that_upstreams_choose() -> None:
    """Upstream can be told to want a quota for some Pods; which Pods those are, scopes say."""

    def covered(case: dict[str, Any]) -> bool:
        pod = loosely(Pod, case["testPod"])
        quotas = [loosely(ResourceQuota, case[name]) for name in ("quota", "anotherQuota") if case.get(name)]
        kept = [one for one in quotas if one.metadata.name and is_in_scope(one.spec, pod)]
        names = {scope.scope_name for one in kept for scope in scopes_of(one.spec)}
        uncovered = []
        for limited in case["config"]["LimitedResources"]:
            for scope in limited["MatchScopes"]:
                only = loosely(ResourceQuota, {"spec": {"scopeSelector": {"matchExpressions": [scope]}}})
                if is_in_scope(only.spec, pod) and scope["scopeName"] not in names:
                    uncovered.append(scope["scopeName"])
        return all(name in case.get("expErr", "") for name in uncovered) and bool(uncovered) == ("expErr" in case)

    compare("plugin_pkg_admission_resourcequota", {"TestAdmitLimitedScopeWithCoverQuota": covered})
