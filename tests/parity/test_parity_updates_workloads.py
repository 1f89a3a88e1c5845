"""What may become of workloads is what upstream lets it be."""

import json

from tests.parity.rows import Judge, compare
from tests.parity.updating import Case, Updates, both

_NUMBER = "the deprecated number of a template is not kept, its hash is"


def workload(updates: Updates, kind: str) -> Judge:
    """Return a judge of rows with a workload."""

    def judged(case: Case) -> bool:
        old, new = both(kind, case["old"], case["update"])
        for document in (old, new):
            # A number that clients of old kept, and nothing reads any more.
            document["spec"].pop("templateGeneration", None)
        return updates.verdict(kind, old, new, not case.get("expectedErrNum"))

    return judged


def revision(updates: Updates, case: Case) -> bool:
    """Judge a row with one template that a workload has had; its content is text in the rows."""
    documents = []
    for given in (case["oldHistory"], case["newHistory"]):
        document = {"metadata": given["ObjectMeta"], "revision": given.get("Revision", 0)}
        document |= {"apiVersion": "apps/v1", "kind": "ControllerRevision", "data": json.loads(given["Data"]["Raw"])}
        documents.append(document)
    return updates.verdict("ControllerRevision", documents[0], documents[1], bool(case.get("isValid")))


def test_updates_of_workloads_are_judged_as_upstream_judges_them() -> None:
    """Deployments, ReplicaSets and DaemonSets."""
    updates = Updates()
    tables = {
        "TestValidateDeploymentUpdate": workload(updates, "Deployment"),
        "TestValidateReplicaSetUpdate": workload(updates, "ReplicaSet"),
        "TestValidateDaemonSetUpdate": workload(updates, "DaemonSet"),
        "TestValidateControllerRevisionUpdate": lambda case: revision(updates, case),
    }
    compare("pkg_apis_apps_validation", tables, lambda row: _NUMBER if "emplateGeneration" in row["name"] else "")
