"""Volumes that a provider makes: asked for, taken over, grown, deleted; and what is told of those it does not make."""

from typing import Any

from reconciler.model.kinds import NFSVolumeSource
from reconciler.model.plan import Decision, Plan
from reconciler.model.provider import (
    Instance,
    LocalDirectory,
    ProviderAnswer,
    ProviderState,
    ProviderVolume,
    VolumeMade,
)
from reconciler.planner.services.provided import request_of, state_of
from tests.planner.volumes import bindings, claim, on, phases, places, pod, storage_class
from tests.planner.world import Cluster, replace

GIB = 2**30
PARAMETERS = {"tier": "fast"}


def of_class(**fields: Any) -> str:
    """A class of the provider, whose claims wait for no Pod."""
    wanted = {"volumeBindingMode": "Immediate", "parameters": PARAMETERS, "allowVolumeExpansion": True, **fields}
    return storage_class("cloud", "reconciler.dev/provider", **wanted)


DATA = claim(storageClassName="cloud")


def asked(cluster: Cluster) -> list[ProviderVolume]:
    """What volumes the provider is asked for."""
    return list(request_of(cluster.observed).volumes)


def asking(text: str) -> tuple[Cluster, ProviderVolume]:
    """Return a cluster that has a provider, and the only volume that it is asked for."""
    cluster = Cluster()
    cluster.observed = replace(cluster.observed, provider=ProviderState())
    cluster.push(text)
    cluster.settle()
    (wanted,) = asked(cluster)
    return cluster, wanted


def answered(cluster: Cluster, *volumes: VolumeMade, does: tuple[str, ...] = ("volumes",)) -> list[Plan]:
    """Let the provider answer what is asked now, and everything settle."""
    answer = ProviderAnswer(api_version="v", capabilities=does, volumes=volumes)
    cluster.observed = replace(cluster.observed, provider=state_of(cluster.observed, answer))
    return cluster.settle()


def share(name: str, size: int = GIB, error: str = "") -> VolumeMade:
    """A volume on a server."""
    return VolumeMade(name=name, size=size, nfs=NFSVolumeSource(server="files", path=f"/{name}"), error=error)


def blocked(answer: Plan) -> dict[str, str]:
    """Return what the plan says of objects that are blocked."""
    return {str(one.object): one.message for one in answer.verdicts if one.decision is Decision.BLOCKED}


def told(plans: list[Plan], reason: str) -> list[str]:
    """Return what Events of a reason say."""
    return [one.message for plan in plans for one in plan.happenings if one.reason == reason]


def types(plans: list[Plan], reason: str) -> set[str]:
    """Return of which types Events of a reason are."""
    return {one.type for plan in plans for one in plan.happenings if one.reason == reason}


def let_go(cluster: Cluster, text: str) -> list[Plan]:
    """Declare the claim no longer, and release what is held for that."""
    cluster.push(text, commit="c2")
    first = cluster.tick()
    cluster.acknowledge(first)
    return [first, *cluster.settle()]


def test_a_claim_has_its_volume_once_the_provider_has_made_it() -> None:
    """It is asked for with everything that matters, and is as the provider says; then nothing changes any more."""
    cluster = Cluster()
    cluster.push(of_class(mountOptions=["nfsvers=4.1"]) + DATA + pod("a", "data"))
    cluster.settle()
    assert asked(cluster) == []
    assert "needs a provider (setting provider.script)" in blocked(cluster.plan())["persistentvolumeclaim/default/data"]
    cluster.observed = replace(cluster.observed, provider=ProviderState())
    plans = cluster.settle()
    (wanted,) = asked(cluster)
    assert len(told(plans, "ExternalProvisioning")) == 1
    assert (wanted.claim.namespace, wanted.claim.name, wanted.size, wanted.node) == ("default", "data", GIB, "")
    assert (wanted.storage_class, wanted.parameters, wanted.access_modes) == ("cloud", PARAMETERS, ("ReadWriteOnce",))
    waits = f"waits for the provider to make volume {wanted.name}"
    assert blocked(cluster.plan())["persistentvolumeclaim/default/data"] == waits
    answered(cluster, share(wanted.name), does=())
    assert blocked(cluster.plan())["persistentvolumeclaim/default/data"] == "the provider makes no volumes"
    answered(cluster, VolumeMade(name=wanted.name))
    assert blocked(cluster.plan())["persistentvolumeclaim/default/data"] == waits
    answered(cluster, share(wanted.name, 2 * GIB))
    assert bindings(cluster) == {"data": wanted.name} and places(cluster) == {"a": "node-1"}
    volume: Any = cluster.of("PersistentVolume")[wanted.name]
    assert volume.spec.nfs == NFSVolumeSource(server="files", path=f"/{wanted.name}")
    assert volume.spec.mount_options == ("nfsvers=4.1",) and volume.spec.capacity == {"storage": str(2 * GIB)}
    assert not cluster.plan().changes and blocked(cluster.plan()) == {}
    assert [(one.name, one.size, one.deleting) for one in asked(cluster)] == [(wanted.name, 2 * GIB, False)]


