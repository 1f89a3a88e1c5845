"""What Pods ask for, what nodes lack, and how good a node is by that: the numbers themselves."""

from fractions import Fraction
from typing import Any

import pytest

from reconciler.planner.scheduling.plugins import PLUGINS
from reconciler.planner.scheduling.resizing import counted_spec
from reconciler.planner.scheduling.resources import has_more, lack_of_room
from reconciler.planner.scheduling.room import Room, host_ports, requested, room_of, supposed
from reconciler.planner.scheduling.strategies import (
    Weighed,
    balanced,
    least_allocated,
    most_allocated,
    on_lines,
    requested_to_capacity_ratio,
)
from reconciler.planner.scheduling.volumes_score import EMPTIEST, FULLEST, Point, Share, score_of
from tests.planner.reading import read

MI = 1 << 20


@pytest.mark.parametrize(
    ("resources", "least", "most"),
    [
        ([], 0, 0),
        ([Weighed(0, 10)], 100, 0),
        ([Weighed(3, 10)], 70, 30),
        ([Weighed(10, 10)], 0, 100),
        ([Weighed(11, 10)], 0, 100),
        ([Weighed(1, 3)], 66, 33),
        ([Weighed(5, 0)], 0, 0),
        ([Weighed(3, 10), Weighed(5, 0)], 70, 30),
        ([Weighed(0, 10), Weighed(10, 10)], 50, 50),
        ([Weighed(0, 10, 3), Weighed(10, 10, 1)], 75, 25),
    ],
)
def test_what_stays_free_and_what_is_taken(resources: list[Weighed], least: int, most: int) -> None:
    """The mean by weights, of whole percents; what there is nothing of does not count."""
    assert (least_allocated(resources), most_allocated(resources)) == (least, most)


SHAPE = [(0, 0), (50, 8), (100, 2)]


@pytest.mark.parametrize(
    ("resources", "score"),
    [
        ([Weighed(0, 10)], 0),
        ([Weighed(25, 100)], 40),
        ([Weighed(50, 100)], 80),
        ([Weighed(75, 100)], 50),
        ([Weighed(100, 100)], 20),
        ([Weighed(101, 100)], 20),
        ([Weighed(5, 0)], 0),
        ([Weighed(50, 100), Weighed(0, 100)], 80),
        ([Weighed(50, 100), Weighed(100, 100)], 50),
        ([Weighed(50, 100, 2), Weighed(75, 100, 1)], 70),
        ([Weighed(50, 100), Weighed(51, 100)], 80),
        ([], 0),
    ],
)
def test_scores_on_a_shape(resources: list[Weighed], score: int) -> None:
    """Rounded to the nearest; what scores nothing does not count."""
    assert requested_to_capacity_ratio(SHAPE)(resources) == score


@pytest.mark.parametrize(
    ("at", "value"), [(0, 10), (10, 10), (11, 10), (15, 15), (20, 20), (21, 20), (25, 15), (29, 11), (30, 10), (99, 10)]
)
def test_values_on_lines(at: int, value: int) -> None:
    """Flat before the first point and after the last; cut towards zero between."""
    points = [(10, 10), (20, 20), (30, 10)]
    exact = {11: 11, 21: 19}
    assert on_lines(points, at) == exact.get(at, value)
    assert on_lines([(0, 0), (3, 10)], 1) == 3 and on_lines([(0, 10), (3, 0)], 1) == 7


@pytest.mark.parametrize(
    ("without", "after", "score"),
    [
        ([Weighed(0, 10), Weighed(0, 10)], [Weighed(5, 10), Weighed(5, 10)], 75),
        ([Weighed(0, 10), Weighed(0, 10)], [Weighed(10, 10), Weighed(0, 10)], 50),
        ([Weighed(10, 10), Weighed(0, 10)], [Weighed(10, 10), Weighed(10, 10)], 100),
        ([Weighed(0, 10)], [Weighed(10, 10)], 75),
        ([Weighed(0, 10), Weighed(1, 0)], [Weighed(9, 10), Weighed(1, 0)], 75),
        ([Weighed(0, 10)] * 3, [Weighed(10, 10), Weighed(0, 10), Weighed(0, 10)], 51),
        ([Weighed(0, 10)] * 3, [Weighed(20, 10), Weighed(10, 10), Weighed(10, 10)], 75),
    ],
)
def test_balance_with_and_without(without: list[Weighed], after: list[Weighed], score: int) -> None:
    """75 is as before, 50 much worse, 100 much better; more than all is all."""
    assert balanced(without, after) == score


