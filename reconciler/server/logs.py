"""The log of a Pod's container, as Kubernetes' `log` subresource."""

import time
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.kinds import KINDS, Pod
from reconciler.model.ports import LogRequest
from reconciler.model.refs import ObjectRef
from reconciler.model.streams import ContainerUnavailable, chosen_container
from reconciler.model.times import unix
from reconciler.server.context import context_of
from reconciler.server.errors import ApiError, bad_request
from reconciler.server.paths import existing
from reconciler.server.query import flag, number, word
from reconciler.server.streams import LineStream, Pump

_STREAMS = ("All", "Stdout", "Stderr")


async def log(request: Request) -> Response:
    """Send the log of one container, to its present end or as it grows."""
    if request.method not in ("GET", "HEAD"):
        raise ApiError(405, f"the server does not allow {request.method} on a log")
    context, parts = context_of(request), request.path_params
    pod = existing(context, KINDS["Pod"], ObjectRef.of("Pod", parts["namespace"], parts["name"])).object
    assert isinstance(pod, Pod)
    wanted = log_request(request, pod)
    if not pod.spec.node_name:
        return Response(status_code=204)
    pump = Pump(lambda: context.operations.logs(wanted), context.streams)
    try:
        await pump.start()
    except LookupError as error:
        raise bad_request(str(error.args[0] if error.args else error)) from error
    return LineStream(pump.items(), on_end=pump.stop, media_type="text/plain; charset=utf-8")


def log_request(request: Request, pod: Pod) -> LogRequest:
    """Return what the query asks for; raises what is wrong with it (Kubernetes' ValidatePodLogOptions)."""
    try:
        container = chosen_container(pod, word(request, "container"))
    except ContainerUnavailable as error:
        raise bad_request(str(error)) from error
    return LogRequest(
        namespace=pod.metadata.namespace,
        pod=pod.metadata.name,
        container=container,
        follow=flag(request, "follow"),
        previous=flag(request, "previous"),
        timestamps=flag(request, "timestamps"),
        tail_lines=number(request, "tailLines"),
        limit_bytes=_positive(request, "limitBytes"),
        since=_since(request),
        stream=_stream(request),
    )


def _stream(request: Request) -> str:
    """Return which stream is asked for; the last lines are those of both."""
    stream = word(request, "stream") or _STREAMS[0]
    if stream not in _STREAMS:
        raise _invalid(request, f'stream: Unsupported value: "{stream[:40]}": supported values: {", ".join(_STREAMS)}')
    if stream != _STREAMS[0] and word(request, "tailLines"):
        raise _invalid(request, "tailLines: Forbidden: tailLines and a specific stream are mutually exclusive for now")
    return stream


def _invalid(request: Request, message: str) -> ApiError:
    return ApiError(422, f'PodLogOptions "{request.path_params["name"]}" is invalid: {message}')


def _positive(request: Request, name: str) -> int | None:
    value = number(request, name)
    if value == 0:
        raise _invalid(request, f"{name}: Invalid value: 0: must be greater than 0")
    return value


def _since(request: Request) -> float | None:
    seconds, at = _positive(request, "sinceSeconds"), word(request, "sinceTime")
    if seconds is not None and at:
        raise bad_request("at most one of sinceTime or sinceSeconds may be specified")
    if seconds is not None:
        return time.time() - seconds
    try:
        return unix(at)
    except ValueError as error:
        example = datetime(2026, 1, 1).isoformat()  # noqa: DTZ001 - only an example of the form
        raise bad_request(f"sinceTime: expected an RFC 3339 time such as {example}Z, not {at[:40]!r}") from error
