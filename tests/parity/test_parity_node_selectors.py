"""Labels that are put together, and Pods whose namespace says on which nodes they are, as upstream has it."""

from typing import Any

from reconciler.model.kinds import Namespace, Node, ObjectMeta
from reconciler.model.labels import disagree
from reconciler.model.placing import PlacingPolicy
from reconciler.model.policy import Policy
from reconciler.planner.admission.node_selector import nodes_of_namespace, on_nodes_of_namespace
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.daemonset_pods import fit_of
from tests.parity.rows import compare
from tests.parity.test_parity_daemonsets import template
from tests.parity.test_parity_deployment import stored, view_of

Case = dict[str, Any]
# The nodes of upstream's table; all have a name of their own.
_NODES: dict[str, dict[str, str]] = {
    "first": {"alpha": "bravo"},
    "second": {"charlie": "delta"},
    "third": {"echo": "foxtrot"},
    "fourth": {},
    "fifth": {"charlie": "delta", "echo": "foxtrot"},
    "sixth": {"alpha": "bravo", "charlie": "delta", "echo": "foxtrot"},
}
_PLAIN = template({"spec": {"template": {"spec": {}}}})


def _view(annotations: dict[str, str]) -> View:
    return view_of(stored(Namespace(metadata=ObjectMeta(name="shop", annotations=annotations))))


def do_conflict(case: Case) -> bool:
    """Judge a row with two sets of labels."""
    return disagree(case["labels1"], case["labels2"]) == case.get("conflict", False)


def are_merged(case: Case) -> bool:
    """Judge a row with two sets of labels and both together: those of a namespace, and of a Pod in it."""
    text = ",".join(f"{key}={value}" for key, value in case["labels1"].items())
    view = _view({"scheduler.alpha.kubernetes.io/node-selector": text})
    spec = replace(_PLAIN.spec, node_selector=case["labels2"])
    found = on_nodes_of_namespace(view, "shop", spec).node_selector
    return dict(nodes_of_namespace(view, "shop")) == case["labels1"] and dict(found) == case["mergedLabels"]


def run_there(case: Case) -> bool:
    """Judge a row with a namespace: where a DaemonSet of it runs."""
    view = _view(case["namespace"]["metadata"].get("annotations", {}))
    view.policy = Policy(placing=PlacingPolicy(cluster_default_node_selector=case.get("defaultSelector", "")))
    placed = replace(_PLAIN, spec=on_nodes_of_namespace(view, "shop", _PLAIN.spec))
    nodes = [Node(metadata=ObjectMeta(name=name, labels=labels)) for name, labels in _NODES.items()]
    return {node.metadata.name for node in nodes if fit_of(placed, node).must} == set(case["expected"])


def test_labels_are_put_together_as_upstream_puts_them() -> None:
    """Of a namespace and of a Pod."""
    compare("apimachinery_pkg_labels", {"TestLabelConflict": do_conflict, "TestLabelMerge": are_merged})


def test_daemon_sets_run_on_the_nodes_of_their_namespace() -> None:
    """By the annotations that are read, or by default."""
    compare("pkg_controller_daemon", {"TestNamespaceNodeSelectorMatches": run_there})
