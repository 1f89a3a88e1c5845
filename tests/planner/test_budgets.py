"""Disruption budgets: what they count, and which Pods may go."""

from typing import Any, cast

import pytest

from reconciler.model.kinds import Pod, PodDisruptionBudgetStatus
from reconciler.model.overrides import Override, merged
from reconciler.model.plan import Reason
from reconciler.planner.budgets import TOO_MANY_BUDGETS, VIOLATED, Disruption, may_disrupt
from reconciler.planner.view import View
from reconciler.planner.workloads.replicaset import delete_pod
from tests.planner.test_quotas import object, workload
from tests.planner.world import Cluster, replace


def budget(bound: str = "minAvailable: 2", name: str = "keep", rest: str = "", app: str = "web") -> str:
    """Return the manifest of a budget."""
    spec = f"spec: {{{bound}, selector: {{matchLabels: {{app: {app}}}}}{rest}}}"
    return object("PodDisruptionBudget", name, spec).replace("v1", "policy/v1", 1)


def running(text: str, **options: Any) -> Cluster:
    """Return a cluster that runs these manifests."""
    cluster = Cluster(**options)
    cluster.tick()
    cluster.push(text)
    cluster.settle()
    return cluster


def status(cluster: Cluster, name: str = "keep") -> PodDisruptionBudgetStatus:
    """Return the status of a budget."""
    return cast(Any, cluster.of("PodDisruptionBudget")[name]).status


def counts(cluster: Cluster) -> tuple[int, int, int, int]:
    """Return expected, desired, healthy, allowed."""
    found = status(cluster)
    return found.expected_pods, found.desired_healthy, found.current_healthy, found.disruptions_allowed


def asked(cluster: Cluster, name: str = "") -> Disruption:
    """Ask whether a Pod, by default the first, may go."""
    view = View(cluster.observed, cluster.policy, cluster.now)
    return may_disrupt(view, cast(Pod, cluster.of("Pod")[name or min(cluster.of("Pod"))]))


@pytest.mark.parametrize(
    ("bound", "wanted"),
    [
        ("minAvailable: 2", (3, 2, 3, 1)),
        ("minAvailable: 3", (3, 3, 3, 0)),
        ("minAvailable: 9", (3, 9, 3, 0)),
        ("minAvailable: 0", (3, 0, 3, 3)),
        ("minAvailable: 50%", (3, 2, 3, 1)),
        ("minAvailable: 100%", (3, 3, 3, 0)),
        ("maxUnavailable: 1", (3, 2, 3, 1)),
        ("maxUnavailable: 9", (3, 0, 3, 3)),
        ("maxUnavailable: 0", (3, 3, 3, 0)),
        ("maxUnavailable: 50%", (3, 1, 3, 2)),
    ],
)
@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "ReplicationController", "StatefulSet"])
def test_numbers_and_percentages(kind: str, bound: str, wanted: tuple[int, int, int, int]) -> None:
    """Shares are of what the workload wants, and are rounded up."""
    rest = "serviceName: web" if kind == "StatefulSet" else ""
    cluster = running(workload(kind, rest=rest) + budget(bound))
    assert counts(cluster) == wanted
    (allowed,) = status(cluster).conditions
    assert (allowed.type, allowed.status, allowed.reason) == (
        "DisruptionAllowed",
        *(("True", "SufficientPods") if wanted[3] else ("False", "InsufficientPods")),
    )
    assert status(cluster).observed_generation == allowed.observed_generation == 1
    assert asked(cluster).allowed == (wanted[3] > 0)


