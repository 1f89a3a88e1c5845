"""Judges the structure of one manifest by its JSON Schema and says what is wrong in plain words.

Pure. The schemas decide alone (the checked-in files are the same, which a test holds them to); this module only finds
words for what they refuse. No value of a Secret appears in any message (P22).
"""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator

from reconciler.model.kinds import KINDS
from reconciler.schema.fields import REFUSED, REFUSED_COLLECTIONS, REFUSED_VALUES
from reconciler.schema.generate import schema_of
from reconciler.schema.positions import join_pointer
from reconciler.schema.types import is_struct, type_at, wire_fields
from reconciler.schema.words import pattern_words, type_words, value_hint, value_words

# More faults than a person reads at once; looking for what each was meant to be costs time.
FAULTS_MAX = 100


class Fault(NamedTuple):
    """One structural fault: where (pointer; the key itself or its value), what, and what to do."""

    pointer: str
    message: str
    hint: str = ""
    code: str = "schema"
    at_key: bool = False


@cache
def validator(kind: str) -> Draft202012Validator:
    """Return the compiled validator of a kind."""
    return Draft202012Validator(schema_of(kind))


def faults(kind: str, document: dict[str, Any]) -> tuple[Fault, ...]:
    """Return everything that the schema of `kind` refuses in a document."""
    errors = list(islice(validator(kind).iter_errors(document), FAULTS_MAX + 1))
    if not errors:
        return ()
    found = dict.fromkeys(_all(kind, errors[:FAULTS_MAX]))
    if len(errors) > FAULTS_MAX:
        found[Fault("", f"there is more: only {FAULTS_MAX} faults of a manifest are looked into", code="more")] = None
    return tuple(found)


def _all(kind: str, errors: list[Any]) -> Iterator[Fault]:
    unknown_at = {tuple(error.absolute_path) for error in errors if error.validator == "additionalProperties"}
    meant = {
        (tuple(error.absolute_path), field)
        for error in errors
        if error.validator == "additionalProperties"
        for field in _meant(error)
    }
    for error in errors:
        if error.validator == "oneOf" and (
            not isinstance(error.instance, dict) or tuple(error.absolute_path) in unknown_at
        ):
            continue  # the type is reported already, or the unknown field may be the missing choice, misspelt
        yield from _say(kind, error, meant)


def _meant(error: Any) -> set[str]:
    """Return the known fields that unknown ones were probably meant to be."""
    known = error.schema["properties"]
    return {name for field in _unknown(error) for name in _near(field, known)}


def _unknown(error: Any) -> list[str]:
    unknown = (field for field in error.instance if field not in error.schema["properties"])
    return list(islice(unknown, FAULTS_MAX))


def _near(field: str, known: Iterable[str]) -> list[str]:
    same = [name for name in known if name.lower() == field.lower()]
    return same or get_close_matches(field, list(known), 1, 0.7)


def _say(kind: str, error: Any, meant: set[tuple[tuple[str | int, ...], str]]) -> Iterator[Fault]:
    path = list(error.absolute_path)
    pointer = join_pointer(*path)
    if "propertyNames" in error.schema_path:
        key = join_pointer(*path, str(error.instance))
        yield Fault(key, f"the key is {_limit_words(error)}", code="bad-key", at_key=True)
        return
    match error.validator:
        case "additionalProperties":
            yield from _unknown_fields(kind, path, error)
        case "required":
            misspelt = {field for at, field in meant if list(at) == path}
            yield from _missing_fields(pointer, error, misspelt)
        case "oneOf":
            yield Fault(pointer, _choice_words(error), code="one-of")
        case "type":
            hint = value_hint(error.instance, error.validator_value)
            wanted = type_words(error.validator_value)
            message = f"must be {wanted}, not {value_words(error.instance)}"
            yield Fault(pointer, message, hint, "wrong-type")
        case "enum":
            yield _not_among(kind, path, error)
        case _:
            yield Fault(pointer, _limit_words(error), code="out-of-bounds")


