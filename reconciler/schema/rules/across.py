"""Rules across the objects of a revision. Pure; works on facts, so that it costs little for unchanged files."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.model.desired import DesiredObject
from reconciler.model.problem import Problem, Severity
from reconciler.model.refs import ObjectRef
from reconciler.schema.decode import DEFAULT_NAMESPACE
from reconciler.schema.positions import Mark
from reconciler.schema.rules.facts import Facts, Reference

# Made by the cluster itself, so no repository needs to declare them.
_WORKLOADS = frozenset(
    {"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController", "Job", "CronJob", "Pod"}
)
# These tell how many Pods they make.
_COUNTED = frozenset({"Deployment", "ReplicaSet", "StatefulSet", "ReplicationController"})
_ALWAYS_THERE = frozenset((DEFAULT_NAMESPACE, "kube-system", "kube-public", "kube-node-lease"))


@dataclass(frozen=True, slots=True)
class Declared:
    """One object of a file: what it is, where it stands, and the facts for rules across objects."""

    desired: DesiredObject
    file: str
    start: Mark
    facts: Facts

    @property
    def place(self) -> str:
        """File and line, for messages."""
        return f"{self.file}:{self.start.line}"


def across(declared: Sequence[Declared], mentioned: frozenset[ObjectRef]) -> list[Problem]:
    """Return what is wrong between objects; `mentioned` are declared, but too broken to be built."""
    first: dict[ObjectRef, Declared] = {}
    problems: list[Problem] = []
    for one in declared:
        known = first.setdefault(one.desired.ref, one)
        if known is not one:
            message = f"{one.desired.ref} is declared twice, first at {known.place}"
            problems.append(_problem(one, one.start, message, "remove one of the two", "duplicate-object"))
    present = frozenset(first) | mentioned
    problems += _namespaces(declared, present)
    problems += _references(declared, present)
    problems += _dependencies(declared, first, present)
    problems += _host_ports(declared)
    problems += _node_ports(declared)
    pods = _Pods(declared)
    problems += _selections(declared, pods, frozenset(ref.namespace for ref in mentioned if ref.kind in _WORKLOADS))
    problems += _budgets(declared, pods)
    return problems


def _namespaces(declared: Sequence[Declared], present: frozenset[ObjectRef]) -> Iterator[Problem]:
    users: dict[str, list[Declared]] = defaultdict(list)
    for one in declared:
        namespace = one.desired.ref.namespace
        if namespace and namespace not in _ALWAYS_THERE:
            users[namespace].append(one)
    for namespace, objects in users.items():
        if ObjectRef(kind="Namespace", name=namespace) not in present:
            others = f" (and of {len(objects) - 1} more objects)" if len(objects) > 1 else ""
            message = f"the namespace {namespace} of {objects[0].desired.ref}{others} is not in the repository"
            hint = "declare it, unless it is made elsewhere"
            yield _problem(
                objects[0], objects[0].start, message, hint, "missing-reference", "/metadata/namespace", warn=True
            )


def _references(declared: Sequence[Declared], present: frozenset[ObjectRef]) -> Iterator[Problem]:
    for one in declared:
        for reference in one.facts.references:
            if reference.ref not in present:
                message = f"{reference.ref} is not in the repository"
                hint = "until it exists, what needs it will wait"
                yield _at(one, reference, message, hint, "missing-reference", warn=True)


def _dependencies(
    declared: Sequence[Declared], first: Mapping[ObjectRef, Declared], present: frozenset[ObjectRef]
) -> Iterator[Problem]:
    waiting = [one for one in declared if one.facts.depends_on]
    for one in waiting:
        for reference in one.facts.depends_on:
            if reference.ref not in present:
                message = f"depends on {reference.ref}, which is not in the repository"
                yield _at(one, reference, message, "until it is healthy, changes wait", "missing-reference", warn=True)
    reported: set[frozenset[ObjectRef]] = set()
    for one in waiting:
        cycle = _cycle(one.desired.ref, first)
        if cycle and frozenset(cycle) not in reported:
            reported.add(frozenset(cycle))
            words = " → ".join(str(ref) for ref in (*cycle, cycle[0]))
            message = f"the dependencies form a circle: {words}"
            yield _at(one, one.facts.depends_on[0], message, "remove one of them", "dependency-cycle")


def _cycle(start: ObjectRef, first: Mapping[ObjectRef, Declared]) -> tuple[ObjectRef, ...]:
    """Return the shortest way from `start` back to itself, or nothing."""
    came_from: dict[ObjectRef, ObjectRef] = {}
    queue = [start]
    for current in queue:
        node = first.get(current)
        for reference in node.facts.depends_on if node is not None else ():
            if reference.ref == start:
                way = [current]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return tuple(reversed(way))
            if reference.ref not in came_from:
                came_from[reference.ref] = current
                queue.append(reference.ref)
    return ()


def _host_ports(declared: Sequence[Declared]) -> Iterator[Problem]:
    taken: dict[tuple[int, str], tuple[Declared, str]] = {}
    for one in declared:
        for port in one.facts.host_ports:
            reference = Reference(one.desired.ref, port.pointer, port.mark)
            words = f"host port {port.port}/{port.protocol}"
            if one.facts.replicas > 1:
                message = f"{words} can be taken once per host, and {one.facts.replicas} replicas want it"
                yield _at(one, reference, message, "", "host-port", warn=True)
            other = taken.setdefault((port.port, port.protocol), (one, port.address))
            if other[0] is not one and (not port.address or not other[1] or port.address == other[1]):
                message = f"{words} is also wanted by {other[0].desired.ref} ({other[0].place})"
                yield _at(one, reference, message, "on one host only one of them will run", "host-port", warn=True)


def _node_ports(declared: Sequence[Declared]) -> Iterator[Problem]:
    """A node port is one Service's, whatever the protocol; on its node it takes the place of a Pod's host port."""
    on_hosts = {(port.port, port.protocol): one for one in reversed(declared) for port in one.facts.host_ports}
    taken: dict[int, Declared] = {}
    for one in declared:
        for port in one.facts.node_ports:
            reference = Reference(one.desired.ref, port.pointer, port.mark)
            holder = taken.setdefault(port.port, one)
            if holder.desired.ref != one.desired.ref:
                message = f"node port {port.port} is also wanted by {holder.desired.ref} ({holder.place})"
                yield _at(one, reference, message, "each Service needs its own; leave it out for any", "node-port")
            pod = on_hosts.get((port.port, port.protocol))
            if pod is not None:
                message = (
                    f"node port {port.port}/{port.protocol} is also a host port of {pod.desired.ref} ({pod.place})"
                )
                yield _at(one, reference, message, "on its host only the Service answers", "node-port", warn=True)


def _selections(declared: Sequence[Declared], pods: "_Pods", unsure: frozenset[str]) -> Iterator[Problem]:
    owners: dict[tuple[str, frozenset[tuple[str, str]]], Declared] = {}
    for one in declared:
        labels, at = one.facts.selects, one.facts.selects_at
        if not labels or at is None:
            continue
        if one.desired.ref.kind == "Service":
            yield from _service_selection(one, labels, at, pods, unsure)
            continue
        other = owners.setdefault((one.desired.ref.namespace, frozenset(labels.items())), one)
        if other is not one and other.desired.ref != one.desired.ref:
            message = f"{other.desired.ref} ({other.place}) selects the same Pods"
            yield _at(one, at, message, "give each workload a label of its own", "same-selector", warn=True)
        for maker in pods.makers(one.desired.ref.namespace, labels):
            if maker.desired.ref != one.desired.ref and maker.facts.selects != labels:
                others = "has" if maker.desired.ref.kind == "Pod" else "makes Pods that have"
                message = f"{maker.desired.ref} ({maker.place}) {others} these labels too"
                yield _at(one, at, message, "give each workload a label of its own", "overlapping", warn=True)


def _service_selection(
    service: Declared, labels: Mapping[str, str], at: Reference, pods: "_Pods", unsure: frozenset[str]
) -> Iterator[Problem]:
    """`unsure` are namespaces with a workload too broken to know its Pods: what is missing there may be its."""
    namespace = service.desired.ref.namespace
    ports = pods.ports(namespace, labels)
    if ports is None and namespace in unsure:
        return
    if ports is None:
        message = "no workload of the repository has Pods with these labels"
        yield _at(service, at, message, "without Pods the Service answers nothing", "selects-nothing", warn=True)
        return
    for name, pointer, mark in service.facts.target_ports:
        if name not in ports:
            message = f"no selected Pod has a port named {name}"
            yield _at(service, Reference(at.ref, pointer, mark), message, "", "selects-nothing", warn=True)


def _budgets(declared: Sequence[Declared], pods: "_Pods") -> Iterator[Problem]:
    """A budget that keeps every Pod there is to be; how many an autoscaler makes is not known here."""
    scaled = {
        reference.ref
        for one in declared
        if one.desired.ref.kind == "HorizontalPodAutoscaler"
        for reference in one.facts.references
    }
    for one in declared:
        spec, at = one.facts.keeps, one.facts.keeps_at
        labels = spec.selector.match_labels if spec is not None and spec.selector is not None else {}
        if spec is None or at is None or not labels or (spec.selector and spec.selector.match_expressions):
            continue
        makers = pods.makers(one.desired.ref.namespace, labels)
        if not makers or any(maker.desired.ref.kind not in _COUNTED or maker.desired.ref in scaled for maker in makers):
            continue
        count = sum(maker.facts.replicas for maker in makers)
        if 0 < count <= spec.stay_of(count):
            message = f"keeps {spec.stay_of(count)} of {count} Pods, so that none of them may ever be evicted"
            hint = "draining their nodes would wait for ever; keep fewer, or run more"
            yield _at(one, at, message, hint, "impossible-budget", warn=True)


class _Pods:
    """The Pods that workloads make, by their labels; equal label sets count once, so that many Services stay cheap."""

    def __init__(self, declared: Sequence[Declared]) -> None:
        self._ports: dict[tuple[str, frozenset[tuple[str, str]]], set[str]] = defaultdict(set)
        self._makers: dict[tuple[str, frozenset[tuple[str, str]]], list[Declared]] = defaultdict(list)
        for one in declared:
            if one.facts.pod_labels is not None:
                key = (one.desired.ref.namespace, frozenset(one.facts.pod_labels.items()))
                self._ports[key] |= one.facts.pod_ports
                self._makers[key].append(one)
        self._by_label: dict[tuple[str, tuple[str, str]], list[frozenset[tuple[str, str]]]] = defaultdict(list)
        for namespace, labels in self._ports:
            for label in labels:
                self._by_label[namespace, label].append(labels)
        self._known: dict[tuple[str, frozenset[tuple[str, str]]], frozenset[str] | None] = {}

    def ports(self, namespace: str, selector: Mapping[str, str]) -> frozenset[str] | None:
        """Return the port names of the Pods that a selector chooses, or None when it chooses none."""
        wanted = frozenset(selector.items())
        if (namespace, wanted) not in self._known:
            self._known[namespace, wanted] = self._find(namespace, wanted)
        return self._known[namespace, wanted]

    def makers(self, namespace: str, selector: Mapping[str, str]) -> list[Declared]:
        """Return who makes the Pods that a selector chooses."""
        chosen = self._chosen(namespace, frozenset(selector.items()))
        return [maker for labels in chosen for maker in self._makers[namespace, labels]]

    def _chosen(self, namespace: str, wanted: frozenset[tuple[str, str]]) -> list[frozenset[tuple[str, str]]]:
        candidates = min((self._by_label.get((namespace, label), []) for label in wanted), key=len)
        return [labels for labels in candidates if wanted <= labels]

    def _find(self, namespace: str, wanted: frozenset[tuple[str, str]]) -> frozenset[str] | None:
        chosen = self._chosen(namespace, wanted)
        return frozenset().union(*(self._ports[namespace, labels] for labels in chosen)) if chosen else None


def _at(one: Declared, reference: Reference, message: str, hint: str, code: str, *, warn: bool = False) -> Problem:
    return _problem(one, reference.mark, message, hint, code, reference.pointer, warn=warn)


def _problem(
    one: Declared, mark: Mark, message: str, hint: str, code: str, pointer: str = "", *, warn: bool = False
) -> Problem:
    return Problem(
        severity=Severity.WARNING if warn else Severity.ERROR,
        file=one.file,
        line=mark.line,
        column=mark.column,
        object=str(one.desired.ref),
        pointer=pointer,
        message=message,
        hint=hint,
        code=code,
    )
