"""What a user may do, asked of the API itself: access reviews, the rules of oneself, and who one is.

As Kubernetes has them, in JSON and protobuf; answers are JSON. Nothing of a review is stored.
"""

from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.access import RequestAttributes, User
from reconciler.model.base import Value, to_builtins
from reconciler.planner.access.authorize import authorize, rules_for
from reconciler.server.authentication import user_of
from reconciler.server.bodies import body_of
from reconciler.server.errors import ApiError, bad_request
from reconciler.server.policy import CurrentPolicy
from reconciler.server.protobuf import MEDIA_TYPE, Codec
from reconciler.server.wire import encode

AUTHENTICATION, AUTHORIZATION = "authentication.k8s.io", "authorization.k8s.io"
_CODEC = Codec(
    "k8s.io.reviews",
    {
        "SelfSubjectAccessReview": ("spec 2 AccessSpec",),
        "SubjectAccessReview": ("spec 2 AccessSpec",),
        "LocalSubjectAccessReview": ("spec 2 AccessSpec",),
        "SelfSubjectRulesReview": ("spec 2 RulesSpec",),
        "SelfSubjectReview": (),
        "AccessSpec": (
            "resourceAttributes 1 ResourceAttributes",
            "nonResourceAttributes 2 NonResourceAttributes",
            "user 3 string",
            "groups 4 *string",
            "uid 6 string",
        ),
        "RulesSpec": ("namespace 1 string",),
        "ResourceAttributes": (
            "namespace 1 string",
            "verb 2 string",
            "group 3 string",
            "version 4 string",
            "resource 5 string",
            "subresource 6 string",
            "name 7 string",
        ),
        "NonResourceAttributes": ("path 1 string", "verb 2 string"),
    },
)


class ResourceAttributes(Value):
    """A question about a resource."""

    verb: str = ""
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""


class NonResourceAttributes(Value):
    """A question about a path."""

    path: str = ""
    verb: str = ""


class AccessSpec(Value):
    """A question: exactly one of both attributes; of others also whom it is about."""

    resource_attributes: ResourceAttributes | None = None
    non_resource_attributes: NonResourceAttributes | None = None
    user: str = ""
    groups: tuple[str, ...] = ()
    uid: str = ""


class RulesSpec(Value):
    """Which namespace is asked about."""

    namespace: str = ""


class AccessReview(Value):
    """A review of whether somebody may do something."""

    spec: AccessSpec = msgspec.field(default_factory=AccessSpec)


class RulesReview(Value):
    """A review of everything that one may do."""

    spec: RulesSpec = msgspec.field(default_factory=RulesSpec)


class SelfReview(Value):
    """A review of who one is."""


_Body = TypeVar("_Body", bound=Value)


async def self_access(request: Request) -> Response:
    """Say whether whoever asks may do something."""
    spec = (await _read(request, AccessReview)).spec
    return _access(request, "SelfSubjectAccessReview", user_of(request), spec)


async def access(request: Request) -> Response:
    """Say whether a user, or a member of groups, may do something."""
    spec = (await _read(request, AccessReview)).spec
    return _access(request, "SubjectAccessReview", _asked_about(spec), spec)


async def local_access(request: Request) -> Response:
    """Say whether a user may do something in one namespace."""
    spec, namespace = (await _read(request, AccessReview)).spec, request.path_params["namespace"]
    wanted = spec.resource_attributes
    if wanted is None or spec.non_resource_attributes is not None:
        raise _invalid("spec.nonResourceAttributes: a local review is about a resource of its namespace")
    if wanted.namespace not in ("", namespace):
        raise _invalid(f"spec.resourceAttributes.namespace: must be {namespace}, the namespace of the request")
    spec = msgspec.structs.replace(spec, resource_attributes=msgspec.structs.replace(wanted, namespace=namespace))
    return _access(request, "LocalSubjectAccessReview", _asked_about(spec), spec)


async def self_rules(request: Request) -> Response:
    """Return everything that whoever asks may do in a namespace."""
    spec = (await _read(request, RulesReview)).spec
    if not spec.namespace:
        raise bad_request("no namespace on request")
    rules = [to_builtins(rule) for rule in rules_for(user_of(request), spec.namespace, _policy(request).policy)]
    status = {
        "resourceRules": [rule for rule in rules if "nonResourceURLs" not in rule],
        "nonResourceRules": [rule for rule in rules if "nonResourceURLs" in rule],
        "incomplete": False,
    }
    return _answer(f"{AUTHORIZATION}/v1", "SelfSubjectRulesReview", to_builtins(spec), status)


async def self_review(request: Request) -> Response:
    """Say who asks, as the API knows them; clients of Kubernetes 1.27 ask by the version before the first."""
    version = request.path_params["version"]
    if version not in ("v1", "v1beta1"):
        raise ApiError(404, "the server could not find the requested resource")
    await _read(request, SelfReview)
    user = user_of(request)
    info = {"username": user.name, "uid": user.uid, "groups": list(user.groups)}
    status = {"userInfo": {key: value for key, value in info.items() if value}}
    return _answer(f"{AUTHENTICATION}/{version}", "SelfSubjectReview", None, status)


async def _read(request: Request, kind: type[_Body]) -> _Body:
    """Return the body, in whichever of both forms it is."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        return await body_of(request, kind)
    return msgspec.convert(_CODEC.document(await request.body()), kind)


def _access(request: Request, kind: str, user: User, spec: AccessSpec) -> Response:
    decision = authorize(user, _attributes(spec), _policy(request).policy)
    status = {"allowed": decision.allowed} | ({"reason": decision.reason} if decision.reason else {})
    return _answer(f"{AUTHORIZATION}/v1", kind, to_builtins(spec), status)


def _attributes(spec: AccessSpec) -> RequestAttributes:
    wanted, path = spec.resource_attributes, spec.non_resource_attributes
    if (wanted is None) is (path is None):
        raise _invalid("spec: exactly one of resourceAttributes and nonResourceAttributes is needed")
    if path is not None:
        return RequestAttributes(verb=path.verb, path=path.path or "/")
    return msgspec.convert(wanted, RequestAttributes, from_attributes=True)


def _asked_about(spec: AccessSpec) -> User:
    if not spec.user and not spec.groups:
        raise _invalid("spec.user: at least one of user and groups is needed")
    return User(name=spec.user, groups=spec.groups, uid=spec.uid)


def _policy(request: Request) -> CurrentPolicy:
    found = request.app.state.policy
    assert isinstance(found, CurrentPolicy)
    return found


def _answer(api_version: str, kind: str, spec: Any, status: dict[str, Any]) -> Response:
    document = {"kind": kind, "apiVersion": api_version, "metadata": {"creationTimestamp": None}}
    document |= {"spec": spec} if spec is not None else {}
    return Response(encode({**document, "status": status}), status_code=201, media_type="application/json")


def _invalid(message: str) -> ApiError:
    return ApiError(422, message)
