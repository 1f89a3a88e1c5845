"""What becomes of what sources declare: who manages an object, what is in the way, and what the cluster added to it."""

from typing import Any

import pytest

from reconciler.model.observed import SourceState, StoredObject
from reconciler.model.plan import Decision, Plan, Reason, Verdict
from reconciler.model.policy import SourcePolicy
from reconciler.model.refs import ObjectRef
from tests.planner.reading import read, stored
from tests.planner.test_deployment import web
from tests.planner.test_safety import config_maps
from tests.planner.world import Cluster, replace

C0 = ObjectRef.of("ConfigMap", "default", "c0")
THEN = "2026-01-01T00:00:00Z"


def manifest(
    kind: str, name: str, rest: str = "", notes: str = "", namespace: str = "default", version: str = "v1"
) -> str:
    """Return a manifest."""
    metadata = f"metadata: {{name: {name}, namespace: {namespace}, annotations: {{{notes}}}}}"
    return f"---\napiVersion: {version}\nkind: {kind}\n{metadata}\n{rest}\n"


def verdict(answer: Plan, ref: ObjectRef) -> Verdict:
    """Return an object's verdict."""
    return next(one for one in answer.verdicts if one.object == ref)


def said(answer: Plan, ref: ObjectRef) -> tuple[Decision, Reason, str]:
    """Return what is decided on an object, and why."""
    found = verdict(answer, ref)
    return found.decision, found.reason, found.message


def put(cluster: Cluster, *objects: StoredObject) -> None:
    """Have objects be in the store."""
    cluster.observed = replace(
        cluster.observed, objects={**cluster.observed.objects, **{one.ref: one for one in objects}}
    )


def alter(cluster: Cluster, ref: ObjectRef, **fields: object) -> None:
    """Change a stored object's metadata behind the planner's back."""
    found = cluster.observed.objects[ref]
    object: Any = found.object
    put(cluster, replace(found, object=replace(object, metadata=replace(object.metadata, **fields))))


def sources(cluster: Cluster, **fields: object) -> None:
    """Change what is known of the source main."""
    state = replace(cluster.observed.sources["main"], **fields)
    cluster.observed = replace(cluster.observed, sources={**cluster.observed.sources, "main": state})


ADOPTING = manifest("ConfigMap", "c0", "data: {k: v}", 'reconciler.dev/adopt: "true"')


@pytest.mark.parametrize("word", ["", 'reconciler.dev/adopt: "yes"'])
def test_what_somebody_else_manages_stays_his(word: str) -> None:
    """P05: the plan says whose it is, and how to take it over."""
    cluster = Cluster()
    put(cluster, stored(read("ConfigMap", name="c0"), "api"))
    cluster.push(manifest("ConfigMap", "c0", "data: {k: v}", word))
    why = 'it exists already and is managed by api; adopt with reconciler.dev/adopt: "true"'
    assert said(cluster.tick(), C0) == (Decision.BLOCKED, Reason.CONFLICT, why)
    assert cluster.observed.objects[C0].manager == "api"


def test_what_is_adopted_has_a_new_manager() -> None:
    """And stays the same object."""
    cluster = Cluster()
    put(cluster, stored(read("ConfigMap", name="c0", metadata="uid: u"), "api"))
    cluster.push(ADOPTING)
    assert said(cluster.tick(), C0)[:2] == (Decision.UPDATE, Reason.SPEC_CHANGED)
    assert cluster.observed.objects[C0].manager == "source/main"
    assert cluster.observed.objects[C0].object.metadata.uid == "u"
    assert cluster.plan().is_empty


def test_what_a_source_not_yet_read_manages_is_not_adopted() -> None:
    """After a start either source may be read first, and the one that declares it keeps it."""
    cluster = Cluster(sources=("main", "other"))
    put(cluster, stored(read("ConfigMap", name="c0"), "source/other"))
    cluster.push(ADOPTING)
    why = "it is managed by source/other, which has not been read since the start and may declare it still"
    assert said(cluster.tick(), C0) == (Decision.BLOCKED, Reason.CONFLICT, why)
    cluster.push(manifest("ConfigMap", "c0", "data: {k: v}"), "other")
    cluster.tick()
    assert cluster.observed.objects[C0].manager == "source/other"
    cluster.push(config_maps(()), "other", commit="c2")
    cluster.tick()
    assert cluster.observed.objects[C0].manager == "source/main"


