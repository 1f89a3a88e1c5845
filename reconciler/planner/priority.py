"""Pods' priorities, from their PriorityClasses as Kubernetes' admission resolves them. Pure.

A Pod is given its priority once, before it is placed; a class that changes later changes no Pod.
"""

from collections.abc import Mapping
from typing import cast

from reconciler.model.kinds import ObjectMeta, Pod, PodSpec, PriorityClass
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.view import SYSTEM, View, replace

# Above everything that a person may declare.
SYSTEM_CLASSES: Mapping[str, int] = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}


def ensure_system_classes(view: View) -> None:
    """The two classes that every cluster has exist without being declared."""
    for name, value in SYSTEM_CLASSES.items():
        if view.get(_ref(name)) is None:
            built_in = PriorityClass(metadata=ObjectMeta(name=name), value=value)
            view.create(built_in, manager=SYSTEM, reason=Reason.DECLARED)


def resolve_priorities(view: View) -> None:
    """Give every Pod that is not placed yet the priority of its class, or that of the default class."""
    default = _default(view)
    for stored in view.due("Pod"):
        pod = cast(Pod, stored.object)
        if pod.spec.node_name or pod.spec.priority is not None or missing_class(view, pod.spec):
            continue
        _resolve(view, stored, pod, default)


def missing_class(view: View, spec: PodSpec) -> str:
    """Return the class that a Pod without priority names and that does not exist; empty when all is well."""
    name = spec.priority_class_name
    return name if name and spec.priority is None and view.uid_of(_ref(name)) is None else ""


def with_class(view: View, pod: Pod) -> Pod:
    """Return a Pod that names the class whose priority it will have."""
    default = None if pod.spec.priority_class_name or pod.spec.priority is not None else _default(view)
    return pod if default is None else replace(pod, spec=replace(pod.spec, priority_class_name=default.metadata.name))


def _resolve(view: View, stored: StoredObject, pod: Pod, default: PriorityClass | None) -> None:
    name = pod.spec.priority_class_name
    found = cast(PriorityClass, view.objects[_ref(name)].object) if name else default
    if found is None:
        spec = replace(pod.spec, priority=0)
    else:
        never = found.preemption_policy == "Never"
        policy = found.preemption_policy if never else pod.spec.preemption_policy
        class_name = found.metadata.name
        spec = replace(pod.spec, priority=found.value, priority_class_name=class_name, preemption_policy=policy)
    view.complete(stored, replace(pod, spec=spec))


def _default(view: View) -> PriorityClass | None:
    """Return the default class; of several the lowest."""
    classes = (cast(PriorityClass, one.object) for one in view.of_kind("PriorityClass"))
    marked = [one for one in classes if one.global_default]
    return min(marked, key=lambda one: (one.value, one.metadata.name), default=None)


def _ref(name: str) -> ObjectRef:
    return ObjectRef(kind="PriorityClass", name=name)


def with_kept_priority(view: View, old: PodSpec, new: PodSpec) -> PodSpec:
    """Return a Pod's new spec with the priority that the old one was given, unless it names another class by now."""
    if new.priority is not None or old.priority is None:
        return new
    was_default = not new.priority_class_name and _is_default(view, old.priority_class_name)
    if new.priority_class_name != old.priority_class_name and not was_default:
        return new
    return replace(
        new,
        priority=old.priority,
        priority_class_name=old.priority_class_name,
        preemption_policy=old.preemption_policy,
    )


def _is_default(view: View, name: str) -> bool:
    found = view.typed(PriorityClass, "", name)
    return found is not None and found.global_default
