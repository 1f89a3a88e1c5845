"""What a node receives of its Pods is made once for each state of what they read."""

from msgspec.structs import replace

from reconciler.model.node import PodAssignment
from reconciler.model.observed import StoredObject
from reconciler.planner.project_pods import NodePods
from tests.planner.reading import read, stored


class Maker:
    """Makes what a node receives, and counts for whom; each Pod reads one value."""

    def __init__(self) -> None:
        self.values = {"a": object(), "b": object()}
        self.made: list[str] = []
        self.asked: list[str] = []

    def read(self, one: StoredObject) -> tuple[object, ...]:
        """Return what a Pod reads."""
        self.asked.append(one.ref.name)
        return (self.values[one.ref.name],)

    def make(self, one: StoredObject) -> PodAssignment:
        """Return what its node receives."""
        self.made.append(one.ref.name)
        return PodAssignment(uid=one.object.metadata.uid, namespace="default", name=one.ref.name, spec=one.object.spec)


def pod(name: str) -> StoredObject:
    """Return a Pod."""
    return stored(read("Pod", name=name, metadata=f"uid: u-{name}", spec="containers: [{name: c, image: i}]"))


def test_only_what_has_changed_is_made_anew() -> None:
    """The very same as before while nothing has; only one Pod when it, or what it reads, is another."""
    maker, pods, mark = Maker(), NodePods(), object()
    a, b = pod("a"), pod("b")
    first = pods.brought_to((mark,), [b, a], maker.read, maker.make)
    assert [one.name for one in first] == maker.made == ["a", "b"]
    assert pods.brought_to((mark,), [b, a], maker.read, maker.make) is first
    changed = replace(a, digest="other")
    second = pods.brought_to((mark,), [b, changed], maker.read, maker.make)
    assert maker.made == maker.asked == ["a", "b", "a"] and second[1] is first[1]
    maker.values["b"] = object()
    pods.brought_to((mark,), [b, changed], maker.read, maker.make)
    assert maker.made == ["a", "b", "a"]
    mark = object()
    third = pods.brought_to((mark,), [b, changed], maker.read, maker.make)
    assert maker.made == ["a", "b", "a", "b"] and third[0] is second[0]
    last = replace(b, digest="other")
    fourth = pods.brought_to((mark,), [last, changed], maker.read, maker.make)
    assert [one.name for one in fourth] == ["a", "b"] and fourth[0] is third[0]
    assert pods.brought_to((mark,), [last], maker.read, maker.make) == (fourth[1],)


def test_of_a_status_the_node_needs_the_end_alone() -> None:
    """It is the node that tells the rest: the very same as before, also where what Pods read is looked at again."""
    maker, pods, one = Maker(), NodePods(), pod("a")
    first = pods.brought_to((object(),), [one], maker.read, maker.make)
    told = replace(one, object=replace(one.object, status=replace(one.object.status, pod_ip="10.0.0.1")))
    assert pods.brought_to((object(),), [told], maker.read, maker.make) is first
    ended = replace(told, object=replace(told.object, status=replace(told.object.status, phase="Succeeded")))
    labelled = replace(ended, object=replace(ended.object, metadata=replace(ended.object.metadata, labels={"a": "b"})))
    for number, other in enumerate((ended, labelled, one), start=2):
        pods.brought_to((object(),), [other], maker.read, maker.make)
        assert maker.made == ["a"] * number
