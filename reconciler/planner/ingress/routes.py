"""From Ingress objects to routes: who serves them, which requests they are for, where these go. Pure.

Where two Ingresses want the same host and path, the older one has it, and the other is told.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from msgspec.structs import replace

from reconciler.model.canonical import digest
from reconciler.model.ingress import (
    IngressCanary,
    IngressCertificate,
    IngressRoute,
    IngressTarget,
    Match,
    SecretUse,
)
from reconciler.model.ingress_options import PREFIX, default_options, read_options
from reconciler.model.ingress_values import regex_fault
from reconciler.model.kinds import HTTPIngressPath, Ingress, IngressBackend, IngressClass, Service
from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.planner.contents import config_version
from reconciler.planner.ingress.classes import served
from reconciler.planner.ingress.secrets import certificate_fault, users_fault
from reconciler.planner.view import View

Key = tuple[str, Match, str]


@dataclass(frozen=True, slots=True)
class Note:
    """Something to tell of an Ingress: the reason of an Event, and a sentence."""

    reason: str
    message: str


@dataclass(slots=True)
class Compiled:
    """All routes and certificates, which Ingresses have some here, and what is to be told of each Ingress."""

    routes: dict[Key, IngressRoute] = field(default_factory=dict)
    certificates: dict[tuple[str, str], IngressCertificate] = field(default_factory=dict)
    ours: set[ObjectRef] = field(default_factory=set)
    notes: dict[ObjectRef, list[Note]] = field(default_factory=dict)
    owners: dict[Key, ObjectRef] = field(default_factory=dict)


def compile_routes(view: View) -> Compiled:
    """Return what all Ingresses come to."""
    classes = {one.ref.name: cast(IngressClass, one.object) for one in view.of_kind("IngressClass")}
    compiled = Compiled()
    canaries: list[_Source] = []
    others: list[_Source] = []
    for stored in sorted(view.of_kind("Ingress"), key=_age):
        source = _Source(view, stored, compiled)
        if not source.is_served(classes):
            continue
        compiled.ours.add(stored.ref)
        if source.options.canary:
            canaries.append(source)
        else:
            others.append(source)
            source.add_routes()
        source.add_certificates()
    for source in others:
        source.add_default(source.hosts)
    for source in others:
        source.add_default(("",))
    for source in canaries:
        source.add_canary()
    return compiled


def _age(stored: StoredObject) -> tuple[str, str, str]:
    return stored.object.metadata.creation_timestamp or "", stored.ref.namespace, stored.ref.name


class _Source:
    """One Ingress, and what it adds to the whole."""

    def __init__(self, view: View, stored: StoredObject, compiled: Compiled) -> None:
        self.view = view
        self.ref = stored.ref
        self.ingress = cast(Ingress, stored.object)
        self.compiled = compiled
        default = default_options(view.policy.ingress)
        self.options, self.problems = read_options(self.ingress.metadata.annotations, default)

    def is_served(self, classes: Mapping[str, IngressClass]) -> bool:
        """Whether it is ours; otherwise it is told why not."""
        answer = served(self.ingress, classes)
        if not answer.is_ours:
            self.tell("NotServed", answer.why_not)
            return False
        for problem in self.problems:
            self.tell("IgnoredAnnotation", f"{problem.key} has no effect: {problem.message}")
        return True

    def tell(self, reason: str, message: str) -> None:
        """Note something that a person should know."""
        self.compiled.notes.setdefault(self.ref, []).append(Note(reason, message))

    # Routes

    def add_routes(self) -> None:
        """Add a route for each path."""
        for host, path in self._paths():
            self._add(host, path.path or "/", self._match(path), path.backend)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts of its rules; any, where it has none."""
        return tuple(dict.fromkeys(rule.host.lower() for rule in self.ingress.spec.rules)) or ("",)

    def add_default(self, hosts: Iterable[str]) -> None:
        """Lead what no rule is for to the default backend (networking.k8s.io/v1 `spec.defaultBackend`)."""
        backend = self.ingress.spec.default_backend
        for host in hosts:
            if backend is not None and (host, "Prefix", "/") not in self.compiled.routes:
                self._add(host, "/", "Prefix", backend)

    def add_canary(self) -> None:
        """Send a part of the requests of routes that others have elsewhere."""
        for host, path in self._paths():
            key = self._key(host, path.path or "/", self._match(path))
            main = self.compiled.routes.get(key)
            if main is None:
                self.tell("CanaryWithoutMain", f"no other ingress leads {_shown(host, key[2])} anywhere")
            elif main.canary is not None:
                self.tell("Conflict", f"{_shown(host, key[2])} has another canary already, an older one")
            else:
                canary = IngressCanary(
                    id=f"{self._id(key)}_canary", target=self._target(path.backend), options=self.options
                )
                self.compiled.routes[key] = replace(main, canary=canary)

    def _paths(self) -> Iterator[tuple[str, HTTPIngressPath]]:
        for rule in self.ingress.spec.rules:
            for path in rule.http.paths if rule.http is not None else ():
                match = self._match(path)
                fault = regex_fault(path.path) if match == "Regex" else _path_fault(path.path)
                if fault:
                    self.tell("BadPath", f"path {path.path!r} of {_shown(rule.host, '')} is left out: {fault}")
                else:
                    yield rule.host.lower(), path

    def _match(self, path: HTTPIngressPath) -> Match:
        is_regex = self.options.use_regex or (self.options.rewrite_target and any(c in path.path for c in "()[]*?+^$|"))
        if path.path_type == "Exact" and not is_regex:
            return "Exact"
        return "Regex" if is_regex and path.path else "Prefix"

    def _key(self, host: str, path: str, match: Match) -> Key:
        return host, match, (path.rstrip("/") or "/") if match == "Prefix" else path

    def _id(self, key: Key) -> str:
        words = f"{self.ref.namespace}_{self.ref.name}"[:80].replace(".", "-")
        return f"{words}_{digest(*key)[:10]}"

    def _add(self, host: str, path: str, match: Match, backend: IngressBackend) -> None:
        key = self._key(host, path, match)
        owner = self.compiled.owners.get(key)
        if owner is not None:
            whose = "itself" if owner == self.ref else f"{owner}, the older one,"
            self.tell("Conflict", f"{_shown(host, key[2])} stays with {whose} and is not led elsewhere")
            return
        users, refused = self._users()
        self.compiled.owners[key] = self.ref
        self.compiled.routes[key] = IngressRoute(
            id=self._id(key),
            host=host,
            path=key[2],
            match=match,
            target=self._target(backend),
            options=self.options,
            secure=self.options.force_ssl_redirect or (self.options.ssl_redirect and self._has_certificate(host)),
            users=users,
            refused=refused,
        )

    def _has_certificate(self, host: str) -> bool:
        for tls in self.ingress.spec.tls:
            if not tls.hosts or any(_covers(one.lower(), host) for one in tls.hosts):
                return True
        return False

    def _target(self, backend: IngressBackend) -> IngressTarget | None:
        service = backend.service
        if service is None:
            what = f"{backend.resource.kind}/{backend.resource.name}" if backend.resource else "nothing"
            self.tell("NoSuchBackend", f"{what} cannot be a backend: only Services can; requests get 503")
            return None
        ref = ObjectRef(kind="Service", namespace=self.ref.namespace, name=service.name)
        stored = self.view.get(ref)
        if stored is None:
            self.tell("NoSuchBackend", f"{ref} does not exist: requests get 503")
            return None
        spec = cast(Service, stored.object).spec
        port = service.port
        known = any(one.port == port.number or (port.name and one.name == port.name) for one in spec.ports)
        if not known and not (spec.type == "ExternalName" and port.number):
            self.tell("NoSuchBackend", f"{ref} has no port {port.number or port.name}: requests get 503")
            return None
        return IngressTarget(
            namespace=ref.namespace, service=ref.name, port=port.number or 0, port_name=port.name or ""
        )

    # Secrets

    def _users(self) -> tuple[SecretUse | None, bool]:
        """Return who may ask; nobody, where that cannot be told: what guards must not fail open."""
        options = self.options
        if any(problem.key.removeprefix(PREFIX) in _GUARDS for problem in self.problems):
            return None, True
        if not options.auth_type:
            return None, False
        namespace, _, name = options.auth_secret.rpartition("/")
        if namespace not in ("", self.ref.namespace):
            self.tell("BadSecret", f"auth-secret {options.auth_secret} stands in another namespace: nobody may pass")
            return None, True
        found = self._secret(name, "nobody may pass", lambda one: users_fault(one, options.auth_map))
        return found, found is None

    def add_certificates(self) -> None:
        """Add the certificates; hosts without a good one get the default certificate."""
        for tls in self.ingress.spec.tls:
            if tls.secret_name is None:
                continue
            found = self._secret(tls.secret_name, "the default certificate is shown", certificate_fault)
            if found is None:
                continue
            key = (found.namespace, found.name)
            known = self.compiled.certificates.get(key)
            if known is not None and not known.hosts:
                continue
            hosts = (*(known.hosts if known is not None else ()), *(one.lower() for one in tls.hosts))
            kept = tuple(sorted(set(hosts))) if tls.hosts else ()
            self.compiled.certificates[key] = IngressCertificate(secret=found, hosts=kept)

    def _secret(self, name: str, instead: str, fault_of: Callable[[StoredObject], str]) -> SecretUse | None:
        ref = ObjectRef(kind="Secret", namespace=self.ref.namespace, name=name)
        stored = self.view.get(ref)
        if stored is None:
            self.tell("BadSecret", f"{ref} does not exist: {instead}")
            return None
        fault = self.view.memo.get(("ingress secret", self.ref, ref), (stored,), lambda: fault_of(stored))
        if fault:
            self.tell("BadSecret", f"{ref} {fault}: {instead}")
            return None
        return SecretUse(namespace=ref.namespace, name=ref.name, version=config_version(stored, self.view.policy))


# Annotations that keep requests out.
_GUARDS = frozenset(
    {
        "allowlist-source-range",
        "auth-secret",
        "auth-secret-type",
        "auth-type",
        "auth-url",
        "denylist-source-range",
        "whitelist-source-range",
    }
)


def _covers(name: str, host: str) -> bool:
    """Whether a name of a certificate is that of a host, or a wildcard for it."""
    return name == host or (name.startswith("*.") and host.partition(".")[2] == name[2:])


def _path_fault(path: str) -> str:
    return "" if path.isprintable() and " " not in path else "it has spaces or control characters"


def _shown(host: str, path: str) -> str:
    return f"{host or '*'}{path}"
