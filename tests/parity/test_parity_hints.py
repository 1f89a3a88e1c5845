"""Which changes may help a Pod that a plugin refused: the queueing hints of upstream's scheduler."""

from collections.abc import Callable, Iterable
from typing import Any

from reconciler.model.kinds import PersistentVolumeClaim, StorageClass
from reconciler.planner.admission.admit import with_named_claims
from reconciler.planner.scheduling.framework import AnyPlugin
from reconciler.planner.scheduling.gates import SchedulingGates
from reconciler.planner.scheduling.hints import Change
from reconciler.planner.scheduling.interpod_plugin import InterPodAffinity
from reconciler.planner.scheduling.noderules import NodeAffinity, NodePorts, NodeUnschedulable, TaintToleration
from reconciler.planner.scheduling.resources import NodeResourcesFit, has_more
from reconciler.planner.scheduling.room import allocatable, requested
from reconciler.planner.scheduling.spread_plugin import PodTopologySpread
from reconciler.planner.scheduling.volumes import VolumeBinding
from reconciler.planner.scheduling.volumes_restrictions import VolumeRestrictions
from tests.parity.loosely import NoSuchField, loosely
from tests.parity.rows import NotTranslated, compare
from tests.parity.spelling import spelled_affinity, spelled_cluster, spelled_node, spelled_pod

_PLUGINS = "pkg_scheduler_framework_plugins_"
_OLD, _NEW = ("oldObj", "oldPod", "oldNode", "oldPVC", "oldSC"), ("newObj", "newPod", "newNode", "newPVC", "newSC")


def _one(case: dict[str, Any], names: Iterable[str], spelled: Callable[[Any], Any]) -> Any:
    """Return what a row has under one of these names; what is no object (a text, nothing at all) as it is."""
    row = next((case[name] for name in names if case.get(name) is not None), None)
    return spelled(row) if isinstance(row, dict) and row else row


def _claim(row: dict[str, Any]) -> Any:
    spec = {name: value for name, value in row.get("spec", {}).items() if name in ("accessModes", "storageClassName")}
    return loosely(PersistentVolumeClaim, {"metadata": row["metadata"], "spec": spec})


def _class(row: dict[str, Any]) -> Any:
    return loosely(StorageClass, row)


_KINDS = {spelled_node: "Node", spelled_pod: "Pod", _claim: "PersistentVolumeClaim", _class: "StorageClass"}


def _is_without_resizing(case: dict[str, Any]) -> bool:
    old = case.get("oldObj")
    is_updated_pod = isinstance(old, dict) and "containers" in old["spec"] and "newObj" in case
    return is_updated_pod and not case.get("enableInPlacePodVerticalScaling")


def hint(plugin: type[AnyPlugin], spelled: Callable[[Any], Any]) -> Callable[[dict[str, Any]], bool]:
    """Return the judge of rows about one plugin and changes of objects of one type."""

    def judge(case: dict[str, Any]) -> bool:
        # Rows in which a resource of a Pod never shrinks.
        if plugin is NodeResourcesFit and _is_without_resizing(case):
            raise NotTranslated
        is_error = any(case.get(name) for name in ("expectedErr", "wantErr", "err"))
        try:
            change = Change(_KINDS[spelled], _one(case, _OLD, spelled), _one(case, _NEW, spelled))
            asked = plugin(spelled_cluster((), spelled_affinity(case.get("args"))))
            found = asked.may_help(with_named_claims(spelled_pod(case.get("pod"))), change)
        except NoSuchField as error:
            raise NotTranslated from error
        except TypeError:
            return is_error
        return not is_error and found == bool(case.get("expectedHint") or case.get("expect"))

    return judge


def test_hints_about_nodes_and_pods_are_those_of_upstream() -> None:
    """Nodes that let a Pod in now, Pods that go or come, and the waiting Pod itself."""
    node, pod = spelled_node, spelled_pod
    for package, judges in (
        ("interpodaffinity", {"PodChange": (InterPodAffinity, pod), "NodeChange": (InterPodAffinity, node)}),
        ("podtopologyspread", {"PodChange": (PodTopologySpread, pod), "NodeChange": (PodTopologySpread, node)}),
        ("nodeaffinity", {"NodeChange": (NodeAffinity, node)}),
        ("nodeports", {"PodDeleted": (NodePorts, pod)}),
        ("noderesources", {"PodChange": (NodeResourcesFit, pod), "NodeChange": (NodeResourcesFit, node)}),
        ("nodeunschedulable", {"NodeChange": (NodeUnschedulable, node)}),
        ("nodeunschedulable", {"PodTolerationChange": (NodeUnschedulable, pod)}),
        ("schedulinggates", {"PodChange": (SchedulingGates, pod)}),
        ("tainttoleration", {"NodeChange": (TaintToleration, node), "PodTolerationChange": (TaintToleration, pod)}),
        ("volumerestrictions", {"PodDeleted": (VolumeRestrictions, pod)}),
        ("volumerestrictions", {"PersistentVolumeClaimChange": (VolumeRestrictions, _claim)}),
        ("volumebinding", {"PersistentVolumeClaimChange": (VolumeBinding, _claim)}),
        ("volumebinding", {"StorageClassChange": (VolumeBinding, _class)}),
    ):
        tables = {
            f"{prefix}sSchedulableAfter{what}": hint(*how)
            for what, how in judges.items()
            for prefix in ("Test_i", "TestI")
        }
        compare(_PLUGINS + package, tables)


def test_more_of_what_is_asked_for_is_seen_as_upstream_sees_it() -> None:
    """A node with more of anything that the Pod asks for may take it."""

    def judge(case: dict[str, Any]) -> bool:
        if case.get("draExtendedResourceEnabled"):
            raise NotTranslated
        old, new = (allocatable(spelled_node(case[name])) for name in ("originalNode", "modifiedNode"))
        return has_more(requested(spelled_pod(case["pod"]).spec), old, new) == case.get("expected", False)

    compare(_PLUGINS + "noderesources", {"TestHaveAnyRequestedResourcesIncreased": judge})
