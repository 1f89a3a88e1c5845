"""The agent's end of its connection to a daemon on another host. Effect: two threads, each with one connection.

One fetches documents by long poll, the other tells reports. Both go on for ever: while the daemon is away they try
again, less and less often, and the loop heals the host from what it has.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from reconciler.agent.joining import clock_warning
from reconciler.agent.loop import content_of
from reconciler.agent.outbox import Letter, Outbox
from reconciler.client.agents import AgentClient
from reconciler.client.errors import ApiRefused
from reconciler.client.secure import join_again
from reconciler.model.agents import AgentDocuments, Heartbeat, StreamOrder, merged
from reconciler.model.errors import ReconcilerError
from reconciler.model.node import NetworkView
from reconciler.model.node_report import Observation
from reconciler.model.ports import NodeDocuments

log = logging.getLogger(__name__)

_WAIT_S = 30
_BACK_OFF_S, _BACK_OFF_MAX_S = 0.5, 30.0
# What is refused stays so until a person does something; that there are too many requests passes.
_REFUSED_S, _TOO_MANY = 30.0, 429
_LOOK_S = 5.0


class Streams(Protocol):
    """Who opens the streams that the daemon orders."""

    def open(self, order: StreamOrder) -> None:
        """Open one, in a thread of its own."""
        ...


@dataclass(frozen=True, slots=True)
class LinkState:
    """How the connection stands: `error` is why the daemon cannot be talked to, empty while it can.

    `causes` are all that there were since it could: each is logged once, also where they take turns.
    """

    error: str
    since: float
    causes: frozenset[str] = frozenset()


class DaemonLink:
    """Connects one node's agent with its daemon. `new_client` makes a client for a thread."""

    def __init__(
        self,
        node: str,
        cluster_id: str,
        new_client: Callable[[], AgentClient],
        problem: Callable[[], str],
        streams: Streams | None = None,
    ) -> None:
        self.outbox = Outbox()
        self.refused_cluster = ""
        self._node = node
        self._cluster_id = cluster_id
        self._new_client = new_client
        self._problem = problem
        self._streams = streams
        self._deliver: Callable[[bytes], None] = lambda _: None
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._fetch, name="link-documents", daemon=True),
            threading.Thread(target=self._tell, name="link-reports", daemon=True),
        ]
        self._clients: list[AgentClient] = []
        self._state = LinkState("not connected yet", time.time())
        self._changing = threading.Lock()
        self._cursor = ""
        self._view: NetworkView | None = None
        self._accepted: Observation | None = None
        self._clock_said = ""

    @property
    def state(self) -> LinkState:
        """How the connection stands."""
        return self._state

    def start(self, deliver: Callable[[bytes], None]) -> None:
        """Begin; `deliver` is given encoded documents."""
        self._deliver = deliver
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """End; a question that waits for its answer is given up."""
        self._stopping.set()
        self.outbox.close()
        for client in tuple(self._clients):
            client.abort()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout_s)

    # Documents

    def _fetch(self) -> None:
        client, back_off = self._open_client(), _BackOff()
        while not self._stopping.is_set():
            try:
                documents = client.documents(self._node, self._cursor, _WAIT_S)
                self._connected(client)
                back_off.reset()
                if documents is not None:
                    self._take(documents)
            except ReconcilerError as error:
                self._failed(error)
                self._stopping.wait(back_off.next(error))
            except Exception as bug:
                # A bug here must not keep this host from its daemon for good.
                log.exception("fetching documents crashed")
                self._cursor = ""
                self._stopping.wait(back_off.next(bug))
        client.close()

    def _take(self, documents: AgentDocuments) -> None:
        parts = (documents.assignment, documents.view, documents.view_delta)
        strange = next((one for one in parts if one is not None and one.cluster_id != self._cluster_id), None)
        if strange is not None:
            log.error("documents of another cluster are refused", extra={"cluster": strange.cluster_id})
            self.refused_cluster = strange.cluster_id
            self._stopping.wait(_REFUSED_S)
            return
        view = documents.view
        if documents.view_delta is not None:
            view = merged(self._view, documents.view_delta)
            if view is None:
                # Not what we have: ask for everything.
                self._cursor = ""
                return
        for order in documents.streams:
            if self._streams is not None:
                self._streams.open(order)
        self._cursor, self._view = documents.cursor, view or self._view
        found = NodeDocuments(assignment=documents.assignment, view=view, materials=documents.materials)
        if any(part is not None for part in (found.assignment, found.view, found.materials)):
            self._deliver(msgspec.json.encode(found))

    # Reports

    def _tell(self) -> None:
        client, back_off = self._open_client(), _BackOff()
        while not self._stopping.is_set():
            letter = self.outbox.take(_LOOK_S)
            if letter.is_empty:
                continue
            try:
                self._send(client, letter)
                self._connected(client)
                back_off.reset()
            except ReconcilerError as error:
                self._failed(error)
                self.outbox.put_back(letter)
                self._stopping.wait(back_off.next(error))
            except Exception as bug:
                # What made it crash is not tried again; the next report says everything anew.
                log.exception("telling reports crashed")
                self._stopping.wait(back_off.next(bug))
        client.close()

    def _send(self, client: AgentClient, letter: Letter) -> None:
        """Tell everything; what has been told already and is told again is recognised by its sequence."""
        if letter.observation is not None:
            self._send_observation(client, letter.observation)
        if letter.outcomes:
            client.outcomes(self._node, letter.outcomes)
        if letter.sample is not None:
            client.sample(self._node, letter.sample)

    def _send_observation(self, client: AgentClient, new: Observation) -> None:
        accepted = self._accepted
        if accepted is not None and not new.events and _says_the_same(accepted, new):
            beat = Heartbeat(
                boot_id=new.boot_id, of=accepted.sequence, sequence=new.sequence, observed_at=new.observed_at
            )
            try:
                client.heartbeat(self._node, beat)
                return
            except ApiRefused as refused:
                if refused.reason != "ReportUnknown":
                    raise
        client.report(self._node, msgspec.json.encode(new))
        self._accepted = new

    def _open_client(self) -> AgentClient:
        client = self._new_client()
        self._clients.append(client)
        return client

    # State

    def _connected(self, client: AgentClient) -> None:
        if self._enter("").error:
            log.info("connected with the daemon", extra={"server": client.server})
        warning = clock_warning(-client.skew_s) if client.skew_s is not None else ""
        if bool(warning) != bool(self._clock_said):
            self._clock_said = warning
            log.warning(warning or "the clocks of this host and of the daemon agree again")

    def _failed(self, error: ReconcilerError) -> None:
        if self._stopping.is_set():
            return
        text = self._reason() or self._text_of(error)
        before = self._enter(text)
        if not before.error:
            log.warning("the daemon cannot be talked to; the host is looked after all the same", extra={"why": text})
        elif text not in before.causes:
            log.warning("the daemon still cannot be talked to", extra={"why": text})

    def _enter(self, error: str) -> LinkState:
        """Note how the connection stands now; return how it stood. Of two threads that say the same, one changes it."""
        with self._changing:
            before = self._state
            if bool(error) != bool(before.error):
                self._state = LinkState(error, time.time(), frozenset({error}) if error else frozenset())
            elif error != before.error:
                self._state = LinkState(error, before.since, before.causes | {error})
            return before

    def _text_of(self, error: ReconcilerError) -> str:
        if isinstance(error, ApiRefused) and error.code == 401:
            again = join_again(self._node)
            return f"the daemon does not accept this node's certificate: was the node removed? {again}"
        return f"{error}: {error.hint}" if isinstance(error, ApiRefused) and error.hint else str(error)

    def _reason(self) -> str:
        """Say what is wrong with this host's own certificate."""
        try:
            return self._problem()
        except ReconcilerError as error:
            return str(error)


class _BackOff:
    """How long to wait before the next try: longer each time, never the same for all agents."""

    def __init__(self) -> None:
        self._wait_s = _BACK_OFF_S

    def reset(self) -> None:
        self._wait_s = _BACK_OFF_S

    def next(self, error: Exception) -> float:
        if isinstance(error, ApiRefused) and error.code < 500 and error.code != _TOO_MANY:
            return _REFUSED_S
        wait_s, self._wait_s = self._wait_s, min(self._wait_s * 2, _BACK_OFF_MAX_S)
        return wait_s * random.uniform(0.5, 1.0)


def _says_the_same(old: Observation, new: Observation) -> bool:
    return content_of(msgspec.structs.replace(old, events=())) == content_of(new)
