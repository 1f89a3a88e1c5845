"""The node link to agents on other hosts: what each has yet to fetch, and what they tell. Effect: none but memory.

Agents dial in. Every part of a node's documents carries the number of its change; an agent's cursor says up to which
one it has everything, so that a lost answer is asked for again, and a document that was never fetched is replaced by
the next one. A cursor of another run of the daemon counts as none.
"""

import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from reconciler.controller.embedded import EmbeddedLink
from reconciler.model.agents import AgentDocuments, Heartbeat, StreamOrder, ViewDelta, delta_between
from reconciler.model.errors import StaleError
from reconciler.model.metrics import NodeSample
from reconciler.model.node import Assignment, Materials, NetworkView
from reconciler.model.node_report import Observation
from reconciler.model.policy import NODE_LEASE_S
from reconciler.model.ports import Clock, NodeDocuments

# Nodes fetch at about the same time, and nearly all of them have the view before.
_DELTAS_KEPT = 4
Wake = Callable[[], None]
P = TypeVar("P", Assignment, Materials)


@dataclass(slots=True)
class Heard:
    """What is known of an agent from what it sent: its last report, when (by our clock) and how wrong its clock is."""

    at: float
    skew_s: float
    observation: Observation
    former_boots: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Outbox:
    """A node's newest documents, each with the number of its change, and the view that it was last seen to have."""

    assignment: tuple[int, Assignment] | None = None
    view: tuple[int, NetworkView] | None = None
    materials: tuple[int, Materials] | None = None
    fetched_view: dict[int, NetworkView] = field(default_factory=dict)
    orders: list[StreamOrder] = field(default_factory=list)
    wakes: list[Wake] = field(default_factory=list)


