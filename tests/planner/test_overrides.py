"""Overrides: restarts, rollbacks, cordons, taints and deletions of Pods, laid over what is declared."""

import random
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.kinds import Deployment, Pod, ReplicaSet
from reconciler.model.overrides import RESTARTED_AT, Override, Rollback, merged
from reconciler.model.plan import Decision, Plan, Reason, Verdict
from reconciler.model.refs import ObjectRef
from reconciler.planner.identify import identified
from reconciler.planner.overrides import plain_template
from reconciler.planner.workloads.deployment_sets import REVISION, revision_of
from tests.planner.test_deployment import web
from tests.planner.test_job import job
from tests.planner.world import Cluster, replace

WEB = ObjectRef.of("Deployment", "default", "web")
NODE = ObjectRef.of("Node", "", "node-1")
BARE = """
apiVersion: v1
kind: Pod
metadata: {name: lonely}
spec:
  terminationGracePeriodSeconds: 7
  containers: [{name: one, image: "one:1"}]
"""
FIRST, SECOND = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00+01:00"


def override(cluster: Cluster, ref: ObjectRef, **parts: object) -> None:
    """Override something as the store would keep it."""
    uid = cluster.observed.objects[ref].object.metadata.uid
    change = Override(ref=ref, uid=uid, by="admin", at=cluster.now, **parts)  # type: ignore[arg-type]
    after = merged(cluster.observed.overrides.get(ref), change)
    others = {other: one for other, one in cluster.observed.overrides.items() if other != ref}
    cluster.observed = replace(cluster.observed, overrides=others if after.is_empty else {**others, ref: after})


def roll_back(cluster: Cluster, revision: int) -> None:
    """Return the Deployment web to a revision."""
    stored = cluster.observed.objects[WEB]
    uid = stored.object.metadata.uid
    sets = [one for ref, one in cluster.observed.objects.items() if ref.kind == "ReplicaSet" and one.manager == uid]
    found = next(one for one in sets if revision_of(one) == revision)
    template = plain_template(cast(ReplicaSet, found.object).spec.template)
    rollback = Rollback(
        revision=revision,
        replica_set=found.ref.name,
        digest=stored.declared_digest,
        template=template,
        by="admin",
        at=cluster.now,
    )
    override(cluster, WEB, rollback=rollback)


def settled(cluster: Cluster) -> Plan:
    """Settle; return the plan after that, which must be empty (P09)."""
    cluster.settle()
    answer = cluster.plan()
    assert answer.is_empty
    assert not answer.changes
    assert not answer.overrides
    return answer


def verdict_of(answer: Plan, ref: ObjectRef) -> Verdict:
    """Return an object's verdict."""
    return next(one for one in answer.verdicts if one.object == ref)


def deployment(cluster: Cluster) -> Deployment:
    """Return the Deployment web."""
    return cast(Deployment, cluster.of("Deployment")["web"])


def image(cluster: Cluster) -> str:
    """Return the image that web is to run."""
    return deployment(cluster).spec.template.spec.containers[0].image


def running(version: str = "1", replicas: int = 3) -> Cluster:
    """Return a cluster in which web has settled."""
    cluster = Cluster()
    cluster.push(web(version, replicas))
    settled(cluster)
    return cluster


def test_a_restart_rolls_every_pod_without_going_below_what_is_allowed() -> None:
    """All Pods are new afterwards, three are ready all along, and the verdict names the person and the annotation."""
    cluster = running()
    before = set(cluster.of("Pod"))
    override(cluster, WEB, restarted_at=FIRST)
    found = verdict_of(cluster.plan(), WEB)
    assert (found.decision, found.reason) == (Decision.UPDATE, Reason.RESTART_REQUESTED)
    assert found.message == "restart asked for by admin"
    assert [change.path for change in found.changes] == [f"spec.template.metadata.annotations.{RESTARTED_AT}"]
    while cluster.plan().changes:
        cluster.tick()
        ready = [p for p in cluster.of("Pod").values() if cast(Pod, p).metadata.deletion_timestamp is None]
        assert len(ready) >= 3
        cluster.now += 1
    settled(cluster)
    assert not before & set(cluster.of("Pod"))
    assert {cast(Pod, one).metadata.annotations[RESTARTED_AT] for one in cluster.of("Pod").values()} == {FIRST}


