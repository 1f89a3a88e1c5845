"""Deployments: one ReplicaSet per template, and a gradual change from the old ones to the new. Pure.

Semantics of Kubernetes' Deployment controller; every step follows from what is observed now.
"""

from typing import cast

from reconciler.model.kinds import Deployment
from reconciler.model.observed import StoredObject
from reconciler.planner.view import View
from reconciler.planner.workloads.adoption import adopt_fitting, release_strangers
from reconciler.planner.workloads.configuration import bound_template
from reconciler.planner.workloads.deployment_scale import is_scaled, recreate, roll, scale_in_proportion
from reconciler.planner.workloads.deployment_sets import (
    create_set,
    current_set,
    forget_history,
    show_revision,
    with_revision,
)
from reconciler.planner.workloads.deployment_status import deployment_status, is_complete


def sync_deployments(view: View) -> None:
    """Advance every Deployment by what may be done now."""
    free = view.unmanaged("ReplicaSet")
    for stored in view.due("Deployment"):
        if stored.object.metadata.deletion_timestamp is None:
            _sync(view, stored, free)


def _sync(view: View, stored: StoredObject, free: list[StoredObject]) -> None:
    deployment = cast(Deployment, stored.object)
    release_strangers(view, stored, "ReplicaSet", deployment.spec.selector)
    adopt_fitting(view, stored, "ReplicaSet", free, deployment.spec.selector)
    template = bound_template(view, stored, deployment.spec.template)
    sets = view.owned_by(deployment.metadata.uid, "ReplicaSet")
    new = current_set(view, stored, sets, template)
    if new is None and not deployment.spec.paused:
        new = create_set(view, stored, template)
    old = [one for one in view.owned_by(deployment.metadata.uid, "ReplicaSet") if new is None or one.ref != new.ref]
    if new is not None:
        view.note_current_set(stored.ref, new.ref)
        new = with_revision(view, stored, new, old)
        show_revision(view, stored, new)
    if new is None or deployment.spec.paused or is_scaled(deployment, [*old, new]):
        scale_in_proportion(view, deployment, new, old)
    elif deployment.spec.strategy.type == "Recreate":
        recreate(view, deployment, new, old)
    else:
        roll(view, deployment, new, old)
    if deployment.spec.paused or is_complete(deployment, deployment.status):
        forget_history(view, deployment, old)


def finish_deployments(view: View) -> None:
    """Write the statuses, after the ReplicaSets had their turn."""
    for stored in view.due("Deployment"):
        if stored.object.metadata.deletion_timestamp is None:
            view.set_status(stored, deployment_status(view, stored))
