"""What fits where, as its JSON document and as text. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from reconciler.model.capacity import Amounts, Capacity, NodeCapacity
from reconciler.model.problem import Problem
from reconciler.render.documents import Document, Part, ProblemPart, RevisionPart
from reconciler.render.forecast_document import UnplacedPart, revision_part, unplaced_part
from reconciler.render.forecast_text import observed_words, revision_lines, unplaced_lines
from reconciler.render.layout import columns, printable, wrapped
from reconciler.render.plan_document import problem_part
from reconciler.render.words import count

_UNITS = (("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10))


class AmountsPart(Part):
    """CPU in thousandths, memory in bytes, number of Pods."""

    cpu_millis: int
    memory_bytes: int
    pods: int


class WorkloadPart(Part):
    """What all Pods of one workload ask for; `unlimited` of them have a container without a memory limit."""

    object: str
    pods: int
    requests: AmountsPart
    limits: AmountsPart
    unlimited: int


class NodePart(Part):
    """One node: what it has, what is asked of it, what is left, what is lost with it, why it takes no new Pods."""

    name: str
    allocatable: AmountsPart
    requests: AmountsPart
    limits: AmountsPart
    daemons: AmountsPart
    free: AmountsPart
    lost: tuple[UnplacedPart, ...] = ()
    closed: tuple[str, ...] = ()


class NeededPart(Part):
    """How few nodes are enough: `shapes` are copies by node; `misfits` fit on no node of these shapes."""

    count: int
    present: int
    shapes: Mapping[str, int]
    misfits: tuple[UnplacedPart, ...] = ()


class QuotaPart(Part):
    """One ResourceQuota."""

    object: str
    hard: Mapping[str, str]
    used: Mapping[str, str]


class CapacityDocument(Document):
    """The room of a cluster once everything that is declared runs."""

    kind: str = "Capacity"
    revisions: tuple[RevisionPart, ...] = ()
    observed_at: float = 0.0
    assumptions: tuple[str, ...] = ()
    workloads: tuple[WorkloadPart, ...] = ()
    nodes: tuple[NodePart, ...] = ()
    waiting: tuple[UnplacedPart, ...] = ()
    needed: NeededPart
    quotas: tuple[QuotaPart, ...] = ()
    problems: tuple[ProblemPart, ...] = ()


def capacity_document(capacity: Capacity, problems: Iterable[Problem] = ()) -> CapacityDocument:
    """Return what is shown of a capacity."""
    needed = capacity.needed
    return CapacityDocument(
        revisions=tuple(revision_part(name, one) for name, one in sorted(capacity.revisions.items())),
        observed_at=capacity.observed_at,
        assumptions=capacity.assumptions,
        workloads=tuple(
            WorkloadPart(
                object=str(one.object),
                pods=one.pods,
                requests=_amounts(one.requests),
                limits=_amounts(one.limits),
                unlimited=one.unlimited,
            )
            for one in capacity.workloads
        ),
        nodes=tuple(_node(one) for one in capacity.nodes),
        waiting=tuple(unplaced_part(one) for one in capacity.waiting),
        needed=NeededPart(
            count=needed.count,
            present=needed.present,
            shapes=needed.shapes,
            misfits=tuple(unplaced_part(one) for one in needed.misfits),
        ),
        quotas=tuple(QuotaPart(object=str(one.object), hard=one.hard, used=one.used) for one in capacity.quotas),
        problems=tuple(problem_part(problem) for problem in problems),
    )


def capacity_text(capacity: CapacityDocument, *, now: float) -> str:
    """Return the tables of workloads and nodes, what does not fit, and how few nodes are enough."""
    groups: list[list[str]] = [
        list(_header(capacity, now)),
        list(_workloads(capacity.workloads)),
        list(_nodes(capacity.nodes)),
        list(unplaced_lines(capacity.waiting, "no node takes")),
        [line for node in capacity.nodes for line in _lost(node)],
        list(_quotas(capacity.quotas)),
        list(unplaced_lines(capacity.needed.misfits, "fits on no node of these shapes:")),
        [needed_line(capacity.needed)],
    ]
    return printable("\n\n".join("\n".join(group) for group in groups if group) + "\n")


def needed_line(needed: NeededPart) -> str:
    """Return the last line: how few nodes are enough."""
    if not needed.count:
        return f"Capacity: no number of such nodes was found on which everything fits ({needed.present} present)."
    shapes = ", ".join(f"{number} like {name}" for name, number in needed.shapes.items())
    if needed.count > needed.present:
        return f"Capacity: {count(needed.count, 'node')} are needed, {needed.present} present ({shapes})."
    return f"Capacity: {needed.count} of {count(needed.present, 'node')} would be enough ({shapes})."


def cpu(millis: int) -> str:
    """Return an amount of CPU as Kubernetes writes it."""
    return f"{millis // 1000}" if millis % 1000 == 0 else f"{millis}m"


def memory(amount: int) -> str:
    """Return an amount of memory in the largest unit in which it is at least one."""
    sign, left = ("-", -amount) if amount < 0 else ("", amount)
    for unit, size in _UNITS:
        if left >= size:
            return f"{sign}{left / size:.1f}".removesuffix(".0") + unit
    return f"{sign}{left}"


def _amounts(one: Amounts) -> AmountsPart:
    return AmountsPart(cpu_millis=one.cpu_millis, memory_bytes=one.memory_bytes, pods=one.pods)


def _node(one: NodeCapacity) -> NodePart:
    return NodePart(
        name=one.name,
        allocatable=_amounts(one.allocatable),
        requests=_amounts(one.requests),
        limits=_amounts(one.limits),
        daemons=_amounts(one.daemons),
        free=_amounts(one.free),
        lost=tuple(unplaced_part(lost) for lost in one.lost),
        closed=one.closed,
    )


def _header(capacity: CapacityDocument, now: float) -> Iterator[str]:
    yield from revision_lines(capacity.revisions, observed_words(capacity.observed_at, now))
    for assumption in capacity.assumptions:
        yield from wrapped(f"  assumed: {assumption}", 11)


def _workloads(workloads: Sequence[WorkloadPart]) -> Iterator[str]:
    if not workloads:
        return
    rows = [["  workload", "pods", "cpu", "memory", "cpu limit", "memory limit", ""]]
    for one in workloads:
        rows.append([f"  {one.object}", str(one.pods), *_pair(one.requests), *_pair(one.limits), _unlimited(one)])
    rows.append(["  all", str(sum(one.pods for one in workloads)), *_pair(_total(workloads)), "", "", ""])
    yield from columns(rows)


def _total(workloads: Sequence[WorkloadPart]) -> AmountsPart:
    return AmountsPart(
        cpu_millis=sum(one.requests.cpu_millis for one in workloads),
        memory_bytes=sum(one.requests.memory_bytes for one in workloads),
        pods=sum(one.pods for one in workloads),
    )


def _unlimited(one: WorkloadPart) -> str:
    return f"{one.unlimited} without a memory limit" if one.unlimited else ""


def _nodes(nodes: Sequence[NodePart]) -> Iterator[str]:
    rows = [["  node", "cpu", "asked", "free", "memory", "asked", "free", "pods", "of DaemonSets"]]
    for one in nodes:
        has, asked, free = one.allocatable, one.requests, one.free
        daemons = f"{cpu(one.daemons.cpu_millis)}, {memory(one.daemons.memory_bytes)}"
        rows.append(
            [
                f"  {one.name}",
                *(cpu(amounts.cpu_millis) for amounts in (has, asked, free)),
                *(memory(amounts.memory_bytes) for amounts in (has, asked, free)),
                f"{asked.pods} of {has.pods}",
                daemons if one.daemons.pods else "",
            ]
        )
    yield from columns(rows) if nodes else ()
    for one in nodes:
        if one.closed:
            yield from wrapped(f"  ! {one.name} takes no new Pods: {', '.join(one.closed)}", 6)


def _lost(node: NodePart) -> Iterator[str]:
    if node.lost:
        yield f"  without {node.name} {count(len(node.lost), 'Pod')} would have no node"
        yield from unplaced_lines(node.lost, "", "  ")


def _quotas(quotas: Sequence[QuotaPart]) -> Iterator[str]:
    for one in quotas:
        pairs = ", ".join(f"{name} {one.used.get(name, '0')} of {hard}" for name, hard in one.hard.items())
        yield from wrapped(f"  {one.object}: {pairs}", 6)


def _pair(amounts: AmountsPart) -> tuple[str, str]:
    return cpu(amounts.cpu_millis), memory(amounts.memory_bytes)
