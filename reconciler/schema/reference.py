"""The reference page of kinds: every field with its type, default, meaning and what becomes of it (P30).

Pure; written to `docs/reference/kinds.md` by `scripts/generate-schemas`.
"""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from reconciler.model.base import to_builtins
from reconciler.model.kinds import KINDS, KindSpec
from reconciler.schema.fields import DROPPED, HARMLESS, NOTES, REFUSED, REFUSED_VALUES
from reconciler.schema.generate import Schema, schema_of

_HEAD = """# Kinds and fields

Generated from the code by `scripts/generate-schemas`; do not edit.

Every field is **implemented**, **harmless** (accepted with a warning; ignoring it changes nothing that
runs) or **refused** (an error with its place). A field that is in none of the tables is unknown and refused
too. The JSON Schemas in `reconciler/schema/files/` say the same to editors: begin a manifest with `#
yaml-language-server: $schema=PATH/Deployment.json`.
"""


def reference_page() -> str:
    """Return the whole page as Markdown."""
    declarable = [spec for spec in KINDS.values() if spec.declarable and spec.served]
    head = ["| kind | apiVersion | namespaced | short names |", "| --- | --- | --- | --- |"]
    lines = [_HEAD, "## Kinds", "", *head, *(_kind_row(spec) for spec in declarable)]
    served = ", ".join(spec.kind for spec in KINDS.values() if spec.served and not spec.declarable)
    lines += ["", f"Served from observation only, never declared: {served}.", ""]
    for spec in declarable:
        lines += _kind_section(spec)
    lines += ["## Parts", ""]
    for name, (schema, type_) in sorted(_parts(declarable).items()):
        lines += [f"### {name}", "", schema["description"], "", *_field_table(name, schema, type_), ""]
    lines += _refused_section()
    return "\n".join(lines) + "\n"


def _kind_row(spec: KindSpec) -> str:
    scope = "yes" if spec.namespaced else "no"
    words = ", ".join(spec.short_names)
    return f"| [{spec.kind}](#{spec.kind.lower()}) | {spec.api_version} | {scope} | {words} |"


def _kind_section(spec: KindSpec) -> list[str]:
    schema = schema_of(spec.kind)
    example = json.dumps(schema["examples"][0], indent=2)
    return [
        f"## {spec.kind}",
        "",
        schema["description"],
        "",
        *_field_table(spec.kind, schema, spec.type),
        "",
        "```json",
        example,
        "```",
        "",
    ]


def _field_table(name: str, schema: Schema, type_: Any) -> list[str]:
    defaults = {field.encode_name: field for field in msgspec.structs.fields(type_)}
    required = schema.get("required", ())
    rows = ["| field | type | default | meaning | support |", "| --- | --- | --- | --- | --- |"]
    for wire, field in schema["properties"].items():
        default = "required" if wire in required else _default(defaults.get(wire))
        words = (wire, _type_words(field), default, field["description"], _support(name, wire))
        rows.append("| " + " | ".join(word.replace("|", "\\|") for word in words) + " |")
    return rows


def _default(field: Any) -> str:
    value = getattr(field, "default", None)
    if value is None or value is msgspec.NODEFAULT or value == ():
        return ""
    plain = to_builtins(value)
    return "" if plain in ("", {}) else f"`{json.dumps(plain)}`"


def _type_words(schema: Schema) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema.get("type", "any")
    if kind == "array":
        return "list of " + _type_words(schema["items"])
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return "map of " + _type_words(schema["additionalProperties"])
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _support(name: str, wire: str) -> str:
    key = f"{name}.{wire}"
    if key in HARMLESS or key in DROPPED:
        return "harmless: " + (HARMLESS.get(key) or DROPPED[key])
    if wire == "status":
        return "harmless"
    return "implemented" + (f": {NOTES[key]}" if key in NOTES else "")


def _parts(specs: list[KindSpec]) -> dict[str, tuple[Schema, type]]:
    types: dict[str, type] = {}
    for spec in specs:
        types.update(_struct_types(spec.type))
    return {name: (schema, types[name]) for spec in specs for name, schema in schema_of(spec.kind)["$defs"].items()}


def _struct_types(type_: Any) -> Iterator[tuple[str, type]]:
    """Yield every struct type that is reachable from a type's fields, by name."""
    todo, seen = [type_], set()
    while todo:
        current = todo.pop()
        if isinstance(current, type) and issubclass(current, msgspec.Struct):
            if current in seen:
                continue
            seen.add(current)
            yield current.__name__, current
            todo += [field.type for field in msgspec.structs.fields(current)]
        else:
            todo += [part for part in getattr(current, "__args__", ()) if part is not Ellipsis]
            todo += [current.__origin__] if hasattr(current, "__metadata__") else []


def _refused_section() -> list[str]:
    rows = [f"| {key} | {note} |" for key, note in sorted(REFUSED.items())]
    values = [f"| {key} | {note} |" for key, note in sorted(REFUSED_VALUES.items())]
    head = ["| field | hint |", "| --- | --- |"]
    value_head = ["| value | hint |", "| --- | --- |"]
    words = "Kubernetes knows these; a manifest that uses them is refused."
    return ["## Refused", "", words, "", *head, *rows, "", *value_head, *values]
