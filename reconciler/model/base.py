"""The base of every value: frozen, keyword-only, Kubernetes' spelling on the wire.

Pure: nothing here reads a clock, a file or the environment.
"""

from typing import Any, dataclass_transform

import msgspec

_ACRONYMS = {
    "cidr": "CIDR",
    "cidrs": "CIDRs",
    "fqdn": "FQDN",
    "id": "ID",
    "ip": "IP",
    "ipc": "IPC",
    "ips": "IPs",
    "pid": "PID",
    "tls": "TLS",
    "urls": "URLs",
    "uuid": "UUID",
}


def wire_name(field: str) -> str:
    """Return the name a field has in JSON: `cluster_ip` is `clusterIP`, `uid` is `uid`."""
    first, *rest = field.rstrip("_").split("_")
    return first + "".join(_ACRONYMS.get(word, word.capitalize()) for word in rest)


class ValueType(msgspec.StructMeta):
    """Makes every subclass frozen and keyword-only: msgspec itself applies `kw_only` to one class only."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> "ValueType":
        """Create the class with both settings on."""
        return super().__new__(mcls, name, bases, namespace, **{"frozen": True, "kw_only": True, **config})


@dataclass_transform(kw_only_default=True, field_specifiers=(msgspec.field,))
class Value(msgspec.Struct, metaclass=ValueType, rename=wire_name, omit_defaults=True):
    """A frozen value with snake_case attributes and camelCase JSON.

    Sequences inside are tuples; mappings are annotated as read-only (`Mapping`). `msgspec.structs.replace`
    makes a changed copy. Decoding ignores unknown fields: documents between our own processes are tolerant;
    manifests are checked strictly by their JSON Schema before they are decoded.
    """


class Part(msgspec.Struct, frozen=True):
    """A frozen value that stays within a process: made far quicker than a frozen dataclass, compared as one is."""


def to_builtins(value: Any) -> Any:
    """Return `value` as plain JSON types with wire names."""
    return msgspec.to_builtins(value)
