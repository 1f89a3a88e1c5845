"""The log of a Pod's container, as Kubernetes' `log` subresource."""

import time
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.kinds import KINDS, Pod
from reconciler.model.ports import LogRequest
from reconciler.model.times import unix
from reconciler.server.context import context_of
from reconciler.server.errors import ApiError, bad_request
from reconciler.server.paths import existing, kind_of_path, ref_of_path
from reconciler.server.query import flag, number, word
from reconciler.server.streams import LineStream, Pump


async def subresource(request: Request) -> Response:
    """Serve what stands below an object: of all subresources only a Pod's log."""
    spec = kind_of_path(request)
    if spec.kind != "Pod" or request.path_params["subresource"] != "log":
        raise ApiError(404, "the server could not find the requested resource")
    if request.method != "GET":
        raise ApiError(405, "a log is only read")
    context = context_of(request)
    pod = existing(context, KINDS["Pod"], ref_of_path(request, spec)).object
    assert isinstance(pod, Pod)
    wanted = _log_request(request, pod)
    pump = Pump(lambda: context.operations.logs(wanted), context.streams)
    try:
        await pump.start()
    except LookupError as error:
        raise bad_request(str(error.args[0] if error.args else error)) from error
    return LineStream(pump.items(), on_end=pump.stop, media_type="text/plain; charset=utf-8")


def _log_request(request: Request, pod: Pod) -> LogRequest:
    return LogRequest(
        namespace=pod.metadata.namespace,
        pod=pod.metadata.name,
        container=_container(pod, word(request, "container")),
        follow=flag(request, "follow"),
        previous=flag(request, "previous"),
        timestamps=flag(request, "timestamps"),
        tail_lines=number(request, "tailLines"),
        limit_bytes=number(request, "limitBytes"),
        since=_since(request),
    )


def _container(pod: Pod, asked: str) -> str:
    """Return the container that is meant; Kubernetes asks to choose when there are several."""
    names = [container.name for container in (*pod.spec.init_containers, *pod.spec.containers)]
    name = pod.metadata.name
    if asked:
        if asked not in names:
            raise bad_request(f"container {asked} is not valid for pod {name}; it has: {', '.join(names)}")
        return asked
    if len(pod.spec.containers) > 1:
        regular = ", ".join(container.name for container in pod.spec.containers)
        raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{regular}]")
    return pod.spec.containers[0].name


def _since(request: Request) -> float | None:
    seconds, at = number(request, "sinceSeconds"), word(request, "sinceTime")
    if seconds is not None and at:
        raise bad_request("at most one of sinceTime or sinceSeconds may be specified")
    if seconds is not None:
        return time.time() - seconds
    try:
        return unix(at)
    except ValueError as error:
        example = datetime(2026, 1, 1).isoformat()  # noqa: DTZ001 - only an example of the form
        raise bad_request(f"sinceTime: expected an RFC 3339 time such as {example}Z, not {at[:40]!r}") from error
