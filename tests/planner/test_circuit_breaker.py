"""When deletions are held, at each side of every limit, and in which words."""

from collections.abc import Iterable

import pytest

from reconciler.model.kinds import OwnerReference
from reconciler.model.observed import Acknowledgement, ObservedState, SourceState, StoredObject
from reconciler.model.plan import Hold
from reconciler.model.policy import Policy
from reconciler.planner.safety import held_deletions, prune_limit
from reconciler.planner.view import View
from tests.planner.reading import read, stored
from tests.planner.world import Cluster, replace

NOW = 1_800_000_000.0
CLAIM = "accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}"
VOLUME = "capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /a}"
POD = "spec: {containers: [{name: c, image: i}]}"
SET = f"serviceName: s, selector: {{matchLabels: {{a: b}}}}, template: {{metadata: {{labels: {{a: b}}}}, {POD}}}"


def maps(number: int, manager: str = "source/main", first: int = 0) -> list[StoredObject]:
    """Return so many ConfigMaps."""
    return [stored(read("ConfigMap", name=f"m{n:03}"), manager) for n in range(first, first + number)]


def view_of(objects: Iterable[StoredObject], **fields: object) -> View:
    """Return a view of these objects."""
    base: ObservedState = replace(Cluster().observed, objects={one.ref: one for one in objects}, **fields)
    return View(base, Policy(), NOW)


def deleted(*ages: float, name: str = "main") -> dict[str, SourceState]:
    """Return a source that deleted something so many seconds ago."""
    return {name: SourceState(name=name, deleted_at=tuple(NOW - age for age in ages))}


@pytest.mark.parametrize(
    ("owned", "limit"), [(0, 3), (10, 3), (13, 3), (14, 4), (20, 6), (166, 49), (167, 50), (170, 50), (9999, 50)]
)
def test_the_limit_is_a_share_between_two_numbers(owned: int, limit: int) -> None:
    """30 % of what a source owns, rounded down, at least 3, at most 50."""
    assert prune_limit(view_of([]), owned) == limit


@pytest.mark.parametrize(("owned", "gone", "is_held"), [(20, 6, False), (20, 7, True), (5, 3, False), (5, 4, True)])
def test_as_many_as_the_limit_may_go(owned: int, gone: int, is_held: bool) -> None:
    """One more is held, with all the others."""
    objects = maps(owned)
    hold = held_deletions(view_of([*objects, *maps(9, "source/other", 100)]), "main", objects[:gone])
    assert (hold is not None) == is_held
    if hold is not None:
        assert hold.objects == tuple(one.ref for one in objects[:gone])
        limit = {20: 6, 5: 3}[owned]
        assert hold.message == f"{gone} deletions: more than the limit of {limit} for {owned} objects"


def test_nothing_to_delete_is_never_held() -> None:
    """Whatever was deleted before."""
    assert held_deletions(view_of([], sources=deleted(*range(1, 90))), "main", [], 3) is None


@pytest.mark.parametrize(
    ("ages", "message"),
    [
        ((3600.0, 5000.0), ""),
        ((3599.0,), "3 deletions, 1 more within the last hour: more than the limit of 3 for 6 objects"),
        ((1.0, 2.0), "3 deletions, 2 more within the last hour: more than the limit of 3 for 7 objects"),
    ],
)
def test_what_went_within_the_hour_counts(ages: tuple[float, ...], message: str) -> None:
    """For the number, and for what there was."""
    objects = maps(5)
    hold = held_deletions(view_of(objects, sources=deleted(*ages)), "main", objects[:3])
    assert (hold.message if hold is not None else "") == message
    assert held_deletions(view_of(objects, sources=deleted(*ages, name="other")), "main", objects[:3]) is None


def test_the_limit_is_a_share_of_what_there_was_an_hour_ago() -> None:
    """Else it would shrink with every deletion that it let pass."""
    objects = maps(20)
    sources = deleted(*(1.0,) * 10)
    hold = held_deletions(view_of(objects, sources=sources), "main", objects[:3])
    assert hold is not None
    assert hold.message == "3 deletions, 10 more within the last hour: more than the limit of 9 for 30 objects"
    assert held_deletions(view_of(objects, sources=deleted(*(1.0,) * 6)), "main", objects[:1]) is None


