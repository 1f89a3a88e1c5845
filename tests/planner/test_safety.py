"""What is never done without knowing enough, or without a person's word."""

import pytest

from reconciler.model.plan import Decision, Plan, Reason
from tests.planner.test_deployment import web
from tests.planner.world import Cluster, replace


def config_maps(names: range) -> str:
    """Return ConfigMaps c0, c1, ..."""
    return "---\n".join(
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{n}}}\ndata: {{n: '{n}'}}\n" for n in names
    )


CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""

DATABASE = """
apiVersion: v1
kind: Pod
metadata: {name: database}
spec:
  containers: [{name: db, image: "db:1", volumeMounts: [{name: data, mountPath: /data}]}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
"""


def decisions(answer: Plan) -> dict[str, tuple[Decision, Reason]]:
    """Return the verdicts by object."""
    return {str(v.object): (v.decision, v.reason) for v in answer.verdicts}


def test_many_deletions_are_held_as_a_set_and_everything_else_is_applied() -> None:
    """P02: 24 of 40 objects vanish; none is deleted, the new one is created; an acknowledgement releases the set."""
    cluster = Cluster()
    cluster.push(config_maps(range(40)))
    cluster.settle()
    cluster.push(config_maps(range(24, 41)), commit="c2")
    answer = cluster.tick()
    assert len(answer.holds) == 1
    assert len(answer.holds[0].objects) == 24
    assert decisions(answer)["configmap/default/c40"] == (Decision.CREATE, Reason.DECLARED)
    assert decisions(answer)["configmap/default/c0"] == (Decision.BLOCKED, Reason.DELETION_HELD)
    assert len(cluster.of("ConfigMap")) == 41
    cluster.acknowledge(answer)
    cluster.settle()
    assert len(cluster.of("ConfigMap")) == 17


def test_an_acknowledgement_covers_a_subset_in_a_later_revision() -> None:
    """P02: when one of the acknowledged objects is declared again, the rest may still go."""
    cluster = Cluster()
    cluster.push(config_maps(range(40)))
    cluster.settle()
    cluster.push(config_maps(range(24, 40)), commit="c2")
    answer = cluster.tick()
    cluster.push(config_maps(range(22, 40)), commit="c3")
    cluster.acknowledge(answer)
    cluster.settle()
    assert len(cluster.of("ConfigMap")) == 18


def test_deletions_are_counted_over_an_hour() -> None:
    """P02: many small deletions in a row add up."""
    cluster = Cluster()
    cluster.push(config_maps(range(10)))
    cluster.settle()
    for first in range(1, 4):
        cluster.push(config_maps(range(first, 10)), commit=f"c{first}")
        assert not cluster.tick().holds
    cluster.push(config_maps(range(4, 10)), commit="c9")
    assert cluster.tick().holds


@pytest.mark.parametrize(("owned", "kept"), [(2, 2), (10, 6)], ids=["everything", "a share"])
def test_a_hold_ends_by_a_word_alone(owned: int, kept: int) -> None:
    """P02: neither by what the same revision creates, nor by time, nor by the next revision."""
    cluster = Cluster()
    cluster.push(config_maps(range(owned)))
    cluster.settle()
    rest = config_maps(range(kept, 20))
    cluster.push(rest, commit="c2")
    first = cluster.tick()
    cluster.settle()
    assert cluster.plan().holds == first.holds
    cluster.now += 3700
    cluster.report()
    cluster.push(rest.replace("n: '15'", "n: other"), commit="c3")
    cluster.settle()
    answer = cluster.plan()
    assert answer.holds == first.holds
    assert len(cluster.of("ConfigMap")) == 20
    cluster.acknowledge(answer)
    cluster.settle()
    assert sorted(cluster.of("ConfigMap")) == sorted(f"c{n}" for n in range(kept, 20))


def test_what_is_left_of_a_held_set_is_judged_anew() -> None:
    """P02: when most of it is declared again, the few others go as few ever do."""
    cluster = Cluster()
    cluster.push(config_maps(range(10)))
    cluster.settle()
    cluster.push(config_maps(range(5, 10)), commit="c2")
    assert cluster.tick().holds
    assert len(cluster.observed.sources["main"].awaiting) == 5
    cluster.push(config_maps(range(2, 10)), commit="c3")
    cluster.settle()
    assert not cluster.plan().holds and cluster.observed.sources["main"].awaiting == ()
    assert len(cluster.of("ConfigMap")) == 8


