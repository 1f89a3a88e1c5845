"""What is kept from pass to pass: results of the very same inputs, and objects that differ in nothing."""

from collections.abc import Iterable, Iterator, Mapping

from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.planner.memo import Memo
from reconciler.planner.picture import Picture, differing_in
from tests.planner.reading import read, stored
from tests.planner.world import replace


def test_a_result_is_kept_while_its_inputs_are_the_same() -> None:
    """The very same: something equal that was made anew may be another one."""
    memo, made = Memo(), iter(range(20))
    one, same, other = ["a"], ["a"], ["b"]

    def got(*inputs: object) -> int:
        return memo.get("key", inputs, lambda: next(made))

    assert [got(one), got(one), got(same), got(same, other), got(same), got(same)] == [0, 0, 1, 2, 3, 3]
    assert [got(one, same), got(one, other), got(other, same)] == [4, 5, 6]
    assert got(same) == 7
    assert memo.get("other key", (same,), lambda: next(made)) == 8
    assert got(same) == 7


def test_a_result_outlives_passes_without_being_asked_for() -> None:
    """Who asks for it may sleep in between; whatever was not asked for in many passes is forgotten."""
    memo, one = Memo(), object()
    memo.keep("key", (one,), "result")
    assert memo.known("key", (one,)) == "result"
    assert memo.known("key", (object(),)) is None
    assert memo.known("key", (one, one)) is None
    assert memo.known("other", (one,)) is None
    for _ in range(8):
        memo.next_pass()
        assert memo.known("key", (one,)) == "result"
    assert memo.get("key", (one,), lambda: "made anew") == "result"
    for _ in range(15):
        memo.next_pass()
        assert memo.known("key", (one,)) == "result"
    memo.next_pass()
    assert memo.known("key", (one,)) is None
    assert memo.get("key", (one,), lambda: "made anew") == "made anew"


def test_what_is_kept_under_a_name_stays() -> None:
    """It sees for itself that it is up to date."""
    memo = Memo()
    first = memo.kept("lines", lambda: ["a"])
    for _ in range(3):
        memo.next_pass()
    assert memo.kept("lines", lambda: ["b"]) is first
    assert memo.kept("others", lambda: ["b"]) == ["b"]


class Known(Mapping[ObjectRef, StoredObject]):
    """Objects that know where they differ, and tell how often they were asked."""

    def __init__(self, *objects: StoredObject) -> None:
        self.objects = {one.ref: one for one in objects}
        self.asked = 0

    def __getitem__(self, ref: ObjectRef) -> StoredObject:
        return self.objects[ref]

    def __iter__(self) -> Iterator[ObjectRef]:
        return iter(self.objects)

    def __len__(self) -> int:
        return len(self.objects)

    def differing(self, other: Mapping[ObjectRef, StoredObject]) -> Iterable[ObjectRef]:
        """Return where others differ."""
        self.asked += 1
        return {ref for ref in {*self, *other} if self.get(ref) is not other.get(ref)}


A, B, C = (stored(read("ConfigMap", name=name), "api") for name in "abc")


def test_differences_are_found_whoever_finds_them() -> None:
    """What comes, goes and is another one; objects that know it by themselves are asked, and only about their like."""
    old, new = {A.ref: A, B.ref: B}, {B.ref: replace(B, digest="new"), C.ref: C}
    assert set(differing_in(old, new)) == {A.ref, B.ref, C.ref}
    assert set(differing_in(old, dict(old))) == set(differing_in(old, old)) == set()
    known, other = Known(*old.values()), Known(*new.values())
    assert set(differing_in(known, other)) == {A.ref, B.ref, C.ref}
    assert other.asked == 1
    assert set(differing_in(old, other)) == {A.ref, B.ref, C.ref}
    assert other.asked == 1


def test_what_a_pass_wrote_is_taken_back() -> None:
    """The next one shows what is observed, and says where that differs from what was shown."""
    picture, base = Picture(), {A.ref: A, B.ref: B}
    assert {ref for ref, _, _ in picture.begin(base)} == {A.ref, B.ref}
    mark = picture.marks["ConfigMap"]
    assert picture.begin(base) == []
    assert picture.marks["ConfigMap"] is mark
    changed = replace(B, digest="new")
    assert picture.write(B.ref, changed) is B
    assert picture.write(A.ref, None) is A
    assert picture.objects == {B.ref: changed} == picture.by_kind["ConfigMap"] == picture.unmanaged["ConfigMap"]
    assert picture.marks["ConfigMap"] is not mark
    assert sorted(picture.begin(base)) == [(A.ref, None, A), (B.ref, changed, B)]
    assert picture.objects == base == picture.by_kind["ConfigMap"] == picture.unmanaged["ConfigMap"]
    assert {ref for ref, _, _ in picture.begin({})} == {A.ref, B.ref}
    assert picture.objects == picture.by_kind == picture.unmanaged == {}