def test_the_same_restart_twice_rolls_once_and_a_later_one_again() -> None:
    """The time is what counts, also one of another time zone."""
    cluster = running()
    for time, revision in ((FIRST, "2"), (FIRST, "2"), (SECOND, "3")):
        override(cluster, WEB, restarted_at=time)
        settled(cluster)
        assert deployment(cluster).metadata.annotations[REVISION] == revision


def test_a_restart_survives_later_pushes() -> None:
    """As in Kubernetes: another push changes the image and keeps the mark."""
    cluster = running()
    override(cluster, WEB, restarted_at=FIRST)
    settled(cluster)
    cluster.push(web("2"), commit="c2")
    settled(cluster)
    assert image(cluster) == "web:2"
    assert deployment(cluster).spec.template.metadata.annotations == {RESTARTED_AT: FIRST}


def test_a_declared_restart_time_takes_over_from_a_restart() -> None:
    """A declaration that carries the annotation itself counts, and nothing is overridden any more."""
    cluster = running()
    override(cluster, WEB, restarted_at=FIRST)
    settled(cluster)
    declared = web().replace("metadata: {labels", f'metadata: {{annotations: {{{RESTARTED_AT}: "{SECOND}"}}, labels')
    cluster.push(declared, commit="c2")
    settled(cluster)
    assert deployment(cluster).spec.template.metadata.annotations == {RESTARTED_AT: SECOND}
    assert cluster.observed.overrides == {}


def test_a_rollback_brings_the_old_template_back_under_a_new_number() -> None:
    """P15: the old ReplicaSet serves again, as revision 3 and with its history, and every view says that it holds."""
    cluster = running("1")
    first = next(iter(cluster.of("ReplicaSet")))
    cluster.push(web("2"), commit="c2")
    settled(cluster)
    roll_back(cluster, 1)
    found = verdict_of(cluster.plan(), WEB)
    assert (found.decision, found.reason) == (Decision.UPDATE, Reason.ROLLED_BACK)
    assert found.message.startswith("held back by rollback to revision 1 (by admin, since 2027-")
    answer = settled(cluster)
    assert image(cluster) == "web:1"
    assert deployment(cluster).metadata.annotations[REVISION] == "3"
    sets = cluster.of("ReplicaSet")
    assert len(sets) == 2
    assert sets[first].metadata.annotations["deployment.kubernetes.io/revision-history"] == "1"
    assert cast(ReplicaSet, sets[first]).spec.replicas == 3
    held = verdict_of(answer, WEB)
    assert (held.decision, held.reason) == (Decision.UNCHANGED, Reason.ROLLED_BACK)
    assert answer.notes[0].startswith("deployment/default/web is held back by rollback to revision 1")


