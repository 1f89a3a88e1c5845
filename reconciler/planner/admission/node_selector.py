"""Namespaces whose Pods go to certain nodes: by an annotation, as Kubernetes' admission plugin PodNodeSelector has it.

Pure. A namespace that does not say so itself has the nodes of the setting `clusterDefaultNodeSelector`. They are added
to what a Pod asks for when it is made; a Pod that asks for something else is not admitted. DaemonSets start no Pods on
the other nodes.
"""

from collections.abc import Mapping

from reconciler.model.kinds import Pod, PodSpec
from reconciler.model.labels import SelectorError, disagree, parse_pairs
from reconciler.model.refs import ObjectRef
from reconciler.planner.view import View, replace

NODE_SELECTOR = "scheduler.alpha.kubernetes.io/node-selector"
# The same in projects of OpenShift.
OF_PROJECT = "openshift.io/node-selector"


def nodes_of_namespace(view: View, namespace: str) -> Mapping[str, str]:
    """Return the labels of the nodes for the Pods of a namespace; none: every node. Raises `SelectorError`."""
    stored = view.get(ObjectRef(kind="Namespace", name=namespace))
    said = stored.object.metadata.annotations if stored is not None else {}
    text = said.get(NODE_SELECTOR, said.get(OF_PROJECT))
    return parse_pairs(view.policy.placing.cluster_default_node_selector if text is None else text)


def on_nodes_of_namespace(view: View, namespace: str, spec: PodSpec) -> PodSpec:
    """Return a Pod's spec that asks for the nodes of its namespace too."""
    try:
        wanted = nodes_of_namespace(view, namespace)
    except SelectorError:
        return spec  # no Pod is admitted
    return replace(spec, node_selector={**wanted, **spec.node_selector}) if wanted else spec


def why_on_no_node(view: View, pod: Pod) -> str:
    """Return why a Pod cannot be on the nodes of its namespace, or an empty text."""
    try:
        wanted = nodes_of_namespace(view, pod.metadata.namespace)
    except SelectorError as fault:
        return f"the annotation {NODE_SELECTOR} of its namespace cannot be read: {fault}"
    if disagree(wanted, pod.spec.node_selector):
        return "pod node label selector conflicts with its namespace node label selector"
    return ""
