"""The objects that one names besides those of its Pods, and without which it is accepted and does nothing. Pure."""

from collections.abc import Iterator

from reconciler.model.kinds import AnyObject, HorizontalPodAutoscaler, Ingress, IngressBackend, ServiceAccount
from reconciler.model.refs import ObjectRef
from reconciler.schema.rules.ingress import CLASS_ANNOTATION
from reconciler.schema.rules.metadata import annotation_pointer

# Served without an object of that name, see the planner's classes of Ingresses.
_BUILT_IN_CLASS = "haproxy"


def references_of(object: AnyObject) -> Iterator[tuple[ObjectRef, str]]:
    """Yield what an object names, with the pointers that name it."""
    namespace = object.metadata.namespace
    if isinstance(object, ServiceAccount):
        for number, secret in enumerate(object.image_pull_secrets):
            yield ObjectRef.of("Secret", namespace, secret.name), f"/imagePullSecrets/{number}/name"
    elif isinstance(object, HorizontalPodAutoscaler):
        target = object.spec.scale_target_ref
        yield ObjectRef.of(target.kind, namespace, target.name), "/spec/scaleTargetRef/name"
    elif isinstance(object, Ingress):
        yield from _of_ingress(object)


def _of_ingress(ingress: Ingress) -> Iterator[tuple[ObjectRef, str]]:
    namespace, spec = ingress.metadata.namespace, ingress.spec
    named, pointer = spec.ingress_class_name, "/spec/ingressClassName"
    if named is None:
        named, pointer = ingress.metadata.annotations.get(CLASS_ANNOTATION), annotation_pointer(CLASS_ANNOTATION)
    if named and named != _BUILT_IN_CLASS:
        yield ObjectRef.of("IngressClass", "", named), pointer
    for number, one in enumerate(spec.tls):
        if one.secret_name:
            yield ObjectRef.of("Secret", namespace, one.secret_name), f"/spec/tls/{number}/secretName"
    yield from _of_backend(namespace, "/spec/defaultBackend", spec.default_backend)
    for number, rule in enumerate(spec.rules):
        for index, path in enumerate(rule.http.paths if rule.http is not None else ()):
            yield from _of_backend(namespace, f"/spec/rules/{number}/http/paths/{index}/backend", path.backend)


def _of_backend(namespace: str, at: str, backend: IngressBackend | None) -> Iterator[tuple[ObjectRef, str]]:
    if backend is not None and backend.service is not None:
        yield ObjectRef.of("Service", namespace, backend.service.name), f"{at}/service/name"
