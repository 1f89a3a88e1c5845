"""The closed list of what may be written without Git: a wanted object becomes an override, or is not in the list. Pure.

A Node's labels, `spec.unschedulable` and `spec.taints`; the restart time in a workload's template; whether a Deployment
is paused; its template when it is that of one of its earlier revisions; that a released volume forgets its claim. What
else differs is named, and refused.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, cast

import msgspec

from reconciler.model.canonical import canonical, digest
from reconciler.model.kinds import AnyObject, Node, PersistentVolume, Pod, PodTemplateSpec, ReplicaSet, Taint
from reconciler.model.observed import StoredObject
from reconciler.model.overrides import RESTARTABLE, RESTARTED_AT, Override, Rollback
from reconciler.model.times import unix
from reconciler.planner.node_taints import is_automatic
from reconciler.planner.overrides import plain_template, taint_words
from reconciler.planner.workloads.deployment_sets import revision_of
from reconciler.server.errors import ApiError

replace = msgspec.structs.replace

Path = tuple[str, ...]
_ANNOTATIONS: Path = ("metadata", "annotations")
_LABELS: Path = ("metadata", "labels")
# What a node says of itself; persons have no word in it.
_OWN_LABELS = frozenset(
    (
        "kubernetes.io/hostname",
        *(f"{prefix}kubernetes.io/{what}" for prefix in ("", "beta.") for what in ("os", "arch")),
    )
)
_TEMPLATE: Path = ("spec", "template")
_PAUSED: Path = ("spec", "paused")
_RESTART: Path = (*_TEMPLATE, "metadata", "annotations", RESTARTED_AT)
# What clients send along and servers keep to themselves.
_KEPT_BY_SERVER = frozenset(
    ("metadata", name)
    for name in ("resourceVersion", "generation", "managedFields", "creationTimestamp", "selfLink", "uid")
)


class NotInList(Exception):
    """A write of something that is only changed in Git; `path` is the first field that differs."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Accepted(NamedTuple):
    """A write that is in the list: the override, and the object as it will be."""

    change: Override
    object: AnyObject


def accepted(
    stored: StoredObject, wanted: AnyObject, paths: list[Path], replica_sets: Iterable[StoredObject]
) -> Accepted:
    """Return what makes the object as it is wanted; raise NotInList when that is more than can be overridden."""
    if stored.ref.kind == "Node":
        return Accepted(_of_node(stored, cast(Node, wanted), paths), wanted)
    if stored.ref.kind in RESTARTABLE:
        return _of_workload(stored, wanted, paths, replica_sets)
    if stored.ref.kind == "PersistentVolume":
        return Accepted(_of_volume(stored, cast(PersistentVolume, wanted), paths), wanted)
    raise NotInList(shown(paths[0]))


def is_as_wanted(found: StoredObject, wanted: AnyObject, change: Override) -> bool:
    """Whether what was asked for is there."""
    if change.ref.kind == "Node":
        spec = cast(Node, found.object).spec
        is_cordoned = change.unschedulable is None or spec.unschedulable == change.unschedulable
        labels = found.object.metadata.labels
        is_labelled = all(labels.get(key) == value for key, value in (change.labels or {}).items())
        return is_cordoned and is_labelled and (change.taints is None or _said(spec.taints) == _said(change.taints))
    if change.freed:
        ref = cast(PersistentVolume, found.object).spec.claim_ref
        return ref is None or ref.uid != change.freed
    if change.conditions is not None:
        have = {(one.type, one.status) for one in cast(Pod, found.object).status.conditions}
        return have >= {(one.type, one.status) for one in change.conditions}
    if change.ephemeral is not None:
        names = {one.name for one in cast(Pod, found.object).spec.ephemeral_containers}
        return names >= {one.name for one in change.ephemeral}
    if change.resources is not None:
        return bool(cast(Pod, found.object).spec == cast(Pod, wanted).spec)
    if change.paused is not None:
        return bool(cast(Any, found.object).spec.paused == change.paused)
    template = cast(Any, found.object).spec.template
    if change.restarted_at:
        return bool(template.metadata.annotations.get(RESTARTED_AT) == change.restarted_at)
    return digest(plain_template(template)) == digest(plain_template(cast(Any, wanted).spec.template))