def _unknown_fields(kind: str, path: list[str | int], error: Any) -> Iterator[Fault]:
    known = error.schema["properties"]
    type_ = type_at(KINDS[kind].type, path)
    name = type_.__name__ if is_struct(type_) else kind
    for field in _unknown(error):
        pointer = join_pointer(*path, field)
        key = f"{name}.{field}"
        if key in REFUSED_COLLECTIONS and error.instance[field] in ([], {}):
            continue
        if key in REFUSED:
            message = f"{field} is not implemented"
            yield Fault(pointer, message, REFUSED[key], "not-implemented", at_key=True)
        else:
            hint = _unknown_hint(kind, field, known, path)
            yield Fault(pointer, f"unknown field {field} in {name}", hint, "unknown-field", at_key=True)


def _unknown_hint(kind: str, field: str, known: Iterable[str], path: list[str | int]) -> str:
    near = _near(field, known)
    if near:
        return f"did you mean {near[0]}?"
    for up in range(1, len(path) + 1):
        above = type_at(KINDS[kind].type, path[:-up])
        if is_struct(above) and field in wire_fields(above):
            place = join_pointer(*path[:-up]) or "the top level"
            return f"it belongs to {place}: check the indentation"
    for child in known:
        for steps in ([child], [child, 0]):
            below = type_at(KINDS[kind].type, [*path, *steps])
            if is_struct(below) and field in wire_fields(below):
                return f"it belongs under {child}: check the indentation"
    return ""


def _missing_fields(pointer: str, error: Any, misspelt: set[str]) -> Iterator[Fault]:
    for field in error.validator_value:
        if field not in error.instance and field not in misspelt:
            hint = ""
            if field == "name" and "generateName" in error.instance:
                hint = "give it a fixed name: one that is made up cannot be compared with the repository"
            yield Fault(pointer, f"{field} is missing", hint, "missing-field")


def _choice_words(error: Any) -> str:
    options = [option["required"][0] for option in error.validator_value if "required" in option]
    given = [option for option in options if option in error.instance]
    listed = ", ".join(options)
    if not given:
        return f"needs one of {listed}"
    return f"has {' and '.join(given)}, but only one of them may be given"


def _not_among(kind: str, path: list[str | int], error: Any) -> Fault:
    options = [str(option) for option in error.validator_value]
    type_ = type_at(KINDS[kind].type, path[:-1])
    key = f"{type_.__name__ if is_struct(type_) else kind}.{path[-1] if path else ''}"
    pointer = join_pointer(*path)
    if isinstance(error.instance, str) and f"{key}={error.instance}" in REFUSED_VALUES:
        hint = REFUSED_VALUES[f"{key}={error.instance}"]
        return Fault(pointer, f"{path[-1]}: {error.instance} is not implemented", hint, "not-implemented")
    near = get_close_matches(str(error.instance), options, 1)
    same = [option for option in options if option.lower() == str(error.instance).lower()]
    hint = f"did you mean {(same or near)[0]}?" if same or near else ""
    listed = ", ".join(option or '""' for option in options)
    return Fault(pointer, f"must be {'one of ' if len(options) > 1 else ''}{listed}", hint, "not-among")


def _limit_words(error: Any) -> str:
    limit = error.validator_value
    match error.validator:
        case "pattern":
            return f"not {pattern_words(str(limit))}"
        case "minLength" | "minItems":
            return "must not be empty" if limit == 1 else f"must have at least {limit}"
        case "maxLength":
            return f"longer than {limit} characters"
        case "maxItems":
            return f"must have at most {limit} items"
        case "minimum":
            return f"must be at least {limit}"
        case "maximum":
            return f"must be at most {limit}"
        case "const":
            return f"must be {limit}"
    return f"does not satisfy {error.validator}"
