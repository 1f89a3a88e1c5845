"""A change of nodes has those Services looked at anew of which a zone then has too few endpoints."""

from typing import Any

from reconciler.model.kinds import Node
from reconciler.planner.services.zones import is_overloaded, node_zones, place_of
from tests.parity.loosely import loosely
from tests.parity.rows import compare

Case = dict[str, Any]


def node_of(number: int, row: dict[str, Any]) -> Node:
    """Return a node with a zone, processors, and whether it is ready."""
    return loosely(
        Node,
        {
            "metadata": {"name": f"n{number}", "labels": {"topology.kubernetes.io/zone": row["zoneLabel"]}},
            "status": {
                "allocatable": {"cpu": row["cpu"]} if row.get("cpu") else {},
                "conditions": [{"type": "Ready", "status": "True" if row.get("ready") else "False"}],
            },
        },
    )


def looks_again(case: Case) -> bool:
    """Judge a row with nodes, and what a Service has in each zone."""
    nodes = (node_of(number, row) for number, row in enumerate(case["nodes"]))
    shares = node_zones({node.metadata.name: place_of(node) for node in nodes}).shares
    found = [name for name, counts in case["endpointZoneInfo"].items() if is_overloaded(counts, shares)]
    return len(found) == case.get("expectedQueueLen", 0)


def test_services_with_too_few_endpoints_in_a_zone_are_looked_at_as_upstreams_are() -> None:
    """Every row agrees."""
    compare("pkg_controller_endpointslice", {"Test_checkNodeTopologyDistribution": looks_again})