def test_what_is_ending_counts_as_deleted_and_as_owned() -> None:
    """It has not left yet."""
    objects = maps(5)
    assert held_deletions(view_of(objects), "main", objects[:2], 1) is None
    hold = held_deletions(view_of(objects), "main", objects[:2], 2)
    assert hold is not None
    assert hold.message == "2 deletions, 2 more within the last hour: more than the limit of 3 for 5 objects"
    hold = held_deletions(view_of(objects), "main", objects[:3], 2)
    assert hold is not None
    assert hold.message == "this would delete everything that main owns (5)"


def test_everything_is_held_however_little_it_is() -> None:
    """Of the source alone."""
    objects = maps(1)
    hold = held_deletions(view_of([*objects, *maps(4, "api", 10)]), "main", objects)
    assert hold is not None
    assert hold.message == "this would delete everything that main owns (1)"


def with_status(kind: str, spec: str, phase: str) -> StoredObject:
    """Return an object in a phase."""
    return stored(read(kind, name="data", spec=spec, status=f"phase: {phase}" if phase else ""))


def a_set(phase: str) -> list[StoredObject]:
    """Return a StatefulSet that owns a claim in a phase."""
    owner = stored(read("StatefulSet", name="data", metadata="uid: u", spec=SET))
    claim = with_status("PersistentVolumeClaim", CLAIM, phase)
    reference = OwnerReference(api_version="apps/v1", kind="StatefulSet", name="data", uid="u", controller=True)
    metadata = replace(claim.object.metadata, owner_references=(reference,))
    return [owner, replace(claim, object=replace(claim.object, metadata=metadata), manager="u")]


def namespace(name: str) -> list[StoredObject]:
    """Return a namespace."""
    object = read("Namespace", name=name)
    return [stored(replace(object, metadata=replace(object.metadata, namespace="")))]


PRECIOUS: dict[str, tuple[list[StoredObject], bool]] = {
    "a claim with a volume": ([with_status("PersistentVolumeClaim", CLAIM, "Bound")], True),
    "a claim without one": ([with_status("PersistentVolumeClaim", CLAIM, "Pending")], False),
    "a volume in use": ([with_status("PersistentVolume", VOLUME, "Bound")], True),
    "a volume that was in use": ([with_status("PersistentVolume", VOLUME, "Released")], True),
    "a volume that was not": ([with_status("PersistentVolume", VOLUME, "Available")], False),
    "a set with data": (a_set("Bound"), True),
    "a set without": (a_set("Pending"), False),
    "a namespace with something in it": (namespace("default"), True),
    "an empty namespace": (namespace("empty"), False),
    "a workload": ([stored(read("Deployment", name="data", spec=SET.replace("serviceName: s, ", "")))], False),
}


@pytest.mark.parametrize("case", PRECIOUS)
def test_what_holds_something_is_held(case: str) -> None:
    """However few go."""
    objects, is_held = PRECIOUS[case]
    hold = held_deletions(view_of([*objects, *maps(20)]), "main", [*maps(1), objects[0]])
    assert (hold is not None) == is_held
    if hold is not None:
        assert hold.message == f"{objects[0].ref} holds data or objects"


@pytest.mark.parametrize(
    ("names", "source", "age", "is_held"),
    [
        (5, "main", 10.0, False),
        (6, "main", 3599.0, False),
        (4, "main", 10.0, True),
        (5, "main", 3600.0, True),
        (5, "other", 10.0, True),
    ],
)
def test_a_word_releases_what_it_names(names: int, source: str, age: float, is_held: bool) -> None:
    """All of it, of this source, for an hour."""
    objects = maps(9)
    word = Acknowledgement(source=source, objects=tuple(one.ref for one in objects[:names]), at=NOW - age)
    hold = held_deletions(view_of(objects, acknowledgements=(word,)), "main", objects[:5])
    assert (hold is not None) == is_held


def test_a_held_set_has_the_name_of_what_is_in_it() -> None:
    """Twelve letters: the same for the same set of the same source, in any order."""
    objects = [*maps(9), *maps(9, "source/other", 100)]

    def hold(source: str, some: list[StoredObject]) -> Hold:
        found = held_deletions(view_of(objects), source, some)
        assert found is not None
        return found

    first = hold("main", objects[:5])
    assert len(first.id) == 12
    assert hold("main", objects[4::-1]) == first
    others = {hold("main", objects[:4]).id, hold("main", objects[1:6]).id, hold("other", objects[:5]).id}
    assert len(others | {first.id}) == 4
