"""Our own resources: status, plans, revisions, actions, sources, acknowledgements, explanations."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from reconciler.model.base import to_builtins
from reconciler.model.kinds import kind_named
from reconciler.model.ports import ManifestFile
from reconciler.model.refs import ObjectRef
from reconciler.model.status import PlanAnswer
from reconciler.render import DOCUMENT_VERSION, plan_document, status_document, validation_report
from reconciler.server.authentication import user_of
from reconciler.server.bodies import AcknowledgementBody, PlanBody, RollbackBody, body_of
from reconciler.server.context import context_of
from reconciler.server.descent import descent_of, events_of, has_descendants
from reconciler.server.errors import ApiError, bad_request
from reconciler.server.history import action_document, plan_summary, revision_document
from reconciler.server.metrics import metrics_text
from reconciler.server.query import number, word
from reconciler.server.wire import document, encode
from reconciler.store.values import ActionRecord

_LIMIT = 50
_LIMIT_MAX = 1000
_SEARCHED_MAX = 5000


async def status(request: Request) -> Response:
    """Return the state of everything."""
    context = context_of(request)
    return _json(status_document(await context.call(context.operations.status)))


async def metrics(request: Request) -> Response:
    """Return the state as metrics."""
    context = context_of(request)
    text = metrics_text(await context.call(context.operations.status))
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")


async def plan(request: Request) -> Response:
    """Return the current plan, or that of given files or of a revision."""
    context = context_of(request)
    operations = context.operations
    if request.method == "GET":
        return _answer(await context.call(operations.plan))
    body = await body_of(request, PlanBody)
    if body.files is not None:
        files = tuple(ManifestFile(path=f.path, blob_id=f.blob_id, content=f.content) for f in body.files)
        return _answer(await context.call(lambda: operations.plan_files(files, body.source)))
    if not body.revision:
        raise bad_request("expected files or a revision")
    return _answer(await context.call(lambda: operations.plan_revision(body.revision, body.source)))


async def plans(request: Request) -> Response:
    """Return the plans of the past, newest first, each in brief."""
    context, limit = context_of(request), _limit(request)
    records = await context.read(lambda: context.history.plans(limit=limit))
    return _list("PlanList", [plan_summary(record) for record in records])


async def one_plan(request: Request) -> Response:
    """Return one plan of the past."""
    context, id = context_of(request), request.path_params["id"]
    record = await context.read(lambda: context.history.plan(id))
    if record is None:
        raise ApiError(404, f'plan "{id}" not found', details={"kind": "plans", "name": id})
    return _json(plan_document(record.plan))


async def revisions(request: Request) -> Response:
    """Return the revisions that were read, newest first."""
    context, limit, source = context_of(request), _limit(request), word(request, "source")
    records = await context.read(lambda: context.history.revisions(source=source, limit=limit))
    return _list("RevisionList", [revision_document(record) for record in records])


async def actions(request: Request) -> Response:
    """Return what was carried out, newest first; of one object (and what was made for it), node or plan."""
    context, limit = context_of(request), _limit(request)
    object = _ref(word(request, "object")) if word(request, "object") else None
    node, plan_id = word(request, "node"), word(request, "plan")

    def find() -> Sequence[ActionRecord]:
        if object is None or not has_descendants(object):
            return context.history.actions(object=object, node=node, plan=plan_id, limit=limit)
        belongs = descent_of(object)
        recent = context.history.actions(node=node, plan=plan_id, limit=_SEARCHED_MAX)
        return [record for record in recent if belongs(record.action.object)][:limit]

    return _list("ActionList", [action_document(record) for record in await context.read(find)])


async def events(request: Request) -> Response:
    """Return what happened, oldest first; to everything, or to one object and what was made for it."""
    context, limit = context_of(request), _limit(request)
    object = _ref(word(request, "object")) if word(request, "object") else None

    def find() -> bytes:
        resource_version = context.objects.resource_version
        found = events_of(context.objects.by_kind("Event"), object)[-limit:]
        return encode(
            {
                "kind": "EventList",
                "apiVersion": "v1",
                "metadata": {"resourceVersion": str(resource_version)},
                "items": [document(stored, reveal=False) for stored in found],
            }
        )

    return Response(await context.read(find), media_type="application/json")


async def explain(request: Request) -> Response:
    """Say why an object is as it is."""
    context, ref = context_of(request), _ref(word(request, "object"))
    try:
        explanation = await context.call(lambda: context.operations.explain(ref))
    except LookupError as error:
        raise ApiError(404, f"{ref} not found", details={"kind": ref.kind, "name": ref.name}) from error
    return _json({"apiVersion": DOCUMENT_VERSION, "kind": "Explanation", **to_builtins(explanation)})


async def acknowledge(request: Request) -> Response:
    """Release held deletions."""
    context, body, by = context_of(request), await body_of(request, AcknowledgementBody), user_of(request).name
    try:
        released = await context.call(lambda: context.operations.acknowledge(body.hold, by))
    except LookupError as error:
        raise ApiError(404, f'hold "{body.hold}" not found', details={"kind": "holds", "name": body.hold}) from error
    return _done("Acknowledgement", {"objects": [str(ref) for ref in released]})


async def source_verb(request: Request) -> Response:
    """Sync, suspend, resume or roll back one source, or all of them under the name `*`."""
    verb, source = request.path_params["verb"], request.path_params["name"]
    act = _VERBS.get(verb)
    if act is None:
        raise ApiError(404, "the server could not find the requested resource")
    named = "" if source == "*" else source
    context = context_of(request)
    body = await body_of(request, RollbackBody) if verb == "rollback" else RollbackBody(revision="")
    try:
        result = await context.call(lambda: act(context.operations, named, body.revision))
    except LookupError as error:
        raise ApiError(404, f'source "{source}" not found', details={"kind": "sources", "name": source}) from error
    return _done("Source", {"name": source, "verb": verb, **result})


def _sync(operations: Any, source: str, _: str) -> Mapping[str, str]:
    operations.sync(source)
    return {}


def _suspend(operations: Any, source: str, _: str) -> Mapping[str, str]:
    operations.set_suspended(source, True)
    return {}


def _resume(operations: Any, source: str, _: str) -> Mapping[str, str]:
    operations.set_suspended(source, False)
    return {}


def _rollback(operations: Any, source: str, revision: str) -> Mapping[str, str]:
    return {"commit": operations.rollback(revision, source)}


_VERBS: Mapping[str, Callable[[Any, str, str], Mapping[str, str]]] = {
    "sync": _sync,
    "suspend": _suspend,
    "resume": _resume,
    "rollback": _rollback,
}


def _answer(answer: PlanAnswer) -> Response:
    """Return the plan, or the problems that prevent one."""
    if answer.plan is None:
        return _json(validation_report(answer.problems, objects=0))
    return _json(plan_document(answer.plan, answer.problems))


def _ref(text: str) -> ObjectRef:
    """Read `kind/namespace/name`, or `kind/name` for kinds without namespaces (and in namespace default)."""
    kind, *rest = text.split("/")
    spec = kind_named(kind)
    if spec is None or len(rest) not in (1, 2) or not all(rest):
        raise bad_request(f"object: expected kind/namespace/name, not {text[:80]!r}")
    if not spec.namespaced:
        return ObjectRef.of(spec.kind, "", rest[-1])
    return ObjectRef.of(spec.kind, rest[0] if len(rest) == 2 else "default", rest[-1])


def _limit(request: Request) -> int:
    return min(number(request, "limit") or _LIMIT, _LIMIT_MAX)


def _list(kind: str, items: list[dict[str, Any]]) -> Response:
    return _json({"apiVersion": DOCUMENT_VERSION, "kind": kind, "items": items})


def _done(kind: str, facts: Mapping[str, Any]) -> Response:
    return _json({"apiVersion": DOCUMENT_VERSION, "kind": kind, **facts})


def _json(value: Any) -> Response:
    return Response(encode(value), media_type="application/json")
