"""Tables of leases and of several Pods show what `kubectl get` shows on a cluster of Kubernetes."""

from typing import Any

from reconciler.model.kinds import Pod
from reconciler.server.tables import form_of, shown
from tests.parity.loosely import loosely
from tests.parity.rows import compare
from tests.parity.test_parity_tables import NOW

Case = dict[str, Any]


def lease(case: Case) -> bool:
    """Judge a row with a lease, which is only ever a document."""
    spec = {"holderIdentity": case["lease"]["Spec"]["HolderIdentity"]}
    cells = shown(form_of("Lease").cells({"metadata": case["lease"]["ObjectMeta"], "spec": spec}), NOW)
    return bool(list(cells) == case["expected"][0]["cells"])


def pods(case: Case) -> bool:
    """Judge a row with several Pods, in the narrow form."""
    form = form_of("Pod")
    tables = [shown(form.cells(loosely(Pod, given)), NOW) for given in case["pods"]["Items"]]
    narrow = [
        [cell for cell, column in zip(cells, form.columns, strict=True) if not column.priority] for cells in tables
    ]
    return narrow == [row["cells"] for row in case["expect"]]


def test_leases_and_lists_of_pods_stand_as_upstream_prints_them() -> None:
    """Names, holders, ages; the Pods in their order."""
    compare("pkg_printers_internalversion", {"TestPrintLease": lease, "TestPrintPodList": pods})
