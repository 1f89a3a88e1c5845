"""The node link to an agent in the same process: the same encoded documents, passed by a call."""

from collections.abc import Callable

import msgspec

from reconciler.model.metrics import NodeSample
from reconciler.model.node_report import Observation
from reconciler.model.ports import NodeDocuments

Deliver = Callable[[bytes], None]
Receive = Callable[[Observation], None]
ReceiveSample = Callable[[NodeSample], None]


class EmbeddedLink:
    """Implements NodeLink for agents of this process."""

    def __init__(self) -> None:
        self._agents: dict[str, Deliver] = {}
        self._receive: Receive | None = None
        self._receive_sample: ReceiveSample | None = None

    def attach(self, node: str, deliver: Deliver) -> None:
        """Connect an agent."""
        self._agents[node] = deliver

    def is_attached(self, node: str) -> bool:
        """Whether a node's agent lives in this process."""
        return node in self._agents

    def send(self, node: str, documents: NodeDocuments) -> None:
        """Hand documents over; see the port."""
        deliver = self._agents.get(node)
        if deliver is not None:
            deliver(msgspec.json.encode(documents))

    def on_report(self, receive: Receive) -> None:
        """Have observations given to `receive`; see the port."""
        self._receive = receive

    def on_sample(self, receive: ReceiveSample) -> None:
        """Have readings given to `receive`; see the port."""
        self._receive_sample = receive

    def report(self, encoded: bytes) -> None:
        """Take an observation from an agent."""
        if self._receive is not None:
            self._receive(msgspec.json.decode(encoded, type=Observation))

    def sample(self, encoded: bytes) -> None:
        """Take a reading from an agent."""
        if self._receive_sample is not None:
            self._receive_sample(msgspec.json.decode(encoded, type=NodeSample))
