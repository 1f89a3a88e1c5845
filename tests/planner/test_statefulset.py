"""StatefulSets: numbered Pods in order, with claims of their own, and rollouts that follow from what is observed."""

from collections.abc import Callable
from typing import Any

import pytest

from reconciler.model.kinds import Pod
from reconciler.model.plan import Decision, Plan, Reason
from tests.planner.world import Cluster, replace

SET = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: REPLICAS
  serviceName: db
  selector: {matchLabels: {app: db}}
  MORE
  template:
    metadata: {labels: {app: db}}
    spec:
      containers:
      - {name: db, image: "db:VERSION", volumeMounts: [{name: data, mountPath: /data}]}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: None, selector: {app: db}, ports: [{port: 5432}]}
"""
PARALLEL = "podManagementPolicy: Parallel"


def db(version: str = "1", replicas: int = 3, more: str = "") -> str:
    """Return the manifests of a set with its headless Service."""
    return SET.replace("VERSION", version).replace("REPLICAS", str(replicas)).replace("MORE", more)


def rolling(**limits: object) -> str:
    """Return the words for a rolling update with limits."""
    listed = ", ".join(f"{name}: {value}" for name, value in limits.items())
    return f"updateStrategy: {{rollingUpdate: {{{listed}}}}}"


def started(text: str) -> Cluster:
    """Return a cluster in which these manifests are in place."""
    cluster = Cluster()
    cluster.push(text)
    cluster.settle()
    return cluster


def images(cluster: Cluster) -> dict[str, str]:
    """Return the versions of the Pods by name."""
    pods = cluster.of("Pod").items()
    return {name: pod.spec.containers[0].image.removeprefix("db:") for name, pod in pods}  # type: ignore[union-attr]


def status(cluster: Cluster) -> Any:
    """Return the status of the set."""
    return cluster.of("StatefulSet")["db"].status  # type: ignore[union-attr]


def uids(cluster: Cluster) -> dict[str, str]:
    """Return the uids of the Pods by name."""
    return {name: pod.metadata.uid for name, pod in cluster.of("Pod").items()}


def volumes(cluster: Cluster) -> dict[str, str]:
    """Return the volumes of the claims by name."""
    claims = cluster.of("PersistentVolumeClaim").items()
    return {name: claim.spec.volume_name for name, claim in claims}  # type: ignore[union-attr]


def version_is(*versions: str) -> Callable[[Pod], bool]:
    """Return a judge that has only Pods of these versions become ready."""
    return lambda pod: pod.spec.containers[0].image.removeprefix("db:") in versions


def serving(cluster: Cluster) -> set[str]:
    """Return the names of the Pods that are ready and not ending."""
    return {
        name
        for name, pod in cluster.of("Pod").items()
        if not pod.metadata.deletion_timestamp
        and any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions)  # type: ignore[union-attr]
    }


def watched(cluster: Cluster, check: Callable[[Plan], None], ticks: int = 60) -> None:
    """Tick on and check after each tick."""
    for _ in range(ticks):
        answer = cluster.tick()
        cluster.now += 1
        check(answer)


def verdict(answer: Plan, kind: str, name: str) -> Any:
    """Return the verdict on an object."""
    return next(one for one in answer.verdicts if (one.object.kind, one.object.name) == (kind, name))


# Names, order, claims


def test_each_pod_has_its_number_name_and_claims() -> None:
    """Labels, host name, subdomain and claim of each Pod are Kubernetes'; the plan is empty afterwards (P09)."""
    cluster = started(db())
    assert sorted(cluster.of("Pod")) == ["db-0", "db-1", "db-2"]
    pod = cluster.of("Pod")["db-1"]
    assert isinstance(pod, Pod)
    labels = pod.metadata.labels
    assert labels["statefulset.kubernetes.io/pod-name"] == "db-1"
    assert labels["apps.kubernetes.io/pod-index"] == "1"
    assert labels["controller-revision-hash"] == status(cluster).current_revision
    assert (pod.spec.hostname, pod.spec.subdomain) == ("db-1", "db")
    source = pod.spec.volumes[0].persistent_volume_claim
    assert source is not None and source.claim_name == "data-db-1"
    claim = cluster.of("PersistentVolumeClaim")["data-db-1"]
    assert claim.metadata.labels == {"app": "db"}
    assert claim.status.phase == "Bound"  # type: ignore[union-attr]
    assert cluster.plan().is_empty
    assert not cluster.plan().changes


