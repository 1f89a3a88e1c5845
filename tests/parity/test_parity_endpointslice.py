"""EndpointSlices have the endpoints and ports that upstream's controller writes."""

from typing import Any

from reconciler.model.kinds import EndpointSlice, Pod, Service
from reconciler.planner.services.endpoints import sync_endpoints
from tests.parity.loosely import loosely
from tests.parity.rows import compare
from tests.parity.test_parity_deployment import stored, view_of

Case = dict[str, Any]


def slices_of(case: Case) -> list[EndpointSlice]:
    """Return the slices of a row's Service with its Pods."""
    pods = [stored(loosely(Pod, one)) for one in case.get("pods", ())]
    view = view_of(stored(loosely(Service, case["service"])), *pods)
    sync_endpoints(view)
    return [one.object for one in view.of_kind("EndpointSlice")]  # type: ignore[misc]


def has_none(case: Case) -> bool:
    """Judge a row with a Service that is only a name."""
    return not slices_of(case)


def publishes(case: Case) -> bool:
    """Judge a row with Pods, some of them ending or with one address."""
    found = slices_of(case)
    endpoints = [
        (
            one.addresses,
            (one.conditions.ready, one.conditions.serving, one.conditions.terminating),
            one.target_ref and (one.target_ref.kind, one.target_ref.namespace, one.target_ref.name),
            one.node_name,
        )
        for each in found
        for one in each.endpoints
    ]
    wanted = [
        (
            tuple(one["addresses"]),
            tuple(one["conditions"][name] for name in ("ready", "serving", "terminating")),
            tuple(one["targetRef"][name] for name in ("kind", "namespace", "name")),
            one["nodeName"],
        )
        for one in case["expectedEndpoints"]
    ]
    ports = [(one.name, one.protocol, one.port) for each in found for one in each.ports]
    asked = [(one["name"], one["protocol"], one["port"]) for one in case["expectedEndpointPorts"]]
    return sorted(endpoints, key=str) == sorted(wanted, key=str) and sorted(ports) == sorted(asked)


def test_endpoint_slices_are_written_as_upstream_writes_them() -> None:
    """Every row about the content of slices agrees."""
    tables = {"TestServiceExternalNameTypeSync": has_none, "TestSyncService": publishes}
    compare("pkg_controller_endpointslice", tables)
