"""Objects as rows and columns, one line per kind that says which. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reconciler.model.base import Value
from reconciler.model.times import unix
from reconciler.render.layout import columns, printable
from reconciler.render.words import short_age

Document = Mapping[str, Any]
Cell = Callable[[Document], str]


class Table(Value):
    """Rows of text under named columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...] = ()


def table_text(table: Table) -> str:
    """Return the table as aligned text with a heading."""
    rows = [[" ".join(cell.split("\n")) for cell in row] for row in table.rows]
    return printable("".join(f"{line}\n" for line in columns([table.columns, *rows])))


def object_table(kind: str, objects: Sequence[Document], *, now: float, with_namespace: bool = False) -> Table:
    """Return objects of one kind, as JSON documents, as a table like kubectl's."""
    cells = _CELLS.get(kind, ())
    names = ("NAMESPACE",) * with_namespace + ("NAME", *(name for name, _ in cells), "AGE")
    return Table(columns=names, rows=tuple(_row(object, cells, now, with_namespace) for object in objects))


def _row(object: Document, cells: Sequence[tuple[str, Cell]], now: float, with_namespace: bool) -> tuple[str, ...]:
    metadata = object.get("metadata", {})
    created = unix(metadata.get("creationTimestamp"))
    age = "<unknown>" if created is None else short_age(now - created)
    namespace = (metadata.get("namespace", ""),) if with_namespace else ()
    return (*namespace, metadata.get("name", ""), *(cell(object) for _, cell in cells), age)


def at(object: Any, *path: str, default: Any = "") -> Any:
    """Return what is at a path of keys in a document, or the default."""
    for key in path:
        if not isinstance(object, Mapping) or key not in object:
            return default
        object = object[key]
    return object


def field(*path: str, default: str = "") -> Cell:
    """Return a cell that shows the value at a path."""
    return lambda object: str(at(object, *path, default=default))


def pod_status(pod: Document) -> str:
    """Return the one word kubectl shows for a Pod: a waiting or ending reason before the phase."""
    if at(pod, "metadata", "deletionTimestamp"):
        return "Terminating"
    word = at(pod, "status", "reason") or at(pod, "status", "phase", default="Pending")
    for index, status in enumerate(at(pod, "status", "initContainerStatuses", default=())):
        ended = at(status, "state", "terminated", default=None)
        if (ended is not None and at(ended, "exitCode", default=0) == 0) or at(status, "started") is True:
            continue
        total = len(at(pod, "spec", "initContainers", default=()))
        reason = at(status, "state", "waiting", "reason") or at(ended, "reason")
        return f"Init:{reason}" if reason and reason != "PodInitializing" else f"Init:{index}/{total}"
    for status in at(pod, "status", "containerStatuses", default=()):
        word = at(status, "state", "waiting", "reason") or at(status, "state", "terminated", "reason") or word
    return str(word)


def _pod_ready(pod: Document) -> str:
    statuses = at(pod, "status", "containerStatuses", default=())
    ready = sum(1 for status in statuses if status.get("ready"))
    return f"{ready}/{len(at(pod, 'spec', 'containers', default=()))}"


def _pod_restarts(pod: Document) -> str:
    return str(sum(status.get("restartCount", 0) for status in at(pod, "status", "containerStatuses", default=())))


def _replicas(object: Document) -> str:
    ready = at(object, "status", "readyReplicas", default=0)
    return f"{ready}/{at(object, 'spec', 'replicas', default=1)}"


def _completions(job: Document) -> str:
    return f"{at(job, 'status', 'succeeded', default=0)}/{at(job, 'spec', 'completions', default=1)}"


def _keys(object: Document) -> str:
    return str(len(at(object, "data", default=())) + len(at(object, "binaryData", default=())))


def _ports(service: Document) -> str:
    ports = at(service, "spec", "ports", default=())
    return ",".join(f"{port.get('port')}/{port.get('protocol', 'TCP')}" for port in ports) or "<none>"


