"""Volumes of a provider that are there: whose they are, and how large, as the provider is told."""

from reconciler.model.plan import Reason
from reconciler.model.provider import PROVIDER_PROVISIONER, LocalDirectory, Owner, ProviderState, VolumeMade
from reconciler.planner.storage.provided import ASKED_OF
from reconciler.planner.storage.volumes import PROVISIONED_BY, SELECTED_NODE
from tests.planner.test_provided_volumes import PARAMETERS, answered, asked, of_class, share
from tests.planner.volumes import bindings, claim, pod, storage_class, volume
from tests.planner.world import Cluster, replace


def made(size: str, told: int) -> Cluster:
    """A claim of a size whose volume the provider has made, of as many bytes as it tells."""
    cluster = Cluster()
    cluster.observed = replace(cluster.observed, provider=ProviderState())
    cluster.push(of_class() + claim(size=size, storageClassName="cloud"))
    cluster.settle()
    (wanted,) = asked(cluster)
    answered(cluster, share(wanted.name, told))
    return cluster


def test_a_volume_that_is_there_is_still_that_of_its_claim() -> None:
    """By namespace, name and uid, so that a provider can find it by them."""
    cluster = made("1Gi", 2**30)
    uid = cluster.of("PersistentVolumeClaim")["data"].metadata.uid
    owner = Owner(kind="PersistentVolumeClaim", namespace="default", name="data", uid=uid)
    assert [one.claim for one in asked(cluster)] == [owner]


def test_a_part_of_a_byte_counts_as_a_whole_one() -> None:
    """Both before and after the volume is there."""
    cluster = made("1500m", 2)
    assert bindings(cluster)["data"] and [one.size for one in asked(cluster)] == [2]


def test_no_volume_is_asked_for_once_its_class_is_gone() -> None:
    """Nor while the class is that of somebody else."""
    cluster = Cluster()
    cluster.observed = replace(cluster.observed, provider=ProviderState())
    data = claim(storageClassName="cloud")
    cluster.push(of_class() + data)
    cluster.settle()
    assert len(asked(cluster)) == 1
    cluster.push(data, commit="c2")
    cluster.acknowledge(cluster.tick())
    cluster.settle()
    assert asked(cluster) == []


def test_what_is_taken_over_says_where_it_is() -> None:
    """A directory of a node, or a server."""
    for local, where in ((True, "on node node-1"), (False, "at files")):
        cluster = Cluster()
        cluster.observed = replace(cluster.observed, provider=ProviderState())
        cluster.push(of_class() + claim(storageClassName="cloud"))
        cluster.settle()
        (wanted,) = asked(cluster)
        directory = VolumeMade(name=wanted.name, local=LocalDirectory(node="node-1", path="/mnt/data"))
        plans = answered(cluster, directory if local else share(wanted.name))
        said = {one.message for plan in plans for one in plan.verdicts if one.reason is Reason.PROVISIONED}
        assert said == {f"for claim default/data {where}, by the provider"}


def test_what_the_provider_has_made_keeps_the_parameters_of_its_class() -> None:
    """As long as there is such a class."""
    cluster = made("1Gi", 2**30)
    assert [one.parameters for one in asked(cluster)] == [PARAMETERS]
    cluster.push(claim(storageClassName="cloud"), commit="c2")
    cluster.acknowledge(cluster.tick())
    cluster.settle()
    assert [one.parameters for one in asked(cluster)] == [{}]


def test_only_volumes_that_the_provider_made_are_asked_for() -> None:
    """Neither those of other classes, nor those that a person says to be the provider's."""
    cluster = Cluster()
    cluster.observed = replace(cluster.observed, provider=ProviderState())
    marked = volume("by-hand", storageClassName="none").replace(
        '"annotations": {}', f'"annotations": {{"{PROVISIONED_BY}": "{PROVIDER_PROVISIONER}"}}'
    )
    cluster.push(storage_class("here") + claim(storageClassName="here") + pod("a", "data") + marked)
    cluster.settle()
    assert bindings(cluster)["data"]
    assert PROVISIONED_BY in cluster.of("PersistentVolume")["by-hand"].metadata.annotations
    assert asked(cluster) == []


def test_a_claim_that_is_asked_for_at_once_names_no_node() -> None:
    """Other provisioners would take an empty name for one, too."""
    cluster = Cluster()
    cluster.observed = replace(cluster.observed, provider=ProviderState())
    cluster.push(of_class() + claim(storageClassName="cloud"))
    cluster.settle()
    assert SELECTED_NODE not in cluster.of("PersistentVolumeClaim")["data"].metadata.annotations


def test_a_claim_that_names_its_volume_is_not_asked_for() -> None:
    """Whatever its annotations say."""
    cluster = Cluster()
    cluster.observed = replace(cluster.observed, provider=ProviderState())
    named = claim(storageClassName="cloud", volumeName="one").replace(
        '"annotations": {}', f'"annotations": {{"{ASKED_OF}": "{PROVIDER_PROVISIONER}"}}'
    )
    cluster.push(of_class() + named)
    cluster.settle()
    assert ASKED_OF in cluster.of("PersistentVolumeClaim")["data"].metadata.annotations
    assert asked(cluster) == []


def test_a_claim_whose_volume_was_taken_away_can_go() -> None:
    """Nobody knows what became of the data, and nobody is asked to delete it."""
    cluster = made("1Gi", 2**30)
    name = bindings(cluster)["data"]
    left = {ref: one for ref, one in cluster.observed.objects.items() if ref.name != name}
    cluster.observed = replace(cluster.observed, objects=left)
    cluster.settle()
    cluster.push(of_class(), commit="c2")
    first = cluster.tick()
    cluster.acknowledge(first)
    cluster.settle()
    assert cluster.of("PersistentVolumeClaim") == {} and asked(cluster) == []
