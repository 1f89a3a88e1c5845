"""Rules on Ingresses and their classes, as Kubernetes' validation of networking.k8s.io/v1."""

import ipaddress
import re
from collections.abc import Iterator

from reconciler.model.ingress_options import read_options
from reconciler.model.kinds import HTTPIngressPath, Ingress, IngressBackend, IngressClass, IngressTLS
from reconciler.model.kinds.scalars import PATH_SEGMENT_PATTERN, SERVICE_NAME_PATTERN, SUBDOMAIN_PATTERN
from reconciler.schema.rules.finding import Finding, error, warning

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_SUBDOMAIN = re.compile(SUBDOMAIN_PATTERN)
_SEGMENT = re.compile(PATH_SEGMENT_PATTERN)
_SERVICE = re.compile(SERVICE_NAME_PATTERN)
_WILDCARD = re.compile(r"\*\." + SUBDOMAIN_PATTERN.removeprefix("^"))
_PATH = re.compile(r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+\Z")
_NOT_IN_PATHS = ("//", "/./", "/../", "%2f", "%2F")
_NOT_AT_THE_END = ("/..", "/.")


def ingress_findings(ingress: Ingress) -> Iterator[Finding]:
    """Yield what is wrong with an Ingress."""
    spec = ingress.spec
    yield from _annotation_findings(ingress)
    if not spec.rules and spec.default_backend is None:
        yield error("/spec", "either defaultBackend or rules must be given", code="missing-field")
    if spec.default_backend is not None:
        yield from _backend_findings("/spec/defaultBackend", spec.default_backend)
    for number, tls in enumerate(spec.tls):
        yield from _tls_findings(f"/spec/tls/{number}", tls)
    for number, rule in enumerate(spec.rules):
        at = f"/spec/rules/{number}"
        if rule.host:
            yield from _host_findings(f"{at}/host", rule.host)
        for index, path in enumerate(rule.http.paths if rule.http is not None else ()):
            yield from _path_findings(f"{at}/http/paths/{index}", path)


def class_findings(ingress_class: IngressClass) -> Iterator[Finding]:
    """Yield what is wrong with an IngressClass."""
    spec = ingress_class.spec
    if not spec.controller:
        yield error("/spec", "controller is missing", code="missing-field")
    elif not _is_domain_path(spec.controller):
        message = f"controller: {spec.controller!r} must be a domain and a path, such as example.com/ingress"
        yield error("/spec/controller", message)
    parameters = spec.parameters
    if parameters is None:
        return
    for field, text in (("kind", parameters.kind), ("name", parameters.name)):
        if not _SEGMENT.match(text):
            yield error(f"/spec/parameters/{field}", f"{field}: {text!r} may contain neither / nor %")
    if parameters.scope == "Namespace" and parameters.namespace is None:
        yield error("/spec/parameters", "scope Namespace needs namespace", code="missing-field")
    if parameters.scope == "Cluster" and parameters.namespace is not None:
        yield error("/spec/parameters/namespace", "namespace belongs to scope Namespace")


def _annotation_findings(ingress: Ingress) -> Iterator[Finding]:
    annotations = ingress.metadata.annotations
    named, old = ingress.spec.ingress_class_name, annotations.get(CLASS_ANNOTATION)
    at = "/metadata/annotations/"
    if named is not None and old is not None and named != old:
        message = f"annotation {CLASS_ANNOTATION} is {old!r} and ingressClassName {named!r}: they must be the same"
        yield error(f"{at}{_pointer(CLASS_ANNOTATION)}", message)
    for problem in read_options(annotations)[1]:
        message = f"annotation {problem.key} has no effect: {problem.message}"
        yield warning(f"{at}{_pointer(problem.key)}", message, code="ignored-annotation")


def _pointer(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _tls_findings(at: str, tls: IngressTLS) -> Iterator[Finding]:
    for number, host in enumerate(tls.hosts):
        yield from _name_findings(f"{at}/hosts/{number}", host)


def _host_findings(at: str, host: str) -> Iterator[Finding]:
    if _is_address(host):
        yield error(at, f"host: {host} must be a name, not an address")
    else:
        yield from _name_findings(at, host)


def _name_findings(at: str, host: str) -> Iterator[Finding]:
    pattern = _WILDCARD if "*" in host else _SUBDOMAIN
    if not pattern.match(host):
        hint = "a wildcard stands for the first label only, as in *.example.com" if "*" in host else ""
        yield error(at, f"host: {host!r} is no name of a host", hint)


def _path_findings(at: str, path: HTTPIngressPath) -> Iterator[Finding]:
    text = path.path
    is_specific = path.path_type == "ImplementationSpecific"
    if not text.startswith("/") and (text or not is_specific):
        yield error(f"{at}/path" if text else at, f"path: {text!r} must begin with /")
    elif not is_specific:
        wrong = [part for part in _NOT_IN_PATHS if part in text]
        wrong += [part for part in _NOT_AT_THE_END if text.endswith(part)]
        for part in wrong[:1]:
            yield error(f"{at}/path", f"path: {text!r} must not contain {part}")
    yield from _backend_findings(f"{at}/backend", path.backend)


def _backend_findings(at: str, backend: IngressBackend) -> Iterator[Finding]:
    if backend.resource is not None and backend.service is not None:
        yield error(at, "a backend is either a service or a resource")
    elif backend.resource is not None:
        yield error(
            f"{at}/resource",
            f"resource {backend.resource.kind}/{backend.resource.name} cannot be a backend: only Services can",
            "name a service",
            code="not-implemented",
        )
    elif backend.service is None:
        yield error(at, "a backend needs a service", code="missing-field")
    if backend.service is not None:
        service = backend.service
        if not _SERVICE.match(service.name) or len(service.name) > 63:
            yield error(f"{at}/service/name", f"name: {service.name!r} is no name of a Service")
        if (service.port.name is None) == (service.port.number is None):
            yield error(f"{at}/service", "a port needs either a number or a name", code="missing-field")


def _is_domain_path(text: str) -> bool:
    domain, slash, path = text.partition("/")
    return bool(slash and _SUBDOMAIN.match(domain) and _PATH.match(path))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