def test_an_empty_revision_deletes_nothing() -> None:
    """P03: everything that a source owns is held, however little it is."""
    cluster = Cluster()
    cluster.push(config_maps(range(2)))
    cluster.settle()
    cluster.push("", commit="c2")
    assert cluster.tick().holds
    assert len(cluster.of("ConfigMap")) == 2


def test_nothing_is_deleted_while_another_source_was_never_read() -> None:
    """P03: an unread source might declare what is missing here."""
    cluster = Cluster(sources=("main", "other"))
    cluster.observed = replace(
        cluster.observed,
        sources={**cluster.observed.sources, "other": replace(cluster.observed.sources["other"], loaded=False)},
    )
    cluster.push(config_maps(range(5)))
    cluster.settle()
    cluster.push(config_maps(range(1, 5)), commit="c2")
    answer = cluster.tick()
    assert decisions(answer)["configmap/default/c0"] == (Decision.BLOCKED, Reason.SOURCE_NOT_LOADED)
    assert not answer.complete


def test_an_object_of_another_source_is_a_conflict_and_stays() -> None:
    """P05: the recorded manager keeps the object; the plan names both files."""
    cluster = Cluster(sources=("main", "other"))
    cluster.push(config_maps(range(2)))
    cluster.settle()
    cluster.push(config_maps(range(1)).replace("n: '0'", "n: changed"), source="other")
    answer = cluster.tick()
    assert cluster.of("ConfigMap")["c0"].data == {"n": "0"}
    assert "declared by two sources" in answer.warnings[0]


def test_a_silent_node_is_unknown_and_nothing_is_deleted_or_moved() -> None:
    """P20: the Pods of a node that stopped reporting stay, blocked; Services lose them as ready endpoints."""
    cluster = Cluster(nodes=("a", "b"))
    cluster.push(web())
    cluster.settle()
    before = set(cluster.of("Pod"))
    silent = cluster.observed.nodes["a"]
    cluster.now += 100
    cluster.report()
    cluster.observed = replace(cluster.observed, nodes={**cluster.observed.nodes, "a": silent})
    answer = cluster.plan()
    assert {v.reason for v in answer.verdicts if v.object.kind == "Pod"} <= {Reason.NODE_SILENT, Reason.IN_SYNC}
    assert Reason.NODE_SILENT in {v.reason for v in answer.verdicts}
    assert set(cluster.of("Pod")) == before


def test_removing_a_claim_in_use_is_held_then_keeps_the_data() -> None:
    """P29: the claim waits for its Pod and a person's word; the volume is then released, not deleted."""
    cluster = Cluster()
    cluster.push(CLAIM + "---" + DATABASE + "---\n" + config_maps(range(20)))
    cluster.settle()
    assert cluster.of("PersistentVolumeClaim")["data"].status.phase == "Bound"
    cluster.push(config_maps(range(20)), commit="c2")
    answer = cluster.tick()
    assert decisions(answer)["persistentvolumeclaim/default/data"] == (Decision.BLOCKED, Reason.DELETION_HELD)
    cluster.acknowledge(answer)
    cluster.settle()
    assert not cluster.of("PersistentVolumeClaim")
    volume = next(iter(cluster.of("PersistentVolume").values()))
    assert volume.status.phase == "Released"


def test_a_secret_value_is_in_no_verdict() -> None:
    """P22: a changed Secret shows which key changes, never a value."""
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {password: VALUE}\n"
    cluster = Cluster()
    cluster.push(secret.replace("VALUE", "b2xkLXNlY3JldA=="))
    cluster.settle()
    cluster.push(secret.replace("VALUE", "bmV3LXNlY3JldA=="), commit="c2")
    answer = cluster.plan()
    change = next(v for v in answer.verdicts if v.object.kind == "Secret").changes[0]
    assert change.path == "data.password"
    assert "b2xk" not in repr(answer.verdicts)
    assert "bmV3" not in repr(answer.verdicts)


def test_a_suspended_source_changes_nothing_but_its_workloads_heal() -> None:
    """Suspending stops changes; a Pod that vanished is replaced all the same."""
    cluster = Cluster()
    cluster.push(web())
    cluster.settle()
    state = replace(cluster.observed.sources["main"], suspended=True)
    cluster.observed = replace(cluster.observed, sources={"main": state})
    cluster.push(web("2"), commit="c2")
    answer = cluster.tick()
    assert decisions(answer)["deployment/default/web"] == (Decision.BLOCKED, Reason.SUSPENDED)
    victim = next(ref for ref in cluster.observed.objects if ref.kind == "Pod")
    cluster.observed = replace(
        cluster.observed, objects={ref: one for ref, one in cluster.observed.objects.items() if ref != victim}
    )
    cluster.settle()
    assert len(cluster.of("Pod")) == 3


