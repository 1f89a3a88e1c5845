"""What would come of revisions: forecasts of rollouts, and what fits on the nodes. Neither is ever applied."""

from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.ports import ManifestFile, PlanRequest
from reconciler.render import capacity_document, forecast_document, validation_report
from reconciler.server.bodies import PlanBody, body_of
from reconciler.server.context import context_of
from reconciler.server.wire import encode


async def forecast(request: Request) -> Response:
    """Return the forecast of the newest revisions, or that of given files or of a revision."""
    context, asked = context_of(request), await _asked(request)
    answer = await context.forecast(lambda: context.operations.forecast(asked))
    if answer.forecast is None:
        return _json(validation_report(answer.problems, objects=0))
    return _json(forecast_document(answer.forecast, answer.problems))


async def capacity(request: Request) -> Response:
    """Return what fits with the newest revisions, or with given files or a revision."""
    context, asked = context_of(request), await _asked(request)
    answer = await context.forecast(lambda: context.operations.capacity(asked))
    if answer.capacity is None:
        return _json(validation_report(answer.problems, objects=0))
    return _json(capacity_document(answer.capacity, answer.problems))


async def _asked(request: Request) -> PlanRequest:
    if request.method != "POST":
        return PlanRequest()
    body = await body_of(request, PlanBody)
    files = None
    if body.files is not None:
        files = tuple(ManifestFile(path=f.path, blob_id=f.blob_id, content=f.content) for f in body.files)
    return PlanRequest(files=files, revision=body.revision, source=body.source)


def _json(value: object) -> Response:
    return Response(encode(value), media_type="application/json")
