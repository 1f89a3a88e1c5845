"""Who sleeps, who is woken by what, and what is still known of a sleeper who wakes in the midst of a pass."""

from collections.abc import Callable
from typing import Any

import pytest

from reconciler.model.plan import Decision, Reason, Verdict
from reconciler.model.refs import ObjectRef
from reconciler.planner.attention import Attention
from tests.planner.reading import read, stored

MAP = stored(read("ConfigMap", name="map"))
OTHER = stored(read("ConfigMap", name="other"))
QUOTA = stored(read("ResourceQuota", rest="spec: {hard: {pods: 1}}"))
Step = Callable[["Passes"], object]


class Passes:
    """Passes in which steps do something at MAP, which sleeps in between where it may."""

    def __init__(self) -> None:
        self.attention = Attention()
        self.attention.wake(MAP.ref)
        self.book: dict[ObjectRef, Any] = {}

    def pass_(self, *steps: Step) -> None:
        """Go through steps, each a phase of its own, and let sleep what may."""
        self.book = {}
        self.attention.begin({"book": self.book})
        for step in steps:
            self.attention.next_phase()
            step(self)
        self.attention.settle(lambda _: True, lambda ref: ref != OTHER.ref)

    @property
    def is_awake(self) -> bool:
        """Whether MAP is looked at in the next pass."""
        return MAP.ref in set(self.attention.all_awake())


def reads(key: str) -> Step:
    """Read something at MAP."""

    def step(passes: Passes) -> None:
        passes.attention.visited = MAP.ref
        passes.attention.read(key)
        passes.attention.visited = None
        passes.attention.read("read for nobody")

    return step


def notes(value: str) -> Step:
    """Note something of MAP."""
    return lambda passes: passes.attention.note("book", MAP.ref, value)


def changes(passes: Passes) -> None:
    """Change another object, that MAP may have read."""
    passes.attention.change(OTHER.ref, OTHER, OTHER)


def wakes(passes: Passes) -> None:
    """Wake MAP."""
    passes.attention.wake(MAP.ref)


def nothing(passes: Passes) -> None:
    """Do nothing."""


def test_a_sleeper_is_woken_by_what_it_read_in_its_last_pass_alone() -> None:
    """What it read before that is forgotten."""
    passes = Passes()
    passes.pass_(reads(OTHER.ref))  # type: ignore[arg-type]
    assert not passes.is_awake
    passes.attention.change(OTHER.ref, OTHER, OTHER)
    assert passes.is_awake
    passes.pass_(reads("another thing"))
    assert not passes.is_awake
    passes.attention.change(OTHER.ref, OTHER, OTHER)
    assert not passes.is_awake


def test_who_read_of_what_then_changed_stays_awake() -> None:
    """In the midst of the pass: it has seen what is no longer so. Itself, too."""
    passes = Passes()
    passes.pass_(reads(OTHER.ref), changes)  # type: ignore[arg-type]
    assert passes.is_awake
    passes.pass_(nothing)
    assert not passes.is_awake
    passes.pass_(lambda one: one.attention.change(MAP.ref, MAP, MAP))
    assert passes.is_awake


def test_what_was_read_before_a_sleeper_woke_counts_on() -> None:
    """The steps that are over do not come to it again."""
    passes = Passes()
    passes.pass_(reads(OTHER.ref), nothing)  # type: ignore[arg-type]
    passes.pass_(nothing, wakes)
    assert not passes.is_awake
    passes.attention.change(OTHER.ref, OTHER, OTHER)
    assert passes.is_awake


@pytest.mark.parametrize(
    ("steps", "known"),
    [((wakes, nothing, nothing), "first"), ((nothing, wakes, nothing), "second"), ((nothing, nothing, wakes), "third")],
)
def test_what_steps_noted_holds_up_to_the_one_in_which_a_sleeper_wakes(steps: tuple[Step, ...], known: str) -> None:
    """Those that come note anew; and so in every later pass."""
    passes = Passes()
    passes.pass_(notes("first"), notes("second"), notes("third"))
    for _ in range(3):
        passes.pass_(*steps)
        assert passes.book == {MAP.ref: known}
        passes.pass_(nothing)
        assert passes.book == {}


def test_a_note_wakes_and_is_not_kept_beyond_the_next_pass() -> None:
    """What a pass does not say again is said no more."""
    passes = Passes()
    passes.pass_(notes("first"))
    passes.pass_(nothing, notes("second"))
    assert passes.book == {MAP.ref: "second"}
    passes.attention.wake(MAP.ref)
    passes.pass_(nothing)
    assert not passes.is_awake
    passes.pass_(nothing, wakes)
    assert passes.book == {}


def test_a_step_that_comes_to_a_sleeper_yet_notes_anew() -> None:
    """What it noted last time does not count, what those before it noted does."""
    passes = Passes()
    passes.pass_(notes("first"), notes("second"), notes("third"))

    def comes(one: Passes) -> None:
        one.attention.wake(MAP.ref)
        assert one.book == {MAP.ref: "second"}
        one.attention.forget_phase(MAP.ref)
        assert one.book == {MAP.ref: "first"}
        one.attention.forget_phase(MAP.ref)
        assert one.book == {MAP.ref: "first"}

    passes.pass_(nothing, comes, nothing)
    passes.pass_(nothing, nothing, wakes)
    assert passes.book == {MAP.ref: "first"}
    passes.pass_(lambda one: one.attention.forget_phase(OTHER.ref))
    alone = Passes()
    alone.pass_(notes("only"))

    def comes_first(one: Passes) -> None:
        one.attention.wake(MAP.ref)
        one.attention.forget_phase(MAP.ref)
        assert one.book == {}

    alone.pass_(comes_first)


def test_who_woke_is_told_of_this_pass_alone() -> None:
    """In the order in which they woke, each once."""
    passes = Passes()
    passes.pass_(nothing)
    passes.pass_(wakes, wakes)
    assert passes.attention.woken == [MAP.ref]
    passes.pass_(nothing)
    assert passes.attention.woken == []
    passes.attention.wake_all()
    assert passes.is_awake


def test_what_is_not_kept_is_forgotten_and_what_may_not_sleep_is_awake() -> None:
    """An object that is gone is not looked at for ever."""
    passes = Passes()
    passes.attention.wake(OTHER.ref)
    passes.attention.wake(QUOTA.ref)
    passes.pass_(nothing)
    assert set(passes.attention.all_awake()) == {QUOTA.ref}


def verdict(ref: ObjectRef, message: str = "") -> Verdict:
    """Return a verdict on an object."""
    return Verdict(object=ref, decision=Decision.UNCHANGED, reason=Reason.IN_SYNC, message=message)


def test_verdicts_of_sleepers_are_told_with_the_others() -> None:
    """One changes, one comes, one goes; in the order of references."""
    told = Attention().verdicts
    a, b, c = (ObjectRef.of("ConfigMap", "default", name) for name in "abc")
    one, two = verdict(a), verdict(c)
    assert told.brought_to({c: two, a: one}, [c, a]) == (one, two)
    first = told.brought_to({}, [])
    assert first == (one, two)
    assert told.brought_to({a: one}, [a]) is first
    other = verdict(c, "other")
    assert told.brought_to({a: one, c: other}, [a, c]) == (one, other)
    assert told.brought_to({b: verdict(b)}, [b]) == (one, verdict(b), other)
    assert told.brought_to({}, [a]) == (verdict(b), other)
    assert told.brought_to({a: two}, [a, b]) == (two, other)