@pytest.mark.parametrize(
    ("shares", "full", "empty"),
    [
        ([], 0, 0),
        ([(1, 4)], 25, 75),
        ([(4, 4)], 100, 0),
        ([(5, 4)], 100, 0),
        ([(0, 0)], 100, 0),
        ([(1, 4), (1, 2)], 38, 63),
        ([(1, 3)], 33, 67),
    ],
)
def test_how_full_volumes_are(shares: list[tuple[int, int]], full: int, empty: int) -> None:
    """The mean over the classes, rounded to the nearest."""
    found = {str(number): Share(Fraction(one), Fraction(two)) for number, (one, two) in enumerate(shares)}
    assert (score_of(found, FULLEST), score_of(found, EMPTIEST)) == (full, empty)
    assert score_of(found, (Point(10, 50), Point(20, 50))) == (50 if shares else 0)
    assert score_of(found, ()) == 0
    assert score_of({"nothing": Share()}, FULLEST) == 100


FULL, GPU = Room(cpu_millis=1000), Room(others=(("example.com/gpu", 1),))
HAS = Room(cpu_millis=1000, memory_bytes=1000, pods=2, ephemeral_bytes=1000, others=(("example.com/gpu", 2),))


@pytest.mark.parametrize(
    ("asked", "used", "reasons", "is_final"),
    [
        (Room(cpu_millis=1000, memory_bytes=1000, ephemeral_bytes=1000), Room(pods=1), (), False),
        (Room(cpu_millis=1), Room(pods=2), ("Too many pods",), False),
        (Room(cpu_millis=500), Room(cpu_millis=501), ("Insufficient cpu",), False),
        (Room(cpu_millis=1001), Room(), ("Insufficient cpu",), True),
        (Room(memory_bytes=500), Room(memory_bytes=501), ("Insufficient memory",), False),
        (Room(cpu_millis=1, memory_bytes=1001), FULL, ("Insufficient cpu", "Insufficient memory"), True),
        (Room(ephemeral_bytes=500), Room(ephemeral_bytes=501), ("Insufficient ephemeral-storage",), False),
        (GPU, Room(others=(("example.com/gpu", 2),)), ("Insufficient example.com/gpu",), False),
        (GPU, Room(others=(("example.com/gpu", 1),)), (), False),
        (Room(others=(("example.com/fpga", 1),)), Room(), ("Insufficient example.com/fpga",), True),
        (Room(others=(("example.com/fpga", 0),)), Room(), (), False),
        (Room(), Room(cpu_millis=5000, memory_bytes=5000, pods=1), (), False),
    ],
)  # fmt: skip
def test_what_a_node_lacks(asked: Room, used: Room, reasons: tuple[str, ...], is_final: bool) -> None:
    """To the last bit; final where the empty node would lack it too. Who asks for nothing lacks nothing."""
    found = lack_of_room(asked, HAS, used)
    assert (found.reasons if found else ()) == reasons
    assert (found.is_final if found else False) is is_final


@pytest.mark.parametrize(
    ("new", "more"),
    [
        (HAS, False),
        (Room(cpu_millis=1001), True),
        (Room(cpu_millis=999, memory_bytes=5000), False),
        (Room(pods=3), True),
        (Room(pods=2, ephemeral_bytes=2000), False),
    ],
)
def test_more_of_what_is_asked_for(new: Room, more: bool) -> None:
    """Be it of Pods."""
    assert has_more(Room(cpu_millis=1), HAS, new) is more


def spec(containers: str, inits: str = "", rest: str = "") -> Any:
    """Return the spec of a Pod."""
    return read("Pod", spec=f"containers: [{containers}], initContainers: [{inits}], {rest}").spec


def one(name: str, requests: str, limits: str = "", rest: str = "") -> str:
    """Return a container."""
    return f"{{name: {name}, image: i, resources: {{requests: {{{requests}}}, limits: {{{limits}}}}}, {rest}}}"


ALWAYS = "restartPolicy: Always"


@pytest.mark.parametrize(
    ("containers", "inits", "cpu", "memory", "others"),
    [
        (one("a", "cpu: 1"), "", 1000, 0, ()),
        (one("a", "", "cpu: 2, memory: 1Mi"), "", 2000, MI, ()),
        (one("a", "cpu: 1", "cpu: 2"), "", 1000, 0, ()),
        (one("a", "cpu: 1") + ", " + one("b", "memory: 2Mi"), "", 1000, 2 * MI, ()),
        (one("a", "cpu: 1"), one("i", "cpu: 3"), 3000, 0, ()),
        (one("a", "memory: 1Mi"), one("i", "memory: 3Mi"), 0, 3 * MI, ()),
        (one("a", "memory: 3Mi"), one("i", "memory: 1Mi"), 0, 3 * MI, ()),
        (one("a", "cpu: 1"), one("i", "cpu: 3", rest=ALWAYS), 4000, 0, ()),
        (one("a", "cpu: 1"), one("i", "cpu: 3", rest=ALWAYS) + ", " + one("j", "cpu: 2"), 5000, 0, ()),
        (one("a", "cpu: 1"), one("j", "cpu: 2") + ", " + one("i", "cpu: 3", rest=ALWAYS), 4000, 0, ()),
        (one("a", "g/a: 1") + ", " + one("b", "g/b: 1, g/a: 2"), "", 0, 0, (("g/a", 3), ("g/b", 1))),
        (one("a", "g/a: 1"), one("i", "g/a: 5, g/b: 1"), 0, 0, (("g/a", 5), ("g/b", 1))),
    ],
)
def test_what_a_pod_asks_for(containers: str, inits: str, cpu: int, memory: int, others: Any) -> None:
    """Containers and sidecars together, or the largest step with the sidecars before it; a limit is a request."""
    found = requested(spec(containers, inits))
    assert (found.cpu_millis, found.memory_bytes, found.others, found.pods) == (cpu, memory, others, 1)


