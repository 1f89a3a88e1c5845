"""Which images a host removes, and when."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.details import RemoveImage
from reconciler.model.node import PodAssignment
from reconciler.model.plan import Outcome, OutcomeStatus
from reconciler.model.pressure import HostLimits, ImageLimits, OwnImage, SignalFact, parse_thresholds
from reconciler.planner.node.collection import percent_used
from reconciler.planner.node.memory import Collection, NodeMemory
from reconciler.planner.node.step import NodeStep
from tests.planner.node.host import Host, container, pod
from tests.planner.node.situation import NOW, ended, fact, look, shows

GIB = 1 << 30
OLD = NOW - 1000


def own(name: str, gib: float = 1, pulled_at: float = OLD, *names: str) -> OwnImage:
    """An image of ours."""
    return OwnImage(
        id=f"sha256:{name}", names=names or (f"shop/{name}:1",), size_bytes=int(gib * GIB), pulled_at=pulled_at
    )


def disk(used: float, signal: str = "nodefs.available") -> SignalFact:
    """A disk of 100 GiB of which this much is used."""
    return SignalFact(signal=signal, available=int((100 - used) * GIB), capacity=100 * GIB)


def on(*images: OwnImage, used: float = 90, pods: tuple[PodAssignment, ...] = (), **fields: Any) -> NodeStep:
    """A host with these images of ours, whose disk is so full."""
    signals = fields.pop("signals", (disk(used),))
    limits = HostLimits(thresholds=fields.pop("thresholds", ()), images=fields.pop("images", ImageLimits()))
    memory = NodeMemory(unused={one.id: OLD for one in images}, **fields.pop("memory", {}))
    facts = replace(shows(*fields.pop("containers", ())), own_images=images, signals=signals)
    return look(facts, *pods, memory=memory, limits=limits, **fields)


def removed(answer: NodeStep) -> list[str]:
    """The images that are to go."""
    details = (one.detail for one in answer.plan.actions)
    return [one.image_id.removeprefix("sha256:") for one in details if isinstance(one, RemoveImage)]


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        (84, []),
        (84.1, ["a", "b", "c", "d", "e"]),
        (85, ["a", "b", "c", "d", "e"]),
        (85.5, ["a", "b", "c", "d", "e", "f"]),
        (86, ["a", "b", "c", "d", "e", "f"]),
    ],
)
def test_images_go_from_the_upper_mark_down_to_the_lower_one(used: float, expected: list[str]) -> None:
    """85 % and 80 %: no more than that takes."""
    assert removed(on(*(own(name) for name in "abcdefgh"), used=used)) == expected


def test_a_disk_is_as_full_as_it_is_rounded_up() -> None:
    """As the kubelet counts percents."""
    signals = (SignalFact(signal="nodefs.available", available=1599, capacity=10_000),)
    assert removed(on(own("a"), signals=signals)) == ["a"]
    signals = (SignalFact(signal="nodefs.available", available=1600, capacity=10_000),)
    assert removed(on(own("a"), signals=signals)) == []


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        ((disk(90), disk(50, "imagefs.available")), []),
        ((disk(50), disk(90, "imagefs.available")), ["a"]),
        ((), []),
        ((replace(disk(90), capacity=0),), []),
    ],
)
def test_what_counts_is_the_disk_that_the_images_are_on(signals: tuple[SignalFact, ...], expected: list[str]) -> None:
    """Nothing goes where that is not known."""
    assert removed(on(own("a"), signals=signals)) == expected


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (ImageLimits(high=90, low=89), ["a"]),
        (ImageLimits(high=91, low=80), []),
        (ImageLimits(high=100, low=80), []),
        (ImageLimits(min_age_s=1000.0), ["a"]),
        (ImageLimits(min_age_s=1000.1), []),
    ],
)
def test_the_marks_and_the_age_are_settings(limits: ImageLimits, expected: list[str]) -> None:
    """An upper mark of 100 % switches it off, however full the disk is."""
    assert removed(on(own("a"), images=limits)) == expected
    if limits.high == 100:
        assert removed(on(own("a"), images=limits, used=100)) == []


@pytest.mark.parametrize(
    ("available", "capacity", "percent"),
    [(0, 0, 0), (5, 0, 0), (0, 1, 100), (1, 1, 0), (0, 200, 100), (1, 200, 100), (2, 200, 99), (200, 200, 0)],
)
def test_how_full_a_disk_is(available: int, capacity: int, percent: int) -> None:
    """Rounded up; of one that tells no size nothing is used."""
    assert percent_used(SignalFact(signal="nodefs.available", available=available, capacity=capacity)) == percent


@pytest.mark.parametrize(
    ("fields", "is_free"),
    [
        ({"containers": (fact(image_id="sha256:a"),)}, False),
        ({"containers": (ended(image_id="sha256:a"),)}, False),
        ({"containers": (ended(image_id="sha256:b"),)}, True),
        ({"pods": (pod("web", container("web", "shop/a:1")),)}, False),
        ({"pods": (pod("web", container("web", "docker.io/shop/a:1")),)}, False),
        ({"pods": (pod("web", container("web"), init_containers=(container("i", "shop/a:1"),)),)}, False),
        ({"pods": (pod("web", container("web", "shop/a:2")),)}, True),
        ({"pods": (pod("web", container("web", "shop/a:1"), finished="Failed"),)}, True),
    ],
)
def test_what_somebody_uses_or_asks_for_stays(fields: dict[str, Any], is_free: bool) -> None:
    """A container that has ended uses its image too."""
    answer = on(own("a"), **fields)
    assert removed(answer) == (["a"] if is_free else [])
    assert list(answer.memory.unused) == (["sha256:a"] if is_free else [])


def test_who_has_been_unused_for_the_longest_goes_first() -> None:
    """Then who came first."""
    images = (own("a", 2), own("b", 2, OLD - 5), own("c", 2))
    memory = {one.id: OLD for one in images} | {"sha256:c": OLD - 1}
    facts = replace(shows(), own_images=images, signals=(disk(90),))
    assert removed(look(facts, memory=NodeMemory(unused=memory))) == ["c", "b", "a"]


def test_since_when_nobody_uses_an_image_is_remembered() -> None:
    """From the look that first found it so; what is no longer there is forgotten."""
    facts = replace(shows(), own_images=(own("a"), own("b")))
    memory = look(facts, memory=NodeMemory(unused={"sha256:a": OLD, "sha256:gone": OLD})).memory
    assert memory.unused == {"sha256:a": OLD, "sha256:b": NOW}
    memory = look(replace(shows(), own_images=(own("a"),)), memory=NodeMemory(unused={"sha256:a": NOW + 9})).memory
    assert memory.unused == {"sha256:a": NOW}


def test_the_disk_is_looked_at_every_five_minutes() -> None:
    """What was chosen then goes on being removed; nothing else is."""
    images = (own("a"), own("b"))
    assert removed(on(*images, memory={"collection": Collection(at=NOW - 299.9)})) == []
    assert removed(on(*images, memory={"collection": Collection(at=NOW - 300)})) == ["a", "b"]
    assert removed(on(*images, memory={"collection": Collection(at=NOW + 5)})) == ["a", "b"]
    chosen = Collection(at=NOW - 5, chosen=("sha256:b", "sha256:gone"))
    assert removed(on(*images, memory={"collection": chosen})) == ["b"]
    assert removed(on(*images, used=50, memory={"collection": chosen})) == ["b"]


def test_too_few_images_are_told_of() -> None:
    """In the kubelet's words; from the second time on as a failure of the whole."""
    first = on(own("a"))
    text = (
        f"Failed to garbage collect required amount of images. Attempted to free {10 * GIB} bytes, "
        f"but only found {GIB} bytes eligible to free."
    )
    assert [(one.type, one.reason, one.message) for one in first.events] == [("Warning", "FreeDiskSpaceFailed", text)]
    assert first.memory.collection.failures == 1
    again = on(own("a"), memory={"collection": replace(first.memory.collection, at=NOW - 300)})
    assert [one.reason for one in again.events] == ["FreeDiskSpaceFailed", "ImageGCFailed"]
    assert on(own("a"), memory={"collection": first.memory.collection}).events == ()
    enough = on(own("a", 10), memory={"collection": replace(first.memory.collection, at=NOW - 300)})
    assert (enough.events, enough.memory.collection.failures) == ((), 0)


