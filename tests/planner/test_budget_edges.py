"""Disruption budgets at their edges: what is told of them, whose Pods they count, and what they cannot count."""

from typing import Any, cast

import pytest

from reconciler.model.kinds import Pod, PodDisruptionBudget
from reconciler.model.overrides import Override, merged
from reconciler.model.plan import Plan
from reconciler.planner.budgets import Counts, counted, may_disrupt
from reconciler.planner.view import View
from tests.planner.reading import read, stored
from tests.planner.test_budgets import budget, counts, running, status
from tests.planner.test_quotas import workload
from tests.planner.world import Cluster, replace

NO_SCALE = "daemonsets.apps does not implement the scale subresource"


def happened(plans: list[Plan]) -> list[tuple[str, str, str]]:
    """Return the Events of budgets: type, reason and message."""
    found = [one for plan in plans for one in plan.happenings if one.object.kind == "PodDisruptionBudget"]
    return [(one.type, one.reason, one.message) for one in found]


def test_a_budget_without_pods_is_told_of_when_it_is_so() -> None:
    """Once when it comes, and once more when its Pods have gone; never while it has any."""
    none = ("Normal", "NoPods", "No matching pods found")
    cluster = Cluster()
    cluster.push(budget("minAvailable: 0"))
    assert happened(cluster.settle()) == [none]
    cluster.push(budget("minAvailable: 1"), commit="c2")
    assert happened(cluster.settle()) == []
    cluster.push(workload() + budget("minAvailable: 1"), commit="c3")
    assert happened(cluster.settle()) == []
    cluster.push(budget("minAvailable: 1"), commit="c4")
    assert happened(cluster.settle()) == [none]
    single = running(workload(replicas=1) + budget("minAvailable: 1"))
    single.push(budget("minAvailable: 1"), commit="c2")
    assert happened(single.settle()) == [none]
    full = Cluster()
    full.push(workload())
    full.settle()
    full.push(workload() + budget(), commit="c2")
    assert happened(full.settle()) == []


def test_what_cannot_be_counted_is_told_once() -> None:
    """A warning; the numbers stay, and nothing may go; another reason is told anew."""
    warning = ("Warning", "CalculateExpectedPodCountFailed")
    cluster = running(workload("DaemonSet") + budget("minAvailable: 0"))
    assert counts(cluster) == (1, 0, 1, 1)
    cluster.push(workload("DaemonSet") + budget("maxUnavailable: 1"), commit="c2")
    told = happened(cluster.settle())
    assert told == [(*warning, f"Failed to calculate the number of expected pods: {NO_SCALE}")]
    assert counts(cluster) == (1, 0, 1, 0)
    assert status(cluster).conditions[0].message == NO_SCALE
    cluster.push(workload("DaemonSet") + budget("maxUnavailable: 2"), commit="c3")
    assert happened(cluster.settle()) == []
    alone = Cluster()
    alone.push(workload("DaemonSet") + budget("maxUnavailable: 1"))
    assert [one[:2] for one in happened(alone.settle())].count(warning) == 1


SET = "apiVersion: apps/v1, kind: ReplicaSet, name: one, uid: s"
CONTAINERS = "containers: [{name: c, image: i}]"
MARKS = "{app: web}"
TEMPLATE = f"template: {{metadata: {{labels: {MARKS}}}, spec: {{{CONTAINERS}}}}}"
REPLICAS = f"replicas: 3, selector: {{matchLabels: {MARKS}}}, {TEMPLATE}"


def pod(name: str = "p", owner: str = "", ready: bool = True) -> Any:
    """Return a Pod of the application web."""
    owners = f"ownerReferences: [{{{owner}, controller: true}}]" if owner else ""
    conditions = f"conditions: [{{type: Ready, status: '{ready}'}}]"
    marks = f"uid: u-{name}, labels: {{app: web}}, {owners}".rstrip(", ")
    return read("Pod", name=name, metadata=marks, spec=CONTAINERS, status=f"phase: Running, {conditions}")


def keep(bound: str = "maxUnavailable: 1", rest: str = "") -> PodDisruptionBudget:
    """Return a budget."""
    return cast(
        PodDisruptionBudget,
        read("PodDisruptionBudget", name="keep", spec=f"{bound}, selector: {{matchLabels: {{app: web}}}}, {rest}"),
    )


def view_of(*objects: Any) -> View:
    """Return a view of these objects."""
    cluster = Cluster()
    found = {one.ref: one for one in map(stored, objects)}
    return View(replace(cluster.observed, objects=found), cluster.policy, cluster.now)


def owner(name: str = "one", uid: str = "s") -> Any:
    """Return the ReplicaSet of three."""
    return read("ReplicaSet", name=name, metadata=f"uid: {uid}", spec=REPLICAS)


@pytest.mark.parametrize(
    ("of", "problem"),
    [
        (SET, ""),
        (SET.replace("uid: s", "uid: other"), 'found no controllers for pod "p"'),
        (SET.replace("name: one", "name: gone"), 'found no controllers for pod "p"'),
        (SET.replace("apps/v1", "apps/v2"), 'found no controllers for pod "p"'),
        (SET.replace("ReplicaSet", "DaemonSet"), NO_SCALE),
        (SET.replace("ReplicaSet", "Database"), "Database does not implement the scale subresource"),
    ],
)
def test_only_the_owner_that_a_pod_names_counts(of: str, problem: str) -> None:
    """By kind, version, name and uid."""
    found = counted(view_of(owner()), keep(), [pod(owner=of)])
    assert (found.problem, found.expected, found.healthy) == (problem, 0 if problem else 3, 1)
    assert found.allowed == 0