def test_pods_start_one_after_the_other() -> None:
    """A Pod is created once the one before it is ready, not earlier."""
    cluster = Cluster()
    cluster.ready = lambda pod: pod.metadata.name != "db-1"
    cluster.push(db())
    for _ in range(10):
        cluster.tick()
        cluster.now += 1
    assert sorted(cluster.of("Pod")) == ["db-0", "db-1"]
    cluster.ready = lambda _: True
    cluster.report()
    cluster.settle()
    assert sorted(cluster.of("Pod")) == ["db-0", "db-1", "db-2"]


def test_a_pod_waits_until_the_one_before_it_is_available() -> None:
    """With minReadySeconds readiness has to last before the next Pod starts."""
    cluster = Cluster()
    cluster.push(db(replicas=2, more="minReadySeconds: 30"))
    for _ in range(5):
        cluster.tick()
        cluster.now += 1
    assert sorted(cluster.of("Pod")) == ["db-0"]
    assert status(cluster).ready_replicas == 1
    assert status(cluster).available_replicas == 0
    look = cluster.plan().look_again_at
    assert look is not None and look <= cluster.now + 30
    cluster.now = look + 1
    cluster.report()
    cluster.tick()
    assert sorted(cluster.of("Pod")) == ["db-0", "db-1"]


def test_parallel_pods_start_at_once() -> None:
    """Without order all Pods are created in the first tick, ready or not."""
    cluster = Cluster()
    cluster.ready = lambda _: False
    cluster.push(db(more=PARALLEL))
    cluster.tick()
    assert sorted(cluster.of("Pod")) == ["db-0", "db-1", "db-2"]


def test_numbers_begin_where_the_set_says() -> None:
    """`ordinals.start` moves all numbers; a changed start moves the Pods one after the other."""
    cluster = started(db(replicas=2, more="ordinals: {start: 5}"))
    assert sorted(cluster.of("Pod")) == ["db-5", "db-6"]
    cluster.push(db(replicas=2, more="ordinals: {start: 6}"), commit="c2")
    cluster.settle()
    assert sorted(cluster.of("Pod")) == ["db-6", "db-7"]


def test_scaling_down_ends_the_highest_number_first_and_keeps_the_data() -> None:
    """P29: Pods go one by one from the top, their claims stay, and come back with them."""
    cluster = started(db(replicas=4))
    before = volumes(cluster)
    cluster.push(db(replicas=1), commit="c2")
    order: list[str] = []

    def note(_: Plan) -> None:
        ending = [name for name, pod in cluster.of("Pod").items() if pod.metadata.deletion_timestamp]
        assert len(ending) <= 1
        order.extend(name for name in ending if name not in order)

    watched(cluster, note, 30)
    assert order == ["db-3", "db-2", "db-1"]
    assert volumes(cluster) == before
    cluster.push(db(replicas=4), commit="c3")
    cluster.settle()
    assert volumes(cluster) == before


def test_a_deleted_pod_comes_back_with_its_name_and_volume() -> None:
    """P27: the new Pod is made when the old one is gone, not while it may still run."""
    cluster = started(db())
    before = (uids(cluster), volumes(cluster))
    cluster.ends = lambda _: False
    delete(cluster, "db-1")
    watched(cluster, lambda _: None, 5)
    assert uids(cluster) == before[0]
    cluster.ends = lambda _: True
    cluster.report()
    answer = cluster.tick()
    assert verdict(answer, "Pod", "db-1").decision is Decision.REPLACE
    assert verdict(answer, "Pod", "db-1").reason is Reason.POD_DELETED
    cluster.settle()
    after = uids(cluster)
    assert after["db-1"] != before[0]["db-1"]
    assert {name: after[name] for name in ("db-0", "db-2")} == {name: before[0][name] for name in ("db-0", "db-2")}
    assert volumes(cluster) == before[1]


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_a_pod_that_has_ended_is_made_anew(phase: str) -> None:
    """However it ended: a numbered Pod runs for ever."""
    cluster = started(db())
    old = uids(cluster)["db-0"]
    cluster.phase = lambda pod: phase if pod.metadata.uid == old else "Running"
    cluster.report()
    cluster.settle()
    assert uids(cluster)["db-0"] != old
    assert len(serving(cluster)) == 3