class NodeLinks:
    """Implements NodeLink for the agent in this process and for those on other hosts. Thread-safe."""

    def __init__(self, embedded: EmbeddedLink, clock: Clock) -> None:
        self._embedded = embedded
        self._clock = clock
        self._lock = threading.Lock()
        self._epoch = secrets.token_hex(4)
        self._number = 0
        self._outboxes: dict[str, _Outbox] = {}
        self._heard: dict[str, Heard] = {}
        self._deltas: deque[tuple[NetworkView, NetworkView, ViewDelta | None]] = deque(maxlen=_DELTAS_KEPT)
        self._receive: Callable[[Observation], None] | None = None
        self._receive_sample: Callable[[NodeSample], None] | None = None

    # The controller's side

    def send(self, node: str, documents: NodeDocuments) -> None:
        """Keep a node's newest documents until it fetches them; see the port."""
        if self._embedded.is_attached(node):
            self._embedded.send(node, documents)
            return
        with self._lock:
            outbox = self._outbox(node)
            self._number += 1
            if documents.assignment is not None:
                outbox.assignment = (self._number, documents.assignment)
            if documents.view is not None:
                outbox.view = (self._number, documents.view)
            if documents.materials is not None:
                outbox.materials = (self._number, documents.materials)
            wakes = tuple(outbox.wakes)
        _wake(wakes)

    def on_report(self, receive: Callable[[Observation], None]) -> None:
        """Have observations given to `receive`; see the port."""
        self._embedded.on_report(receive)
        self._receive = receive

    def on_sample(self, receive: Callable[[NodeSample], None]) -> None:
        """Have readings given to `receive`; see the port."""
        self._embedded.on_sample(receive)
        self._receive_sample = receive

    def order(self, node: str, order: StreamOrder) -> None:
        """Have an agent open a stream."""
        with self._lock:
            outbox = self._outbox(node)
            outbox.orders.append(order)
            wakes = tuple(outbox.wakes)
        _wake(wakes)

    def withdraw(self, node: str, id: str) -> None:
        """Forget an order that nobody waits for any more."""
        with self._lock:
            outbox = self._outbox(node)
            outbox.orders = [one for one in outbox.orders if one.id != id]

    def heard(self) -> dict[str, Heard]:
        """Return what agents on other hosts told last, by node."""
        with self._lock:
            return dict(self._heard)

    def is_local(self, node: str) -> bool:
        """Whether a node's agent lives in this process."""
        return self._embedded.is_attached(node)

    def forget(self, node: str) -> None:
        """Keep nothing of a node."""
        with self._lock:
            outbox = self._outboxes.pop(node, None)
            self._heard.pop(node, None)
        _wake(tuple(outbox.wakes) if outbox is not None else ())

    # The agents' side

    def documents(self, node: str, cursor: str) -> AgentDocuments | None:
        """Return what a node has not fetched up to its cursor; None when that is nothing."""
        with self._lock:
            outbox = self._outbox(node)
            since = self._since(cursor)
            orders, outbox.orders = tuple(outbox.orders), []
            numbers = [part[0] for part in (outbox.assignment, outbox.view, outbox.materials) if part is not None]
            newest = max(numbers, default=0)
            if newest <= since and not orders:
                return None
            view, delta = None, None
            if outbox.view is not None and outbox.view[0] > since:
                before = outbox.fetched_view.get(since)
                view = outbox.view[1]
                delta = self._delta(before, view) if before is not None else None
            latest = max(newest, since)
            outbox.fetched_view = {n: one for n, one in outbox.fetched_view.items() if n == since}
            if outbox.view is not None:
                outbox.fetched_view[latest] = outbox.view[1]
            return AgentDocuments(
                cursor=f"{self._epoch}.{latest}",
                assignment=_newer(outbox.assignment, since),
                view=view if delta is None else None,
                view_delta=delta,
                materials=_newer(outbox.materials, since),
                streams=orders,
            )

    def subscribe(self, node: str, wake: Wake) -> Callable[[], None]:
        """Have `wake` called when there may be something for a node; return how to stop that."""
        with self._lock:
            wakes = self._outbox(node).wakes
            wakes.append(wake)

        def stop() -> None:
            with self._lock:
                wakes.remove(wake)

        return stop

    def report(self, observation: Observation, sent_at: float) -> None:
        """Take a report of a node on another host; raise StaleError when two hosts report as one node."""
        at = self._clock.now()
        with self._lock:
            former = _former_boots(self._heard.get(observation.node), observation, at)
            skew = _skew(sent_at, at)
            self._heard[observation.node] = Heard(at, skew, observation, former)
        if self._receive is not None:
            self._receive(_by_our_clock(observation, skew))

    def heartbeat(self, node: str, beat: Heartbeat, sent_at: float) -> bool:
        """Take a report that says the same as an earlier one; False when that one is not the last that is known."""
        with self._lock:
            heard = self._heard.get(node)
        if heard is None or heard.observation.boot_id != beat.boot_id or heard.observation.sequence != beat.of:
            return False
        before = heard.observation
        facts = msgspec.structs.replace(before.facts, observed_at=beat.observed_at)
        same = msgspec.structs.replace(before, facts=facts, observed_at=beat.observed_at, events=())
        at = self._clock.now()
        with self._lock:
            self._heard[node] = Heard(at, _skew(sent_at, at), same, heard.former_boots)
        if self._receive is not None:
            self._receive(msgspec.structs.replace(same, sequence=beat.sequence))
        return True

    def sample(self, sample: NodeSample) -> None:
        """Take a reading of a node on another host."""
        if self._receive_sample is not None:
            self._receive_sample(sample)

    # Helpers; the lock is held

    def _outbox(self, node: str) -> _Outbox:
        return self._outboxes.setdefault(node, _Outbox())

    def _delta(self, old: NetworkView, new: NetworkView) -> ViewDelta | None:
        """Return what has changed between two views: found once for all nodes that go from the one to the other."""
        for before, after, delta in self._deltas:
            if before is old and after is new:
                return delta
        delta = delta_between(old, new)
        self._deltas.append((old, new, delta))
        return delta

    def _since(self, cursor: str) -> int:
        epoch, _, number = cursor.partition(".")
        return int(number) if epoch == self._epoch and number.isdigit() else 0


def _newer(part: tuple[int, P] | None, since: int) -> P | None:
    return part[1] if part is not None and part[0] > since else None


def _former_boots(before: Heard | None, observation: Observation, at: float) -> frozenset[str]:
    """Return the boots of a host that have ended; one that comes back is that of another host.

    When the present one has fallen silent, it was the copy, and the host itself is heard again.
    """
    if before is None or before.observation.boot_id == observation.boot_id:
        return before.former_boots if before is not None else frozenset()
    if observation.boot_id in before.former_boots and 0 <= at - before.at <= NODE_LEASE_S:
        raise StaleError(
            f"two hosts report as node {observation.node}",
            reason="DuplicateNode",
            hint="one is a copy of the other: stop its agent, remove its data directory, join it by its own name",
        )
    return before.former_boots - {observation.boot_id} | {before.observation.boot_id}


def _skew(sent_at: float, at: float) -> float:
    return sent_at - at if sent_at else 0.0


def _by_our_clock(observation: Observation, skew_s: float) -> Observation:
    """Return a report whose events are dated by the daemon's clock: they may have waited for it for long."""
    if not observation.events or not skew_s:
        return observation
    events = tuple(msgspec.structs.replace(one, at=one.at - skew_s) for one in observation.events)
    return msgspec.structs.replace(observation, events=events)


def _wake(wakes: tuple[Wake, ...]) -> None:
    for wake in wakes:
        wake()
