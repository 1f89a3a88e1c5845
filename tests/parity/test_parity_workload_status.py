"""What may be said of workloads, budgets and namespaces in their statuses is what upstream lets be said."""

import json
from typing import Any, cast

from reconciler.model.indexes import shared_index
from reconciler.model.kinds import KINDS, AnyObject, Namespace
from reconciler.planner.updates.namespace import finalize_faults
from reconciler.planner.updates.status import object_status_faults
from tests.parity.rows import Judge, compare
from tests.parity.test_parity_status import CORE, made
from tests.parity.test_parity_workload_kinds import names

Case = dict[str, Any]
_APPS, _BATCH, _POLICY = (f"pkg_apis_{group}_validation" for group in ("apps", "batch", "policy"))
_WORDS = frozenset({"name", "expectedErr"})


def verdict(kind: str, before: Case, after: Case, is_valid: bool) -> bool:
    """Whether our verdict on an object with a status, after another one, is upstream's."""
    old, new = (cast(AnyObject, made(KINDS[kind].type, one)) for one in (before, after))
    return (not list(object_status_faults(old, new))) == is_valid


def alone(kind: str) -> Judge:
    """Return a judge of rows that are a status and its verdict."""

    def judged(case: Case) -> bool:
        status = {name: value for name, value in case.items() if name not in _WORDS}
        return verdict(kind, {}, {"Status": status}, not case.get("expectedErr"))

    return judged


def update(kind: str, package: str) -> Judge:
    """Return a judge of rows with two objects; only what is refused has a name that says so."""
    known = names(package)

    def judged(case: Case) -> bool:
        old, new = ({"Status": case[one].get("Status") or {}} for one in ("old", "update"))
        return verdict(kind, old, new, "negative" not in known[json.dumps(case)])

    return judged


def collisions(case: Case) -> bool:
    """Judge a row with how often a Deployment's hash met another one, before and after."""
    old, new = ({"Status": case.get(one) or {}} for one in ("from", "to"))
    return verdict("Deployment", old, new, not case.get("expectedErr"))


def budget(case: Case) -> bool:
    """Judge a row with the status of a budget, as today's version has it."""
    is_refused = bool(case["expectErrForVersion"]["policy/__internal"])
    return verdict("PodDisruptionBudget", {}, {"Status": case["pdbStatus"]}, not is_refused)


def namespace(case: Case) -> bool:
    """Judge a row with a namespace before and after."""
    return verdict("Namespace", case["oldNamespace"], case["namespace"], bool(case.get("valid")))


def finalizers(case: Case) -> bool:
    """Judge a row with what has to agree to the end of a namespace."""
    old, new = (made(Namespace, case.get(one) or {}) for one in ("oldNamespace", "namespace"))
    return (not list(finalize_faults(old, new))) == bool(case.get("valid"))


def overlapping(case: Case) -> bool:
    """Judge a row with the indexes that failed and those that are completed."""
    completed, failed = (case.get(f"{which}IndexesStr", "") for which in ("completed", "failed"))
    found = shared_index(completed, failed, case["completions"])
    wanted = case.get("wantError", {}).get("error", "")
    return (found is None) == (not wanted) and wanted.endswith("" if found is None else f" {found}")


def test_statuses_of_workloads_are_judged_as_upstream_judges_them() -> None:
    """No count is negative, none greater than those that contain it, and collisions are not forgotten."""
    apps: dict[str, Judge] = {
        "TestValidateStatefulSetStatus": alone("StatefulSet"),
        "TestValidateDeploymentStatus": alone("Deployment"),
        "TestValidateReplicaSetStatus": alone("ReplicaSet"),
        "TestValidateDeploymentStatusUpdate": collisions,
        "TestValidateDaemonSetStatusUpdate": update("DaemonSet", _APPS),
        "TestValidateReplicaSetStatusUpdate": update("ReplicaSet", _APPS),
    }
    compare(_APPS, apps)
    core: dict[str, Judge] = {
        "TestValidateReplicationControllerStatus": alone("ReplicationController"),
        "TestValidateReplicationControllerStatusUpdate": update("ReplicationController", CORE),
        "TestValidateNamespaceStatusUpdate": namespace,
        "TestValidateNamespaceFinalizeUpdate": finalizers,
    }
    compare(CORE, core)


def test_statuses_of_jobs_and_budgets_are_judged_as_upstream_judges_them() -> None:
    """Counts, indexes that are of both sorts, conditions that are whole."""
    jobs = {
        "TestValidateJobUpdateStatus": update("Job", _BATCH),
        "TestValidateFailedIndexesNotOverlapCompleted": overlapping,
    }
    compare(_BATCH, jobs)
    compare(_POLICY, {"TestValidatePodDisruptionBudgetStatus": budget})