def test_two_that_come_at_once_are_not_both_let_through() -> None:
    """What ends, or was told to end, is healthy no more: for the next question too."""
    cluster = running(workload() + budget())
    first, second, _ = sorted(cluster.of("Pod"))
    view = View(cluster.observed, cluster.policy, cluster.now)
    pods = [one for one in view.of_kind("Pod") if one.ref.name in (first, second)]
    assert may_disrupt(view, cast(Pod, pods[0].object)).allowed
    delete_pod(view, pods[0], Reason.DELETION_REQUESTED)
    answer = may_disrupt(view, cast(Pod, pods[1].object))
    assert (answer.allowed, answer.reason, answer.budget) == (False, VIOLATED, "keep")
    assert answer.detail == "The disruption budget keep needs 2 healthy pods and has 2 currently"
    change = Override(ref=pods[0].ref, uid=pods[0].object.metadata.uid, delete_at=cluster.now, by="ada")
    cluster.observed = replace(cluster.observed, overrides={pods[0].ref: merged(None, change)})
    assert not asked(cluster, second).allowed
    cluster.settle()
    assert counts(cluster) == (3, 2, 3, 1)


def test_pods_that_do_not_serve() -> None:
    """They may go while enough others serve, or always where the budget says so."""
    for policy, is_enough, allowed in (
        ("", False, False),
        ("", True, True),
        (", unhealthyPodEvictionPolicy: IfHealthyBudget", False, False),
        (", unhealthyPodEvictionPolicy: AlwaysAllow", False, True),
    ):
        cluster = Cluster()
        cluster.ready = lambda pod: not pod.metadata.name.endswith("-0")
        minimum = 2 if is_enough else 3
        text = workload("StatefulSet", rest="serviceName: web\n  podManagementPolicy: Parallel")
        cluster.push(text + budget(f"minAvailable: {minimum}", rest=policy))
        cluster.settle()
        assert asked(cluster, "web-0").allowed == allowed, (policy, is_enough)
        assert not asked(cluster, "web-1").allowed


def test_what_has_ended_or_has_not_begun_may_always_go() -> None:
    """So may what no budget is about."""
    cluster = running(workload(replicas=2) + budget())
    (name, _) = cluster.of("Pod")
    assert not asked(cluster, name).allowed
    for phase in ("Pending", "Succeeded", "Failed"):
        pod = cast(Any, cluster.of("Pod")[name])
        view = View(cluster.observed, cluster.policy, cluster.now)
        assert may_disrupt(view, replace(pod, status=replace(pod.status, phase=phase))).allowed
    other = running(workload(replicas=1) + budget(app="other"))
    assert asked(other).allowed


def test_more_than_one_budget_allows_nothing() -> None:
    """Evictions know what to do with one."""
    cluster = running(workload() + budget() + budget(name="other"))
    answer = asked(cluster)
    assert (answer.allowed, answer.reason, answer.is_ambiguous) == (False, TOO_MANY_BUDGETS, True)


def test_what_has_no_scale_cannot_be_counted_in_shares() -> None:
    """A DaemonSet's Pods; a number of Pods can be counted all the same."""
    cluster = running(workload("DaemonSet") + budget("maxUnavailable: 1"))
    (failed,) = status(cluster).conditions
    assert (failed.status, failed.reason) == ("False", "SyncFailed")
    assert failed.message == "daemonsets.apps does not implement the scale subresource"
    answer = asked(cluster)
    assert not answer.allowed
    cluster.push(workload("DaemonSet") + budget("minAvailable: 0"), commit="c2")
    cluster.settle()
    assert counts(cluster) == (1, 0, 1, 1)


def test_a_budget_without_pods_allows_nothing() -> None:
    """The first Pod that comes is not taken away at once."""
    cluster = running(budget("minAvailable: 0"))
    assert counts(cluster) == (0, 0, 0, 0)


def test_a_budget_does_not_bound_what_is_declared() -> None:
    """Rollouts and scaling have limits of their own, as in Kubernetes."""
    cluster = running(workload() + budget("minAvailable: 3"))
    cluster.push(workload(replicas=1) + budget("minAvailable: 3"), commit="c2")
    cluster.settle()
    assert len(cluster.of("Pod")) == 1
    assert counts(cluster) == (1, 3, 1, 0)
