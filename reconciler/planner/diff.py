"""Field-by-field differences of two objects, for people. Pure; never shows a value of a Secret."""

import json
from typing import Any

from reconciler.model.base import to_builtins
from reconciler.model.kinds import Object
from reconciler.model.plan import FieldChange

_HIDDEN = ("status",)
_METADATA_SHOWN = ("labels", "annotations")
# Tools keep the whole object, as it was applied, in annotations.
_VALUES_OF_SECRETS = ("data", "stringData", "metadata.annotations")
_VALUE_LIMIT = 80


def field_changes(old: Object, new: Object) -> tuple[FieldChange, ...]:
    """Return what differs between two declared forms of one object, in the order of the paths.

    Lists whose entries have names are compared by name (`containers[web].image`, `volumeClaimTemplates[data].spec`).
    """
    secret = new.kind in ("Secret",)
    changes: list[FieldChange] = []
    _walk("", _shown(old), _shown(new), changes, secret)
    return tuple(changes)


def _shown(object: Object) -> dict[str, Any]:
    plain = {key: value for key, value in to_builtins(object).items() if key not in _HIDDEN}
    metadata = plain.pop("metadata", {})
    plain["metadata"] = {key: metadata[key] for key in _METADATA_SHOWN if metadata.get(key)}
    return plain


def _walk(path: str, old: Any, new: Any, changes: list[FieldChange], secret: bool) -> None:
    if old == new:
        return
    old, new = _emptied(old, new), _emptied(new, old)
    if isinstance(old, list | tuple) and isinstance(new, list | tuple) and _are_named(old) and _are_named(new):
        _walk_entries(path, _named(old), _named(new), changes, secret, bracket=True)
    elif isinstance(old, dict) and isinstance(new, dict):
        _walk_entries(path, old, new, changes, secret, bracket=False)
    else:
        hide = secret and path.startswith(_VALUES_OF_SECRETS)
        changes.append(FieldChange(path=path, old=_text(old, hide), new=_text(new, hide)))


def _walk_entries(
    path: str,
    old: dict[str, Any],
    new: dict[str, Any],
    changes: list[FieldChange],
    secret: bool,
    *,
    bracket: bool,
) -> None:
    for key in sorted(old.keys() | new.keys()):
        inner = f"{path}[{key}]" if bracket else (f"{path}.{key}" if path else key)
        _walk(inner, old.get(key), new.get(key), changes, secret)


def _emptied(value: Any, other: Any) -> Any:
    """An absent structure is compared as an empty one, so that each field of the other is listed by itself."""
    if value is None and isinstance(other, dict) and other:
        return {}
    return [] if value is None and isinstance(other, list | tuple) and _are_named(other) else value


def _are_named(entries: Any) -> bool:
    names = [_name_of(entry) for entry in entries if isinstance(entry, dict)]
    return len(names) == len(entries) and None not in names and len(set(names)) == len(names)


def _named(entries: Any) -> dict[str, Any]:
    return {_name_of(entry): entry for entry in entries}


def _name_of(entry: dict[str, Any]) -> Any:
    """Containers, ports and volumes have a name; templates of claims have it in their metadata."""
    metadata = entry.get("metadata")
    return entry.get("name", metadata.get("name") if isinstance(metadata, dict) else None)


def _text(value: Any, hide: bool) -> str:
    if value is None:
        return ""
    if hide:
        return "(secret)"
    # Structures are shown as one could write them into the manifest.
    text = value.replace("\n", "\\n") if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _VALUE_LIMIT else text[: _VALUE_LIMIT - 1] + "…"
