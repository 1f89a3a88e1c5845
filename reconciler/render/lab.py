"""The nodes of a lab as a table. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.render.tables import Table


def lab_table(nodes: Sequence[Mapping[str, Any]]) -> Table:
    """Return what there is of each node, from its power to its links."""
    columns = ("NODE", "ADDRESS", "POWER", "ENGINE", "AGENT", "STATUS", "LINKS")
    return Table(columns=columns, rows=tuple(_row(one) for one in nodes))


def _row(node: Mapping[str, Any]) -> tuple[str, ...]:
    agent = "running" if node["agent"] else "stopped"
    return (
        node["name"],
        node["address"],
        node["power"],
        node["engine"] or "<none>",
        agent,
        node["status"],
        "; ".join(_links(node)) or "good",
    )


def _links(node: Mapping[str, Any]) -> list[str]:
    cut = [f"cut from {', '.join(node['cutFrom'])}"] if node["cutFrom"] else []
    delay = [f"delay {node['delay']}"] if node["delay"] else []
    loss = [f"loss {node['lossPercent']:g}%"] if node["lossPercent"] else []
    return [*cut, *delay, *loss]
