"""Which objects a list or a watch is about: kind, namespace, name, fields and labels. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.model.kinds import KindSpec, Object
from reconciler.model.labels import Requirement, SelectorError, matches_all, parse_selector
from reconciler.server.errors import bad_request

_TERM = re.compile(r"^(?P<field>[^=!]+)(?P<operator>==|=|!=)(?P<value>.*)$", re.DOTALL)
_NAME, _NAMESPACE = ("metadata", "name"), ("metadata", "namespace")
_ANY = {"metadata.name": "metadata.name", "metadata.namespace": "metadata.namespace"}
_OF_KIND: Mapping[str, Mapping[str, str]] = {
    "Pod": {
        "spec.nodeName": "spec.node_name",
        "spec.host": "spec.node_name",
        "spec.hostNetwork": "spec.host_network",
        "spec.restartPolicy": "spec.restart_policy",
        "spec.serviceAccountName": "spec.service_account_name",
        "spec.schedulerName": "spec.scheduler_name",
        "status.phase": "status.phase",
        "status.podIP": "status.pod_ip",
        "status.nominatedNodeName": "status.nominated_node_name",
    },
    "Event": {
        "involvedObject.kind": "involved_object.kind",
        "involvedObject.namespace": "involved_object.namespace",
        "involvedObject.name": "involved_object.name",
        "involvedObject.uid": "involved_object.uid",
        "involvedObject.apiVersion": "involved_object.api_version",
        "involvedObject.resourceVersion": "involved_object.resource_version",
        "involvedObject.fieldPath": "involved_object.field_path",
        "reason": "reason",
        "type": "type",
        "source": "source.component",
        "reportingComponent": "reporting_component",
        "regarding.kind": "involved_object.kind",
        "regarding.namespace": "involved_object.namespace",
        "regarding.name": "involved_object.name",
        "regarding.uid": "involved_object.uid",
        "regarding.apiVersion": "involved_object.api_version",
        "regarding.resourceVersion": "involved_object.resource_version",
        "regarding.fieldPath": "involved_object.field_path",
        "reportingController": "reporting_component",
    },
    "Secret": {"type": "type"},
    "Namespace": {"status.phase": "status.phase"},
    "Node": {"spec.unschedulable": "spec.unschedulable"},
    "ReplicaSet": {"status.replicas": "status.replicas"},
    "ReplicationController": {"status.replicas": "status.replicas"},
    "Job": {"status.successful": "status.succeeded"},
    "Service": {"spec.type": "spec.type", "spec.clusterIP": "spec.cluster_ip"},
    "PersistentVolumeClaim": {"status.phase": "status.phase"},
    "PersistentVolume": {"status.phase": "status.phase"},
}


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """One part of a field selector; `path` is that of the attributes."""

    path: tuple[str, ...]
    value: str
    is_equal: bool

    def matches(self, object: Object) -> bool:
        """Whether the object's field has, or has not, the value."""
        found: Any = object
        for attribute in self.path:
            found = getattr(found, attribute, None)
        return (_text(found) == self.value) is self.is_equal


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for. An empty namespace means all; an empty name, every name."""

    kind: KindSpec
    namespace: str = ""
    name: str = ""
    fields: tuple[FieldTerm, ...] = ()
    labels: tuple[Requirement, ...] = ()

    def matches(self, object: Object | None) -> bool:
        """Whether the object belongs to the selection; nothing never does."""
        if object is None or object.kind != self.kind.kind:
            return False
        metadata = object.metadata
        if self.namespace and metadata.namespace != self.namespace:
            return False
        return self.chooses(object)

    def chooses(self, object: Object) -> bool:
        """Whether an object of this kind and namespace has the name, labels and fields."""
        metadata = object.metadata
        if self.name and metadata.name != self.name:
            return False
        if self.labels and not matches_all(self.labels, metadata.labels):
            return False
        return not self.fields or all(term.matches(object) for term in self.fields)

    @property
    def is_plain(self) -> bool:
        """Whether everything of the kind, or of the namespace, is chosen."""
        return not (self.name or self.labels or self.fields)


def make_selection(
    kind: KindSpec, namespace: str = "", name: str = "", field_selector: str = "", label_selector: str = ""
) -> Selection:
    """Return the selection that a query asks for; what cannot be read is refused with 400."""
    try:
        labels = parse_selector(label_selector)
    except SelectorError as error:
        raise bad_request(f"unable to parse labelSelector {label_selector!r}: {error}") from error
    terms = tuple(_term(kind, part) for part in _parts(field_selector))
    if not name:
        name, terms = _without(terms, _NAME)
    if not namespace and kind.namespaced:
        namespace, terms = _without(terms, _NAMESPACE)
    return Selection(kind=kind, namespace=namespace, name=name, fields=terms, labels=labels)


def _without(terms: tuple[FieldTerm, ...], path: tuple[str, ...]) -> tuple[str, tuple[FieldTerm, ...]]:
    """Return the value that the first term of a path asks for, and the other terms."""
    for term in terms:
        if term.path == path and term.is_equal and term.value:
            return term.value, tuple(other for other in terms if other is not term)
    return "", terms


def _parts(text: str) -> list[str]:
    """Split at commas that no backslash escapes."""
    return [part for part in re.split(r"(?<!\\),", text) if part.strip()]


def _term(kind: KindSpec, part: str) -> FieldTerm:
    found = _TERM.match(part.strip())
    if found is None:
        raise bad_request(f"unable to parse fieldSelector {part!r}: expected FIELD=VALUE or FIELD!=VALUE")
    known = {**_ANY, **_OF_KIND.get(kind.kind, {})}
    path = known.get(found["field"])
    if path is None:
        supported = ", ".join(sorted(known))
        raise bad_request(f"field label not supported for {kind.plural}: {found['field']} (supported: {supported})")
    value = re.sub(r"\\([\\,=])", r"\1", found["value"])
    return FieldTerm(path=tuple(path.split(".")), value=value, is_equal=found["operator"] != "!=")


def _text(value: Any) -> str:
    to_text: Callable[[Any], str] = _TEXTS.get(type(value), str)
    return to_text(value)


_TEXTS: Mapping[type, Callable[[Any], str]] = {
    bool: lambda value: "true" if value else "false",
    type(None): lambda _: "",
}