def _node_status(node: Document) -> str:
    conditions = {each["type"]: each["status"] for each in at(node, "status", "conditions", default=())}
    ready = {"True": "Ready", "False": "NotReady"}.get(conditions.get("Ready", ""), "Unknown")
    return f"{ready},SchedulingDisabled" if at(node, "spec", "unschedulable", default=False) else ready


def _claim(volume: Document) -> str:
    claim = at(volume, "spec", "claimRef", default={})
    return f"{claim.get('namespace')}/{claim.get('name')}" if claim else ""


def _modes(*path: str) -> Cell:
    short = {
        "ReadWriteOnce": "RWO",
        "ReadOnlyMany": "ROX",
        "ReadWriteMany": "RWX",
        "ReadWriteOncePod": "RWOP",
    }
    return lambda object: ",".join(short.get(mode, mode) for mode in at(object, *path, default=()))


def _addresses(endpoints: Document) -> str:
    found = [
        f"{address.get('ip')}:{port.get('port')}"
        for subset in at(endpoints, "subsets", default=())
        for address in subset.get("addresses", ())
        for port in subset.get("ports", ())
    ]
    return ",".join(found[:3]) + (f" + {len(found) - 3} more..." if len(found) > 3 else "") or "<none>"


_CELLS: Mapping[str, Sequence[tuple[str, Cell]]] = {
    "Namespace": (("STATUS", field("status", "phase", default="Active")),),
    "Node": (("STATUS", _node_status), ("VERSION", field("status", "nodeInfo", "kubeletVersion"))),
    "ConfigMap": (("DATA", _keys),),
    "Secret": (("TYPE", field("type", default="Opaque")), ("DATA", _keys)),
    "Pod": (
        ("READY", _pod_ready),
        ("STATUS", pod_status),
        ("RESTARTS", _pod_restarts),
        ("IP", field("status", "podIP", default="<none>")),
        ("NODE", field("spec", "nodeName", default="<none>")),
    ),
    "ReplicaSet": (
        ("DESIRED", field("spec", "replicas", default="1")),
        ("CURRENT", field("status", "replicas", default="0")),
        ("READY", field("status", "readyReplicas", default="0")),
    ),
    "Deployment": (
        ("READY", _replicas),
        ("UP-TO-DATE", field("status", "updatedReplicas", default="0")),
        ("AVAILABLE", field("status", "availableReplicas", default="0")),
    ),
    "Job": (("COMPLETIONS", _completions),),
    "Service": (
        ("TYPE", field("spec", "type", default="ClusterIP")),
        ("CLUSTER-IP", field("spec", "clusterIP", default="<none>")),
        ("PORT(S)", _ports),
    ),
    "Endpoints": (("ENDPOINTS", _addresses),),
    "EndpointSlice": (("ADDRESSTYPE", field("addressType")),),
    "PersistentVolume": (
        ("CAPACITY", field("spec", "capacity", "storage")),
        ("ACCESS MODES", _modes("spec", "accessModes")),
        ("RECLAIM POLICY", field("spec", "persistentVolumeReclaimPolicy", default="Retain")),
        ("STATUS", field("status", "phase")),
        ("CLAIM", _claim),
        ("STORAGECLASS", field("spec", "storageClassName")),
    ),
    "PersistentVolumeClaim": (
        ("STATUS", field("status", "phase", default="Pending")),
        ("VOLUME", field("spec", "volumeName")),
        ("CAPACITY", field("status", "capacity", "storage")),
        ("ACCESS MODES", _modes("spec", "accessModes")),
        ("STORAGECLASS", field("spec", "storageClassName")),
    ),
    "StorageClass": (
        ("PROVISIONER", field("provisioner")),
        ("RECLAIMPOLICY", field("reclaimPolicy", default="Delete")),
        ("VOLUMEBINDINGMODE", field("volumeBindingMode", default="Immediate")),
    ),
    "Event": (
        ("TYPE", field("type", default="Normal")),
        ("REASON", field("reason")),
        (
            "OBJECT",
            lambda event: f"{at(event, 'involvedObject', 'kind').lower()}/{at(event, 'involvedObject', 'name')}",
        ),
        ("MESSAGE", field("message")),
    ),
}
