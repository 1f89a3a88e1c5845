"""What the host itself lacks and does not get: a state of it, where events tell of each try.

Pure. It follows from the failures that are remembered, which are forgotten as soon as the action is no longer due.
"""

from reconciler.model.node_report import NodeFacts, NodeFault
from reconciler.planner.node.memory import Failure, NodeMemory
from reconciler.planner.node.outcomes import NEEDS_PREPARED

_PREPARE, _POLICIES = "prepareHost", "programPolicies"
# An image that cannot be removed is in nobody's way: where the disk gets full, the conditions tell of that.
_HARMLESS = frozenset({"removeImage"})


def faults_of(memory: NodeMemory, facts: NodeFacts) -> tuple[NodeFault, ...]:
    """Return what the host lacks, in the order of names."""
    failing = memory.failures
    if not failing:
        return ()
    # What fails for want of a prepared host says less than what keeps it from being prepared.
    unprepared = not facts.network.prepared and f"{_PREPARE}/" in failing
    left_out = _HARMLESS | NEEDS_PREPARED if unprepared else _HARMLESS
    found = ((name.partition("/")[0], failing[name]) for name in sorted(failing))
    return tuple(_fault(action, failure, unprepared) for action, failure in found if action not in left_out)


def why_unwired(memory: NodeMemory, facts: NodeFacts) -> str:
    """Return why no Pod gets its network; empty where nothing is known against it."""
    return "; ".join(
        f"{one.reason}: {one.message}" for one in faults_of(memory, facts) if one.blocks_pods and one.lasts
    )


def _fault(action: str, failure: Failure, unprepared: bool) -> NodeFault:
    return NodeFault(
        action=action,
        reason=failure.reason,
        message=failure.message,
        tries=failure.count,
        blocks_pods=action == _POLICIES or (action == _PREPARE and unprepared),
    )
