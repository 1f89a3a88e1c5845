"""Claims and volumes: who gets which, what becomes of it, and what grows."""

import json

import msgspec
import pytest

from reconciler.model.overrides import Override
from reconciler.model.plan import Decision, Reason
from tests.planner.volumes import bindings, claim, phases, places, pod, storage_class, volume
from tests.planner.world import Cluster

replace = msgspec.structs.replace
FILLER = "".join(
    f'{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "c{number}"}}}}\n---\n' for number in range(20)
)


def class_of(cluster: Cluster, name: str) -> str | None:
    """Return the class of a claim."""
    return cluster.of("PersistentVolumeClaim")[name].spec.storage_class_name  # type: ignore[union-attr]


def verdict(cluster: Cluster, kind: str, name: str) -> tuple[Decision, Reason, str]:
    """Return what a plan says of an object."""
    found = next(one for one in cluster.plan().verdicts if (one.object.kind, one.object.name) == (kind, name))
    return found.decision, found.reason, found.message


def test_a_claim_gets_the_smallest_volume_that_fits() -> None:
    """Size, class, labels and access modes are looked at; fewer access modes to spare come before size."""
    cluster = Cluster()
    cluster.push(
        claim("any", "5Gi", storageClassName="")
        + claim("chosen", "1Gi", storageClassName="", selector={"matchLabels": {"disk": "fast"}})
        + claim("silver", "1Gi", storageClassName="silver")
        + volume("small", "2Gi")
        + volume("fits", "8Gi")
        + volume("large", "80Gi")
        + volume("other", "6Gi", storageClassName="gold")
        + volume("many", "5Gi", modes="ReadWriteMany")
    )
    cluster.settle()
    assert bindings(cluster) == {"any": "fits", "chosen": "", "silver": ""}
    assert phases(cluster) == dict.fromkeys(["large", "many", "other", "small"], "Available") | {"fits": "Bound"}
    # Nothing is left to do (P09).
    assert not cluster.plan().changes


def test_a_volume_is_kept_for_the_claim_that_it_names() -> None:
    """`claimRef` without uid keeps a volume for whoever comes under that name; a claim may name its volume too."""
    cluster = Cluster()
    kept = {"claimRef": {"namespace": "default", "name": "late"}}
    cluster.push(
        claim("other", storageClassName="")
        + claim("named", storageClassName="", volumeName="v3")
        + volume("v1", **kept)
        + volume("v2", "9Gi")
        + volume("v3", "20Gi")
    )
    cluster.settle()
    assert bindings(cluster) == {"named": "v3", "other": "v2"} and phases(cluster)["v1"] == "Available"
    cluster.push(claim("late", storageClassName="") + volume("v1", **kept) + volume("v2", "9Gi"), "second")
    cluster = Cluster()
    cluster.push(claim("late", storageClassName="") + volume("v1", **kept) + volume("v2"))
    cluster.settle()
    assert bindings(cluster) == {"late": "v1"}


def test_a_named_volume_that_does_not_fit_is_told() -> None:
    """The plan says why a claim does not get the volume that it names."""
    cluster = Cluster()
    cluster.push(claim("named", "5Gi", storageClassName="", volumeName="v1") + volume("v1", "1Gi"))
    cluster.settle()
    decision, reason, message = verdict(cluster, "PersistentVolumeClaim", "named")
    assert (decision, reason) == (Decision.BLOCKED, Reason.CLAIM_NOT_BOUND) and "too small" in message


def test_the_newest_default_class_is_given_to_claims_also_later() -> None:
    """A claim without class waits for a default one, and is given it once there is one; the newest wins."""
    cluster = Cluster()
    cluster.push(storage_class("local", provisioner="kubernetes.io/no-provisioner") + claim())
    cluster.settle()
    assert class_of(cluster, "data") is None
    first = storage_class("first", default=True)
    cluster.push(storage_class("local") + first + claim(), commit="c2")
    cluster.settle()
    assert class_of(cluster, "data") == "first"
    cluster.now += 10
    both = storage_class("local") + first + storage_class("second", default=True)
    cluster.push(both + claim() + claim("next"), commit="c3")
    cluster.settle()
    assert (class_of(cluster, "data"), class_of(cluster, "next")) == ("first", "second")


