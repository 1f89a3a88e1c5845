"""Kubernetes' strategic merge patch: lists whose entries have a key are merged entry by entry. Pure.

`merge` changes neither of its arguments. What a field's lists are merged by comes from a Shape, so that the algorithm
knows nothing of our kinds. Its directives are `$patch`, `$retainKeys`, `$setElementOrder/LIST` and
`$deleteFromPrimitiveList/LIST`.
"""

import copy
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

PATCH, RETAIN = "$patch", "$retainKeys"
ORDER, DELETE_FROM = "$setElementOrder/", "$deleteFromPrimitiveList/"
Json = dict[str, Any]
ENTRIES_MAX = 5_000


class PatchError(ValueError):
    """The patch does not fit its own rules, or what it is applied to."""


class Field(NamedTuple):
    """How a field is patched: whether its lists merge, by which key (empty: lists of plain values), or it is replaced.

    `shape` describes what is inside.
    """

    shape: "Shape"
    merges: bool = False
    key: str = ""
    replaces: bool = False


class Shape(Protocol):
    """What is known of the fields of a structure."""

    def field(self, name: str) -> Field:
        """Return how a field is patched."""
        ...


def merge(original: Json, patch: Json, shape: Shape) -> Json:
    """Return the original with the patch applied; raise PatchError when it cannot be."""
    return _merge_map(copy.deepcopy(original), copy.deepcopy(patch), shape)


def _merge_map(original: Json, patch: Json, shape: Shape) -> Json:
    if PATCH in patch:
        return _directed(patch)
    _retain(original, patch)
    _merge_ordered(original, patch, shape)
    for name, value in patch.items():
        if name.startswith(DELETE_FROM):
            _delete_plain(original, name.removeprefix(DELETE_FROM), value)
        elif value is None:
            original.pop(name, None)
        elif type(original.get(name)) is not type(value):
            original[name] = _without_directives(value)
        else:
            original[name] = _merged(original[name], value, shape.field(name))
    return original


def _directed(patch: Json) -> Json:
    match patch[PATCH]:
        case "replace":
            return {name: value for name, value in patch.items() if name != PATCH}
        case "delete":
            return {}
        case "merge":
            raise PatchError("$patch: merge is what a map does by itself")
        case other:
            raise PatchError(f"$patch: {other!r} is neither replace nor delete")


def _merged(original: Any, patch: Any, field: Field) -> Any:
    if isinstance(patch, dict):
        return patch if field.replaces else _merge_map(original, patch, field.shape)
    if isinstance(patch, list):
        return _merge_list(original, patch, field) if field.merges else patch
    return patch


def _retain(original: Json, patch: Json) -> None:
    """`$retainKeys` lists all fields that stay; the patch may name no others."""
    if RETAIN not in patch:
        return
    kept = patch.pop(RETAIN)
    if not isinstance(kept, list):
        raise PatchError(f"{RETAIN} must be a list")
    for name, value in patch.items():
        if value is not None and not name.startswith((ORDER, DELETE_FROM)) and name not in kept:
            raise PatchError(f"{name} is in the patch but not in its {RETAIN}")
    for name in [name for name in original if name not in kept]:
        del original[name]


def _delete_plain(original: Json, name: str, values: Any) -> None:
    if isinstance(original.get(name), list) and isinstance(values, list):
        original[name] = [value for value in original[name] if value not in values]


# Lists


def _merge_ordered(original: Json, patch: Json, shape: Shape) -> None:
    """Merge the lists whose order the patch says, and take both out of the patch."""
    for directive in [name for name in patch if name.startswith(ORDER)]:
        order, name = patch.pop(directive), directive.removeprefix(ORDER)
        field, change = shape.field(name), patch.get(name)
        if not isinstance(order, list) or not isinstance(original.get(name, []), list):
            raise PatchError(f"{directive} is about a list")
        identify = _identity(order, field.key, name)
        if name in patch and change is None:
            continue
        if change is not None:
            if not isinstance(change, list):
                raise PatchError(f"{name} must be a list")
            _require_order(change, order, field.key, name)
            del patch[name]
        before = original.get(name)
        if before is None and change is None:
            continue
        if before is None:
            merged = _without_directives(change)
        elif change is None:
            merged = before
        else:
            merged = _merged(before, change, field)
        original[name] = _in_order(merged, order, _places(before or [], change or [], field.key), identify)


def _places(before: list[Any], change: list[Any], key: str) -> list[Any]:
    """Return the order that was: where entries are taken away, added ones take the places at the end."""
    gone = [one.get(key) for one in change if isinstance(one, dict) and one.get(PATCH) == "delete"]
    left = [one for one in before if not (isinstance(one, dict) and one.get(key) in gone)]
    if len(left) == len(before):
        return before
    known = [one.get(key) for one in left]
    added = [one for one in change if PATCH not in one and one.get(key) not in known]
    return [*left, *added][: len(before)]


