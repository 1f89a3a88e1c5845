"""Scheduling gates: a Pod is placed when the last of them is removed. Pure."""

from collections.abc import Hashable
from typing import ClassVar

from reconciler.model.kinds import Pod
from reconciler.planner.scheduling.framework import Hints, Misfit, Plugin
from reconciler.planner.scheduling.hints import Change


class SchedulingGates(Plugin[None]):
    """A Pod with a gate goes nowhere."""

    name = "SchedulingGates"

    def likeness(self, pod: Pod) -> Hashable:
        """Return the names of the gates."""
        return tuple(gate.name for gate in pod.spec.scheduling_gates) or None

    def prepare(self, pod: Pod) -> Misfit | None:
        """Refuse Pods that have one; leave alone all others."""
        gates = " ".join(gate.name for gate in pod.spec.scheduling_gates)
        return Misfit((f"waiting for scheduling gates: [{gates}]",), is_final=True) if gates else None

    def after_pod(self, pod: Pod, change: Change) -> bool:
        """Only the end of all its gates helps a Pod."""
        itself = change.of_itself(pod)
        return itself is not None and not itself[1].spec.scheduling_gates

    hints: ClassVar[Hints] = {"Pod": after_pod}