def test_the_built_in_class_is_the_default_as_long_as_no_other_is() -> None:
    """It steps back for a declared default class, and comes again."""
    cluster = Cluster()

    def marks() -> dict[str, str]:
        return dict(cluster.of("StorageClass")["local"].metadata.annotations)

    cluster.settle()
    assert marks()
    cluster.push(storage_class("mine", default=True))
    cluster.settle()
    assert not marks()
    cluster.push(storage_class("mine"), commit="c2")
    cluster.settle()
    assert marks() and not cluster.plan().changes


def test_a_released_volume_waits_for_a_person() -> None:
    """P29: another claim of the same name does not get the data; naming it in the repository gives the volume free."""
    cluster = Cluster()
    cluster.push(FILLER + volume("v1") + claim(storageClassName=""))
    cluster.settle()
    cluster.push(FILLER + volume("v1"), commit="c2")
    cluster.acknowledge(cluster.tick())
    cluster.settle()
    assert phases(cluster) == {"v1": "Released"}
    cluster.push(FILLER + volume("v1") + claim(storageClassName=""), commit="c3")
    cluster.settle()
    assert bindings(cluster) == {"data": ""} and phases(cluster) == {"v1": "Released"}
    named = volume("v1", claimRef={"namespace": "default", "name": "data"})
    cluster.push(FILLER + named + claim(storageClassName=""), commit="c4")
    cluster.settle()
    assert bindings(cluster) == {"data": "v1"} and phases(cluster) == {"v1": "Bound"}
    assert not cluster.plan().changes


def test_a_person_gives_a_released_volume_free() -> None:
    """P29: once its `claimRef` is taken away, the next claim that it fits gets it; the word is used up by then."""
    cluster = Cluster()
    cluster.push(FILLER + volume("v1") + claim(storageClassName=""))
    cluster.settle()
    cluster.push(FILLER + volume("v1"), commit="c2")
    cluster.acknowledge(cluster.tick())
    cluster.settle()
    (released,) = [one for ref, one in cluster.observed.objects.items() if ref.kind == "PersistentVolume"]
    gone = released.object.spec.claim_ref.uid  # type: ignore[union-attr]
    word = Override(ref=released.ref, uid=released.object.metadata.uid, freed=gone, by="ann", at=cluster.now)
    cluster.push(FILLER + volume("v1") + claim("next", storageClassName=""), commit="c3")
    cluster.observed = replace(cluster.observed, overrides={released.ref: word})
    cluster.settle()
    assert bindings(cluster) == {"next": "v1"} and not cluster.observed.overrides
    assert not cluster.plan().changes


def test_a_declared_volume_is_never_deleted_for_its_policy() -> None:
    """P29: what was not made here stays where it is; the volume says that it failed to be deleted."""
    cluster = Cluster()
    policy = {"persistentVolumeReclaimPolicy": "Delete"}
    cluster.push(FILLER + volume("v1", **policy) + claim(storageClassName=""))
    cluster.settle()
    cluster.push(FILLER + volume("v1", **policy), commit="c2")
    cluster.acknowledge(cluster.tick())
    cluster.settle()
    assert phases(cluster) == {"v1": "Failed"}
    assert "its data stays" in cluster.of("PersistentVolume")["v1"].status.message  # type: ignore[union-attr]


def test_a_volume_in_use_goes_after_its_claim() -> None:
    """A bound volume that is no longer declared ends once its claim has."""
    cluster = Cluster()
    cluster.push(FILLER + volume("v1") + claim(storageClassName=""))
    cluster.settle()
    cluster.push(FILLER + claim(storageClassName=""), commit="c2")
    cluster.acknowledge(cluster.tick())
    cluster.settle()
    assert verdict(cluster, "PersistentVolume", "v1")[:2] == (Decision.BLOCKED, Reason.VOLUME_IN_USE)
    assert phases(cluster) == {"v1": "Bound"}
    cluster.push(FILLER, commit="c3")
    cluster.acknowledge(cluster.tick())
    cluster.settle()
    assert not cluster.of("PersistentVolume") and not cluster.of("PersistentVolumeClaim")


