"""Nodes in tables, and what is worked out of them and of components. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.model.kinds import Node
from reconciler.server.tables.columns import AGE, NAME, NONE, UNKNOWN, Cells, Form, age, since, text

_ROLE, _ROLE_PREFIX = "kubernetes.io/role", "node-role.kubernetes.io/"


def _node(one: Node) -> Cells:
    info = one.status.node_info
    kernel = info.kernel_version or UNKNOWN
    return (
        one.metadata.name,
        _status(one),
        ",".join(sorted(set(_roles(one.metadata.labels)))) or NONE,
        age(one.metadata),
        info.kubelet_version,
        _address(one, "InternalIP"),
        _address(one, "ExternalIP"),
        info.os_image or UNKNOWN,
        f"{kernel} ({info.architecture})" if info.architecture else kernel,
        info.container_runtime_version or UNKNOWN,
    )


def _status(node: Node) -> str:
    words = ["Ready" if c.status == "True" else "NotReady" for c in node.status.conditions if c.type == "Ready"]
    return ",".join((words[-1:] or ["Unknown"]) + ["SchedulingDisabled"] * node.spec.unschedulable)


def _roles(labels: Mapping[str, str]) -> Iterator[str]:
    for key, value in labels.items():
        if key.startswith(_ROLE_PREFIX) and len(key) > len(_ROLE_PREFIX):
            yield key.removeprefix(_ROLE_PREFIX)
        elif key == _ROLE and value:
            yield value


def _address(node: Node, type_: str) -> str:
    return next((one.address for one in node.status.addresses if one.type == type_), NONE)


def _component(one: Mapping[str, Any]) -> Cells:
    """Return the cells of a ComponentStatus, which is only ever a document."""
    word, message, error = "Unknown", "", ""
    for condition in one.get("conditions") or ():
        if condition.get("type") == "Healthy":
            word = "Healthy" if condition.get("status") == "True" else "Unhealthy"
            message, error = condition.get("message", ""), condition.get("error", "")
    return one.get("metadata", {}).get("name", ""), word, message, error


def _lease(one: Mapping[str, Any]) -> Cells:
    """Return the cells of a Lease, which is only ever a document."""
    metadata = one.get("metadata", {})
    return (
        metadata.get("name", ""),
        one.get("spec", {}).get("holderIdentity", ""),
        since(metadata.get("creationTimestamp")),
    )


NODE = Form(
    (
        NAME,
        text("Status", "Whether the node is ready, and takes new Pods."),
        text("Roles", "What the node is for, by its labels."),
        AGE,
        text("Version", "The version of the node's agent."),
        text("Internal-IP", "The node's address inside.", wide=True),
        text("External-IP", "The node's address from outside.", wide=True),
        text("OS-Image", "The node's operating system.", wide=True),
        text("Kernel-Version", "The node's kernel.", wide=True),
        text("Container-Runtime", "The node's container engine.", wide=True),
    ),
    _node,
)
COMPONENT_STATUS = Form(
    (
        NAME,
        text("Status", "Whether the component works."),
        text("Message", "What it says of itself."),
        text("Error", "What is wrong with it."),
    ),
    _component,
)
LEASE = Form((NAME, text("Holder", "Who holds it."), AGE), _lease)