# Rollouts


def test_an_update_goes_from_the_highest_number_down_one_at_a_time() -> None:
    """Never is more than one Pod away, and the revision becomes the current one at the end."""
    cluster = started(db("1"))
    first = status(cluster).current_revision
    cluster.push(db("2"), commit="c2")
    seen: list[dict[str, str]] = []

    def check(_: Plan) -> None:
        assert len(serving(cluster)) >= 2
        seen.append(images(cluster))

    watched(cluster, check, 30)
    steps = [now for number, now in enumerate(seen) if number == 0 or now != seen[number - 1]]
    updated = [{name for name, version in step.items() if version == "2"} for step in steps]
    assert {"db-2"} in updated and {"db-1"} not in updated and {"db-0"} not in updated
    assert images(cluster) == {"db-0": "2", "db-1": "2", "db-2": "2"}
    now = status(cluster)
    assert now.current_revision == now.update_revision != first
    assert (now.replicas, now.ready_replicas, now.current_replicas, now.updated_replicas) == (3, 3, 3, 3)
    assert cluster.plan().is_empty


def test_a_partition_keeps_the_lower_numbers_old() -> None:
    """Pods below the partition keep their template, also when they are made anew; lowering it goes on."""
    cluster = started(db("1"))
    cluster.push(db("2", more=rolling(partition=2)), commit="c2")
    cluster.settle()
    assert images(cluster) == {"db-0": "1", "db-1": "1", "db-2": "2"}
    delete(cluster, "db-0")
    cluster.settle()
    assert images(cluster)["db-0"] == "1"
    now = status(cluster)
    assert (now.current_replicas, now.updated_replicas) == (2, 1)
    assert now.current_revision != now.update_revision
    assert cluster.plan().is_empty
    cluster.push(db("2"), commit="c3")
    cluster.settle()
    assert set(images(cluster).values()) == {"2"}


def test_on_delete_changes_a_pod_only_when_it_goes() -> None:
    """Nothing rolls by itself; a deleted Pod comes back new."""
    cluster = started(db("1", more="updateStrategy: {type: OnDelete}"))
    cluster.push(db("2", more="updateStrategy: {type: OnDelete}"), commit="c2")
    cluster.settle()
    assert set(images(cluster).values()) == {"1"}
    delete(cluster, "db-1")
    cluster.settle()
    assert images(cluster) == {"db-0": "1", "db-1": "2", "db-2": "1"}


@pytest.mark.parametrize("policy", ["", PARALLEL])
def test_max_unavailable_bounds_an_update(policy: str) -> None:
    """With maxUnavailable 2 of 5 at least three serve all along, and it is faster than one by one."""
    more = f"{policy}\n  {rolling(maxUnavailable=2)}" if policy else rolling(maxUnavailable=2)
    cluster = started(db("1", 5, more))
    cluster.push(db("2", 5, more), commit="c2")
    fewest = 5

    def check(_: Plan) -> None:
        nonlocal fewest
        fewest = min(fewest, len(serving(cluster)))

    watched(cluster, check, 40)
    assert fewest == 3
    assert set(images(cluster).values()) == {"2"}


@pytest.mark.parametrize("policy", ["", PARALLEL])
def test_a_broken_update_stops_and_a_fixed_one_gets_past_it(policy: str) -> None:
    """P01, P29: one Pod is broken, the others serve; the next template replaces it, and all data is kept."""
    cluster = started(db("1", more=policy))
    before = volumes(cluster)
    cluster.ready = version_is("1", "3")
    cluster.push(db("2", more=policy), commit="c2")
    watched(cluster, lambda _: None, 20)
    assert images(cluster) == {"db-0": "1", "db-1": "1", "db-2": "2"}
    assert serving(cluster) == {"db-0", "db-1"}
    cluster.push(db("3", more=policy), commit="c3")
    watched(cluster, lambda _: None, 40)
    assert set(images(cluster).values()) == {"3"}
    assert volumes(cluster) == before


def test_a_set_that_never_came_up_takes_the_fixed_template() -> None:
    """The first Pod was broken from the start; the repaired template replaces it without a person's help."""
    cluster = Cluster()
    cluster.ready = version_is("2")
    cluster.push(db("1"))
    watched(cluster, lambda _: None, 5)
    assert images(cluster) == {"db-0": "1"}
    cluster.push(db("2"), commit="c2")
    cluster.settle()
    assert images(cluster) == {"db-0": "2", "db-1": "2", "db-2": "2"}


