"""A container's environment, and `$(VAR)` in it, in command, arguments and paths: exactly as Kubernetes does it.

Pure. Values of Secrets pass through here; no message names anything but objects and keys (P22).
"""

import re
from collections.abc import Iterator, Mapping

from reconciler.executors.configuration import values_of
from reconciler.executors.container.envfile import EnvFileError, EnvFiles, value_of
from reconciler.executors.downward import PodPlace, field_value, resource_value
from reconciler.model.errors import TransientError
from reconciler.model.kinds import Container, EnvFromSource, EnvVar, EnvVarSource, FileKeySelector
from reconciler.model.kinds.scalars import ENV_NAME_PATTERN
from reconciler.model.node import Materials, PodAssignment

_REFERENCE = re.compile(r"\$(?:\((?P<name>[^)]*)\)|(?P<other>.))", re.DOTALL)
_ENV_NAME = re.compile(ENV_NAME_PATTERN)


class ContainerConfigError(TransientError):
    """What a container refers to is not there (yet)."""

    reason = "CreateContainerConfigError"


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by its value; `$$` is one `$`; what is not defined stays as written."""

    def replacement(found: re.Match[str]) -> str:
        name = found["name"]
        if name is not None:
            return variables.get(name, found[0])
        return "$" if found["other"] == "$" else found[0]

    return _REFERENCE.sub(replacement, text)


def expand_whole(text: str, variables: Mapping[str, str]) -> str:
    """Expand a path: every variable must have a value, or the path would be another one than was meant."""
    named = [found["name"] for found in _REFERENCE.finditer(text) if found["name"] is not None]
    missing = next((name for name in named if not variables.get(name)), None)
    if missing is not None:
        raise ContainerConfigError(f"subPathExpr {text!r}: the variable {missing!r} has no value")
    return expand(text, variables)


def environment(
    pod: PodAssignment, container: Container, place: PodPlace, materials: Materials, files: EnvFiles
) -> dict[str, str]:
    """Return the variables of a container: `envFrom` first, then `env`, which may refer to earlier ones."""
    variables: dict[str, str] = {}
    for source in container.env_from:
        variables.update(_all_of(source, pod, materials))
    for variable in container.env:
        taken = variable.value_from.file_key_ref if variable.value_from is not None else None
        if taken is not None and not variable.value:
            value = _value_in_file(taken, files)
        else:
            value = _value(variable, variables, pod, container, place, materials)
        if value is not None:
            variables[variable.name] = value
    unfit = next((name for name, value in variables.items() if "\0" in value), None)
    if unfit is not None:
        # The Engine would repeat the value in its refusal.
        raise ContainerConfigError(f"the value of the variable {unfit!r} has a NUL, which no environment can hold")
    return variables


def _all_of(source: EnvFromSource, pod: PodAssignment, materials: Materials) -> Iterator[tuple[str, str]]:
    reference = source.config_map_ref or source.secret_ref
    if reference is None:
        return
    kind = "ConfigMap" if source.config_map_ref is not None else "Secret"
    material = values_of(pod, materials, kind, reference.name)
    if material is None:
        if reference.optional:
            return
        raise _missing(kind, reference.name)
    for key in sorted(material.data):
        name = source.prefix + key
        if _ENV_NAME.search(name):
            yield name, _text(material.data[key])


def _value(
    variable: EnvVar,
    variables: Mapping[str, str],
    pod: PodAssignment,
    container: Container,
    place: PodPlace,
    materials: Materials,
) -> str | None:
    if variable.value_from is None or variable.value:
        return expand(variable.value, variables)
    source = variable.value_from
    if source.field_ref is not None:
        return field_value(source.field_ref, pod, place)
    if source.resource_field_ref is not None:
        return resource_value(source.resource_field_ref, pod, container, place)
    return _key_value(source, pod, materials)


def _value_in_file(source: FileKeySelector, files: EnvFiles) -> str | None:
    content = files.get((source.volume_name, source.path))
    where = f"file {source.path!r} of volume {source.volume_name!r}"
    if content is None and not source.optional:
        raise ContainerConfigError(f"{where} not found")
    try:
        value = value_of((content or b"").decode(errors="replace"), source.key)
    except EnvFileError as error:
        raise ContainerConfigError(f"{where}: {error}") from None
    if value is None and not source.optional:
        raise ContainerConfigError(f"{where} has no variable {source.key!r}")
    return value


def _key_value(source: EnvVarSource, pod: PodAssignment, materials: Materials) -> str | None:
    selector = source.config_map_key_ref or source.secret_key_ref
    if selector is None:
        return ""
    kind = "ConfigMap" if source.config_map_key_ref is not None else "Secret"
    material = values_of(pod, materials, kind, selector.name)
    if material is not None and selector.key in material.data:
        return _text(material.data[selector.key])
    if selector.optional:
        return None
    if material is None:
        raise _missing(kind, selector.name)
    raise ContainerConfigError(f"{kind.lower()} {selector.name!r} has no key {selector.key!r}")


def _text(data: bytes) -> str:
    # An environment cannot carry what is not text; Kubernetes passes such bytes on, JSON to the Engine cannot.
    return data.decode(errors="replace")


def _missing(kind: str, name: str) -> ContainerConfigError:
    return ContainerConfigError(f"{kind.lower()} {name!r} not found")
