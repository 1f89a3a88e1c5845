"""Roles that gather others hold what these grant, and nobody has to approve that."""

from typing import cast

from reconciler.model.kinds import ClusterRole
from reconciler.planner.access.gather import gather_rules
from reconciler.planner.access.roles import DEFAULTS
from reconciler.planner.view import View
from tests.planner.access.test_aggregate import read, role
from tests.planner.reading import stored
from tests.planner.world import Cluster, replace


def view_of(*roles: ClusterRole) -> View:
    """Return a view of these roles."""
    cluster = Cluster()
    objects = {one.ref: one for one in map(stored, roles)}
    return View(replace(cluster.observed, objects=objects), cluster.policy, cluster.now)


def test_what_is_gathered_is_written() -> None:
    """Without a verdict; a role that holds it already, or gathers nothing, is left alone."""
    part = role("part", "a: x", rules=read("pods"))
    all_ = role("all", gathers="{matchLabels: {a: x}}", rules=read("own"))
    view = view_of(part, all_)
    gather_rules(view)
    found = {one.ref.name: cast(ClusterRole, one.object).rules for one in view.of_kind("ClusterRole")}
    assert found == {"all": part.rules, "part": part.rules}
    assert not view.verdicts and [ref.name for ref in view.touched] == ["all"]
    again = view_of(part, replace(all_, rules=part.rules))
    gather_rules(again)
    assert not again.touched


def test_built_in_parts_are_marked_for_who_gathers_them() -> None:
    """With one label each, beside those that all have."""
    marks = {one.metadata.name: one.metadata.labels for one in DEFAULTS if one.kind == "ClusterRole"}
    gathering = "rbac.authorization.k8s.io/aggregate-to-"
    parts = {name: [mark for mark in labels if mark.startswith(gathering)] for name, labels in marks.items()}
    assert parts["system:aggregate-to-view"] == [f"{gathering}view"]
    assert parts["cluster-admin"] == []
    assert all(labels["kubernetes.io/bootstrapping"] == "rbac-defaults" for labels in marks.values())