def test_a_claim_that_waits_for_its_pod_is_asked_for_with_its_node() -> None:
    """The Pod waits there; a directory of that node keeps later Pods there, one of another node is refused."""
    cluster = Cluster(nodes=("node-1", "node-2"))
    cluster.observed = replace(cluster.observed, provider=ProviderState())
    cluster.push(of_class(volumeBindingMode="WaitForFirstConsumer") + DATA)
    cluster.settle()
    assert asked(cluster) == []
    cluster.push(
        of_class(volumeBindingMode="WaitForFirstConsumer") + DATA + pod("a", "data", **on("node-2")), commit="c2"
    )
    cluster.settle()
    (wanted,) = asked(cluster)
    assert wanted.node == "node-2" and places(cluster) == {"a": "node-2"} and bindings(cluster) == {"data": ""}
    elsewhere = VolumeMade(name=wanted.name, local=LocalDirectory(node="node-1", path="/mnt/data"))
    plans = answered(cluster, elsewhere)
    (message,) = told(plans, "ProvisioningFailed")
    assert message == "the provider answers a directory of node node-1; node node-2 needs it"
    answered(cluster, replace(elsewhere, local=LocalDirectory(node="node-2", path="/mnt/data")))
    volume: Any = cluster.of("PersistentVolume")[wanted.name]
    (term,) = volume.spec.node_affinity.required.node_selector_terms
    assert volume.spec.local.path == "/mnt/data" and term.match_expressions[0].values == ("node-2",)
    assert bindings(cluster) == {"data": wanted.name}
    assert cluster.of("PersistentVolumeClaim")["data"].status.conditions == ()  # type: ignore[union-attr]


def test_a_node_for_which_no_volume_is_made_is_given_up_with_its_pod() -> None:
    """The next Pod may go elsewhere."""
    late = of_class(volumeBindingMode="WaitForFirstConsumer")
    cluster = Cluster(nodes=("node-1", "node-2"))
    cluster.observed = replace(cluster.observed, provider=ProviderState())
    cluster.push(late + DATA + pod("a", "data", **on("node-1")))
    cluster.settle()
    (wanted,) = asked(cluster)
    full = VolumeMade(name=wanted.name, error="node-1 is full")
    answered(cluster, full)
    assert [one.node for one in asked(cluster)] == ["node-1"]
    cluster.push(late + DATA + pod("b", "data", **on("node-2")), commit="c2")
    answered(cluster, full)
    assert places(cluster) == {"b": "node-2"} and [one.node for one in asked(cluster)] == ["node-2"]
    answered(cluster, share(wanted.name))
    assert bindings(cluster) == {"data": wanted.name}


def test_what_is_not_made_is_told_once_and_by_a_condition() -> None:
    """The claim waits for it, and goes on when it is made."""
    cluster, wanted = asking(of_class() + DATA)
    for made, message in (
        (VolumeMade(name=wanted.name, error="no\nquota"), "the provider says: no quota"),
        (share(wanted.name, 5), "the provider answers 5 bytes, which is less than the claim asks for"),
        (
            VolumeMade(name=wanted.name, local=LocalDirectory(node="gone", path="/x")),
            "the provider answers a directory of node gone, which does not exist",
        ),
        (
            VolumeMade(name=wanted.name, nfs=NFSVolumeSource(server="s", path="x")),
            "the provider answers 'x', which is no absolute path",
        ),
        (
            VolumeMade(name=wanted.name, local=LocalDirectory(node="node-1", path="/mnt/../etc")),
            "the provider answers '/mnt/../etc': a path must not lead out of where it begins (..)",
        ),
    ):
        assert told(answered(cluster, made), "ProvisioningFailed") == [message]
        assert blocked(cluster.plan())["persistentvolumeclaim/default/data"] == message
        claim_now: Any = cluster.of("PersistentVolumeClaim")["data"]
        (condition,) = claim_now.status.conditions
        assert (condition.type, condition.status) == ("reconciler.dev/VolumeMade", "False")
    answered(cluster, share(wanted.name))
    assert phases(cluster, "PersistentVolumeClaim") == {"data": "Bound"}


