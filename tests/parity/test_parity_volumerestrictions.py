"""A claim that allows one Pod is kept to one Pod, as in upstream's scheduler."""

from typing import Any

from reconciler.model.kinds import Node, ObjectMeta
from reconciler.planner.scheduling.bind import candidates_of
from reconciler.planner.scheduling.framework import Cluster, Misfit
from reconciler.planner.scheduling.volumes_restrictions import VolumeRestrictions
from tests.parity.rows import compare
from tests.parity.volumes import REFUSED_DISKS, claim_of, node_from, pod_of, view_of

PACKAGE = "pkg_scheduler_framework_plugins_volumerestrictions"


def judged(case: dict[str, Any]) -> bool:
    """Judge a row about a Pod, the Pods that are there, and their claims."""
    pod = pod_of({**case["pod"], "spec": {**case["pod"]["spec"], "nodeName": ""}})
    nodes = [node_from(one) for one in case.get("existingNodes") or ()] or [Node(metadata=ObjectMeta(name="node-1"))]
    claims = [claim_of(one) for one in case.get("existingPVCs") or ()]
    placed = [pod_of(one) for one in case.get("existingPods") or ()]
    view = view_of(*nodes, *claims, *placed)
    plugin = VolumeRestrictions(Cluster(candidates_of(view), view))
    state = plugin.prepare(pod)
    misfit = state if isinstance(state, Misfit) else None
    if state is not None and not isinstance(state, Misfit):
        misfit = plugin.why_not(state, pod, plugin.cluster.nodes[nodes[0].metadata.name])
    # Who is left out (5) has nothing against the Pod; where nothing is said either way, neither have we.
    wanted = next((one for one in (case.get("wantStatus"), case.get("preFilterWantStatus")) if one), {})
    return _word(misfit) == (wanted.get("code", 0) % 5, wanted.get("reasons") or [])


def _word(misfit: Misfit | None) -> tuple[int, list[str]]:
    if misfit is None:
        return 0, []
    return 3 if misfit.is_final else 2, list(misfit.reasons)


def test_one_pod_claims_are_kept_as_upstream_keeps_them() -> None:
    """ReadWriteOncePod; disks that clouds attach cannot be written here, and Pods without claims are left alone."""

    def on_purpose(row: dict[str, Any]) -> str:
        volumes = row["case"]["pod"]["spec"].get("volumes") or ()
        refused = any(name in volume for volume in volumes for name in REFUSED_DISKS)
        return "a value that is refused at the door" if refused else ""

    def agrees(case: dict[str, Any]) -> bool:
        return not on_purpose({"case": case}) and judged(case)

    tables = (
        "TestGCEDiskConflicts",
        "TestAWSDiskConflicts",
        "TestRBDDiskConflicts",
        "TestISCSIDiskConflicts",
        "TestAccessModeConflicts",
    )
    compare(PACKAGE, dict.fromkeys(tables, agrees), on_purpose)
