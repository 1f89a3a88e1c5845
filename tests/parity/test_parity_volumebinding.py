"""Claims hold Pods to nodes, and get volumes on them, as in upstream's scheduler."""

from collections.abc import Iterable
from typing import Any

from reconciler.model.kinds import PersistentVolume, PersistentVolumeClaim, StorageClass
from reconciler.planner.scheduling.bind import candidates_of
from reconciler.planner.scheduling.framework import Cluster, Misfit
from reconciler.planner.scheduling.volumes import PodClaims, VolumeBinding, choose_volumes, claims_for, reserve
from reconciler.planner.scheduling.volumes_score import Share, score_of
from reconciler.planner.storage.catalogue import Catalogue
from reconciler.planner.storage.classes import LOCAL_PROVISIONER
from reconciler.planner.storage.volumes import BOUND_BY_CONTROLLER, SELECTED_NODE
from reconciler.planner.view import View
from tests.parity.rows import NotTranslated, compare
from tests.parity.volumes import claim_of, class_named, node_from, pod_of, pod_with, stored, view_of, volume_of

PACKAGE = "pkg_scheduler_framework_plugins_volumebinding"
STATIC = "kubernetes.io/no-provisioner"
NODE = node_from({"metadata": {"name": "node1", "labels": {"nodeKey": "node1"}}})
# The classes of upstream's test environments; their own provisioners stand for the one that makes volumes.
CLASSES: tuple[StorageClass, ...] = (
    class_named("immediateClass", STATIC, delayed=False),
    class_named("waitClass", STATIC, delayed=True),
    class_named("waitClassWithProvisioner", LOCAL_PROVISIONER, delayed=True),
    class_named("topoMismatchClass", LOCAL_PROVISIONER, delayed=True, topology=("nodeKey", "node2")),
    class_named("immediate-sc", STATIC, delayed=False),
    class_named("wait-sc", STATIC, delayed=True),
    class_named("wait-hdd-sc", STATIC, delayed=True),
)


def objects_of(case: dict[str, Any], *names: str) -> list[Any]:
    """Return the claims or volumes under the first of these names that a row has."""
    for name in names:
        if case.get(name) is not None:
            return [volume_of(one) if "PV" in name and "PVC" not in name else claim_of(one) for one in case[name]]
    return []


def volumes_of(case: dict[str, Any]) -> list[PersistentVolume]:
    """Return the volumes of a row."""
    return [volume_of(one) for one in case.get("pvs") or ()]


def plugin_of(view: View) -> VolumeBinding:
    """Return the plugin over the nodes of a view."""
    return VolumeBinding(Cluster(candidates_of(view), view))


def find(case: dict[str, Any]) -> bool:
    """Judge a row about what a Pod's claims would get on a node."""
    asked = [claim_of(one) for one in case.get("podPVCs") or ()]
    pod = pod_of(case["pod"]) if case.get("pod") else pod_with(asked)
    claims = [claim_of(one) for one in case["cachePVCs"]] if case.get("cachePVCs") is not None else asked
    view = view_of(NODE, *CLASSES, *claims, *volumes_of(case), pod)
    plugin = plugin_of(view)
    state = plugin.prepare(pod)
    if state is None or isinstance(state, Misfit):
        return isinstance(state, Misfit) == case.get("shouldFail", False)
    misfit = plugin.why_not(state, pod, plugin.cluster.nodes["node1"])
    choice = choose_volumes(view, Catalogue(view), state.delayed, NODE)
    matched = {(claim.metadata.name, volume.metadata.name) for claim, volume in choice.matched}
    bindings = {(_name(one["pvc"]), _name(one["pv"])) for one in case.get("expectedBindings") or ()}
    made = {_name(one["PVC"]) for one in case.get("expectedProvisions") or ()}
    return (
        not case.get("shouldFail")
        and list(misfit.reasons if misfit else ()) == (case.get("reasons") or [])
        and matched == bindings
        and {claim.metadata.name for claim in choice.provisioned} == made
    )


def schedule(case: dict[str, Any]) -> bool:
    """Judge a row about a Pod, nodes, and how good these are; `plugin_of` knows of no capacities."""
    nodes = [node_from(one) for one in case["nodes"]]
    pod = pod_of(case["pod"])
    claims = [claim_of(one) for one in case.get("pvcs") or ()]
    plugin = plugin_of(view_of(*nodes, *CLASSES, *claims, *volumes_of(case), pod))
    state = plugin.prepare(pod)
    wanted = case.get("wantPreFilterStatus") or {}
    if state is None or isinstance(state, Misfit):
        code, reasons = (3, list(state.reasons)) if state else (5, [])
        return (code, reasons) == (wanted.get("code", 0), wanted.get("reasons") or [])
    found = [plugin.why_not(state, pod, plugin.cluster.nodes[one.metadata.name]) for one in nodes]
    feasible = {one.metadata.name: plugin.cluster.nodes[one.metadata.name] for one in nodes}
    scores = plugin.scores(state, pod, feasible)
    expected = case.get("wantScores")
    return (
        not wanted
        and [list(one.reasons) if one else [] for one in found]
        == [(one or {}).get("reasons") or [] for one in case["wantFilterStatus"]]
        and (not expected or [scores.get(one.metadata.name, 0) for one in nodes] == expected)
        and _names(state) == _wanted_names(case["wantStateAfterPreFilter"]["podVolumeClaims"])
    )