@pytest.mark.parametrize(
    ("kind", "uid", "expected", "problem"),
    [
        ("Deployment", "d", 5, ""),
        ("Deployment", "other", 0, 'found no controllers for pod "p"'),
        ("Other", "d", 3, ""),
    ],
)
def test_a_replica_set_of_a_deployment_counts_as_the_deployment(
    kind: str, uid: str, expected: int, problem: str
) -> None:
    """Of that one, not of another of its name; once for all of its ReplicaSets."""
    above = f"ownerReferences: [{{apiVersion: apps/v1, kind: {kind}, name: d, uid: {uid}, controller: true}}]"
    below = read("ReplicaSet", metadata=f"uid: s, {above}", spec=REPLICAS)
    next_one = read("ReplicaSet", name="two", metadata=f"uid: t, {above}", spec=REPLICAS.replace("3", "2"))
    deployment = read("Deployment", name="d", metadata="uid: d", spec=REPLICAS.replace("replicas: 3", "replicas: 5"))
    pods = [pod(owner=SET)]
    if kind == "Deployment":
        pods.append(pod("q", SET.replace("name: one, uid: s", "name: two, uid: t")))
    found = counted(view_of(below, next_one, deployment), keep(), pods)
    assert (found.expected, found.problem) == (expected, problem)
    gone = counted(view_of(below, next_one), keep(), pods)
    assert gone.problem == ('found no controllers for pod "p"' if kind == "Deployment" else "")


def test_pods_of_several_workloads_add_up_and_those_of_none_are_counted() -> None:
    """Each workload once, whatever it has of Pods."""
    second = SET.replace("one", "two").replace("uid: s", "uid: t")
    pods = [pod("a", SET), pod("b", SET), pod("c", second, ready=False), pod("d"), pod("e")]
    found = counted(view_of(owner(), owner("two", "t")), keep("maxUnavailable: 50%"), pods)
    assert found == Counts(expected=6, desired=3, healthy=4, unmanaged=2)
    assert found.allowed == 1


@pytest.mark.parametrize(
    ("expected", "healthy", "problem", "allowed"),
    [(0, 3, "", 0), (1, 3, "", 2), (3, 1, "", 0), (3, 0, "", 0), (3, 2, "", 1), (3, 3, "why", 0), (0, 3, "why", 0)],
)
def test_so_many_may_go(expected: int, healthy: int, problem: str, allowed: int) -> None:
    """What is healthy beyond what is needed; none where nothing is expected, or that is not known."""
    assert Counts(expected=expected, desired=1, healthy=healthy, problem=problem).allowed == allowed


def test_an_empty_budget_counts_what_is_healthy() -> None:
    """And lets nothing go."""
    found = counted(view_of(), keep("unhealthyPodEvictionPolicy: IfHealthyBudget"), [pod(), pod("q", ready=False)])
    assert found == Counts(healthy=1) and found.allowed == 0


@pytest.mark.parametrize(
    ("share", "expected", "desired"),
    [("1%", 3, 1), ("33%", 3, 1), ("34%", 3, 2), ("99%", 100, 99), ("100%", 100, 100), ("0%", 3, 0)],
)
def test_shares_are_rounded_up(share: str, expected: int, desired: int) -> None:
    """Of what is wanted."""
    many = read("ReplicaSet", metadata="uid: s", spec=REPLICAS.replace("replicas: 3", f"replicas: {expected}"))
    assert counted(view_of(many), keep(f"minAvailable: '{share}'"), [pod(owner=SET)]).desired == desired


def test_a_pod_that_was_asked_to_go_is_healthy_no_more() -> None:
    """That one, not an earlier one of its name, nor one of which something else was asked."""
    one, other = pod("p", SET), pod("q", SET)
    view = view_of(owner(), one, other)
    ref = stored(one).ref
    for change, healthy in (
        (Override(ref=ref, uid="u-p", delete_at=5.0, by="ada"), 1),
        (Override(ref=ref, uid="earlier", delete_at=5.0, by="ada"), 2),
        (Override(ref=ref, uid="u-p", by="ada"), 2),
    ):
        asked = View(replace(view.observed, overrides={ref: merged(None, change)}), view.policy, view.now)
        assert counted(asked, keep(), [one, other]).healthy == healthy


@pytest.mark.parametrize(
    ("bound", "policy", "healthy", "allowed"),
    [
        ("minAvailable: 1", "", 1, True),
        ("minAvailable: 2", "", 1, False),
        ("minAvailable: 0", "", 0, False),
        ("minAvailable: 0", "unhealthyPodEvictionPolicy: AlwaysAllow", 0, True),
    ],
)
def test_a_pod_that_does_not_serve_goes_while_enough_others_do(
    bound: str, policy: str, healthy: int, allowed: bool
) -> None:
    """As many as are needed, and at least one is."""
    others = [pod(f"o{number}") for number in range(healthy)]
    sick = pod("sick", ready=False)
    answer = may_disrupt(view_of(keep(bound, policy), sick, *others), cast(Pod, sick))
    assert answer.allowed is allowed and not answer.is_ambiguous


def test_two_budgets_that_do_not_both_select_a_pod_are_no_matter() -> None:
    """Nor is one of another namespace."""
    elsewhere = replace(keep(), metadata=replace(keep().metadata, namespace="other", name="third"))
    another = read("PodDisruptionBudget", name="two", spec="minAvailable: 9, selector: {matchLabels: {app: other}}")
    one = pod()
    answer = may_disrupt(view_of(keep("minAvailable: 0"), elsewhere, another, one), cast(Pod, one))
    assert answer.allowed
