"""Evictions of Pods: the subresource `eviction`, which deletes a Pod if its disruption budget allows it.

`kubectl drain` asks this way, and again where the answer is 429.
"""

from functools import partial
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from reconciler.model.base import Value
from reconciler.model.errors import AmbiguousBudget, DisruptionForbidden
from reconciler.model.kinds import KINDS
from reconciler.model.refs import ObjectRef
from reconciler.server.context import context_of
from reconciler.server.deletion import MESSAGES, DeleteOptions, checked
from reconciler.server.errors import ApiError, bad_request
from reconciler.server.paths import existing
from reconciler.server.protobuf import MEDIA_TYPE, Codec
from reconciler.server.writes import author_of, ended, is_dry, require_preconditions

_VERSIONS = ("policy/v1", "policy/v1beta1")
_CODEC = Codec(
    "k8s.io.eviction",
    {
        **MESSAGES,
        "Eviction": ("metadata 1 ObjectMeta", "deleteOptions 2 DeleteOptions"),
        "ObjectMeta": ("name 1 string", "namespace 3 string"),
    },
)


class EvictionMeta(Value):
    """What names the Pod."""

    name: str = ""
    namespace: str = ""


class Eviction(Value):
    """The body of an eviction."""

    metadata: EvictionMeta = EvictionMeta()
    delete_options: DeleteOptions | None = None


async def evict(request: Request) -> Response:
    """Evict a Pod: 201 when it goes, 429 when its budget forbids it now."""
    if request.method != "POST":
        raise ApiError(405, f"the server does not allow {request.method} on eviction")
    context, spec = context_of(request), KINDS["Pod"]
    author_of(request)
    namespace, name = request.path_params["namespace"], request.path_params["name"]
    stored = existing(context, spec, ObjectRef.of("Pod", namespace, name))
    wanted = await _eviction(request)
    if wanted.metadata.name != name or wanted.metadata.namespace not in ("", namespace):
        raise bad_request("name in URL does not match name in Eviction object")
    asked = checked(request, wanted.delete_options or DeleteOptions())
    require_preconditions(spec, stored, asked)
    only_asks = is_dry(request, asked)
    try:
        await ended(
            request, spec, stored, asked, partial(context.operations.evict, is_dry=only_asks), wait=not only_asks
        )
    except DisruptionForbidden as error:
        cause = {"reason": error.reason, "message": error.hint}
        # Without a time to wait, which clients would wait again and again before they tell anybody.
        raise ApiError(429, str(error), details={"causes": [cause], "retryAfterSeconds": 0}) from error
    except AmbiguousBudget as error:
        raise ApiError(500, str(error)) from error
    return JSONResponse(_SUCCESS, status_code=201)


_SUCCESS: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


async def _eviction(request: Request) -> Eviction:
    is_protobuf = request.headers.get("content-type", "").partition(";")[0].strip() == MEDIA_TYPE
    body = await request.body()
    try:
        plain = _CODEC.document(body) if is_protobuf else msgspec.json.decode(body)
        if plain.get("kind", "Eviction") != "Eviction" or plain.get("apiVersion", _VERSIONS[0]) not in _VERSIONS:
            raise bad_request("the body is not an Eviction of policy/v1")
        # Protobuf's form in JSON writes large numbers as text.
        return msgspec.convert(_without_nulls(plain), Eviction, strict=not is_protobuf)
    except msgspec.MsgspecError as error:
        raise bad_request(f"the body is not an Eviction: {error}") from error
    except (UnicodeDecodeError, AttributeError) as error:
        raise bad_request("the body is not an Eviction in JSON") from error


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items() if one is not None}
    return value
