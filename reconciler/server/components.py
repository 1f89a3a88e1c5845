"""What is worked out when it is asked for: the components of the control plane, and a Lease for every node.

Nothing of it is stored, so there is nothing to watch.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.ports import Component
from reconciler.model.status import NodeStatus
from reconciler.server.answers import document_answer, documents_answer
from reconciler.server.context import Context, context_of
from reconciler.server.errors import ApiError, bad_request, not_found
from reconciler.server.query import flag, word

NODE_LEASES = "kube-node-lease"
_LEASE_S = 40
_Item = dict[str, Any]


async def component_statuses(request: Request) -> Response:
    """List the components, each checked now."""
    items = _named(request, await _components(context_of(request)))
    return await _list(request, "ComponentStatus", "v1", items)


async def component_status(request: Request) -> Response:
    """Return one component, checked now."""
    items = await _components(context_of(request))
    return await document_answer(request, _one(items, request.path_params["name"], "componentstatuses", ""))


async def leases(request: Request) -> Response:
    """List the nodes' leases: who reports, and when it did last."""
    namespace = request.path_params.get("namespace", NODE_LEASES)
    items = await _leases(context_of(request)) if namespace == NODE_LEASES else []
    return await _list(request, "Lease", "coordination.k8s.io/v1", _named(request, items))


async def lease(request: Request) -> Response:
    """Return the lease of one node."""
    is_ours = request.path_params["namespace"] == NODE_LEASES
    items = await _leases(context_of(request)) if is_ours else []
    return await document_answer(request, _one(items, request.path_params["name"], "leases", "coordination.k8s.io"))


async def _components(context: Context) -> list[_Item]:
    return [_component_document(one) for one in await context.call(context.operations.components)]


def _component_document(one: Component) -> _Item:
    condition = {"type": "Healthy", "status": "True" if one.healthy else "False", "message": one.message}
    return {"kind": "ComponentStatus", "apiVersion": "v1", "metadata": {"name": one.name}, "conditions": [condition]}


async def _leases(context: Context) -> list[_Item]:
    status = await context.call(context.operations.status)
    return [_lease_document(node) for node in status.nodes if node.reported_at is not None]


def _lease_document(node: NodeStatus) -> _Item:
    assert node.reported_at is not None
    spec = {
        "holderIdentity": node.name,
        "leaseDurationSeconds": _LEASE_S,
        "renewTime": datetime.fromtimestamp(node.reported_at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    metadata = {"name": node.name, "namespace": NODE_LEASES}
    return {"kind": "Lease", "apiVersion": "coordination.k8s.io/v1", "metadata": metadata, "spec": spec}


def _named(request: Request, items: Iterable[_Item]) -> list[_Item]:
    """Return the items that the query asks for; they can be chosen by name, and carry no labels."""
    if flag(request, "watch"):
        raise ApiError(405, "watch is not supported on resources that are worked out when they are asked for")
    field, _, name = word(request, "fieldSelector").partition("=")
    name = name.removeprefix("=")
    if field not in ("", "metadata.name"):
        raise bad_request(f"field label not supported: {field[:80]} (supported: metadata.name)")
    if word(request, "labelSelector"):
        return []
    return [item for item in items if not field or item["metadata"]["name"] == name]


def _one(items: Sequence[_Item], name: str, plural: str, group: str) -> _Item:
    found = next((item for item in items if item["metadata"]["name"] == name), None)
    if found is None:
        raise not_found(plural, group, name)
    return found


async def _list(request: Request, kind: str, api_version: str, items: list[_Item]) -> Response:
    return await documents_answer(request, kind, api_version, items, context_of(request).objects.resource_version)
