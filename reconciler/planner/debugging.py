"""Containers that persons add to Pods to look into them: asked for through the API, and then the Pod's own. Pure."""

from typing import cast

import msgspec

from reconciler.model.kinds import Pod
from reconciler.model.overrides import without
from reconciler.model.plan import Reason
from reconciler.planner.updates.ephemeral import ephemeral_faults
from reconciler.planner.view import View

replace = msgspec.structs.replace


def add_ephemeral_containers(view: View) -> None:
    """Write the containers that were asked for into their Pods; what cannot be is told and forgotten."""
    for ref in sorted(view.overrides):
        override, stored = view.overrides[ref], view.get(ref)
        if ref.kind != "Pod" or override.ephemeral is None or stored is None:
            continue
        pod = cast(Pod, stored.object)
        if override.uid == pod.metadata.uid and pod.metadata.deletion_timestamp is None:
            names = {one.name for one in pod.spec.ephemeral_containers}
            added = tuple(one for one in override.ephemeral if one.name not in names)
            all_of_them = (*pod.spec.ephemeral_containers, *added)
            wanted = replace(pod, spec=replace(pod.spec, ephemeral_containers=all_of_them))
            # The Pod may have changed since this was asked for.
            if faults := tuple(ephemeral_faults(pod, wanted)):
                why = "; ".join(f"{one.field} {one.message}" for one in faults)
                view.happened(stored, "DebuggingRefused", f"what {override.by} asked for was refused: {why}")
            elif added:
                told = f"container {', '.join(one.name for one in added)} added by {override.by}"
                view.update(stored, wanted, reason=Reason.SPEC_CHANGED, message=told)
        left = without(override, ephemeral=None)
        if left is None:
            del view.overrides[ref]
        else:
            view.overrides[ref] = left
