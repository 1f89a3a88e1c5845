"""Nodes as a leader takes them over: it cannot have heard them while it did not listen. Pure."""

from collections.abc import Iterable, Mapping
from typing import cast

import msgspec

from reconciler.model.kinds import Node
from reconciler.model.observed import NodeState, StoredObject


def listening(states: Mapping[str, NodeState], stored: Iterable[StoredObject], now: float) -> dict[str, NodeState]:
    """Return nodes as a leader takes them over: those that were well have their whole lease to be heard (P10).

    `stored` are the Node objects. One that was silent before stays so until it is heard.
    """
    silent = {one.ref.name for one in stored if _is_unknown(cast(Node, one.object))}
    return {
        name: state if name in silent else msgspec.structs.replace(state, listened_since=now)
        for name, state in states.items()
    }


def not_ahead(states: Mapping[str, NodeState], now: float) -> dict[str, NodeState]:
    """Return nodes of which none was heard in the future: the clock was set back since, and their lease begins now."""
    return {name: state if (state.heard_at or now) <= now else _heard(state, now) for name, state in states.items()}


def _heard(state: NodeState, now: float) -> NodeState:
    return msgspec.structs.replace(state, heartbeat_at=now, listened_since=now)


def _is_unknown(node: Node) -> bool:
    return any(one.type == "Ready" and one.status == "Unknown" for one in node.status.conditions)
