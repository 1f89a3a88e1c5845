"""Who belongs to whom, drawn: Kubernetes' debugging page of its garbage collector.

`kubectl get --raw '/debug/controllers/garbagecollector/graph?uid=...' | dot -Tsvg`
"""

from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.kinds import KINDS
from reconciler.render.ownership import dot, ownership_of
from reconciler.server.context import context_of

PATH = "/debug/controllers/garbagecollector/graph"


async def graph(request: Request) -> Response:
    """Draw all objects that own or belong to others, or what hangs together with those named by `uid`."""
    objects = context_of(request).objects.view.objects
    found = [one.object for kind in KINDS for space in objects.spaces(kind).values() for one in space.values()]
    drawing = dot(ownership_of(found, request.query_params.getlist("uid")))
    return Response(drawing, media_type="text/vnd.graphviz")
