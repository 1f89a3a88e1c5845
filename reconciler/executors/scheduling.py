"""Carry bindings out: place Pods on nodes through the Bindings port, many in one transaction. Effect."""

from collections.abc import Iterable

from reconciler.model.details import Bind
from reconciler.model.plan import Action, Executor
from reconciler.model.ports import Binding, Bindings


def bind(actions: Iterable[Action], bindings: Bindings) -> tuple[Binding, ...]:
    """Hand every binding among `actions` to the port at once; return what was handed over."""
    wanted = tuple(
        Binding(pod=action.object, uid=action.detail.pod_uid, node=action.detail.node)
        for action in actions
        if action.executor is Executor.SCHEDULING and isinstance(action.detail, Bind)
    )
    if wanted:
        bindings.bind(wanted)
    return wanted