def _names(state: PodClaims) -> tuple[int, list[str]]:
    return len(state.bound), [one.metadata.name for one in state.delayed]


def _wanted_names(row: dict[str, Any]) -> tuple[int, list[str]]:
    return len(row["boundClaims"]), sorted(_name(one) for one in row["unboundClaimsDelayBinding"])


def assume(case: dict[str, Any]) -> bool:
    """Judge a row about what is written down for the node that was chosen."""
    if case.get("shouldFail"):
        return all_or_nothing(case)
    claims = [claim_of(one) for one in case["podPVCs"]]
    volumes, pod = volumes_of(case), pod_with(claims)
    view = view_of(NODE, *CLASSES, *claims, *volumes, pod)
    reserve(view, pod, "node1")
    is_bound = (
        not isinstance(found := claims_for(view_of(*CLASSES, *claims, *volumes), pod), Misfit) and not found.delayed
    )
    wanted = [one["pv"] for one in case.get("expectedBindings") or ()]
    selected = [one["PVC"] for one in case.get("expectedProvisionings") or ()]
    return (
        is_bound == case.get("expectedAllBound", False)
        and (is_bound or _kept(view, volumes) == {_name(one): _kept_in(one) for one in wanted})
        and _selected(view, claims) == {_name(one): "node1" for one in selected}
    )


def all_or_nothing(case: dict[str, Any]) -> bool:
    """Judge a row in which a volume that was chosen is not there: the node does not do, and nothing is written."""
    claims = [claim_of(one["pvc"]) for one in case["bindings"]]
    view = view_of(NODE, *CLASSES, *claims, *volumes_of(case))
    pod = pod_with(claims)
    plugin = plugin_of(view)
    state = plugin.prepare(pod)
    assert state is not None and not isinstance(state, Misfit)
    refused = plugin.why_not(state, pod, plugin.cluster.nodes["node1"])
    reserve(view, pod, "node1")
    return refused is not None and not view.journal


def write(case: dict[str, Any]) -> bool:
    """Judge a row about what is sent to the API: the same that was written down."""
    if case.get("shouldFail"):
        raise NotTranslated
    volumes = [volume_of(one) for one in case.get("cachedPVs") or ()]
    claims = [claim_of(one["pvc"]) for one in case.get("bindings") or ()]
    claims += [claim_of(one) for one in case.get("cachedPVCs") or ()]
    pod = pod_with(claims)
    view = view_of(NODE, *CLASSES, *claims, *volumes, pod)
    reserve(view, pod, "node1")
    wanted = {_name(one): _kept_in(one) for one in case.get("expectedPVs") or ()}
    selected = {_name(one): "node1" for one in case.get("expectedPVCs") or ()}
    return _kept(view, volumes) == wanted and _selected(view, claims) == selected


def score(case: dict[str, Any]) -> bool:
    """Judge a row about how good volumes fit, class by class."""
    for one in case["cases"]:
        shares = {
            name: Share(row.get("Requested", 0), row.get("Capacity", 0)) for name, row in one["classResources"].items()
        }
        if score_of(shares) != one.get("score", 0):
            return False
    return True


def _kept(view: View, volumes: Iterable[PersistentVolume]) -> dict[str, Any]:
    found = (stored(view, one) for one in volumes)
    return {
        one.metadata.name: (
            one.spec.claim_ref.name,
            one.spec.claim_ref.uid,
            one.metadata.annotations.get(BOUND_BY_CONTROLLER),
        )
        for one in found
        if one.spec.claim_ref is not None
    }


def _kept_in(row: dict[str, Any]) -> tuple[str, str, str | None]:
    ref = row["spec"]["claimRef"]
    return ref["name"], ref["uid"], row["metadata"].get("annotations", {}).get(BOUND_BY_CONTROLLER)


def _selected(view: View, claims: Iterable[PersistentVolumeClaim]) -> dict[str, str]:
    marks = {one.metadata.name: stored(view, one).metadata.annotations.get(SELECTED_NODE) for one in claims}
    return {name: node for name, node in marks.items() if node}


def _name(row: dict[str, Any]) -> str:
    return str(row["metadata"]["name"])


def test_claims_choose_nodes_as_upstream() -> None:
    """Which volumes are found on a node, what is made there, what is said where neither can be."""
    drivers = ("no_CSIDriver", "CSIDriver_with_capacity_tracking", "CSIDriver_without_capacity_tracking")
    judges = {
        "TestBindAPIUpdate": write,
        "TestScore": score,
        **{f"TestFindPodVolumesWith{word}Provisioning/{driver}": find for word in ("", "out") for driver in drivers},
    }
    compare(PACKAGE, judges)
