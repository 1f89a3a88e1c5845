"""Who serves an Ingress: its class, the class of its old annotation, or the default one. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from reconciler.model.ingress import CONTROLLER
from reconciler.model.kinds import Ingress, IngressClass

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
DEFAULT_ANNOTATION = "ingressclass.kubernetes.io/is-default-class"
# The class that needs no object.
BUILT_IN = "haproxy"


class Served(NamedTuple):
    """Whether this program serves an Ingress, and why it does not."""

    is_ours: bool
    why_not: str = ""


def served(ingress: Ingress, classes: Mapping[str, IngressClass]) -> Served:
    """Judge an Ingress by its class (networking.k8s.io/v1 `spec.ingressClassName`).

    One without a class goes to the default class; where there is none, to us: nobody else is there.
    """
    name = ingress.spec.ingress_class_name or ingress.metadata.annotations.get(CLASS_ANNOTATION, "")
    chosen = classes.get(name) if name else default_class(classes)
    if chosen is None:
        return _without_object(name)
    if chosen.spec.controller == CONTROLLER:
        return Served(True)
    shown = chosen.metadata.name
    return Served(False, f"ingressclass/{shown} is served by {chosen.spec.controller}, not by {CONTROLLER}")


def default_class(classes: Mapping[str, IngressClass]) -> IngressClass | None:
    """Return the class of Ingresses that name none; the oldest, where several are marked."""
    marked = [one for one in classes.values() if one.metadata.annotations.get(DEFAULT_ANNOTATION) == "true"]
    return min(marked, key=lambda one: (one.metadata.creation_timestamp or "", one.metadata.name), default=None)


def _without_object(name: str) -> Served:
    if name in ("", BUILT_IN):
        return Served(True)
    return Served(
        False,
        f"ingressclass/{name} does not exist: declare an IngressClass {name} with controller {CONTROLLER}, "
        f"or name the class {BUILT_IN}",
    )
