"""Names of images: their one form, whether they can be read, and when an image must be pulled.

Pure.
"""

import re
from functools import lru_cache

from reconciler.model.kinds import Container

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_REFERENCE = re.compile(
    rf"(?:(?P<host>{_HOST})/)?(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?P<digest>@[a-zA-Z][a-zA-Z0-9+._-]*:[0-9a-fA-F]{32,})?",
    re.ASCII,
)
_IMAGE_ID = re.compile(r"(?:sha256:)?[0-9a-f]{64}")


@lru_cache(maxsize=4096)
def full_name(image: str) -> str:
    """Return the one form of an image's name (`busybox` is `docker.io/library/busybox:latest`); empty: not a name."""
    if _IMAGE_ID.fullmatch(image):
        return image if image.startswith("sha256:") else f"sha256:{image}"
    found = _REFERENCE.fullmatch(image)
    if found is None:
        return ""
    host, path = found["host"] or "", found["path"]
    if host and "." not in host and ":" not in host and host != "localhost":
        host, path = "", f"{host}/{path}"
    if path != path.lower():
        return ""
    if not host or host == "index.docker.io":
        host, path = "docker.io", path if "/" in path else f"library/{path}"
    if found["digest"]:
        return f"{host}/{path}{found['digest']}"
    return f"{host}/{path}:{found['tag'] or 'latest'}"


@lru_cache(maxsize=16)
def full_names(images: tuple[str, ...]) -> frozenset[str]:
    """Return the one form of every name in `images` that has one."""
    return frozenset(full_name(image) for image in images if image and "<none>" not in image)


def pull_policy(container: Container) -> str:
    """Return the container's pull policy: unless given, Always for `:latest` and IfNotPresent else."""
    if container.image_pull_policy is not None:
        return container.image_pull_policy
    name = full_name(container.image)
    return "Always" if name.endswith(":latest") and "@" not in name else "IfNotPresent"
