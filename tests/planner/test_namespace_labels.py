"""The label that every namespace has."""

from tests.planner.world import Cluster

NAME = "kubernetes.io/metadata.name"
SHOP = "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {%s}}}"


def test_a_namespace_is_found_by_its_name() -> None:
    """`kubectl get namespaces -l kubernetes.io/metadata.name=shop` finds it, the built-in ones too."""
    cluster = Cluster()
    cluster.push(SHOP % "team: a")
    cluster.settle()
    found = {name: one.metadata.labels for name, one in cluster.of("Namespace").items()}
    assert found["shop"] == {"team": "a", NAME: "shop"}
    assert all(labels[NAME] == name for name, labels in found.items())
    assert "default" in found


def test_its_label_stays_when_others_change() -> None:
    """No plan speaks of it, and one that a person declares otherwise is as it has to be."""
    cluster = Cluster()
    cluster.push(SHOP % "team: a")
    cluster.settle()
    cluster.push(SHOP % f"team: b, {NAME}: other", commit="c2")
    [change] = [one for one in cluster.tick().changes if one.ref.name == "shop"]
    assert change.object is not None
    assert change.object.metadata.labels == {"team": "b", NAME: "shop"}
    assert not cluster.plan().changes
