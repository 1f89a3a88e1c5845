"""Patches and replacements of a document, by content type. Pure but for reading the request's body.

What comes of it is a document again; whether it may be written is decided elsewhere.
"""

import copy
from typing import Any

import jsonpatch
import jsonpointer
import msgspec

from reconciler.model.kinds import AnyObject, decode_object
from reconciler.server.errors import ApiError, bad_request
from reconciler.server.merge_keys import shape_of
from reconciler.server.strategic import PatchError, merge

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
TYPES = (JSON_PATCH, MERGE_PATCH, APPLY, STRATEGIC)
_OPERATIONS_MAX = 10_000
_BYTES_MAX = 3 * 1024 * 1024
Json = dict[str, Any]


def patched(kind: str, document: Json, content_type: str, body: bytes) -> Json:
    """Return the document with a patch applied; refuse what is malformed (400) or does not fit the document (422)."""
    if len(body) > _BYTES_MAX:
        raise ApiError(413, f"a patch has at most {_BYTES_MAX} bytes")
    patch = read_json(body)
    if content_type == JSON_PATCH:
        return _json_patched(document, patch)
    if not isinstance(patch, dict):
        raise bad_request("the patch must be a JSON object")
    try:
        result: Json = (
            _merged(document, patch) if content_type == MERGE_PATCH else merge(document, patch, shape_of(kind))
        )
    except PatchError as error:
        raise bad_request(f"the strategic merge patch is not valid: {error}") from error
    except RecursionError as error:
        raise bad_request("the patch is nested too deeply") from error
    return result


def read_json(body: bytes) -> Any:
    """Return a JSON body; 400 when it is none."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request(f"the body is not JSON: {error}") from error


def typed(kind: str, document: Json) -> AnyObject:
    """Return the object that a document describes; 422 with the place of what does not fit its type."""
    if document.get("kind", kind) != kind:
        raise bad_request(f"the body is a {str(document['kind'])[:60]!r}, the path names a {kind}")
    try:
        return decode_object({**document, "kind": kind})
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$.")
        cause = {"reason": "FieldValueInvalid", "message": message, "field": place.rstrip("`")}
        name = (document.get("metadata") or {}).get("name", "")
        details = {"name": name, "kind": kind, "causes": [cause]}
        raise ApiError(422, f'{kind} "{name}" is invalid: {cause["field"]}: {message}', details=details) from error
    except (TypeError, AttributeError, RecursionError) as error:
        raise bad_request("the body is not an object of Kubernetes") from error


def _json_patched(document: Json, patch: Any) -> Json:
    if not isinstance(patch, list) or not all(isinstance(one, dict) for one in patch):
        raise bad_request("a JSON patch is a list of operations")
    if len(patch) > _OPERATIONS_MAX:
        raise ApiError(413, f"a JSON patch has at most {_OPERATIONS_MAX} operations")
    if any(one.get("op") == "copy" for one in patch):
        # It could double the document with every operation, and nothing that may be written needs it.
        raise _unfit("the operation copy is not supported")
    try:
        result = jsonpatch.apply_patch(document, patch, in_place=False)
    except (jsonpatch.InvalidJsonPatch, jsonpointer.JsonPointerException) as error:
        if isinstance(error, jsonpatch.InvalidJsonPatch):
            raise bad_request(f"the JSON patch is not valid: {error}") from error
        raise _unfit(error) from error
    except (jsonpatch.JsonPatchException, TypeError, KeyError, ValueError) as error:
        raise _unfit(error) from error
    if not isinstance(result, dict):
        raise _unfit("it replaces the whole object")
    return result


def _unfit(error: object) -> ApiError:
    cause = {"reason": "FieldValueInvalid", "message": str(error), "field": "patch"}
    return ApiError(422, f"the JSON patch cannot be applied: {error}", details={"causes": [cause]})


def _merged(document: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merged(result.get(name), value)
    return result
