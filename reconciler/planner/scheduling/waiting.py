"""Which Pods wait, who refused them, and which need no other look: nothing since may have helped them. Pure.

Kept from pass to pass. Pods that are alike are refused together, and asked about together. Every change of an object
is taken in once, in the order in which a planner would see it, those of the pass itself too. What is told of a Pod
that no change helps may be older than the change, by half a minute at most: then it is looked at all the same.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

from reconciler.model.kinds import Pod
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Blocked
from reconciler.model.refs import ObjectRef
from reconciler.planner.references import claims_of
from reconciler.planner.scheduling.alike import Alike
from reconciler.planner.scheduling.choice import Choice
from reconciler.planner.scheduling.fit import priority_of
from reconciler.planner.scheduling.hints import Change, parts
from reconciler.planner.scheduling.plugins import HEARD
from reconciler.planner.view import View
from reconciler.planner.workloads.pods import is_silent

# With more changes than this, a look at the nodes costs less than asking about each.
_MANY = 200
# So long may a sentence be older than what it tells of.
_RETELL_S = 30.0
Turn = tuple[int, str, ObjectRef]


@dataclass(slots=True, eq=False)
class Refusal:
    """Why Pods that are alike were refused: by which plugins, and up to which change that holds."""

    pod: Pod
    plugins: frozenset[str]
    seen: int
    is_open: bool = False
    # When to look again although nothing may have helped.
    look_at: float = math.inf


@dataclass(frozen=True, slots=True)
class Held:
    """One Pod that was refused, as it was then, and what was told of it."""

    pod: Pod
    turn: Turn
    refusal: Refusal
    blocked: Blocked


class Waiting:
    """The Pods that were refused. What is no longer true of them is forgotten as changes are taken in."""

    def __init__(self) -> None:
        self._held: dict[ObjectRef, Held] = {}
        self._changes: list[Change] = []
        self._refusals: dict[Hashable, Refusal] = {}
        self._pass = 0
        # Whether Pods have a turn yet of those that are alike to one that was helped.
        self._is_open = False
        self._now = 0.0
        self._heard: frozenset[str] = frozenset()
        self._told: tuple[Blocked, ...] | None = None
        # What the last pass wrote, and how much of that is taken in.
        self._journal: Sequence[tuple[StoredObject | None, StoredObject | None]] = ()
        self._read = 0

    def __contains__(self, ref: object) -> bool:
        return ref in self._held

    def begin(self, view: View) -> None:
        """Begin a pass: take in what has changed since the last one looked."""
        number, heard = view.memo.passes, _heard(view) if self._held else frozenset()
        # A node that is heard again, or not any more, is no change of an object.
        if number != self._pass + 1 or heard != self._heard:
            self._let_go(view)
        self._pass, self._heard, self._now = number, heard, view.now
        self._refusals.clear()
        self._forget_seen()
        self._catch_up()
        self._take_in((old, new) for _, old, new in view.differences)
        self._journal, self._read = view.journal, 0
        self._catch_up()

    @property
    def has_news(self) -> bool:
        """Whether anything has changed that decides about placing, or Pods of the last pass are to be looked at."""
        return bool(self._changes) or self._is_open

    @property
    def look_at(self) -> float:
        """When to look again although nothing may have helped."""
        return min((one.refusal.look_at for one in self._held.values()), default=math.inf)

    def told(self) -> tuple[Blocked, ...]:
        """Return what was told of every Pod, in the order of their turns."""
        if self._told is None:
            self._told = tuple(one.blocked for one in sorted(self._held.values(), key=_turn_of))
        return self._told

    def turns(self) -> list[Turn]:
        """Return the turns of all Pods."""
        return [one.turn for one in self._held.values()]

    def blocked(self, ref: ObjectRef, choice: Callable[[], Choice]) -> Blocked | None:
        """Return what was told of a Pod that needs no other look."""
        self._catch_up()
        one = self._held.get(ref)
        if one is None or self._is_helped(one.refusal, choice):
            self._drop(ref)
            return None
        return one.blocked

    def retell(self, ref: ObjectRef, blocked: Blocked) -> None:
        """Note that something else is told of a Pod by now."""
        one = self._held[ref]
        if one.blocked != blocked:
            self._held[ref], self._told = replace(one, blocked=blocked), None

    def hold(self, view: View, pod: Pod, turn: Turn, choice: Choice, blocked: Blocked) -> None:
        """Note a Pod that was refused."""
        if not self._held:
            self._heard = _heard(view)
        self._catch_up()
        alike = choice.alike(pod)
        key = _key(pod, alike)
        refusal = self._refusals.get(key)
        if refusal is None or refusal.is_open:
            refusal = self._refusals[key] = Refusal(pod, alike.refusers, len(self._changes))
        refusal.plugins |= alike.refusers
        self._held[turn[-1]] = Held(pod, turn, refusal, blocked)
        self._told = None

    def _is_helped(self, refusal: Refusal, choice: Callable[[], Choice]) -> bool:
        news = self._changes[refusal.seen :]
        refusal.seen = len(self._changes)
        if not refusal.is_open and news:
            is_asked = refusal.plugins and len(news) <= _MANY
            refusal.is_open = not is_asked or choice().may_help(refusal.pod, refusal.plugins, news)
            refusal.look_at = min(refusal.look_at, self._now + _RETELL_S)
        return refusal.is_open

    def _drop(self, ref: ObjectRef) -> None:
        if self._held.pop(ref, None) is not None:
            self._told = None

    def _let_go(self, view: View) -> None:
        """Have every Pod looked at."""
        for ref in self._held:
            if ref in view.objects:
                view.wake(ref)
        self._held.clear()
        self._told = None

    def _forget_seen(self) -> None:
        """Forget the changes that everybody was asked about."""
        refusals = list(dict.fromkeys(one.refusal for one in self._held.values()))
        for one in refusals:
            one.is_open = one.is_open or one.look_at <= self._now
        self._is_open = any(one.is_open for one in refusals)
        first = min((one.seen for one in refusals), default=len(self._changes))
        del self._changes[:first]
        for one in refusals:
            one.seen -= first

    def _catch_up(self) -> None:
        fresh = self._journal[self._read :]
        self._read += len(fresh)
        self._take_in(fresh)

    def _take_in(self, differences: Iterable[tuple[StoredObject | None, StoredObject | None]]) -> None:
        if not self._held:
            return
        for old, new in differences:
            stored = new or old
            if stored is None or stored.ref.kind not in HEARD:
                continue
            if stored.ref in self._held and not _is_same(self._held[stored.ref].pod, new):
                self._drop(stored.ref)
            before, after = (one.object if one is not None else None for one in (old, new))
            self._changes.extend(parts(Change(stored.ref.kind, before, after)))


def _heard(view: View) -> frozenset[str]:
    return frozenset(name for name, state in view.observed.nodes.items() if not is_silent(view, state))


def _turn_of(one: Held) -> Turn:
    return one.turn


def _key(pod: Pod, alike: Alike) -> Hashable:
    claims = (pod.metadata.namespace, claims_of(pod.spec)) if pod.spec.volumes else None
    return alike, priority_of(pod), claims


def _is_same(pod: Pod, stored: StoredObject | None) -> bool:
    """Whether a Pod is as it was when it was refused, as far as that decides about placing."""
    new = stored.object if stored is not None else None
    if not isinstance(new, Pod) or new.status.nominated_node_name or new.status.phase != pod.status.phase:
        return False
    old_, new_ = pod.metadata, new.metadata
    return (
        (old_.uid, old_.labels, old_.deletion_timestamp) == (new_.uid, new_.labels, new_.deletion_timestamp)
        and old_.owner_references == new_.owner_references
        and (pod.spec is new.spec or pod.spec == new.spec)
    )
