"""Admitting an object before it is written: what its namespace gives it, then whether it may be. Pure.

In the order of upstream: nodes of the namespace, tolerations, priority, LimitRanges, sizes of claims, ResourceQuotas.
"""

from typing import TypeVar, cast

from reconciler.model.kinds import AnyObject, LimitRange, Object, PersistentVolumeClaim, Pod, Volume
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.planner.admission.limits import violations, with_defaults
from reconciler.planner.admission.node_selector import on_nodes_of_namespace, why_on_no_node
from reconciler.planner.admission.quota import ledger_of, why_exceeded
from reconciler.planner.refusal import Refusal
from reconciler.planner.storage.expansion import why_not_resized
from reconciler.planner.tolerations import with_default_tolerations
from reconciler.planner.view import View, replace, with_metadata

NAME_LABEL = "kubernetes.io/metadata.name"

T = TypeVar("T", bound=Object)


def given_defaults(view: View, object: T) -> T:
    """Return an object with what it gets that it does not say.

    A Pod gets the nodes of its namespace, tolerations, and what its LimitRanges give; a Namespace its name as a label.
    """
    if object.kind == "Namespace":
        return with_name_label(object)
    if object.kind != "Pod":
        return object
    pod = cast(Pod, object)
    policy = view.policy
    pod = replace(pod, spec=on_nodes_of_namespace(view, pod.metadata.namespace, pod.spec))
    pod = replace(pod, spec=with_default_tolerations(pod.spec, policy.not_ready_toleration_s, policy.toleration_s))
    pod = with_named_claims(pod)
    ranges = _limit_ranges(view, pod.metadata.namespace)
    return cast(T, with_defaults(ranges, pod) if ranges else pod)


def with_name_label(namespace: T) -> T:
    """Return a Namespace whose name is among its labels, so that selectors find it."""
    metadata = namespace.metadata
    labels = {**metadata.labels, NAME_LABEL: metadata.name}
    return cast(T, with_metadata(namespace, replace(metadata, labels=labels)))


def with_named_claims(pod: Pod) -> Pod:
    """Return a Pod whose ephemeral volumes say how their claims are named: after the Pod and the volume."""
    if all(volume.ephemeral is None for volume in pod.spec.volumes):
        return pod
    volumes = tuple(_with_name(volume, f"{pod.metadata.name}-{volume.name}") for volume in pod.spec.volumes)
    return replace(pod, spec=replace(pod.spec, volumes=volumes))


def _with_name(volume: Volume, name: str) -> Volume:
    if volume.ephemeral is None:
        return volume
    template = volume.ephemeral.volume_claim_template
    template = replace(template, metadata=replace(template.metadata, name=name))
    return replace(volume, ephemeral=replace(volume.ephemeral, volume_claim_template=template))


def why_not_admitted(view: View, object: AnyObject, before: StoredObject | None = None) -> Refusal | None:
    """Return why an object may not be written, or None; `before` is what it replaces."""
    name = object.metadata.name
    if isinstance(object, Pod) and before is None and (why := why_on_no_node(view, object)):
        return Refusal(reason=Reason.CONFLICT, why=why, kind=object.kind, name=name)
    if object.kind in ("Pod", "PersistentVolumeClaim"):
        found = violations(_limit_ranges(view, object.metadata.namespace), object)
        if found:
            why = found[0] if len(found) == 1 else f"[{', '.join(found)}]"
            return Refusal(reason=Reason.LIMIT_EXCEEDED, why=why, kind=object.kind, name=name)
    if isinstance(object, PersistentVolumeClaim) and before is not None:
        why = why_not_resized(view, cast(PersistentVolumeClaim, before.object), object)
        if why:
            return Refusal(reason=Reason.IMMUTABLE_FIELD, why=why, kind=object.kind, name=name)
    why = why_exceeded(ledger_of(view), object, before)
    return Refusal(reason=Reason.QUOTA_EXCEEDED, why=why, kind=object.kind, name=name) if why else None


def refuse(view: View, owner: StoredObject, refusal: Refusal) -> None:
    """Note that an owner could not make an object; the first of a pass is told."""
    view.refused.setdefault(owner.ref, refusal)


def _limit_ranges(view: View, namespace: str) -> tuple[LimitRange, ...]:
    found = view.of_kind("LimitRange")
    return tuple(cast(LimitRange, one.object) for one in found if one.ref.namespace == namespace)