def test_a_rollback_holds_until_the_declaration_of_that_object_changes() -> None:
    """P15: a push that changes something else leaves it; one that changes the Deployment ends it, with an event."""
    cluster = running("1")
    cluster.push(web("2"), commit="c2")
    settled(cluster)
    roll_back(cluster, 1)
    settled(cluster)
    cluster.push(web("2") + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n", commit="c3")
    settled(cluster)
    assert image(cluster) == "web:1"
    cluster.push(web("3"), commit="c4")
    happened = [one.reason for answer in cluster.settle() for one in answer.happenings]
    assert "RollbackEnded" in happened
    assert image(cluster) == "web:3"
    assert cluster.observed.overrides == {}
    assert not settled(cluster).notes


def test_a_rollback_that_a_person_ends_returns_to_what_is_declared() -> None:
    """An empty rollback is the way back, without a push."""
    cluster = running("1")
    cluster.push(web("2"), commit="c2")
    settled(cluster)
    roll_back(cluster, 1)
    settled(cluster)
    override(cluster, WEB, rollback=Rollback())
    found = verdict_of(cluster.plan(), WEB)
    assert (found.decision, found.message) == (Decision.UPDATE, "back to what is declared")
    settled(cluster)
    assert image(cluster) == "web:2"


def test_a_restart_goes_on_top_of_a_rollback() -> None:
    """The restarted Pods are of the old template; the rollback still holds."""
    cluster = running("1")
    cluster.push(web("2"), commit="c2")
    settled(cluster)
    roll_back(cluster, 1)
    settled(cluster)
    override(cluster, WEB, restarted_at=FIRST)
    assert verdict_of(cluster.plan(), WEB).reason is Reason.RESTART_REQUESTED
    settled(cluster)
    assert image(cluster) == "web:1"
    assert deployment(cluster).spec.template.metadata.annotations == {RESTARTED_AT: FIRST}


def test_a_restart_works_while_the_source_is_suspended_and_a_change_waits() -> None:
    """What a person asks of the running workload does not wait for the repository, nor bring its change along."""
    cluster = running("1")
    sources = {name: replace(state, suspended=True) for name, state in cluster.observed.sources.items()}
    cluster.observed = replace(cluster.observed, sources=sources)
    cluster.push(web("2"), commit="c2")
    override(cluster, WEB, restarted_at=FIRST)
    settled(cluster)
    assert image(cluster) == "web:1"
    assert deployment(cluster).spec.template.metadata.annotations == {RESTARTED_AT: FIRST}


def test_an_override_goes_with_its_object() -> None:
    """Another Deployment of the name begins without what was overridden on the old one."""
    cluster = running("1")
    override(cluster, WEB, restarted_at=FIRST)
    settled(cluster)
    cluster.push("", commit="c2")
    cluster.acknowledge(cluster.plan())
    settled(cluster)
    assert cluster.observed.overrides == {}
    cluster.push(web("1"), commit="c3")
    settled(cluster)
    assert not deployment(cluster).spec.template.metadata.annotations


def test_overrides_are_part_of_what_a_plan_was_made_from() -> None:
    """An approved plan is stale once somebody overrides something (P14); who did it, and when, is not in it."""
    cluster = running()
    before = identified(cluster.plan(), cluster.observed)
    override(cluster, NODE, unschedulable=True)
    after = identified(cluster.plan(), cluster.observed)
    assert before.basis != after.basis
    cluster.now += 5
    override(cluster, NODE, unschedulable=True)
    assert identified(cluster.plan(), cluster.observed).basis == after.basis


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False), st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_overrides_at_any_moment_keep_plan_apply_plan_empty(dice: random.Random, story: list[int]) -> None:
    """P09: pushes and overrides in any order, in the middle of rollouts; every time the cluster comes to rest."""
    cluster = Cluster()
    cluster.push(web("1") + "---" + BARE + "---" + job())
    cluster.settle()
    for number, act in enumerate(story):
        _act(cluster, dice, act, number)
        for _ in range(dice.randint(0, 3)):
            cluster.tick()
            cluster.now += 1
    override(cluster, NODE, unschedulable=False)
    settled(cluster)
    wanted = {cast(Deployment, one).spec.replicas for one in cluster.of("Deployment").values()}
    assert wanted == {deployment(cluster).status.available_replicas}