def test_a_volume_is_deleted_when_the_provider_says_so() -> None:
    """By its reclaim policy; a question that did not ask for it, or a provider that went silent, deletes nothing."""
    keep = of_class(reclaimPolicy="Delete")
    cluster, wanted = asking(keep + DATA)
    answered(cluster, share(wanted.name))
    # The answer to an earlier question, in which the volume was not told of by mistake.
    answered(cluster)
    plans = let_go(cluster, keep)
    assert told(plans, "VolumeReleased") == ["its claim is gone; the provider is asked to delete it"]
    assert phases(cluster) == {wanted.name: "Released"}
    assert [(one.name, one.deleting) for one in asked(cluster)] == [(wanted.name, True)]
    answered(cluster, does=())
    plans = answered(cluster, share(wanted.name, error="it is in use"))
    assert told(plans, "VolumeFailedDelete") == ["the provider says: it is in use"]
    warning = f"volume {wanted.name} is not deleted: the provider says: it is in use"
    assert warning in cluster.plan().warnings
    assert types(plans, "VolumeFailedDelete") == {"Warning"}
    assert phases(cluster) == {wanted.name: "Released"}
    answered(cluster)
    assert phases(cluster) == {} and asked(cluster) == []


def test_a_volume_that_is_to_be_kept_is() -> None:
    """With reclaim policy Retain nothing asks for its deletion."""
    cluster, wanted = asking(of_class(reclaimPolicy="Retain") + DATA)
    answered(cluster, share(wanted.name))
    let_go(cluster, of_class(reclaimPolicy="Retain"))
    answered(cluster)
    assert phases(cluster) == {wanted.name: "Released"} and not asked(cluster)[0].deleting


def test_a_claim_that_grows_has_its_volume_asked_for_with_more() -> None:
    """It has more once the provider says so; until then, and when it cannot, a condition tells."""
    cluster, wanted = asking(of_class() + DATA)
    answered(cluster, share(wanted.name))
    cluster.push(of_class() + claim(size="2Gi", storageClassName="cloud"), commit="c2")
    plans = cluster.settle()
    assert len(told(plans, "Resizing")) == 1 and [one.size for one in asked(cluster)] == [2 * GIB]
    assert types(plans, "Resizing") == {"Normal"}
    plans = answered(cluster, share(wanted.name, error="the pool is full"))
    assert told(plans, "VolumeResizeFailed") == ["the provider says: the pool is full"]
    assert types(plans, "VolumeResizeFailed") == {"Warning"}
    now: Any = cluster.of("PersistentVolumeClaim")["data"]
    assert now.status.capacity == {"storage": "1Gi"}
    assert [one.type for one in now.status.conditions] == ["ControllerResizeError"]
    plans = answered(cluster, share(wanted.name, 2 * GIB))
    assert len(told(plans, "VolumeResizeSuccessful")) == 1
    now = cluster.of("PersistentVolumeClaim")["data"]
    volume: Any = cluster.of("PersistentVolume")[wanted.name]
    assert now.status.capacity == volume.spec.capacity == {"storage": "2Gi"} and now.status.conditions == ()
    assert not cluster.plan().changes


