"""Which priority a Pod keeps when it is declared anew, and which class it counts for."""

from typing import cast

import pytest

from reconciler.model.kinds import Pod
from reconciler.planner.priority import with_class, with_kept_priority
from reconciler.planner.view import View
from tests.planner.reading import read
from tests.planner.test_priority import a_class
from tests.planner.world import Cluster

GIVEN = "priority: 100, preemptionPolicy: Never"


@pytest.fixture(scope="module")
def view() -> View:
    """A cluster with a default class and another one."""
    cluster = Cluster()
    cluster.push(a_class("usual", 7, "true") + "---" + a_class("high", 100))
    cluster.settle()
    return View(cluster.observed, cluster.policy, cluster.now)


def pod(rest: str) -> Pod:
    """Return a Pod."""
    return cast(Pod, read("Pod", spec=f"containers: [{{name: a, image: a}}], {rest}"))


@pytest.mark.parametrize(
    ("old", "new", "is_kept"),
    [
        (f"{GIVEN}, priorityClassName: high", "priorityClassName: high", True),
        (f"{GIVEN}, priorityClassName: usual", "", True),
        (GIVEN, "", True),
        (f"{GIVEN}, priorityClassName: high", "", False),
        (f"{GIVEN}, priorityClassName: gone", "", False),
        (f"{GIVEN}, priorityClassName: high", "priorityClassName: other", False),
        (f"{GIVEN}, priorityClassName: usual", "priorityClassName: high", False),
        (f"{GIVEN}, priorityClassName: high", "priority: 5, priorityClassName: high", False),
        ("priorityClassName: high, preemptionPolicy: Never", "priorityClassName: high", False),
    ],
)
def test_the_priority_is_kept_while_the_class_is_the_same(view: View, old: str, new: str, is_kept: bool) -> None:
    """To name none is to name the default class; who names another, or a number, gets what that says."""
    before, after = pod(old).spec, pod(new).spec
    kept = with_kept_priority(view, before, after)
    if is_kept:
        assert (kept.priority, kept.preemption_policy) == (100, "Never")
        assert kept.priority_class_name == before.priority_class_name
    else:
        assert kept == after


@pytest.mark.parametrize(
    ("said", "counted"), [("", "usual"), ("priorityClassName: high", "high"), ("priority: 5", ""), (GIVEN, "")]
)
def test_a_pod_counts_for_the_class_that_it_will_have(view: View, said: str, counted: str) -> None:
    """One that has its number by now has no class but the one it names."""
    assert with_class(view, pod(said)).spec.priority_class_name == counted


def test_without_a_default_class_a_pod_counts_for_none() -> None:
    """It will have priority 0."""
    cluster = Cluster()
    cluster.tick()
    assert with_class(View(cluster.observed, cluster.policy, cluster.now), pod("")) == pod("")