def test_scores_suppose_a_little_of_who_says_nothing() -> None:
    """A tenth of a processor and 200 MiB; what is said counts as it is."""
    nothing, said = supposed(spec(one("a", ""))), supposed(spec(one("a", "cpu: 0", "memory: 1Mi, g/a: 1")))
    assert (nothing.cpu_millis, nothing.memory_bytes, nothing.pods) == (100, 200 * MI, 1)
    assert (said.cpu_millis, said.memory_bytes, said.others) == (0, MI, (("g/a", 1),))


def test_rooms_add_up_and_are_read_by_name() -> None:
    """Each amount by itself; what is not there is 0."""
    both = room_of({"cpu": "1", "g/a": "2"}, pods=1).plus(room_of({"memory": "1Mi", "g/b": "3", "g/a": "1"}, pods=2))
    names = ("cpu", "memory", "pods", "g/a", "g/b", "g/c", "ephemeral-storage")
    assert [both.of(name) for name in names] == [1000, MI, 3, 3, 3, 0, 0]
    assert room_of({"ephemeral-storage": "5"}).plus(Room(ephemeral_bytes=2)).of("ephemeral-storage") == 7


@pytest.mark.parametrize(
    ("ports", "network", "found"),
    [
        ("{containerPort: 80}", "false", set()),
        ("{containerPort: 80}", "true", {("TCP", 80, "0.0.0.0")}),
        ("{containerPort: 80, hostPort: 81, protocol: UDP, hostIP: 10.0.0.1}", "false", {("UDP", 81, "10.0.0.1")}),
    ],
)
def test_ports_of_the_host(ports: str, network: str, found: set[Any]) -> None:
    """Those that are asked for, or all where the host's network is the Pod's; of init containers too."""
    container = f"{{name: a, image: i, ports: [{ports}]}}"
    plain = "{name: b, image: i}"
    for containers, inits in ((container, ""), (plain, container)):
        spec_ = f"containers: [{containers}], initContainers: [{inits}], hostNetwork: {network}"
        assert host_ports(read("Pod", spec=spec_)) == found


@pytest.mark.parametrize(
    ("condition", "asked", "allocated", "in_force", "counted"),
    [
        ("Ready", "cpu: 3", "cpu: 1", "", "3"),
        ("PodResizePending, reason: Deferred", "cpu: 3", "cpu: 1", "", "3"),
        ("PodResizePending, reason: Infeasible", "cpu: 3", "cpu: 1", "", "1"),
        ("PodResizePending, reason: Infeasible", "cpu: 3", "cpu: 1", "cpu: 2", "2"),
        ("PodResizeInProgress", "cpu: 1", "cpu: 1", "cpu: 2", "2"),
        ("PodResizeInProgress", "cpu: 1", "", "cpu: 2", "1"),
    ],
)
def test_what_a_resized_pod_takes(condition: str, asked: str, allocated: str, in_force: str, counted: str) -> None:
    """The most of what it asks for, was given and has; only that where its node is too small."""
    state = f"{{name: c, allocatedResources: {{{allocated}}}, resources: {{requests: {{{in_force}}}}}}}"
    one_ = read(
        "Pod",
        spec=f"containers: [{{name: c, image: i, resources: {{requests: {{{asked}}}}}}}]",
        status=f"conditions: [{{type: {condition}, status: 'True'}}], containerStatuses: [{state}]",
    )
    assert str(counted_spec(one_).containers[0].resources.requests["cpu"]) == counted


def test_rules_weigh_as_in_kubernetes() -> None:
    """The defaults of kube-scheduler."""
    assert {one.name: one.weight for one in PLUGINS if one.weight} == {
        "ImageLocality": 1,
        "InterPodAffinity": 2,
        "NodeAffinity": 2,
        "NodeResourcesBalancedAllocation": 1,
        "NodeResourcesFit": 1,
        "PodTopologySpread": 2,
        "TaintToleration": 3,
        "VolumeBinding": 1,
    }
