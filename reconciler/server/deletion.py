"""What a DELETE asks for: Kubernetes' DeleteOptions, from the body and the query. Pure but for reading both."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request

from reconciler.model.base import Value
from reconciler.server.errors import ApiError, bad_request
from reconciler.server.protobuf import MEDIA_TYPE, Codec
from reconciler.server.query import number

_POLICIES = ("", "Orphan", "Background", "Foreground")
_GRACE_MAX_S = 2**31 - 1
MESSAGES: Mapping[str, tuple[str, ...]] = {
    "DeleteOptions": (
        "gracePeriodSeconds 1 int64",
        "preconditions 2 Preconditions",
        "propagationPolicy 4 string",
        "dryRun 5 *string",
    ),
    "Preconditions": ("uid 1 string", "resourceVersion 2 string"),
}
_CODEC = Codec("k8s.io.deletion", MESSAGES)


class Preconditions(Value):
    """What must hold of the object that is deleted."""

    uid: str = ""
    resource_version: str = ""


class DeleteOptions(Value):
    """The body of a DELETE; everything may be absent."""

    grace_period_seconds: int | None = None
    preconditions: Preconditions = Preconditions()
    propagation_policy: str = ""
    dry_run: tuple[str, ...] = ()


class Deletion(Value):
    """A deletion as it was asked for."""

    grace_period_s: int | None = None
    uid: str = ""
    resource_version: str = ""
    is_dry: bool = False

    def grace_s(self, pod: Any) -> int:
        """Return how long the Pod has to end."""
        own: int = pod.spec.termination_grace_period_seconds
        return own if self.grace_period_s is None else self.grace_period_s


async def deletion_of(request: Request) -> Deletion:
    """Read a deletion; refuse what is malformed with 400."""
    is_protobuf = request.headers.get("content-type", "").partition(";")[0].strip() == MEDIA_TYPE
    return checked(request, _options(await request.body(), is_protobuf=is_protobuf))


def checked(request: Request, options: DeleteOptions) -> Deletion:
    """Return a deletion as its options and the query ask for it; refuse what makes no sense with 422."""
    grace = options.grace_period_seconds
    if grace is None:
        grace = number(request, "gracePeriodSeconds")
    if grace is not None and not 0 <= grace <= _GRACE_MAX_S:
        raise _invalid("gracePeriodSeconds", f"{grace} is not between 0 and {_GRACE_MAX_S}")
    policy = options.propagation_policy or request.query_params.get("propagationPolicy", "")
    if policy not in _POLICIES:
        raise _invalid("propagationPolicy", f"{policy[:40]!r} is none of Orphan, Background and Foreground")
    if any(value != "All" for value in options.dry_run):
        raise _invalid("dryRun", "expected All")
    return Deletion(
        grace_period_s=grace,
        uid=options.preconditions.uid,
        resource_version=options.preconditions.resource_version,
        is_dry=bool(options.dry_run),
    )


def _options(body: bytes, *, is_protobuf: bool) -> DeleteOptions:
    if not body.strip():
        return DeleteOptions()
    try:
        plain = _CODEC.document(body) if is_protobuf else msgspec.json.decode(body)
        without_nulls = {name: value for name, value in plain.items() if value is not None}
        # Protobuf's form in JSON writes large numbers as text.
        return msgspec.convert(without_nulls, DeleteOptions, strict=not is_protobuf)
    except msgspec.MsgspecError as error:
        raise bad_request(f"the body is not DeleteOptions: {error}") from error
    except (UnicodeDecodeError, AttributeError) as error:
        raise bad_request("the body is not DeleteOptions in JSON") from error


def _invalid(field: str, message: str) -> ApiError:
    cause = {"reason": "FieldValueInvalid", "message": message, "field": field}
    details = {"kind": "DeleteOptions", "causes": [cause]}
    return ApiError(422, f"DeleteOptions is invalid: {field}: {message}", details=details)
