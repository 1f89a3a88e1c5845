"""Rules on the annotations of Pods to which Kubernetes gives a meaning. Pure.

`controller.kubernetes.io/pod-deletion-cost`, `kubernetes.io/config.mirror`, and those by which confinement was asked
for before `seccompProfile` and `appArmorProfile`: what they say must not contradict these fields, which alone count.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from reconciler.model.integers import whole_number
from reconciler.model.kinds import AppArmorProfile, Container, PodSpec, SeccompProfile
from reconciler.schema.positions import join_pointer
from reconciler.schema.rules.finding import Finding, error, warning

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
MIRROR = "kubernetes.io/config.mirror"
SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
APP_ARMOR_CONTAINER = "container.apparmor.security.beta.kubernetes.io/"

_COST = re.compile(r"0|[1-9][0-9]*|-[0-9]+")
_INT32 = 2**31
_LOCALHOST = "localhost/"
_RUNTIME_DEFAULT = ("runtime/default", "docker/default")
_Profile = SeccompProfile | AppArmorProfile


class _Confinement(NamedTuple):
    """An old annotation for confinement, and the field that has taken its place."""

    key: str
    value: str
    field: str
    profile: _Profile | None
    is_seccomp: bool


def annotation_findings(at: str, annotations: Mapping[str, str], spec: PodSpec) -> Iterator[Finding]:
    """Yield what is wrong with the annotations, at pointer `at`, of a Pod with this spec."""
    cost = annotations.get(DELETION_COST, "0")
    number = whole_number(cost) if _COST.fullmatch(cost) else None
    if number is None or not -_INT32 <= number < _INT32:
        message = f"{DELETION_COST}: must be a whole number of 32 bits, without leading zeros"
        yield error(at + join_pointer(DELETION_COST), message, code="bad-annotation")
    if MIRROR in annotations and not spec.node_name:
        hint = "remove it: only an agent marks the Pods of its own"
        yield error(at + join_pointer(MIRROR), f"{MIRROR}: needs nodeName", hint, "bad-annotation")
    for one in _confinements(annotations, spec):
        yield from _confinement_findings(at + join_pointer(one.key), one)
    containers = {one.name for one in _containers(spec)}
    for key in annotations:
        name = key.removeprefix(APP_ARMOR_CONTAINER)
        if name != key and name not in containers:
            yield error(at + join_pointer(key), f"there is no container {name}", code="bad-annotation")


def _containers(spec: PodSpec) -> tuple[Container, ...]:
    return (*spec.init_containers, *spec.containers)


def _confinements(annotations: Mapping[str, str], spec: PodSpec) -> Iterator[_Confinement]:
    contexts = {one.name: one.security_context for one in _containers(spec)}
    for key, value in annotations.items():
        if key == SECCOMP_POD:
            yield _Confinement(key, value, "seccompProfile", spec.security_context.seccomp_profile, True)
        elif key.startswith(SECCOMP_CONTAINER):
            context = contexts.get(key.removeprefix(SECCOMP_CONTAINER))
            yield _Confinement(key, value, "seccompProfile", context.seccomp_profile if context else None, True)
        elif key.startswith(APP_ARMOR_CONTAINER):
            context = contexts.get(key.removeprefix(APP_ARMOR_CONTAINER))
            profile = (context.app_armor_profile if context else None) or spec.security_context.app_armor_profile
            yield _Confinement(key, value, "appArmorProfile", profile, False)


def _confinement_findings(at: str, one: _Confinement) -> Iterator[Finding]:
    if not _is_profile(one):
        hint = "runtime/default, unconfined, or localhost/ and a profile"
        yield error(at, f"{one.key}: not a profile", hint, "bad-annotation")
    elif one.profile is None:
        hint = f"write securityContext.{one.field}"
        yield warning(at, f"{one.key} has no effect: it confines nothing", hint, "harmless")
    elif not _is_same(one.value, one.profile):
        message = f"{one.key}: says another profile than {one.field}"
        yield error(at, message, "remove the annotation: the field alone counts", "bad-annotation")


def _is_profile(one: _Confinement) -> bool:
    if one.value.startswith(_LOCALHOST):
        path = one.value.removeprefix(_LOCALHOST)
        return not one.is_seccomp or (not path.startswith("/") and ".." not in path.split("/"))
    if one.is_seccomp:
        return one.value in ("unconfined", *_RUNTIME_DEFAULT)
    return one.value in ("", "unconfined", _RUNTIME_DEFAULT[0])


def _is_same(value: str, profile: _Profile) -> bool:
    match profile.type:
        case "Localhost":
            return value == f"{_LOCALHOST}{profile.localhost_profile}"
        case "RuntimeDefault":
            return value in _RUNTIME_DEFAULT
        case "Unconfined":
            return value == "unconfined"
