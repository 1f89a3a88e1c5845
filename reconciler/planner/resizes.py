"""Pods that are resized through the API: weighed like what is declared, and then their own. Pure."""

from typing import cast

from reconciler.model.kinds import Pod
from reconciler.model.observed import StoredObject
from reconciler.model.overrides import Override, without
from reconciler.model.plan import Reason
from reconciler.planner.admission.admit import why_not_admitted
from reconciler.planner.updates.resize import resize_faults, with_these
from reconciler.planner.view import View


def resize_requested_pods(view: View) -> None:
    """Write what persons gave to containers into their Pods; what no quota allows is told and forgotten."""
    for ref in sorted(view.overrides):
        override, stored = view.overrides[ref], view.get(ref)
        if ref.kind != "Pod" or override.resources is None or stored is None:
            continue
        if override.uid == stored.object.metadata.uid and not stored.manager.startswith("source/"):
            _resize(view, stored, override)
        left = without(override, resources=None)
        if left is None:
            del view.overrides[ref]
        else:
            view.overrides[ref] = left


def _resize(view: View, stored: StoredObject, override: Override) -> None:
    pod = cast(Pod, stored.object)
    wanted = with_these(pod, override.resources or {})
    refusal = why_not_admitted(view, wanted, stored)
    # The Pod may have changed since this was asked for.
    why = refusal.why if refusal is not None else "; ".join(one.message for one in resize_faults(pod, wanted))
    if why:
        view.happened(stored, "ResizeRefused", f"resize asked for by {override.by} was refused: {why}")
    elif wanted is not pod:
        view.update(stored, wanted, reason=Reason.SPEC_CHANGED, message=f"resize in place asked for by {override.by}")