@pytest.mark.parametrize(
    ("manager", "is_taken"), [("source/gone", True), ("source/main", True), ("source/other", False), ("gone", False)]
)
def test_an_object_whose_source_is_gone_may_be_taken(manager: str, is_taken: bool) -> None:
    """Not that of a source that was not read yet: it may declare it still."""
    cluster = Cluster(sources=("main", "other"))
    put(cluster, stored(read("ConfigMap", name="c0"), manager))
    cluster.push(config_maps(range(1)))
    assert (verdict(cluster.tick(), C0).decision is Decision.UPDATE) == is_taken


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("kind: Namespace\nmetadata: {name: default, labels: {a: b}}", "Namespace", "default"),
        ("kind: Namespace\nmetadata: {name: kube-system, labels: {a: b}}", "Namespace", "kube-system"),
    ],
)
def test_what_is_built_in_may_simply_be_declared(text: str, kind: str, name: str) -> None:
    """Once; what another person made there is not built in."""
    cluster = Cluster()
    cluster.push(config_maps(range(1)))
    cluster.settle()
    cluster.push(config_maps(range(1)) + "---\napiVersion: v1\n" + text, commit="c2")
    ref = ObjectRef(kind=kind, name=name)
    assert verdict(cluster.tick(), ref).decision is Decision.UPDATE
    assert cluster.observed.objects[ref].manager == "source/main"
    other = Cluster()
    other.push(config_maps(range(1)))
    other.settle()
    put(other, replace(other.observed.objects[ref], digest="by somebody"))
    other.push(config_maps(range(1)) + "---\napiVersion: v1\n" + text, commit="c2")
    assert said(other.tick(), ref)[:2] == (Decision.BLOCKED, Reason.CONFLICT)


def test_a_namespace_has_to_be_there_and_to_stay() -> None:
    """What is in none needs none."""
    cluster = Cluster()
    inside = manifest("ConfigMap", "c0", namespace="shop")
    ref = replace(C0, namespace="shop")
    cluster.push(inside + manifest("PriorityClass", "p", "value: 1", version="scheduling.k8s.io/v1", namespace="''"))
    answer = cluster.tick()
    assert said(answer, ref) == (Decision.BLOCKED, Reason.MISSING_REFERENCE, "namespace shop does not exist")
    assert verdict(answer, ObjectRef(kind="PriorityClass", name="p")).decision is Decision.CREATE
    space = read("Namespace", name="shop", metadata=f"deletionTimestamp: '{THEN}', finalizers: [a]")
    put(cluster, stored(replace(space, metadata=replace(space.metadata, namespace="")), "api"))
    assert said(cluster.tick(), ref) == (
        Decision.BLOCKED,
        Reason.NAMESPACE_TERMINATING,
        "namespace shop is terminating",
    )


def test_what_ends_is_waited_for() -> None:
    """Before it is made anew."""
    cluster = Cluster()
    cluster.push(config_maps(range(1)))
    cluster.settle()
    alter(cluster, C0, deletion_timestamp=THEN, finalizers=("a",))
    cluster.push(config_maps(range(1)).replace("'0'", "'1'"), commit="c2")
    assert said(cluster.tick(), C0) == (Decision.BLOCKED, Reason.POD_TERMINATING, "waits until the old one has ended")


def test_a_suspended_source_creates_changes_and_deletes_nothing() -> None:
    """And says so of each."""
    cluster = Cluster()
    cluster.push(config_maps(range(3)))
    cluster.settle()
    sources(cluster, suspended=True)
    cluster.push(config_maps(range(1, 4)).replace("'1'", "'9'"), commit="c2")
    answer = cluster.tick()
    for name in ("c0", "c1", "c3"):
        why = (Decision.BLOCKED, Reason.SUSPENDED, "source main is suspended")
        assert said(answer, replace(C0, name=name)) == why


