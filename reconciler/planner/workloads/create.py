"""Making a Pod from a template. Pure."""

from collections.abc import Mapping

from reconciler.model.canonical import digest
from reconciler.model.kinds import ObjectMeta, Pod, PodSpec, PodTemplateSpec
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.admission.admit import given_defaults, refuse, why_not_admitted
from reconciler.planner.identity import suffix
from reconciler.planner.view import View, owner_of, replace

# An event names so many Pods, and counts the others.
_NAMED = 4


def create_pod(
    view: View,
    owner: StoredObject,
    template: PodTemplateSpec,
    counter: int,
    reason: Reason,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    finalizers: tuple[str, ...] = (),
    base: str = "",
) -> tuple[StoredObject | None, int]:
    """Create the owner's next Pod; return it and the counter after it. Names in use are passed over.

    Its name begins with `base`, which is the owner's name unless given. A Pod that is not admitted is not made, and
    the owner will say why.
    """
    if owner.ref in view.refused:
        return None, counter
    first = counter
    name = ""
    while not name or view.get(ObjectRef(kind="Pod", namespace=owner.ref.namespace, name=name)) is not None:
        name = f"{_base(base or owner.ref.name)}-{suffix(owner.object.metadata.uid, counter)}"
        counter += 1
    spec = with_defaults(template.spec)
    metadata = ObjectMeta(
        name=name,
        namespace=owner.ref.namespace,
        labels={**template.metadata.labels, **(labels or {})},
        annotations={**template.metadata.annotations, **(annotations or {})},
        owner_references=(owner_of(owner),),
        finalizers=finalizers,
    )
    pod = given_defaults(view, Pod(metadata=metadata, spec=spec))
    if refusal := why_not_admitted(view, pod):
        refuse(view, owner, refusal)
        return None, first
    stored = view.create(
        pod,
        manager=owner.object.metadata.uid,
        reason=reason,
        provenance=owner.provenance,
        digest=digest(pod.spec),
    )
    return stored, counter


def tell_created(view: View, owner: StoredObject, *pods: StoredObject | None) -> None:
    """Tell of the Pods that were made in this pass, those that could be: one event for all of them."""
    names = [one.ref.name for one in pods if one is not None]
    if names:
        view.happened(owner, "SuccessfulCreate", f"created {_pods(names)}")


def tell_deleted(view: View, owner: StoredObject, names: list[str]) -> None:
    """Tell of the Pods that are to end since this pass."""
    if names:
        view.happened(owner, "SuccessfulDelete", f"deleted {_pods(names)}")


def _pods(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    return f"{'pod' if len(names) == 1 else 'pods'} {shown}"


def with_defaults(spec: PodSpec) -> PodSpec:
    """Return a Pod's spec with what Kubernetes' admission fills in."""
    account = spec.service_account_name or spec.service_account or "default"
    return replace(spec, service_account_name=account, service_account=account)


def _base(name: str) -> str:
    """Leave room for the suffix within the 63 characters that a host name may have."""
    return name[:57].rstrip("-.")
