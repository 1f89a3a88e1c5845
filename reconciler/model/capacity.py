"""What nodes have, what Pods ask of them, and what of it fits. Values only."""

from collections.abc import Mapping

from reconciler.model.base import Value
from reconciler.model.desired import RevisionInfo
from reconciler.model.forecast import Unplaced
from reconciler.model.problem import Problem
from reconciler.model.refs import ObjectRef


class Amounts(Value):
    """CPU in thousandths, memory in bytes, number of Pods."""

    cpu_millis: int = 0
    memory_bytes: int = 0
    pods: int = 0


class WorkloadCapacity(Value):
    """What all Pods of one workload ask for; `unlimited` are those of them with a container without a memory limit."""

    object: ObjectRef
    pods: int
    requests: Amounts
    limits: Amounts
    unlimited: int = 0


class NodeCapacity(Value):
    """One node: what it has for Pods, what those on it ask for (`daemons`: of DaemonSets), and what is left.

    `lost` are the Pods on it that fit nowhere else, should it go; `closed` says why it takes no new Pods now.
    """

    name: str
    allocatable: Amounts
    requests: Amounts
    limits: Amounts
    daemons: Amounts
    free: Amounts
    lost: tuple[Unplaced, ...] = ()
    closed: tuple[str, ...] = ()


class NodesNeeded(Value):
    """The smallest number of nodes found on which everything fits that fits any; `shapes` counts copies by node.

    `misfits` fit on no node of these shapes, however many there are. Nothing is found (`count` 0) without nodes, and
    with more than is tried.
    """

    count: int = 0
    present: int = 0
    shapes: Mapping[str, int] = {}
    misfits: tuple[Unplaced, ...] = ()


class QuotaCapacity(Value):
    """One ResourceQuota: what is allowed and what is used, as its own quantities."""

    object: ObjectRef
    hard: Mapping[str, str] = {}
    used: Mapping[str, str] = {}


class Capacity(Value):
    """The room of a cluster once everything that is declared runs."""

    revisions: Mapping[str, RevisionInfo] = {}
    observed_at: float = 0.0
    assumptions: tuple[str, ...] = ()
    workloads: tuple[WorkloadCapacity, ...] = ()
    nodes: tuple[NodeCapacity, ...] = ()
    waiting: tuple[Unplaced, ...] = ()
    needed: NodesNeeded = NodesNeeded()
    quotas: tuple[QuotaCapacity, ...] = ()


class CapacityAnswer(Value):
    """What fits, or the problems that prevent an answer."""

    capacity: Capacity | None = None
    problems: tuple[Problem, ...] = ()
