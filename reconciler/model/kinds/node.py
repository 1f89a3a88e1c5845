"""Nodes: the hosts, served from observation."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from msgspec import field

from reconciler.model.base import Value
from reconciler.model.kinds.meta import Condition, Object
from reconciler.model.kinds.scalars import Quantity
from reconciler.model.kinds.scheduling import Taint


class NodeSpec(Value):
    """What an operator says of a node."""

    pod_cidr: str = ""
    pod_cidrs: tuple[str, ...] = ()
    provider_id: str = ""
    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()


class NodeAddress(Value):
    """One name or address of a node."""

    type: Literal["Hostname", "InternalIP", "ExternalIP", "InternalDNS", "ExternalDNS"]
    address: str


class NodeSwapStatus(Value):
    """The swap space of a node, where it has some."""

    capacity: int | None = None


class NodeSystemInfo(Value):
    """What the node is made of."""

    machine_id: str = ""
    system_uuid: str = ""
    boot_id: str = ""
    kernel_version: str = ""
    os_image: str = ""
    container_runtime_version: str = ""
    kubelet_version: str = ""
    kube_proxy_version: str = ""
    operating_system: str = ""
    architecture: str = ""
    swap: NodeSwapStatus | None = None


class ContainerImage(Value):
    """An image that is present on a node."""

    names: tuple[str, ...] = ()
    size_bytes: int = 0


class NodeFeatures(Value):
    """What the node can do for Pods that not every node can."""

    supplemental_groups_policy: bool = False


class NodeStatus(Value):
    """What was observed of a node."""

    capacity: Mapping[str, Quantity] = field(default_factory=dict)
    allocatable: Mapping[str, Quantity] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()
    addresses: tuple[NodeAddress, ...] = ()
    node_info: NodeSystemInfo = NodeSystemInfo()
    images: tuple[ContainerImage, ...] = ()
    declared_features: tuple[str, ...] = ()
    features: NodeFeatures = NodeFeatures()


class Node(Object):
    """A Docker host of the cluster."""

    kind: ClassVar[str] = "Node"
    api_version: str = field(default_factory=lambda: "v1")
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()