def test_going_back_renumbers_the_old_revision() -> None:
    """The template of before is the same revision again, with the highest number; no third object arises."""
    cluster = started(db("1"))
    first = status(cluster).current_revision
    cluster.push(db("2"), commit="c2")
    cluster.settle()
    cluster.push(db("1"), commit="c3")
    cluster.settle()
    revisions = {name: one.revision for name, one in cluster.of("ControllerRevision").items()}  # type: ignore[union-attr]
    assert status(cluster).current_revision == first
    assert len(revisions) == 2
    assert revisions[first] == 3


def test_only_so_many_old_revisions_are_kept() -> None:
    """`revisionHistoryLimit` counts what nothing uses any more."""
    more = "revisionHistoryLimit: 1"
    cluster = started(db("1", more=more))
    for version in ("2", "3", "4"):
        cluster.push(db(version, more=more), commit=f"c{version}")
        cluster.settle()
    numbers = sorted(one.revision for one in cluster.of("ControllerRevision").values())  # type: ignore[union-attr]
    assert numbers == [3, 4]


def test_a_revision_holds_the_template_as_kubectl_reads_it() -> None:
    """`rollout undo` and `rollout history` find a strategic merge patch of the template."""
    cluster = started(db("1"))
    (revision,) = cluster.of("ControllerRevision").values()
    template = revision.data["spec"]["template"]  # type: ignore[union-attr]
    assert template["$patch"] == "replace"
    assert template["spec"]["containers"][0]["image"] == "db:1"


# Whose Pods, whose claims


def test_a_pod_that_lost_its_label_is_let_go_and_replaced() -> None:
    """It keeps running for whoever looks at it, and its name is in the way until it goes."""
    cluster = started(db())
    relabel(cluster, "db-1", {"app": "other"})
    answer = cluster.plan()
    assert verdict(answer, "Pod", "db-1").reason is Reason.RELEASED
    cluster.settle()
    released = cluster.of("Pod")["db-1"]
    assert not released.metadata.owner_references
    blocked = verdict(cluster.plan(), "StatefulSet", "db")
    assert (blocked.decision, blocked.reason) == (Decision.BLOCKED, Reason.CONFLICT)
    relabel(cluster, "db-1", {"app": "db"})
    cluster.settle()
    assert cluster.of("Pod")["db-1"].metadata.owner_references[0].name == "db"


def test_a_pod_of_the_repository_is_not_taken_in() -> None:
    """P05: a declared Pod that has the name stays who it is; the set says what is in its way."""
    other = """
apiVersion: v1
kind: Pod
metadata: {name: db-0, labels: {app: db}}
spec: {containers: [{name: a, image: a}]}
"""
    cluster = started(db() + "---" + other)
    assert cluster.of("Pod")["db-0"].spec.containers[0].image == "a"  # type: ignore[union-attr]
    assert "source/main" in verdict(cluster.plan(), "StatefulSet", "db").message


def test_a_declared_claim_is_used_as_it_is() -> None:
    """A claim with the right name may be written down in the repository."""
    claim = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data-db-0}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 5Gi}}}