@pytest.mark.parametrize("by_policy", [True, False])
def test_a_source_that_does_not_prune_deletes_nothing(by_policy: bool) -> None:
    """By its own setting, or by the operator's."""
    cluster = Cluster()
    cluster.push(config_maps(range(3)))
    cluster.settle()
    if by_policy:
        cluster.policy = replace(cluster.policy, sources={"main": SourcePolicy(prune=False)})
    cluster.push(config_maps(range(1, 3)), commit="c2", prune=by_policy)
    assert said(cluster.tick(), C0) == (Decision.BLOCKED, Reason.NOT_PRUNED, "source main does not prune")


def test_only_unread_sources_keep_others_from_deleting() -> None:
    """The first of them is named."""
    cluster = Cluster(sources=("main", "other", "third"))
    cluster.push(config_maps(range(3)))
    cluster.settle()
    states = {name: SourceState(name=name) for name in ("third", "other")}
    cluster.observed = replace(cluster.observed, sources={**cluster.observed.sources, **states})
    cluster.push(config_maps(range(1, 3)), commit="c2")
    answer = cluster.tick()
    why = "source other has not been read since start and might declare it"
    assert said(answer, C0) == (Decision.BLOCKED, Reason.SOURCE_NOT_LOADED, why)
    assert (answer.complete, answer.applyable) == (False, False)
    cluster.push(config_maps(range(10, 11)), source="other")
    cluster.push(config_maps(range(20, 21)), source="third")
    answer = cluster.tick()
    assert verdict(answer, C0).decision is Decision.DELETE
    assert (answer.complete, answer.applyable) == (True, True)


def test_of_two_sources_one_manages_and_the_plan_tells_which() -> None:
    """The recorded one; where there is none the first by name."""
    cluster = Cluster(sources=("a", "b"))
    cluster.push(config_maps(range(1)), source="a")
    cluster.push(config_maps(range(5, 6)) + "---\n" + config_maps(range(1)), source="b")
    answer = cluster.tick()
    first = "configmap/default/c0 is declared by two sources: "
    assert answer.warnings == (f"{first}a (all.yaml:1) manages it, b (all.yaml:2) is ignored",)
    assert cluster.observed.objects[C0].manager == "source/a"
    put(cluster, replace(cluster.observed.objects[C0], manager="source/b"))
    answer = cluster.tick()
    assert answer.warnings == (f"{first}b (all.yaml:2) manages it, a (all.yaml:1) is ignored",)
    assert cluster.observed.objects[C0].manager == "source/b"
    assert not [one for one in answer.verdicts if one.decision is not Decision.UNCHANGED]


def test_another_place_in_the_repository_is_noted_and_is_no_change() -> None:
    """Another commit alone writes nothing."""
    cluster = Cluster()
    cluster.push(config_maps(range(2)))
    cluster.settle()
    cluster.push(config_maps(range(2)), commit="c2")
    assert not cluster.tick().changes
    cluster.push("\n---\n".join(reversed(config_maps(range(2)).split("---\n"))), commit="c3")
    answer = cluster.tick()
    assert answer.is_empty
    assert {change.ref.name: change.provenance.line for change in answer.changes if change.provenance} == {
        "c0": 2,
        "c1": 1,
    }
    assert not cluster.tick().changes


def test_what_the_cluster_added_stays_when_the_declaration_changes() -> None:
    """Revision, identity, owners and finalizers; a label that is no longer declared goes."""
    cluster = Cluster()
    cluster.push(web())
    cluster.settle()
    ref = ObjectRef.of("Deployment", "default", "web")
    before: Any = cluster.observed.objects[ref].object
    notes = {**before.metadata.annotations, "deployment.kubernetes.io/revision": "1", "foreign": "note"}
    alter(cluster, ref, annotations=notes, labels={"old": "label"}, finalizers=("a",), resource_version="7")
    cluster.push(web("2"), commit="c2")
    cluster.tick()
    after: Any = cluster.observed.objects[ref].object
    assert after.metadata.annotations["deployment.kubernetes.io/revision"] == "2"
    assert "foreign" not in after.metadata.annotations
    assert (after.metadata.labels, after.metadata.finalizers) == ({}, ("a",))
    assert (after.metadata.uid, after.metadata.generation) == (before.metadata.uid, before.metadata.generation + 1)
    assert after.metadata.creation_timestamp == before.metadata.creation_timestamp