def test_an_object_waits_for_what_it_depends_on() -> None:
    """A dependant is blocked until the other is healthy, and the verdict says for what it waits."""
    job = """
apiVersion: batch/v1
kind: Job
metadata: {name: migrate}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: m, image: "m:1"}]}
---
"""
    text = job + web().replace(
        "metadata: {name: web}\nspec:\n  replicas",
        "metadata: {name: web, annotations: {reconciler.dev/depends-on: job/default/migrate}}\nspec:\n  replicas",
    )
    cluster = Cluster()
    cluster.push(text)
    answer = cluster.tick()
    assert decisions(answer)["deployment/default/web"] == (Decision.BLOCKED, Reason.WAITING_FOR_DEPENDENCY)
    cluster.settle()
    assert not [name for name in cluster.of("Pod") if name.startswith("web")]
    cluster.phase = lambda pod: "Succeeded" if pod.metadata.name.startswith("migrate") else "Running"
    cluster.report()
    cluster.settle()
    assert cluster.of("Deployment")["web"].status.available_replicas == 3


def test_a_namespace_that_goes_takes_everything_along_and_says_so() -> None:
    """P04: a namespace with content is held first; once acknowledged the plan lists what it takes along."""
    space = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n"
    inside = web().replace("metadata: {name: web}", "metadata: {name: web, namespace: shop}")
    cluster = Cluster()
    cluster.push(space + inside + "---\n" + config_maps(range(20)))
    cluster.settle()
    cluster.push(config_maps(range(20)), commit="c2")
    answer = cluster.tick()
    assert decisions(answer)["namespace/shop"] == (Decision.BLOCKED, Reason.DELETION_HELD)
    cluster.acknowledge(answer)
    answer = cluster.tick()
    assert len([v for v in answer.verdicts if v.decision is Decision.DELETE and v.object.kind == "Pod"]) == 3
    cluster.settle()
    assert "shop" not in cluster.of("Namespace")
    assert not [ref for ref in cluster.observed.objects if ref.namespace == "shop"]


def test_an_object_that_moves_to_another_source_is_taken_over_and_stays() -> None:
    """One source gives it up, another declares it: the manager changes, nothing is deleted or made anew."""
    cluster = Cluster(sources=("main", "other"))
    cluster.push(config_maps(range(4)))
    cluster.push(config_maps(range(10, 12)), source="other")
    cluster.settle()
    uid = cluster.of("ConfigMap")["c0"].metadata.uid
    cluster.push(config_maps(range(1, 4)), commit="c2")
    cluster.push(config_maps(range(1)) + "---\n" + config_maps(range(10, 12)), source="other", commit="d2")
    answer = cluster.tick()
    assert not [one for one in answer.verdicts if one.decision is Decision.DELETE]
    assert cluster.of("ConfigMap")["c0"].metadata.uid == uid
    stored = next(one for ref, one in cluster.observed.objects.items() if ref.name == "c0")
    assert stored.manager == "source/other"
    assert cluster.plan().is_empty


def test_what_is_still_ending_counts_as_deleted() -> None:
    """P02: deletions in small steps do not slip past the limit because the first ones take their time."""
    pods = "---\n".join(
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: p{n}}}\nspec: {{containers: [{{name: a, image: 'a:1'}}]}}\n"
        for n in range(4)
    )
    cluster = Cluster()
    cluster.push(config_maps(range(4)) + "---\n" + pods)
    cluster.settle()
    cluster.ends = lambda _: False
    first, *rest = pods.split("---\n")
    cluster.push(config_maps(range(4)) + "---\n" + first, commit="c2")
    assert not cluster.tick().holds
    assert len(rest) == 3
    cluster.push(config_maps(range(4)), commit="c3")
    assert [len(hold.objects) for hold in cluster.tick().holds] == [1]


def test_what_ends_in_this_very_plan_counts_as_deleted() -> None:
    """P02: nor because the first one is found to be gone just when the others are to go."""
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: 'a:1'}]}\n"
    cluster = Cluster()
    cluster.push(config_maps(range(4)) + "---\n" + pod)
    cluster.settle()
    cluster.push(config_maps(range(4)), commit="c2")
    assert not cluster.tick().holds
    cluster.push(config_maps(range(1)), commit="c3")
    answer = cluster.tick()
    assert not cluster.of("Pod")
    assert [len(hold.objects) for hold in answer.holds] == [3]
    assert len(cluster.of("ConfigMap")) == 4
