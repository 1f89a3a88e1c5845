"""The API as one ASGI application: which path is answered by what.

app = make_app(operations, index, store)
await serve(app, settings.socket_path, stop)
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from reconciler.model.agents import Agents
from reconciler.model.errors import ReconcilerError
from reconciler.model.ports import Operations
from reconciler.server import (
    components,
    discovery,
    ephemeral,
    eviction,
    exec,
    finalize,
    health,
    hooks,
    logs,
    metrics_api,
    objects,
    openapi,
    outlook,
    own,
    ownership,
    pod_resize,
    reviews,
    scale,
    status,
    users,
    writes,
)
from reconciler.server.audit import Audit, AuditLog
from reconciler.server.authentication import Authenticate, Authenticator
from reconciler.server.authorization import Authorize
from reconciler.server.context import Context, make_context
from reconciler.server.errors import ApiError, on_api_error, on_bug, on_failure, on_http_exception
from reconciler.server.fairness import ShareFairly
from reconciler.server.limits import BoundRequests, Limits
from reconciler.server.nodes_api.polls import Polls
from reconciler.server.nodes_api.routes import agent_routes
from reconciler.server.policy import CurrentPolicy
from reconciler.server.reads import History, Objects
from reconciler.server.resources import METRICS_GROUP, OWN_GROUP
from reconciler.server.users import Access

Handler = Callable[[Request], Awaitable[Response]]

_ALL_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_OWN = f"/apis/{OWN_GROUP}/v1"


def make_app(
    operations: Operations,
    objects_: Objects,
    history: History,
    limits: Limits | None = None,
    access: Access | None = None,
    audit: AuditLog | None = None,
    agents: Agents | None = None,
    *,
    legacy_addresses: bool = False,
) -> Starlette:
    """Return the application; it holds no state but watches. Without `access` no credential but the socket counts.

    Without `agents` no other host can join. `legacy_addresses` takes addresses of bodies as Kubernetes did before 1.36.
    """
    limits, access = limits or Limits(), access or Access()
    authenticator, policy = Authenticator(access.accounts, access.now), CurrentPolicy(objects_)
    app = Starlette(
        routes=_routes(),
        middleware=[
            Middleware(BoundRequests, limits=limits),
            Middleware(Audit, log=audit),
            Middleware(Authenticate, authenticator=authenticator, limits=limits),
            Middleware(ShareFairly, limits=limits, clock=time.monotonic),
            Middleware(Authorize, policy=policy),
        ],
        exception_handlers={
            ApiError: on_api_error,
            ReconcilerError: on_failure,
            HTTPException: on_http_exception,
            Exception: on_bug,
        },
        lifespan=_lifespan,
    )
    app.state.limits = limits
    app.state.access = access
    app.state.policy = policy
    app.state.agents = agents
    app.state.legacy_addresses = legacy_addresses
    app.state.polls = Polls()
    app.state.context = make_context(operations, objects_, history, limits)
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    context: Context = app.state.context
    policy: CurrentPolicy = app.state.policy
    context.hub.open()
    policy.open()
    try:
        yield
    finally:
        policy.close()
        context.hub.close()


def _routes() -> list[BaseRoute]:
    return [
        *_public_routes(),
        *_own_routes(),
        *_review_routes(),
        *_computed_routes(),
        *_metrics_routes(),
        *_pod_routes("/api/v1/namespaces/{namespace}/pods/{name}"),
        _route("/api/v1/namespaces/{name}/finalize", finalize.finalize, *_ALL_METHODS),
        *_kind_routes("/api/{version}"),
        *_kind_routes("/apis/{group}/{version}"),
    ]


def _public_routes() -> list[BaseRoute]:
    return [
        _route("/version", health.version),
        _route("/version/", health.version),
        _route("/healthz", health.live),
        _route("/livez", health.live),
        _route("/livez/{check}", health.live),
        _route("/readyz", health.ready),
        _route("/readyz/{check}", health.ready),
        _route("/metrics", own.metrics),
        _route("/api", discovery.core),
        _route("/apis", discovery.groups),
        _route("/apis/{group}", discovery.one_group),
        _route("/openapi/v2", openapi.whole),
        _route("/openapi/v3", openapi.index),
        _route("/openapi/v3/api/{version}", openapi.one),
        _route("/openapi/v3/apis/{group}/{version}", openapi.one),
        _route("/hooks/pre-receive", hooks.pre_receive, "POST"),
        _route("/hooks/post-receive", hooks.post_receive, "POST"),
    ]


def _own_routes() -> list[BaseRoute]:
    return [
        _route(f"{_OWN}/status", own.status),
        _route(f"{_OWN}/plan", own.plan, "GET", "POST"),
        _route(f"{_OWN}/forecast", outlook.forecast, "GET", "POST"),
        _route(f"{_OWN}/capacity", outlook.capacity, "GET", "POST"),
        _route(f"{_OWN}/plans", own.plans),
        _route(f"{_OWN}/plans/{{id}}", own.one_plan),
        _route(f"{_OWN}/revisions", own.revisions),
        _route(f"{_OWN}/actions", own.actions),
        _route(f"{_OWN}/events", own.events),
        _route(f"{_OWN}/explain", own.explain),
        _route(f"{_OWN}/acknowledgements", own.acknowledge, "POST"),
        _route(f"{_OWN}/sources/{{name}}/{{verb}}", own.source_verb, "POST"),
        _route(f"{_OWN}/users", users.collection, "GET", "POST"),
        _route(f"{_OWN}/users/{{name}}", users.revoke, "DELETE"),
        *agent_routes(_OWN),
    ]


def _review_routes() -> list[BaseRoute]:
    authorization = f"/apis/{reviews.AUTHORIZATION}/v1"
    local = f"{authorization}/namespaces/{{namespace}}/localsubjectaccessreviews"
    return [
        _route(f"{authorization}/selfsubjectaccessreviews", reviews.self_access, "POST"),
        _route(f"{authorization}/selfsubjectrulesreviews", reviews.self_rules, "POST"),
        _route(f"{authorization}/subjectaccessreviews", reviews.access, "POST"),
        _route(local, reviews.local_access, "POST"),
        _route(f"/apis/{reviews.AUTHENTICATION}/{{version}}/selfsubjectreviews", reviews.self_review, "POST"),
    ]


def _computed_routes() -> list[BaseRoute]:
    leases = "/apis/coordination.k8s.io/v1"
    return [
        _route(ownership.PATH, ownership.graph),
        _route("/api/v1/componentstatuses", components.component_statuses),
        _route("/api/v1/componentstatuses/{name}", components.component_status),
        _route(f"{leases}/leases", components.leases),
        _route(f"{leases}/namespaces/{{namespace}}/leases", components.leases),
        _route(f"{leases}/namespaces/{{namespace}}/leases/{{name}}", components.lease),
    ]


def _metrics_routes() -> list[BaseRoute]:
    metrics = f"/apis/{METRICS_GROUP}/v1beta1"
    return [
        _route(f"{metrics}/nodes", metrics_api.nodes),
        _route(f"{metrics}/nodes/{{name}}", metrics_api.node),
        _route(f"{metrics}/pods", metrics_api.pods),
        _route(f"{metrics}/namespaces/{{namespace}}/pods", metrics_api.pods),
        _route(f"{metrics}/namespaces/{{namespace}}/pods/{{name}}", metrics_api.pod),
    ]


def _pod_routes(pod: str) -> list[BaseRoute]:
    return [
        _route(f"{pod}/log", logs.log, *_ALL_METHODS),
        *(_route(f"{pod}/{name}", exec.exec_http, *_ALL_METHODS) for name in ("attach", "exec")),
        *(WebSocketRoute(f"{pod}/{name}", exec.exec_websocket) for name in ("attach", "exec")),
        _route(f"{pod}/ephemeralcontainers", ephemeral.ephemeral_containers, *_ALL_METHODS),
        _route(f"{pod}/eviction", eviction.evict, *_ALL_METHODS),
        _route(f"{pod}/resize", pod_resize.resize, *_ALL_METHODS),
        *(_route(f"{pod}/{name}", exec.not_offered, *_ALL_METHODS) for name in exec.NOT_OFFERED),
        *(WebSocketRoute(f"{pod}/{name}", exec.websocket_not_offered) for name in exec.NOT_OFFERED),
    ]


def _kind_routes(prefix: str) -> list[BaseRoute]:
    namespaced = f"{prefix}/namespaces/{{namespace}}/{{plural}}"
    return [
        _route(prefix, discovery.resources),
        _route(f"{namespaced}/{{name}}/status", status.status, *_ALL_METHODS),
        _route(f"{prefix}/{{plural}}/{{name}}/status", status.status, *_ALL_METHODS),
        _route(f"{namespaced}/{{name}}", objects.single, *_ALL_METHODS),
        _route(namespaced, objects.collection, *_ALL_METHODS),
        _route(f"{prefix}/{{plural}}/{{name}}", objects.single, *_ALL_METHODS),
        _route(f"{prefix}/{{plural}}", objects.collection, *_ALL_METHODS),
        _route(f"{namespaced}/{{name}}/scale", scale.scale, *_ALL_METHODS),
        _route(f"{namespaced}/{{name}}/{{below}}", writes.below, *_ALL_METHODS),
        _route(f"{prefix}/{{plural}}/{{name}}/{{below}}", writes.below, *_ALL_METHODS),
    ]


def _route(path: str, handler: Handler, *methods: str) -> Route:
    return Route(path, handler, methods=list(methods or ("GET",)))
