"""Volumes of a provider that are there: whose they are, and how large, as the provider is told."""

from reconciler.model.plan import Reason
from reconciler.model.provider import LocalDirectory, Owner, ProviderState, VolumeMade
from tests.planner.test_provided_volumes import answered, asked, of_class, share
from tests.planner.volumes import bindings, claim
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
    for local, where in ((True, "on node-1"), (False, "at files")):
        cluster = Cluster()
        cluster.observed = replace(cluster.observed, provider=ProviderState())
        cluster.push(of_class() + claim(storageClassName="cloud"))
        cluster.settle()
        (wanted,) = asked(cluster)
        directory = VolumeMade(name=wanted.name, local=LocalDirectory(node="node-1", path="/mnt/data"))
        plans = answered(cluster, directory if local else share(wanted.name))
        said = {one.message for plan in plans for one in plan.verdicts if one.reason is Reason.PROVISIONED}
        assert said == {f"for claim default/data {where}, by the provider"}