def test_a_volume_of_a_zone_lets_its_pods_move_within_it() -> None:
    """To whichever node of the zone there is, once no Pod elsewhere has it; a zone of other nodes is refused."""
    late = of_class(volumeBindingMode="WaitForFirstConsumer")
    cluster = Cluster(nodes=("node-1", "node-2", "node-3"))
    machines = tuple(Instance(node=f"node-{n}", zone=zone) for n, zone in ((1, "a"), (2, "b"), (3, "a")))
    answer = ProviderAnswer(api_version="v", capabilities=("volumes",), instances=machines)
    cluster.observed = replace(cluster.observed, provider=ProviderState(answer=answer))
    cluster.settle()
    cluster.push(late + DATA + pod("x", "data", **on("node-1")))
    cluster.settle()
    (wanted,) = asked(cluster)
    assert (wanted.node, wanted.zone) == ("node-1", "a")

    def told_of(zone: str, node: str = "") -> list[Plan]:
        made = VolumeMade(name=wanted.name, local=LocalDirectory(zone=zone, node=node, path="/mnt/data"))
        state = state_of(cluster.observed, replace(answer, volumes=(made,)))
        cluster.observed = replace(cluster.observed, provider=state)
        return cluster.settle()

    for zone, node, message in (
        ("a", "node-1", "the provider answers a directory of both a node and a zone, or of neither"),
        ("b", "", "the provider answers a directory of zone b; node node-1 needs it"),
        ("c", "", "the provider answers a directory of zone c, which no node is in"),
    ):
        assert told(told_of(zone, node), "ProvisioningFailed") == [message]
    told_of("a")
    assert bindings(cluster) == {"data": wanted.name}
    cluster.push(late + DATA + pod("x", "data", **on("node-1")) + pod("y", "data"), commit="c2")
    cluster.settle()
    assert places(cluster) == {"x": "node-1", "y": "node-1"}
    let_go(cluster, late + DATA + pod("z", "data", **on("node-3")))
    assert places(cluster) == {"z": "node-3"} and cluster.plan().warnings == ()


def test_a_bound_volume_that_is_not_well_any_more_is_told() -> None:
    """Gone, elsewhere, or as the provider says; once as an Event, and as a warning until all is well again."""
    cluster, wanted = asking(of_class() + DATA)
    answered(cluster, share(wanted.name))
    assert cluster.plan().warnings == ()
    moved = VolumeMade(name=wanted.name, size=GIB, nfs=NFSVolumeSource(server="files", path="/other"))
    for made, message in (
        ((), f"the provider tells of volume {wanted.name} no more: it may be gone, with what was on it"),
        ((moved,), f"the provider tells of volume {wanted.name} elsewhere: at files, /other"),
        ((share(wanted.name, error="its disk fails"),), "the provider says: its disk fails"),
    ):
        assert told(answered(cluster, *made), "VolumeConditionAbnormal") == [message]
        assert cluster.plan().warnings == (f"claim default/data: {message}",) and not cluster.plan().changes
        now: Any = cluster.of("PersistentVolumeClaim")["data"]
        assert [(one.type, one.message) for one in now.status.conditions] == [("reconciler.dev/VolumeMade", message)]
    # Nothing is known of it for now.
    answered(cluster, does=())
    assert cluster.plan().warnings == ()
    answered(cluster, share(wanted.name))
    now = cluster.of("PersistentVolumeClaim")["data"]
    assert (now.status.phase, now.status.conditions, cluster.plan().warnings) == ("Bound", (), ())


def test_a_provider_that_gives_no_answer_is_a_warning() -> None:
    """For everybody who looks, also while nothing waits for it."""
    cluster = Cluster()
    cluster.observed = replace(cluster.observed, provider=ProviderState(error="the provider x failed"))
    assert cluster.settle()[-1].warnings == ("the provider x failed; it has not answered yet",)
    known = ProviderState(answer=ProviderAnswer(api_version="v"), error="the provider x failed")
    cluster.observed = replace(cluster.observed, provider=known)
    assert cluster.settle()[-1].warnings == ("the provider x failed; what it answered before holds",)


def test_a_push_leaves_the_mark_of_who_makes_the_volume() -> None:
    """As all marks that are not a person's: nothing is shown as changed for it."""
    cluster, wanted = asking(of_class() + DATA)
    answered(cluster, share(wanted.name))
    cluster.push(of_class() + claim(size="2Gi", storageClassName="cloud"), commit="c2")
    (change,) = (one for one in cluster.tick().verdicts if one.decision is Decision.UPDATE)
    assert [one.path for one in change.changes] == ["spec.resources.requests.storage"]