def test_a_claim_is_lost_and_found_with_its_volume() -> None:
    """Who loses the volume object loses sight of the data; declared again, the claim has it again."""
    cluster = Cluster()
    cluster.push(volume("v1") + claim(storageClassName=""))
    cluster.settle()
    before = cluster.observed.objects
    cluster.observed = replace(
        cluster.observed, objects={ref: one for ref, one in before.items() if ref.kind != "PersistentVolume"}
    )
    cluster.desired = {}
    cluster.settle()
    assert phases(cluster, "PersistentVolumeClaim") == {"data": "Lost"}
    cluster.push(volume("v1") + claim(storageClassName=""))
    cluster.settle()
    assert phases(cluster, "PersistentVolumeClaim") == {"data": "Bound"} and phases(cluster) == {"v1": "Bound"}


@pytest.mark.parametrize("allowed", [True, False])
def test_a_claim_grows_where_its_class_lets_it(allowed: bool) -> None:
    """The plan shows both sizes change; a class that does not allow it has the change refused."""
    cluster = Cluster()
    kinds = FILLER + storage_class("disk", allowVolumeExpansion=allowed) + pod("p", "data")
    cluster.push(kinds + claim(size="1Gi", storageClassName="disk"))
    cluster.settle()
    cluster.push(kinds + claim(size="3Gi", storageClassName="disk"), commit="c2")
    answer = cluster.tick()
    said = {one.object.kind: one for one in answer.verdicts if one.object.kind.startswith("PersistentVolume")}
    cluster.settle()
    (grown,) = cluster.of("PersistentVolume").values()
    held = cluster.of("PersistentVolumeClaim")["data"].status.capacity["storage"]  # type: ignore[union-attr]
    if allowed:
        assert (grown.spec.capacity["storage"], held) == ("3Gi", "3Gi")  # type: ignore[union-attr]
        assert [one.decision for one in said.values()] == [Decision.UPDATE, Decision.UPDATE]
        assert "grows to 3Gi" in said["PersistentVolume"].message
    else:
        assert (grown.spec.capacity["storage"], held) == ("1Gi", "1Gi")  # type: ignore[union-attr]
        assert said["PersistentVolumeClaim"].decision is Decision.BLOCKED
        assert "must support resize" in said["PersistentVolumeClaim"].message
    assert not cluster.plan().changes


def test_a_plan_says_what_a_replaced_claim_leaves_behind() -> None:
    """P13: before data becomes unreachable the plan names the volume that it stays in."""
    cluster = Cluster()
    cluster.push(volume("v1") + volume("v2", modes="ReadWriteMany") + claim(storageClassName=""))
    cluster.settle()
    other = json.loads(claim(modes="ReadWriteMany", storageClassName="").removesuffix("\n---\n"))
    other["metadata"]["annotations"] = {"reconciler.dev/on-immutable-change": "replace"}
    cluster.push(volume("v1") + volume("v2", modes="ReadWriteMany") + json.dumps(other), commit="c2")
    decision, _, message = verdict(cluster, "PersistentVolumeClaim", "data")
    assert decision is Decision.REPLACE and "its data stays behind in volume v1" in message


def test_a_class_keeps_its_volumes_on_a_disk_of_its_own() -> None:
    """`path` is where the directories of a class are; other classes have theirs in the data directory."""
    cluster = Cluster()
    disk = storage_class("disk", parameters={"path": "/mnt/disk2/"})
    cluster.push(disk + claim("a", storageClassName="disk") + claim("b") + pod("p", "a", "b"))
    cluster.settle()
    bound = bindings(cluster)
    paths = {name: one.spec.local.path for name, one in cluster.of("PersistentVolume").items()}  # type: ignore[union-attr]
    assert paths[bound["a"]].startswith("/mnt/disk2/pvc-")
    assert paths[bound["b"]].startswith(cluster.policy.volumes_dir)


def test_an_immediate_claim_gets_a_volume_before_its_pod() -> None:
    """The class says where; the Pod follows in the same pass."""
    cluster = Cluster(nodes=("node-1", "node-2"))
    there = [{"matchLabelExpressions": [{"key": "kubernetes.io/hostname", "values": ["node-2"]}]}]
    now = storage_class("now", volumeBindingMode="Immediate", allowedTopologies=there)
    cluster.push(now + claim(storageClassName="now") + pod("p", "data"))
    cluster.tick()
    cluster.settle()
    assert phases(cluster, "PersistentVolumeClaim") == {"data": "Bound"} and places(cluster) == {"p": "node-2"}
