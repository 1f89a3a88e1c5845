"""When a node was heard last, as its object tells it: refreshed only now and then, because every change is written.

Pure. The exact time is the node's lease; a plan never holds a heartbeat, so that planning again is empty (P09).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

import msgspec

from reconciler.model.kinds import Condition, Node
from reconciler.model.observed import NodeState, StoredObject
from reconciler.model.plan import Change, Reason
from reconciler.model.times import rfc3339, unix

replace = msgspec.structs.replace

REFRESH_S = 300.0


def heartbeat_changes(stored: Iterable[StoredObject], nodes: Mapping[str, NodeState]) -> Iterator[Change]:
    """Yield the writes that bring the heartbeats of nodes up to date, where they have become old."""
    for one in stored:
        node, state = cast(Node, one.object), nodes.get(one.ref.name)
        heard_at = state.heartbeat_at if state is not None else None
        if heard_at is None or not any(_is_old(condition, heard_at) for condition in node.status.conditions):
            continue
        conditions = tuple(_refreshed(condition, heard_at) for condition in node.status.conditions)
        yield Change(
            verb="status",
            ref=one.ref,
            object=replace(node, status=replace(node.status, conditions=conditions)),
            manager=one.manager,
            reason=Reason.STATUS,
            provenance=one.provenance,
            digest=one.digest,
            incarnation=one.incarnation,
            expected_resource_version=node.metadata.resource_version,
        )


def _is_old(condition: Condition, heard_at: float) -> bool:
    shown = unix(condition.last_heartbeat_time)
    return shown is None or heard_at - shown >= REFRESH_S


def _refreshed(condition: Condition, heard_at: float) -> Condition:
    return replace(condition, last_heartbeat_time=rfc3339(heard_at))
