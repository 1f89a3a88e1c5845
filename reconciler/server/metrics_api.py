"""What nodes and Pods use, as `kubectl top` and clients ask for it: the group `metrics.k8s.io`.

Worked out when it is asked for, from what was measured last; nothing of it is stored, so there is nothing to watch.
Names and labels are those of the Node or Pod, so that the same selectors choose.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.kinds import KINDS, KindSpec, Object
from reconciler.model.metrics import ContainerUsage, NodeUsage, PodUsage
from reconciler.model.refs import ObjectRef
from reconciler.model.times import rfc3339
from reconciler.server.answers import document_answer, documents_answer
from reconciler.server.context import Context, context_of
from reconciler.server.errors import ApiError, not_found
from reconciler.server.query import flag, word
from reconciler.server.reads import Objects
from reconciler.server.resources import METRICS_GROUP
from reconciler.server.selection import Selection, make_selection

_API_VERSION = f"{METRICS_GROUP}/v1beta1"
_Item = dict[str, Any]


async def nodes(request: Request) -> Response:
    """List what nodes use."""
    return await _list(request, "Node")


async def node(request: Request) -> Response:
    """Return what one node uses."""
    return await _one(request, "Node")


async def pods(request: Request) -> Response:
    """List what Pods use, of one namespace or all."""
    return await _list(request, "Pod")


async def pod(request: Request) -> Response:
    """Return what one Pod uses."""
    return await _one(request, "Pod")


async def _list(request: Request, kind: str) -> Response:
    if flag(request, "watch"):
        raise ApiError(405, "watch is not supported on resources that are worked out when they are asked for")
    context = context_of(request)
    selection = make_selection(
        KINDS[kind],
        namespace=request.path_params.get("namespace", ""),
        field_selector=word(request, "fieldSelector"),
        label_selector=word(request, "labelSelector"),
    )
    items = await _items(context, selection)
    return await documents_answer(request, f"{kind}Metrics", _API_VERSION, items, context.objects.resource_version)


async def _one(request: Request, kind: str) -> Response:
    name, namespace = request.path_params["name"], request.path_params.get("namespace", "")
    found = await _items(context_of(request), make_selection(KINDS[kind], namespace=namespace, name=name))
    if not found:
        raise not_found(KINDS[kind].plural, METRICS_GROUP, name)
    return await document_answer(request, found[0])


async def _items(context: Context, selection: Selection) -> Sequence[_Item]:
    usage = await context.call(context.operations.usage)
    return await context.read(lambda: _documents(context.objects, usage, selection))


def _documents(objects: Objects, usage: Iterable[NodeUsage], selection: Selection) -> list[_Item]:
    found: list[tuple[KindSpec, str, str, NodeUsage | PodUsage]]
    if selection.kind.kind == "Node":
        found = [(selection.kind, "", one.node, one) for one in usage]
    else:
        found = [(selection.kind, pod.namespace, pod.name, pod) for one in usage for pod in one.pods]
    items = (_document(objects, *one, selection) for one in sorted(found, key=lambda one: one[1:3]))
    return [item for item in items if item is not None]


def _document(
    objects: Objects, kind: KindSpec, namespace: str, name: str, usage: NodeUsage | PodUsage, selection: Selection
) -> _Item | None:
    """Return what a Node or Pod uses; None where it was not asked for, or is no more, or is another of that name."""
    stored = objects.get(ObjectRef(kind=kind.kind, namespace=namespace, name=name))
    if stored is None or not selection.matches(stored.object):
        return None
    if isinstance(usage, PodUsage) and usage.uid != stored.object.metadata.uid:
        return None
    head = {
        "kind": f"{kind.kind}Metrics",
        "apiVersion": _API_VERSION,
        "metadata": _metadata(stored.object, usage.at),
        "timestamp": rfc3339(usage.at),
        "window": f"{usage.window_s:.3f}s",
    }
    if isinstance(usage, PodUsage):
        return {**head, "containers": [_container(one) for one in usage.containers]}
    return {**head, "usage": _usage(usage.cpu_nanos, usage.memory_bytes)}


def _metadata(object: Object, at: float) -> Mapping[str, Any]:
    metadata = object.metadata
    place = {"namespace": metadata.namespace} if metadata.namespace else {}
    labels = {"labels": dict(metadata.labels)} if metadata.labels else {}
    return {"name": metadata.name, **place, **labels, "creationTimestamp": rfc3339(at)}


def _container(one: ContainerUsage) -> _Item:
    return {"name": one.name, "usage": _usage(one.cpu_nanos, one.memory_bytes)}


def _usage(cpu_nanos: int, memory_bytes: int) -> dict[str, str]:
    return {"cpu": f"{cpu_nanos}n" if cpu_nanos else "0", "memory": f"{memory_bytes // 1024}Ki"}
