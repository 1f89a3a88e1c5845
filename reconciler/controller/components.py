"""Whether the parts of the control plane work, looked at now: what `kubectl get componentstatuses` shows."""

from collections.abc import Mapping

from reconciler.controller.loop import Controller
from reconciler.model.errors import ReconcilerError
from reconciler.model.plan import Decision, Plan, Reason
from reconciler.model.ports import Component
from reconciler.model.status import LoopStatus

OK = "ok"
# Both loops run at least once a minute by themselves; one pass may take a while on a busy host.
_FRESH_S: Mapping[str, float] = {"controller": 150.0, "agent": 90.0}


def components_of(controller: Controller, loops: tuple[LoopStatus, ...]) -> tuple[Component, ...]:
    """Return the parts in the order of their names; the database is really written to."""
    now = controller.clock.now()
    faults = {loop.name: loop_fault(loop, now) for loop in loops}
    manager, agent = faults.get("controller", ""), faults.get("agent", "")
    return (
        _component("agent", agent),
        _component("controller-manager", manager, _standby(controller)),
        # Placing Pods is a step of the controller's pass: it works when the last pass ended well.
        _component("scheduler", manager, _waiting(controller.last_plan)),
        _component("store", _store_fault(controller)),
    )


def loop_fault(loop: LoopStatus, now: float) -> str:
    """Return what is wrong with a loop: it has ended, has not run for long, or its last pass failed; empty if well."""
    if loop.ended:
        return f"the {loop.name} loop has ended"
    if loop.ran_at is None:
        return f"the {loop.name} loop has not run yet"
    idle_s = now - loop.ran_at
    if idle_s > _FRESH_S[loop.name]:
        return f"the {loop.name} loop has not run for {idle_s:.0f} s"
    return f"the last pass of the {loop.name} loop failed: {loop.error}" if loop.error else ""


def _component(name: str, fault: str, well: str = OK) -> Component:
    return Component(name=name, healthy=not fault, message=fault or well)


def _standby(controller: Controller) -> str:
    return OK if controller.term else "ok: another daemon leads"


def _waiting(plan: Plan) -> str:
    unplaced = sum(
        1 for one in plan.verdicts if one.decision is Decision.BLOCKED and one.reason is Reason.UNSCHEDULABLE
    )
    return f"ok: {unplaced} Pods wait for a node that fits" if unplaced else OK


def _store_fault(controller: Controller) -> str:
    try:
        controller.store.probe()
    except ReconcilerError as error:
        return str(error)
    return ""
