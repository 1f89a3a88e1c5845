"""Schemas that belong to no kind: scalars, the frames of lists and watches, refusals. Pure."""

from collections.abc import Mapping
from typing import Any

from reconciler.model.base import Value
from reconciler.server.openapi.definitions import INT_OR_STRING, META, QUANTITY, TIME, Schema
from reconciler.server.reviews import AccessReview, RulesReview, SelfReview

STATUS = f"{META}.Status"
LIST_META = f"{META}.ListMeta"
DELETE_OPTIONS = f"{META}.DeleteOptions"
PATCH = f"{META}.Patch"


def _text(description: str, **rest: Any) -> Schema:
    return {"type": "string", "description": description, **rest}


def _number(description: str) -> Schema:
    return {"type": "integer", "format": "int32", "description": description}


def _structure(description: str, /, **properties: Schema) -> Schema:
    return {"type": "object", "description": description, "properties": dict(sorted(properties.items()))}


_API_VERSION = _text("Version of the kind's form.")
_KIND = _text("What the document is.")
_RESOURCE_VERSION = _text("Number of the newest change; a watch goes on from there.")

COMMON: Mapping[str, Schema] = {
    LIST_META: _structure(
        "What there is to say of a list.",
        **{"continue": _text("Token to ask for the next page with.")},
        remainingItemCount={"type": "integer", "format": "int64", "description": "How many items follow."},
        resourceVersion=_RESOURCE_VERSION,
    ),
    STATUS: {
        **_structure(
            "What became of a request that returns no object.",
            apiVersion=_API_VERSION,
            kind=_KIND,
            metadata={"$ref": LIST_META, "description": "What there is to say of the answer."},
            status=_text("Success or Failure."),
            message=_text("A sentence for people."),
            reason=_text("One word for programs."),
            code=_number("The HTTP code."),
            details={"type": "object", "description": "What it is about, and causes one by one."},
        ),
        "x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "Status"}],
    },
    DELETE_OPTIONS: _structure(
        "How to delete.",
        apiVersion=_API_VERSION,
        kind=_KIND,
        gracePeriodSeconds={"type": "integer", "format": "int64", "description": "How long a Pod may take to end."},
        propagationPolicy=_text("What becomes of the objects that belong to it."),
        dryRun={"type": "array", "items": {"type": "string"}, "description": "All: change nothing, only check."},
        preconditions={"type": "object", "description": "uid and resourceVersion that the object must have."},
    ),
    PATCH: {"type": "object", "description": "A change, in the form that the content type names."},
}

# Scalars of which the versions of OpenAPI say different things.
SCALARS_V3: Mapping[str, Schema] = {
    TIME: _text("A time as RFC 3339 writes it.", format="date-time"),
    QUANTITY: {
        "description": "An amount such as 500m, 1.5 or 64Mi.",
        "oneOf": [{"type": "string"}, {"type": "number"}],
    },
    INT_OR_STRING: {
        "description": "A whole number, or a text such as a name or a percentage.",
        "format": "int-or-string",
        "oneOf": [{"type": "integer"}, {"type": "string"}],
    },
}
SCALARS_V2: Mapping[str, Schema] = {
    TIME: SCALARS_V3[TIME],
    QUANTITY: _text("An amount such as 500m, 1.5 or 64Mi."),
    INT_OR_STRING: _text("A whole number, or a text such as a name or a percentage.", format="int-or-string"),
}


def list_of(kind: str, item: str, gvk: Mapping[str, str]) -> Schema:
    """Return the schema of a list of objects."""
    return {
        **_structure(
            f"A list of {kind} objects.",
            apiVersion=_API_VERSION,
            kind=_KIND,
            metadata={"$ref": LIST_META, "description": "What there is to say of the list."},
            items={"type": "array", "items": {"$ref": item}, "description": "The objects."},
        ),
        "required": ["items"],
        "x-kubernetes-group-version-kind": [{**gvk, "kind": f"{kind}List"}],
    }


def computed(kind: str, gvk: Mapping[str, str]) -> Schema | None:
    """Return the schema of a kind that has no type of its own; None where there is none."""
    found = _COMPUTED.get(kind)
    return {**found, "x-kubernetes-group-version-kind": [dict(gvk)]} if found else None


FRAME: Mapping[str, Schema] = {
    "apiVersion": _API_VERSION,
    "kind": _KIND,
    "metadata": {"$ref": f"{META}.ObjectMeta", "description": "Not used."},
}
REVIEWS: Mapping[str, type[Value]] = {
    "localsubjectaccessreviews": AccessReview,
    "selfsubjectaccessreviews": AccessReview,
    "selfsubjectreviews": SelfReview,
    "selfsubjectrulesreviews": RulesReview,
    "subjectaccessreviews": AccessReview,
}
_METADATA: Schema = {"$ref": f"{META}.ObjectMeta", "description": "Its name."}
_USAGE: Schema = {
    "type": "object",
    "description": "How much of each resource is used.",
    "additionalProperties": {"$ref": QUANTITY},
}
_MEASURED: Mapping[str, Schema] = {
    "apiVersion": _API_VERSION,
    "kind": _KIND,
    "metadata": _METADATA,
    "timestamp": _text("When it was measured.", format="date-time"),
    "window": _text("Over which time before that."),
}
_COMPUTED: Mapping[str, Schema] = {
    "ComponentStatus": _structure(
        "A part of the control plane, and whether it works.",
        apiVersion=_API_VERSION,
        kind=_KIND,
        metadata=_METADATA,
        conditions={
            "type": "array",
            "description": "One condition, Healthy.",
            "items": _structure(
                "Whether it works, and a sentence.",
                type=_text("Always Healthy."),
                status=_text("True or False."),
                message=_text("What there is to say."),
                error=_text("What is wrong."),
            ),
        },
    ),
    "Lease": _structure(
        "When a node reported last.",
        apiVersion=_API_VERSION,
        kind=_KIND,
        metadata=_METADATA,
        spec=_structure(
            "Who reports, and when.",
            holderIdentity=_text("The node."),
            leaseDurationSeconds=_number("How long a node may be silent before it counts as lost."),
            renewTime=_text("When it reported last.", format="date-time"),
        ),
    ),
    "NodeMetrics": _structure("What a node uses.", **_MEASURED, usage=_USAGE),
    "PodMetrics": _structure(
        "What the containers of a Pod use.",
        **_MEASURED,
        containers={
            "type": "array",
            "description": "One entry for every container that runs.",
            "items": _structure("What a container uses.", name=_text("The container."), usage=_USAGE),
        },
    ),
}