def test_everything_unused_goes_before_pods_are_ended() -> None:
    """At once, and however recently the disk was looked at; a young image stays."""
    thresholds = parse_thresholds("nodefs.available<10%")
    images = (own("a"), own("b"), own("young", 1, NOW - 119))
    just = {"collection": Collection(at=NOW - 1)}
    assert removed(on(*images, used=91, thresholds=thresholds, memory=just)) == ["a", "b"]
    assert removed(on(*images, used=90, thresholds=thresholds, memory=just)) == []


def test_an_image_that_cannot_be_removed_is_tried_again_later() -> None:
    """With back-off; the failure is told."""
    first = on(own("a", 20))
    action = first.plan.actions[0]
    failed = Outcome(key=action.key, status=OutcomeStatus.FAILED, reason="ImageGCFailed", message="no", finished_at=NOW)
    facts = replace(shows(), own_images=(own("a", 20),), signals=(disk(90),))
    limits = HostLimits(thresholds=())
    answer = look(facts, memory=first.memory, limits=limits, outcomes=(failed,), now=NOW + 1)
    assert removed(answer) == []
    assert [(one.reason, one.message) for one in answer.events] == [("ImageGCFailed", "removeImage: no")]
    assert removed(look(facts, memory=answer.memory, limits=limits, now=NOW + 60)) == ["a"]


def test_a_host_whose_disk_fills_up_keeps_what_runs() -> None:
    """Pulled for a Pod that has gone: removed. Pulled for one that runs, or there before us: kept."""
    host = Host(pod("a", container("a", "shop/a:1")), pod("b", container("b", "shop/b:1")), images={})
    host.world.engine.registry.update({"shop/a:1": host.world.engine.registry["busybox:1"]})
    host.world.engine.registry.update({"shop/b:1": host.world.engine.registry["busybox:1"]})
    host.settle()
    host.assign(*host.pods[1:])
    host.settle()
    host.clock.advance_to(host.clock.now() + 200)
    host.world.signals = (disk(86),)
    host.node.run_for(30)
    assert {"shop/web:1", "busybox:1", "shop/b:1"} <= host.world.engine.images
    assert "shop/a:1" not in host.world.engine.images
