"""Which credentials of which Secrets fit an image's registry.

Pure. Credentials are never part of a message.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.model.node import Materials

_DOCKER_HUB = "docker.io"
_DOCKER_HUB_NAMES = ("docker.io", "index.docker.io", "registry-1.docker.io")


def credentials_for(
    image: str, namespace: str, secrets: tuple[str, ...], materials: Materials
) -> tuple[Mapping[str, str], ...]:
    """Return the credentials that fit an image, those for the longest path first, without repeats."""
    fitting = []
    for name in secrets:
        material = materials.find("Secret", namespace, name)
        if material is not None:
            for registry, entry in _entries(material.data):
                if (length := _fit(registry, image)) is not None:
                    fitting.append((length, entry))
    fitting.sort(key=lambda pair: -pair[0])
    found: list[Mapping[str, str]] = []
    for _, entry in fitting:
        if entry not in found:
            found.append(entry)
    return tuple(found)


def registry_of(image: str) -> str:
    """Return the host (with port) of an image's registry."""
    head, slash, _ = image.partition("/")
    named = slash and ("." in head or ":" in head or head == "localhost")
    return _one_name(head) if named else _DOCKER_HUB


def _entries(data: Mapping[str, bytes]) -> Iterator[tuple[str, Mapping[str, str]]]:
    for key in (".dockerconfigjson", ".dockercfg"):
        if key not in data:
            continue
        try:
            document = json.loads(data[key])
        except ValueError:
            continue
        entries = document.get("auths", {}) if key == ".dockerconfigjson" else document
        for registry, entry in entries.items():
            if isinstance(entry, dict) and (found := _credentials(entry)):
                yield registry, found


def _credentials(entry: Mapping[str, Any]) -> Mapping[str, str]:
    if entry.get("identitytoken"):
        return {"identitytoken": str(entry["identitytoken"])}
    if entry.get("username"):
        return {"username": str(entry["username"]), "password": str(entry.get("password", ""))}
    try:
        user, _, password = base64.b64decode(str(entry.get("auth", ""))).decode().partition(":")
    except ValueError:
        return {}
    return {"username": user, "password": password} if user else {}


def _fit(registry: str, image: str) -> int | None:
    """Return how much of the image's name an entry covers, or None when it is for another registry."""
    host, _, path = registry.partition("://")[2].partition("/") if "://" in registry else registry.partition("/")
    path = "" if path.rstrip("/") in ("v1", "v2") else path.rstrip("/")
    if not _host_fits(_one_name(host), registry_of(image)):
        return None
    repository = image.partition("/")[2] if image.startswith(registry_of(image)) else image
    if path and not (repository == path or repository.startswith((path + "/", path + ":", path + "@"))):
        return None
    return len(path)


def _host_fits(pattern: str, host: str) -> bool:
    """Whether a host matches; `*` stands for one label."""
    pattern_name, _, pattern_port = pattern.partition(":")
    name, _, port = host.partition(":")
    wanted, given = pattern_name.split("."), name.split(".")
    return (
        pattern_port == port
        and len(wanted) == len(given)
        and all(w in ("*", g) for w, g in zip(wanted, given, strict=True))
    )


def _one_name(host: str) -> str:
    return _DOCKER_HUB if host in _DOCKER_HUB_NAMES else host