def differing(before: Any, after: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the paths of all values that differ, in order; what the server keeps to itself is passed over."""
    if before == after or path in _KEPT_BY_SERVER or path == ("status",):
        return
    if _is_map(before, after) and _is_map(after, before):
        for name in sorted({*(before or {}), *(after or {})}):
            yield from differing((before or {}).get(name), (after or {}).get(name), (*path, name))
    else:
        yield path


def shown(path: Path) -> str:
    """Return a path as people read it."""
    return "".join(f"[{part}]" if "." in part or "/" in part else f".{part}" for part in path).lstrip(".")


def _is_map(value: Any, other: Any) -> bool:
    return isinstance(value, dict) or (value is None and isinstance(other, dict) and bool(other))


def _of_node(stored: StoredObject, wanted: Node, paths: list[Path]) -> Override:
    changed = {path[:2] for path in paths}
    for path in paths:
        is_label = path[:2] == _LABELS and path[2:] and path[2] not in _OWN_LABELS
        if not is_label and path[:2] not in (("spec", "unschedulable"), ("spec", "taints")):
            raise NotInList(shown(path))
    return Override(
        ref=stored.ref,
        unschedulable=wanted.spec.unschedulable if ("spec", "unschedulable") in changed else None,
        taints=_taints(stored, wanted) if ("spec", "taints") in changed else None,
        labels={path[2]: wanted.metadata.labels.get(path[2]) for path in paths if path[:2] == _LABELS} or None,
    )


def _taints(stored: StoredObject, wanted: Node) -> tuple[Taint, ...]:
    """Return the taints that persons set; those that come by themselves, as with a cordon, go by themselves."""
    taints = tuple(taint for taint in wanted.spec.taints if not is_automatic(taint))
    names = [(taint.key, taint.effect) for taint in taints]
    for taint in taints:
        if names.count((taint.key, taint.effect)) > 1:
            cause = {"reason": "FieldValueDuplicate", "message": "taints must be unique by key and effect pair"}
            raise _invalid(stored, "spec.taints", f"{taint_words(taint)} is there twice", cause)
    return taints


def _said(taints: Iterable[Taint]) -> tuple[tuple[str, str, str], ...]:
    """Return what persons say with their taints: not since when."""
    return tuple((one.key, one.value, one.effect) for one in taints if not is_automatic(one))


def _of_volume(stored: StoredObject, wanted: PersistentVolume, paths: list[Path]) -> Override:
    """A volume that is released, or could not be deleted, is given free by a person who takes its `claimRef` away."""
    volume = cast(PersistentVolume, stored.object)
    ref = volume.spec.claim_ref
    for path in paths:
        if path[:2] != ("spec", "claimRef") or ref is None or volume.status.phase not in ("Released", "Failed"):
            raise NotInList(shown(path))
    assert ref is not None
    kept = wanted.spec.claim_ref
    if kept is not None and (kept.uid or (kept.namespace, kept.name) != (ref.namespace, ref.name)):
        raise NotInList("spec.claimRef")
    return Override(ref=stored.ref, freed=ref.uid)


def _of_workload(
    stored: StoredObject, wanted: Any, paths: list[Path], replica_sets: Iterable[StoredObject]
) -> Accepted:
    time = wanted.spec.template.metadata.annotations.get(RESTARTED_AT, "")
    if paths == [_RESTART] and time:
        _require_time(stored, time)
        return Accepted(Override(ref=stored.ref, restarted_at=time), wanted)
    if paths == [_PAUSED] and stored.ref.kind == "Deployment":
        return Accepted(Override(ref=stored.ref, paused=wanted.spec.paused), wanted)
    found = _revision_with(stored, wanted, replica_sets) if stored.ref.kind == "Deployment" else None
    for path in paths:
        if found is None or not _belongs_to(path, wanted, found):
            raise NotInList(shown(path))
    assert found is not None
    template = plain_template(cast(ReplicaSet, found.object).spec.template)
    spec = replace(cast(Any, stored.object).spec, template=template)
    rollback = Rollback(revision=revision_of(found), replica_set=found.ref.name)
    as_it_will_be = cast(AnyObject, replace(cast(Any, stored.object), spec=spec))
    return Accepted(Override(ref=stored.ref, rollback=rollback), as_it_will_be)


def _revision_with(stored: StoredObject, wanted: Any, replica_sets: Iterable[StoredObject]) -> StoredObject | None:
    """Return the newest revision of the Deployment that has the wanted template.

    An older kubectl drops the fields of a Pod that it does not know. What it sends then stands for an earlier revision
    when it fits one of them alone, and not the present template.
    """
    template = plain_template(wanted.spec.template)
    found = [
        (one, plain_template(cast(ReplicaSet, one.object).spec.template))
        for one in replica_sets
        if one.manager == stored.object.metadata.uid
    ]
    same = [one for one, other in found if digest(other) == digest(template)]
    if same:
        return max(same, key=revision_of)
    present = plain_template(cast(Any, stored.object).spec.template)
    if _fits(template, present):
        return None
    fitting = [one for one, other in found if _fits(template, other)]
    return fitting[0] if len(fitting) == 1 else None


def _fits(sent: PodTemplateSpec, template: PodTemplateSpec) -> bool:
    """Whether a template says everything that was sent, and perhaps more of the Pod."""
    return digest(sent.metadata) == digest(template.metadata) and _is_part(
        canonical(sent.spec), canonical(template.spec)
    )


def _is_part(part: Any, whole: Any) -> bool:
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(name in whole and _is_part(value, whole[name]) for name, value in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) == len(whole) and all(_is_part(one, other) for one, other in zip(part, whole, strict=True))
    return bool(part == whole)


def _belongs_to(path: Path, wanted: Any, revision: StoredObject) -> bool:
    """A return to a revision changes the template, and sends the annotations that the revision had along."""
    if path[:2] == _ANNOTATIONS and len(path) > 2:
        return bool(wanted.metadata.annotations.get(path[2]) == revision.object.metadata.annotations.get(path[2]))
    return path[:2] == _TEMPLATE


def _require_time(stored: StoredObject, time: str) -> None:
    try:
        unix(time)
    except ValueError as error:
        field = shown(_RESTART)
        cause = {"reason": "FieldValueInvalid", "message": "expected an RFC 3339 time"}
        raise _invalid(stored, field, f"{time[:60]!r} is not an RFC 3339 time", cause) from error


def _invalid(stored: StoredObject, field: str, message: str, cause: dict[str, str]) -> ApiError:
    details = {"name": stored.ref.name, "kind": stored.ref.kind, "causes": [{**cause, "field": field}]}
    return ApiError(422, f'{stored.ref.kind} "{stored.ref.name}" is invalid: {field}: {message}', details=details)
