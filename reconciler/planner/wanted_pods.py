"""The Pods that run once everything declared runs: of every workload as many as it asks for. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from reconciler.model.base import Value
from reconciler.model.kinds import ObjectMeta, OwnerReference, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.planner.scheduling.bind import candidates_of, refusals
from reconciler.planner.scheduling.fit import Candidate
from reconciler.planner.view import View, owner_of

Pods = Callable[[View, StoredObject], Iterator[Pod]]
_ENDED = ("Succeeded", "Failed")


class Wanted(Value):
    """A workload and its Pods; those that do not exist yet are made from its template."""

    owner: ObjectRef
    pods: tuple[Pod, ...]


def wanted_pods(view: View) -> tuple[Wanted, ...]:
    """Return every workload that asks for Pods, and the Pods without one, in the order of names."""
    found = [Wanted(owner=stored.ref, pods=tuple(pods(view, stored))) for stored, pods in _owners(view)]
    return tuple(one for one in sorted(found, key=lambda one: one.owner) if one.pods)


def _owners(view: View) -> Iterator[tuple[StoredObject, Pods]]:
    for kind, pods in _PODS.items():
        for stored in view.of_kind(kind):
            if not any(owner.controller for owner in stored.object.metadata.owner_references) or kind == "Job":
                yield stored, pods


def _replicas(view: View, stored: StoredObject) -> Iterator[Pod]:
    owner: Any = stored.object
    for number in range(owner.spec.replicas):
        name = f"{stored.ref.name}-{number}"
        known = view.get(ObjectRef(kind="Pod", namespace=stored.ref.namespace, name=name))
        # A Pod with a number of its own has volumes of its own, which bind it to a node.
        yield cast(Pod, known.object) if known is not None else _from_template(stored, name, owner.spec.template)


def _one_per_node(view: View, stored: StoredObject) -> Iterator[Pod]:
    pod = _from_template(stored, stored.ref.name, cast(Any, stored.object).spec.template)
    empty = {name: Candidate(node=one.node, has=one.has) for name, one in candidates_of(view).items()}
    for name, why in refusals(view, pod, empty).items():
        if not why:
            yield _from_template(stored, f"{stored.ref.name}-{name}", cast(Any, stored.object).spec.template)


def _at_once(view: View, stored: StoredObject) -> Iterator[Pod]:
    job: Any = stored.object
    if job.spec.suspend or any(
        one.type in ("Complete", "Failed") and one.status == "True" for one in job.status.conditions
    ):
        return
    left = job.spec.parallelism if job.spec.completions is None else job.spec.completions - job.status.succeeded
    for number in range(min(job.spec.parallelism, left)):
        yield _from_template(stored, f"{stored.ref.name}-{number}", job.spec.template)


def _itself(view: View, stored: StoredObject) -> Iterator[Pod]:
    pod = cast(Pod, stored.object)
    if pod.status.phase not in _ENDED and pod.metadata.deletion_timestamp is None:
        yield pod


def _from_template(stored: StoredObject, name: str, template: Any) -> Pod:
    owner: OwnerReference = owner_of(stored)
    metadata = ObjectMeta(
        name=name,
        namespace=stored.ref.namespace,
        labels=template.metadata.labels,
        owner_references=(owner,),
    )
    return Pod(metadata=metadata, spec=template.spec)


_PODS: Mapping[str, Pods] = {
    "Deployment": _replicas,
    "StatefulSet": _replicas,
    "ReplicaSet": _replicas,
    "ReplicationController": _replicas,
    "DaemonSet": _one_per_node,
    "Job": _at_once,
    "Pod": _itself,
}
