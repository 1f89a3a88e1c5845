"""Rules on ConfigMaps and Secrets. No value appears in a message (P22)."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.model.kinds import ConfigMap, Secret
from reconciler.schema.positions import join_pointer
from reconciler.schema.rules.finding import Finding, error, warning

_BYTES_MAX = 1024 * 1024
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}
_ACCOUNT = "kubernetes.io/service-account.name"
_JSON_KEYS = frozenset((".dockerconfigjson", ".dockercfg"))


def config_map_findings(config_map: ConfigMap) -> Iterator[Finding]:
    """Yield what is wrong with a ConfigMap."""
    size = sum(len(text.encode()) for text in config_map.data.values())
    for key, text in config_map.binary_data.items():
        pointer = join_pointer("binaryData", key)
        if key in config_map.data:
            yield error(pointer, f"the key {key} stands in data and in binaryData", code="duplicate-key")
        content = _decoded(text)
        if content is None:
            yield error(pointer, f"{key}: not base64", code="bad-base64")
        size += len(content or b"")
    if size > _BYTES_MAX:
        yield error("", "a ConfigMap holds at most 1 MiB", code="too-large")


def secret_findings(secret: Secret, document: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what is wrong with a Secret; `document` tells which keys were given as text."""
    as_text = document.get("stringData", {})
    decoded: dict[str, bytes] = {}
    for key, text in secret.data.items():
        content = _decoded(text)
        if content is None:
            hint = "write it under stringData to give it as text"
            yield error(join_pointer("data", key), f"{key}: not base64", hint, "bad-base64")
        else:
            decoded[key] = content
    if sum(len(content) for content in decoded.values()) > _BYTES_MAX:
        yield error("", "a Secret holds at most 1 MiB", code="too-large")
    yield from _type_findings(secret, decoded, as_text)


def _type_findings(secret: Secret, decoded: Mapping[str, bytes], as_text: Mapping[str, Any]) -> Iterator[Finding]:
    for key in _NEEDED.get(secret.type, ()):
        if key not in secret.data:
            yield error("/data" if secret.data else "", f"type {secret.type} needs the key {key}", code="missing-field")
        elif key in _JSON_KEYS and key in decoded and not _is_json(decoded[key]):
            place = join_pointer("stringData" if key in as_text else "data", key)
            yield error(place, f"{key}: not JSON", code="bad-json")
    if secret.type == "kubernetes.io/basic-auth" and not {"username", "password"} & set(secret.data):
        yield error("", "type kubernetes.io/basic-auth needs the key username or password", code="missing-field")
    if secret.type == "kubernetes.io/service-account-token":
        if not secret.metadata.annotations.get(_ACCOUNT):
            yield error("/metadata", f"type {secret.type} needs the annotation {_ACCOUNT}", code="missing-field")
        yield warning("/type", "no service account token is ever made", code="harmless")


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        return None


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except ValueError:
        return False
    return True