"""
    cluster = started(claim + "---" + db())
    assert cluster.of("PersistentVolumeClaim")["data-db-0"].spec.resources.requests["storage"] == "5Gi"  # type: ignore[union-attr]
    assert cluster.plan().is_empty


KEEP = "---\n".join(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{n}}}\n" for n in range(10))


def test_claims_outlive_the_set_and_serve_the_next_one() -> None:
    """P29, P04: the plan lists Pods and revisions that go; claims stay, and a new set of that name finds its data."""
    cluster = started(db() + "---\n" + KEEP)
    before = volumes(cluster)
    cluster.push(KEEP, commit="c2")
    gone = {(v.object.kind, v.object.name) for v in cluster.plan().verdicts if v.decision is Decision.DELETE}
    assert {("StatefulSet", "db"), ("Pod", "db-0"), ("Pod", "db-2")} <= gone
    assert "ControllerRevision" in {kind for kind, _ in gone}
    assert "PersistentVolumeClaim" not in {kind for kind, _ in gone}
    cluster.settle()
    assert not cluster.of("Pod")
    assert volumes(cluster) == before
    cluster.push(db() + "---\n" + KEEP, commit="c3")
    cluster.settle()
    assert volumes(cluster) == before


def test_claims_go_with_the_set_only_where_it_says_so_and_a_person_agrees() -> None:
    """P02, P29: a set whose claims go with it holds data; the data itself is kept by its class."""
    more = "persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete}"
    cluster = started(db(more=more) + "---\n" + KEEP)
    cluster.push(KEEP, commit="c2")
    held = cluster.plan()
    assert [str(ref) for hold in held.holds for ref in hold.objects if ref.kind == "StatefulSet"]
    cluster.acknowledge(held)
    cluster.settle()
    assert not volumes(cluster)
    assert {one.status.phase for one in cluster.of("PersistentVolume").values()} == {"Released"}  # type: ignore[union-attr]


def test_a_set_that_is_replaced_keeps_its_data() -> None:
    """P29: even where claims go with their set: what takes its place under the same name takes them over."""
    more = "persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete}"
    replaced = db(more=more).replace(
        "{name: db}", "{name: db, annotations: {reconciler.dev/on-immutable-change: replace}}"
    )
    cluster = started(replaced)
    before = volumes(cluster)
    cluster.push(replaced.replace(more, f"{more}\n  {PARALLEL}"), commit="c2")
    cluster.settle()
    assert len(serving(cluster)) == 3
    assert volumes(cluster) == before
    uid = cluster.of("StatefulSet")["db"].metadata.uid
    claims = cluster.of("PersistentVolumeClaim").values()
    assert {one.metadata.owner_references[0].uid for one in claims} == {uid}


def test_claims_of_pods_too_many_go_where_the_set_says_so() -> None:
    """whenScaled Delete: the claim goes once its Pod is gone, the others stay."""
    more = "persistentVolumeClaimRetentionPolicy: {whenScaled: Delete}"
    cluster = started(db(more=more))
    cluster.push(db(replicas=1, more=more), commit="c2")
    cluster.settle()
    assert sorted(volumes(cluster)) == ["data-db-0"]
    cluster.push(db(replicas=2, more=more), commit="c3")
    cluster.settle()
    assert sorted(volumes(cluster)) == ["data-db-0", "data-db-1"]
    assert cluster.plan().is_empty


def test_what_kubernetes_lets_nobody_change_is_blocked() -> None:
    """Claims, service and order are fixed; the plan names the field as manifests do."""
    cluster = started(db())
    cluster.push(db().replace("1Gi", "2Gi"), commit="c2")
    blocked = verdict(cluster.plan(), "StatefulSet", "db")
    assert (blocked.decision, blocked.reason) == (Decision.BLOCKED, Reason.IMMUTABLE_FIELD)
    assert "spec.volumeClaimTemplates" in blocked.message
    cluster.push(db(more=PARALLEL), commit="c3")
    assert verdict(cluster.plan(), "StatefulSet", "db").decision is Decision.BLOCKED


def test_only_the_changed_set_is_touched() -> None:
    """P26: another set of the same revision stays as it is."""
    other = db().replace("db", "cache")
    cluster = started(db() + "---" + other)
    cluster.push(db("2") + "---" + other, commit="c2")
    touched = [v.object.name for v in cluster.plan().verdicts if v.decision is not Decision.UNCHANGED]
    assert touched and not [name for name in touched if name.startswith("cache")]


def delete(cluster: Cluster, name: str) -> None:
    """Ask a Pod to end, as a person would."""
    change(cluster, name, deletion_timestamp="2027-01-15T08:00:00Z", deletion_grace_period_seconds=1)


def relabel(cluster: Cluster, name: str, labels: dict[str, str]) -> None:
    """Change the labels of a Pod behind the cluster's back."""
    change(cluster, name, labels=labels)


def change(cluster: Cluster, name: str, **metadata: object) -> None:
    """Change the metadata of a stored Pod."""
    ref = next(ref for ref in cluster.observed.objects if (ref.kind, ref.name) == ("Pod", name))
    stored = cluster.observed.objects[ref]
    pod = replace(stored.object, metadata=replace(stored.object.metadata, **metadata))
    objects = {**cluster.observed.objects, ref: replace(stored, object=pod)}
    cluster.observed = replace(cluster.observed, objects=objects)
    cluster.report()