def _require_order(change: list[Any], order: list[Any], key: str, name: str) -> None:
    """The entries of a patch come in the order that it says."""
    wanted = [entry for entry in change if not (key and isinstance(entry, dict) and PATCH in entry)]
    identify = _identity([*wanted, *order], key, name)
    left = iter([identify(entry) for entry in order])
    if not all(any(identify(entry) == one for one in left) for entry in wanted):
        raise PatchError(f"the order of {name} in the patch doesn't match its {ORDER}{name}")


def _merge_list(original: list[Any], patch: list[Any], field: Field) -> list[Any]:
    if not original and not patch:
        return original
    if not _are_maps([*original, *patch]):
        merged = _without_repeats([*original, *patch])
        return _in_order(merged, patch, original, _plain)
    if not field.key:
        raise PatchError("a list of structures without a merge key cannot be merged")
    original, patch = _special_entries(original, patch, field.key)
    identify = _identity([*original, *patch], field.key, "a list")
    merged = list(original)
    for entry in patch:
        place = next((at for at, one in enumerate(merged) if identify(one) == identify(entry)), None)
        if place is None:
            merged.append(_without_directives(entry))
        else:
            merged[place] = _merge_map(merged[place], entry, field.shape)
    return _in_order(merged, patch, original, identify)


def _special_entries(original: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """Carry out the entries that are directives; return what is left to be merged."""
    plain, is_replaced = [], False
    for entry in patch:
        match entry.get(PATCH):
            case None:
                plain.append(entry)
            case "delete":
                if key not in entry:
                    raise PatchError(f"$patch: delete needs the merge key {key}")
                original = [one for one in original if one.get(key) != entry[key]]
            case "replace":
                is_replaced = True
            case other:
                raise PatchError(f"$patch: {other!r} is not possible in a list")
    return (plain, []) if is_replaced else (original, plain)


def _in_order(merged: list[Any], order: list[Any], before: list[Any], identify: Callable[[Any], Any]) -> list[Any]:
    """Sort what the patch names in its order, the rest as it was, and weave both by where they were before."""
    named = [identify(entry) for entry in order]
    known = [identify(entry) for entry in before]
    mine = sorted((one for one in merged if identify(one) in named), key=lambda one: named.index(identify(one)))
    rest = [one for one in merged if identify(one) not in named]
    rest.sort(key=lambda one: known.index(identify(one)) if identify(one) in known else len(known))
    woven: list[Any] = []
    while mine and rest:
        left, right = identify(rest[0]), identify(mine[0])
        is_before = left in known and right in known and known.index(left) < known.index(right)
        woven.append((rest if is_before else mine).pop(0))
    return [*woven, *mine, *rest]


def _identity(entries: list[Any], key: str, name: str) -> Callable[[Any], Any]:
    """Return what tells entries apart: their merge key, or the value itself."""
    if not _are_maps(entries):
        return _plain
    if not key:
        raise PatchError(f"{name}: a list of structures without a merge key has no order to be set")
    if not all(key in entry for entry in entries):
        raise PatchError(f"{name}: an entry lacks the merge key {key}")
    return lambda entry: entry[key] if isinstance(entry, dict) and key in entry else entry


def _plain(entry: Any) -> Any:
    return entry


def _are_maps(entries: list[Any]) -> bool:
    if len(entries) > ENTRIES_MAX:
        raise PatchError(f"lists of more than {ENTRIES_MAX} entries are not merged")
    maps = sum(isinstance(entry, dict) for entry in entries)
    if any(isinstance(entry, list) for entry in entries):
        raise PatchError("lists of lists are not supported")
    if maps not in (0, len(entries)):
        raise PatchError("a list has entries of different types")
    return maps > 0


def _without_repeats(entries: list[Any]) -> list[Any]:
    found: list[Any] = []
    for entry in entries:
        if entry not in found:
            found.append(entry)
    return found


def _without_directives(value: Any) -> Any:
    """Return what is new without nulls and directives, which mean something for what exists only."""
    if isinstance(value, list):
        return [_without_directives(one) for one in value if not (isinstance(one, dict) and PATCH in one)]
    if not isinstance(value, dict):
        return value
    return {
        name: _without_directives(inside)
        for name, inside in value.items()
        if inside is not None
        and not name.startswith((ORDER, DELETE_FROM, RETAIN))
        and not (isinstance(inside, dict) and PATCH in inside)
    }