def _act(cluster: Cluster, dice: random.Random, act: int, number: int) -> None:
    pods = [ref for ref in sorted(cluster.observed.objects) if ref.kind == "Pod"]
    revisions = [
        revision_of(one)
        for ref, one in cluster.observed.objects.items()
        if ref.kind == "ReplicaSet" and revision_of(one)
    ]
    if act == 0:
        cluster.push(
            web(str(dice.randint(1, 3)), dice.randint(1, 4)) + "---" + BARE + "---" + job(), commit=f"p{number}"
        )
    elif act == 1:
        override(cluster, WEB, restarted_at=f"2026-01-01T00:00:{number:02}Z")
    elif act == 2:
        roll_back(cluster, dice.choice(sorted(revisions)))
    elif act == 3:
        override(cluster, WEB, rollback=Rollback())
    elif act == 4 and pods:
        override(cluster, dice.choice(pods), delete_at=cluster.now, grace_s=dice.choice((None, 0, 5)))
    else:
        override(cluster, NODE, unschedulable=dice.random() < 0.5)


def test_a_restart_rolls_the_other_workloads_too() -> None:
    """A StatefulSet and a DaemonSet make their Pods anew when their template is marked."""
    cluster = Cluster()
    cluster.push("---".join(WORKLOAD.replace("KIND", kind).replace("NAME", kind.lower()) for kind in OTHERS))
    settled(cluster)
    before = {cast(Pod, one).metadata.uid for one in cluster.of("Pod").values()}
    assert len(before) == 2
    for kind in OTHERS:
        override(cluster, ObjectRef.of(kind, "default", kind.lower()), restarted_at=FIRST)
    settled(cluster)
    pods = [cast(Pod, one) for one in cluster.of("Pod").values()]
    assert not before & {pod.metadata.uid for pod in pods}
    assert {pod.metadata.annotations[RESTARTED_AT] for pod in pods} == {FIRST}


OTHERS = ("StatefulSet", "DaemonSet")
WORKLOAD = """
apiVersion: apps/v1
kind: KIND
metadata: {name: NAME}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      containers: [{name: one, image: "one:1"}]
"""


# Pauses


def test_a_paused_rollout_waits_until_it_is_resumed() -> None:
    """A push in the meantime changes the template, and no Pod; what runs is healed and scaled all the same."""
    cluster = Cluster()
    cluster.push(web("1"))
    cluster.settle()
    override(cluster, WEB, paused=True)
    answer = cluster.plan()
    assert (verdict_of(answer, WEB).decision, verdict_of(answer, WEB).message) == (Decision.UPDATE, "paused by admin")
    held = settled(cluster)
    assert deployment(cluster).spec.paused
    assert "paused (by admin, since" in verdict_of(held, WEB).message
    assert any("is paused (by admin" in note for note in held.notes)
    cluster.push(web("2"), commit="c2")
    settled(cluster)
    assert deployment(cluster).spec.template.spec.containers[0].image == "web:2"
    assert len(cluster.of("ReplicaSet")) == 1
    override(cluster, WEB, paused=False)
    assert not cluster.observed.overrides
    answer = cluster.plan()
    assert (verdict_of(answer, WEB).reason, verdict_of(answer, WEB).message) == (
        Reason.SPEC_CHANGED,
        "back to what is declared",
    )
    settled(cluster)
    assert not deployment(cluster).spec.paused
    assert len(cluster.of("ReplicaSet")) == 2


def test_a_pause_and_a_restart_come_and_go_by_themselves() -> None:
    """The restart of a paused Deployment waits; resuming lets it happen."""
    cluster = Cluster()
    cluster.push(web("1"))
    cluster.settle()
    override(cluster, WEB, paused=True)
    settled(cluster)
    override(cluster, WEB, restarted_at=FIRST)
    assert verdict_of(cluster.plan(), WEB).reason is Reason.RESTART_REQUESTED
    settled(cluster)
    assert len(cluster.of("ReplicaSet")) == 1
    override(cluster, WEB, paused=False)
    assert verdict_of(cluster.plan(), WEB).message == "resumed by admin"
    settled(cluster)
    assert len(cluster.of("ReplicaSet")) == 2
    assert not deployment(cluster).spec.paused
