"""The plan: what the sources declare, against what is observed, as the next steps towards it.

Pure: the same arguments give the same plan. Everything is level-triggered; nothing remembers an earlier pass.
"""

from collections.abc import Mapping

from reconciler.model.desired import DesiredState
from reconciler.model.observed import ObservedState
from reconciler.model.plan import Action, Decision, Plan, Reason
from reconciler.model.policy import Policy
from reconciler.planner.access.ensure import ensure_default_roles
from reconciler.planner.access.gather import gather_rules
from reconciler.planner.admission.demand import warn_of_demand
from reconciler.planner.admission.quota import sync_quotas
from reconciler.planner.admission.tell import tell_refusals
from reconciler.planner.budgets import sync_budgets
from reconciler.planner.conditions import lay_conditions
from reconciler.planner.debugging import add_ephemeral_containers
from reconciler.planner.declare import apply_declared
from reconciler.planner.ingress.status import sync_ingresses
from reconciler.planner.memo import Memo
from reconciler.planner.node_admission import admit_named_pods
from reconciler.planner.nodes import observe_nodes
from reconciler.planner.overrides import (
    delete_requested_pods,
    judge_overridden,
    lay_over_stored,
    override_changes,
    override_notes,
    settle_overrides,
)
from reconciler.planner.priority import ensure_system_classes, resolve_priorities
from reconciler.planner.rebalancing import rebalance
from reconciler.planner.resizes import resize_requested_pods
from reconciler.planner.revisions import revision_endings
from reconciler.planner.scheduling.bind import place_pods
from reconciler.planner.services.allocate import allocate_addresses
from reconciler.planner.services.announce import announce_addresses
from reconciler.planner.services.endpoints import sync_endpoints
from reconciler.planner.services.provided import warn_of_provider
from reconciler.planner.standing import look_again_at, note_answer, standing_answer
from reconciler.planner.storage.claims import bind_placed_claims, ensure_default_class, sync_claims
from reconciler.planner.storage.ephemeral import sync_ephemeral_claims
from reconciler.planner.taint_eviction import evict_tainted_pods
from reconciler.planner.view import View
from reconciler.planner.waking import wake_for_inputs
from reconciler.planner.workloads.autoscaler import note_autoscaled, sync_autoscalers
from reconciler.planner.workloads.cronjob import sync_cron_jobs
from reconciler.planner.workloads.daemonset import sync_daemon_sets
from reconciler.planner.workloads.deployment import finish_deployments, sync_deployments
from reconciler.planner.workloads.disruptions import clear_stale_disruptions
from reconciler.planner.workloads.job import sync_jobs
from reconciler.planner.workloads.job_orphans import untrack_orphans
from reconciler.planner.workloads.owners import (
    collect_orphans,
    empty_namespaces,
    end_in_foreground,
    ensure_built_in_namespaces,
)
from reconciler.planner.workloads.podgc import collect_pods
from reconciler.planner.workloads.pods import judge_pods, observe_pods
from reconciler.planner.workloads.replicaset import refresh_statuses, sync_replica_sets
from reconciler.planner.workloads.statefulset import sync_stateful_sets


def plan(
    desired: Mapping[str, DesiredState],
    observed: ObservedState,
    policy: Policy,
    now: float,
    memo: Memo | None = None,
) -> Plan:
    """Decide what is to change in the cluster, top-down: each level sees what the one above decided.

    `desired` holds the newest complete and valid revision of each source that has been read. `now` is in Unix seconds.
    `memo` makes it quicker and changes nothing: who plans again and again keeps one.
    """
    if memo is not None:
        if (standing := standing_answer(memo, desired, observed, policy, now)) is not None:
            return standing
        memo.next_pass()
    view = View(observed, policy, now, memo)
    wake_for_inputs(view)
    observe_nodes(view)
    observe_pods(view)
    delete_requested_pods(view)
    resize_requested_pods(view)
    evict_tainted_pods(view)
    rebalance(view)
    collect_pods(view)
    clear_stale_disruptions(view)
    ensure_built_in_namespaces(view)
    ensure_system_classes(view)
    note_autoscaled(view)
    apply_declared(view, desired)
    lay_over_stored(view)
    add_ephemeral_containers(view)
    ensure_default_class(view)
    ensure_default_roles(view)
    gather_rules(view)
    empty_namespaces(view)
    end_in_foreground(view)
    refresh_statuses(view)
    collect_orphans(view)
    note_autoscaled(view)
    sync_autoscalers(view)
    sync_deployments(view)
    sync_replica_sets(view)
    sync_stateful_sets(view)
    sync_daemon_sets(view)
    sync_cron_jobs(view)
    sync_jobs(view)
    untrack_orphans(view)
    collect_orphans(view)
    tell_refusals(view)
    finish_deployments(view)
    resolve_priorities(view)
    sync_ephemeral_claims(view)
    sync_claims(view)
    bindings = place_pods(view)
    admit_named_pods(view)
    bind_placed_claims(view)
    allocate_addresses(view)
    sync_endpoints(view)
    sync_ingresses(view)
    announce_addresses(view)
    sync_budgets(view)
    sync_quotas(view)
    warn_of_demand(view)
    warn_of_provider(view)
    lay_conditions(view)
    judge_pods(view)
    settle_overrides(view)
    judge_overridden(view)
    answer = _finish(view, desired, bindings)
    if memo is not None:
        view.settle()
        note_answer(view, desired, answer)
    return answer


def _finish(view: View, desired: Mapping[str, DesiredState], bindings: tuple[Action, ...]) -> Plan:
    _judge_the_rest(view)
    unread = [name for name, state in sorted(view.observed.sources.items()) if not state.loaded and name not in desired]
    endings = revision_endings(view, desired)
    return Plan(
        revisions={name: desired[name].revision for name in sorted(desired)},
        observed_at=view.now,
        complete=not unread,
        applyable=not unread,
        look_again_at=look_again_at(view.look_again_at, view.observed, view.policy, view.now),
        verdicts=view.all_verdicts(),
        actions=bindings,
        blocked=tuple(view.blocked),
        holds=tuple(view.holds),
        unheld=tuple(view.unheld),
        warnings=tuple(view.warnings),
        notes=override_notes(view),
        changes=view.changes(),
        allocations=view.allocations,
        happenings=tuple(view.happenings),
        overrides=override_changes(view),
        endings=endings,
    )


def _judge_the_rest(view: View) -> None:
    """Every object ends in exactly one bucket, also those that no step had to look at."""
    for ref in view.each(sorted([ref for ref in view.awake() if ref not in view.verdicts])):
        stored = view.objects.get(ref) or view.observed.objects.get(ref)
        if stored is not None:
            view.judge(ref, Decision.UNCHANGED, Reason.IN_SYNC, stored=stored)
