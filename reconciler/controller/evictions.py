"""Evictions: the deletion of a Pod, as far as its disruption budget allows it. Effect: the store.

One after the other: each sees what the one before has asked for.
"""

import threading
from typing import cast

from reconciler.controller.loop import Controller
from reconciler.controller.overrides import write_override
from reconciler.model.errors import AmbiguousBudget, DisruptionForbidden
from reconciler.model.kinds import Pod
from reconciler.model.overrides import Override
from reconciler.planner.budgets import may_disrupt
from reconciler.planner.view import View


class Evictions:
    """Judges and writes evictions."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._turn = threading.Lock()

    def evict(self, change: Override, *, is_dry: bool) -> None:
        """Delete a Pod if it may go; see the port."""
        with self._turn:
            self._require_allowed(change)
            if not is_dry:
                write_override(self._controller, change)

    def _require_allowed(self, change: Override) -> None:
        controller = self._controller
        view = View(controller.picture(), controller.policy, controller.clock.now())
        stored = view.get(change.ref)
        if stored is None:
            raise LookupError(f"{change.ref} does not exist")
        answer = may_disrupt(view, cast(Pod, stored.object))
        if not answer.allowed and answer.is_ambiguous:
            raise AmbiguousBudget(answer.reason)
        if not answer.allowed:
            raise DisruptionForbidden(answer.reason, hint=answer.detail)
