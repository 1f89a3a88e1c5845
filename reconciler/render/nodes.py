"""Nodes and join tokens as tables. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.model.agents import SKEW_MAX_S
from reconciler.model.status import TROUBLES
from reconciler.model.times import unix
from reconciler.render.layout import printable, wrapped
from reconciler.render.tables import Table, at
from reconciler.render.words import short_age

Document = Mapping[str, Any]
_NONE, _UNKNOWN = "<none>", "<unknown>"


def nodes_table(nodes: Sequence[Document], *, now: float) -> Table:
    """Return nodes as `kubectl get nodes -o wide` shows them, with what is known of their agents (under `agent`)."""
    return Table(
        columns=(
            "NAME",
            "STATUS",
            "AGE",
            "VERSION",
            "INTERNAL-IP",
            "POD-CIDR",
            "HEARD",
            "CLOCK",
            "AGENT",
            "OS-IMAGE",
            "KERNEL-VERSION",
            "CONTAINER-RUNTIME",
        ),
        rows=tuple(_node(one, now) for one in sorted(nodes, key=lambda one: at(one, "metadata", "name"))),
    )


def troubles_text(nodes: Sequence[Document], *, now: float) -> str:
    """Say what is wrong with nodes for all that they are ready: why, and since when."""
    lines = []
    for node in sorted(nodes, key=lambda one: at(one, "metadata", "name")):
        for one in _troubles(node):
            why = f"{at(node, 'metadata', 'name')} {one.get('reason', '')}: {one.get('message', '')}"
            lines += wrapped(printable(f"{why} (for {_age(one.get('lastTransitionTime'), now)})"))
    return "".join(f"{line}\n" for line in lines)


def tokens_table(tokens: Sequence[Document], *, now: float) -> Table:
    """Return join tokens, oldest first, with whether each can still be used."""
    return Table(
        columns=("ID", "FOR", "STATE", "AGE", "GIVEN BY"),
        rows=tuple(
            (
                at(one, "metadata", "name"),
                at(one, "node") or "any new node",
                _state(one, now),
                _age(at(one, "metadata", "creationTimestamp"), now),
                at(one, "createdBy"),
            )
            for one in tokens
        ),
    )


def _node(node: Document, now: float) -> tuple[str, ...]:
    agent, info = node.get("agent") or {}, at(node, "status", "nodeInfo", default={})
    kernel, architecture = info.get("kernelVersion") or _UNKNOWN, info.get("architecture", "")
    return (
        at(node, "metadata", "name"),
        _status(node),
        _age(at(node, "metadata", "creationTimestamp"), now),
        info.get("kubeletVersion") or _UNKNOWN,
        _address(node),
        agent.get("podCIDR") or at(node, "spec", "podCIDR") or _NONE,
        _heard(agent, now),
        _clock(agent),
        _version(agent),
        info.get("osImage") or _UNKNOWN,
        f"{kernel} ({architecture})" if architecture else kernel,
        info.get("containerRuntimeVersion") or _UNKNOWN,
    )


def _status(node: Document) -> str:
    conditions = at(node, "status", "conditions", default=())
    found = [one.get("status") for one in conditions if one.get("type") == "Ready"]
    word = {"True": "Ready", "False": "NotReady", "Unknown": "NotReady"}.get(found[0] if found else "", "Unknown")
    words = [word, *(one["type"].rpartition("/")[2] for one in _troubles(node))]
    return ",".join([*words, "SchedulingDisabled"] if at(node, "spec", "unschedulable", default=False) else words)


def _troubles(node: Document) -> list[Document]:
    conditions = at(node, "status", "conditions", default=())
    return [one for one in conditions if one.get("type") in TROUBLES and one.get("status") == "True"]


def _address(node: Document) -> str:
    addresses = at(node, "status", "addresses", default=())
    return next((one["address"] for one in addresses if one.get("type") == "InternalIP"), _NONE)


def _heard(agent: Document, now: float) -> str:
    heard_at = unix(agent.get("heardAt"))
    return "never" if heard_at is None else f"{short_age(max(now - heard_at, 0.0))} ago"


def _clock(agent: Document) -> str:
    """Say how far a node's clock is from the daemon's, where that matters."""
    skew = float(agent.get("clockSkewSeconds") or 0.0)
    return f"{skew:+.0f}s" if abs(skew) > SKEW_MAX_S else "ok"


def _version(agent: Document) -> str:
    """Say which version a node's agent is, and how that differs from the daemon's."""
    version = str(agent.get("agentVersion") or "").rpartition("+reconciler.")[2] or _UNKNOWN
    skew = agent.get("versionSkew")
    return f"{version} ({skew})" if skew else version


def _state(token: Document, now: float) -> str:
    if at(token, "usedAt"):
        return f"used by {at(token, 'usedBy')}"
    expires_at = unix(at(token, "expiresAt"))
    if expires_at is None or expires_at <= now:
        return "expired"
    return f"valid for {short_age(expires_at - now)}"


def _age(text: Any, now: float) -> str:
    created = unix(text) if text else None
    return _UNKNOWN if created is None else short_age(now - created)
