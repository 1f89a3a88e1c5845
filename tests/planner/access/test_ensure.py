"""The built-in roles as objects: there from the start, complete, and of second rank."""

from typing import cast

from reconciler.model.kinds import ClusterRole, ClusterRoleBinding, Subject, ref_of
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Decision
from reconciler.model.refs import ObjectRef
from reconciler.planner.access.roles import AUTO_UPDATE, DEFAULTS
from tests.planner.world import Cluster, replace

VIEW = ObjectRef(kind="ClusterRole", name="view")
READ = ObjectRef(kind="ClusterRole", name="system:aggregate-to-view")
BASIC = ObjectRef(kind="ClusterRoleBinding", name="system:basic-user")
KEPT = """
apiVersion: v1
kind: ConfigMap
metadata: {name: kept}
"""
MINE = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: view}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
"""


def alter(cluster: Cluster, ref: ObjectRef, **changed: object) -> None:
    """Change a stored object behind the planner's back."""
    stored = cluster.observed.objects[ref]
    altered = replace(stored, object=replace(stored.object, **changed))
    cluster.observed = replace(cluster.observed, objects={**cluster.observed.objects, ref: altered})


def stored(cluster: Cluster, ref: ObjectRef) -> StoredObject:
    """Return a stored object."""
    return cluster.observed.objects[ref]


def test_every_cluster_has_them_and_planning_again_changes_nothing() -> None:
    """P09: they are made once."""
    cluster = Cluster()
    cluster.push("")
    cluster.tick()
    assert {ref_of(one) for one in DEFAULTS} <= set(cluster.observed.objects)
    assert not cluster.plan().changes


def test_a_declared_role_takes_the_place_of_the_built_in_one_and_gives_it_back() -> None:
    """No annotation is needed to adopt it; when Git drops it, the built-in one returns."""
    cluster = Cluster()
    cluster.push(KEPT)
    cluster.tick()
    cluster.push(KEPT + "---" + MINE, commit="c2")
    cluster.tick()
    assert stored(cluster, VIEW).manager == "source/main"
    assert cast(ClusterRole, stored(cluster, VIEW).object).aggregation_rule is None
    assert not cluster.plan().changes
    cluster.push(KEPT, commit="c3")
    cluster.settle()
    assert stored(cluster, VIEW).manager == "api"
    assert cast(ClusterRole, stored(cluster, VIEW).object).aggregation_rule is not None


def test_what_a_new_version_grants_is_added_and_what_people_added_stays() -> None:
    """An upgrade of the program brings its entries to clusters that exist."""
    cluster = Cluster()
    cluster.push("")
    cluster.tick()
    role = cast(ClusterRole, stored(cluster, READ).object)
    binding = cast(ClusterRoleBinding, stored(cluster, BASIC).object)
    extra = Subject(kind="Group", name="guests")
    alter(cluster, READ, rules=role.rules[1:])
    alter(cluster, BASIC, subjects=(extra,))
    cluster.tick()
    assert set(cast(ClusterRole, stored(cluster, READ).object).rules) == set(role.rules)
    assert cast(ClusterRoleBinding, stored(cluster, BASIC).object).subjects == (extra, *binding.subjects)
    assert not cluster.plan().changes


def test_a_role_that_is_not_to_be_kept_up_to_date_is_left_alone() -> None:
    """The annotation of Kubernetes works here too."""
    cluster = Cluster()
    cluster.push("")
    cluster.tick()
    metadata = replace(stored(cluster, READ).object.metadata, annotations={AUTO_UPDATE: "false"})
    alter(cluster, READ, rules=(), metadata=metadata)
    cluster.settle()
    assert cast(ClusterRole, stored(cluster, READ).object).rules == ()


def test_a_gathering_role_shows_what_it_gathers() -> None:
    """Its rules follow the roles that it gathers, without a verdict of its own; planning again changes nothing."""
    cluster = Cluster()
    cluster.push(KEPT)
    cluster.tick()
    before = cast(ClusterRole, stored(cluster, VIEW).object).rules
    assert before == cast(ClusterRole, stored(cluster, READ).object).rules
    more = """---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: see-nodes, labels: {rbac.authorization.k8s.io/aggregate-to-view: "true"}}
rules: [{apiGroups: [""], resources: [nodes], verbs: [list]}]
"""
    cluster.push(KEPT + more, commit="c2")
    answer = cluster.tick()
    after = cast(ClusterRole, stored(cluster, VIEW).object).rules
    assert next(rule for rule in after if rule not in before).resources == ("nodes",)
    assert [verdict.decision for verdict in answer.verdicts if verdict.object == VIEW] == [Decision.UNCHANGED]
    assert not cluster.plan().changes


def test_a_declared_gathering_role_stays_as_it_is_when_its_labels_change() -> None:
    """P09: what was gathered is not taken for a difference to what Git declares."""
    gathering = MINE.split("rules:")[0] + "aggregationRule: {clusterRoleSelectors: [{matchLabels: {mine: 'yes'}}]}\n"
    part = MINE.replace("name: view", "name: part, labels: {mine: 'yes'}")
    cluster = Cluster()
    cluster.push(gathering + "---" + part)
    cluster.settle()
    assert len(cast(ClusterRole, stored(cluster, VIEW).object).rules) == 1
    cluster.push(gathering.replace("name: view", "name: view, labels: {new: label}") + "---" + part, commit="c2")
    answer = cluster.tick()
    changed = [verdict for verdict in answer.verdicts if verdict.decision is not Decision.UNCHANGED]
    assert [(str(one.object), [change.path for change in one.changes]) for one in changed] == [
        ("clusterrole/view", ["metadata.labels.new"])
    ]
    assert not cluster.plan().changes
