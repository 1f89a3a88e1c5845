"""What passes between an agent on another host and the daemon besides the node's documents: joining, deltas, reports.

All are tolerant when decoded. Times are Unix seconds, durations seconds.
"""

import itertools
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Protocol

import msgspec

from reconciler.model.base import Value
from reconciler.model.errors import TerminalError
from reconciler.model.external import Announced
from reconciler.model.metrics import NodeSample
from reconciler.model.networkpolicy import NO_CHANGE, PoliciesDelta, policies_delta, policies_merged
from reconciler.model.node import DOCUMENT_VERSION, Assignment, Materials, NetworkView, Peer, ServiceEntry
from reconciler.model.node_report import Observation
from reconciler.model.plan import Action, Outcome
from reconciler.model.ports import ExecRequest, LogRequest

NODES = "system:nodes"
NODE_PREFIX = "system:node:"
# An agent says something at least every ten seconds; what differs by more than this is a clock that is wrong.
SKEW_MAX_S = 2.0
TOKEN_FORM = "[a-z0-9]{6}.[a-z0-9]{16}"
"""How a join token is written: its id, a dot, its secret (as kubeadm's)."""


class JoinRefused(TerminalError):
    """A host may not join; `reason` is a stable word for which of the causes it is."""

    reason = "JoinRefused"


class JoinToken(Value):
    """A token with which one host may join, once. Of its text only the SHA-256, in hex, is kept.

    `node` is the only name that it is good for (empty: any new one). `used_key` is the SHA-256 of the public key that
    it was used for: the same host may ask again with the same key, because an answer can be lost.
    """

    id: str
    fingerprint: str
    node: str = ""
    created_at: float
    created_by: str = ""
    expires_at: float
    used_at: float | None = None
    used_by: str = ""
    used_key: str = ""


class JoinBody(Value):
    """What a host that joins says: its token, the name it wants, a certificate request (PEM), its clock."""

    token: str
    node: str
    request: str
    sent_at: float = 0.0


class Joined(Value):
    """What a host that has joined is told. `now` is the daemon's clock, `number` that of the node's Pod range."""

    api_version: str = DOCUMENT_VERSION
    kind: str = "Joined"
    node: str
    number: int
    cluster_id: str
    pod_cidr: str
    node_pod_cidr: str
    node_prefix: int
    service_cidr: str
    domain: str
    dns_address: str
    certificate: str
    now: float


class RenewalBody(Value):
    """A certificate request (PEM) of a node that has a certificate."""

    request: str


class Renewed(Value):
    """The next certificate (PEM) of a node."""

    certificate: str
    now: float


class ViewDelta(Value):
    """What changed in the network view since the one that the agent has; `removed` are `namespace/name`."""

    cluster_id: str
    term: int
    generation: int
    services: tuple[ServiceEntry, ...] = ()
    removed: tuple[str, ...] = ()
    peers: tuple[Peer, ...] = ()
    announced: tuple[Announced, ...] = ()
    policies: PoliciesDelta = NO_CHANGE


class StreamOrder(Value):
    """That the daemon wants a stream from a container: its log, or a command in it. The agent dials it in by `id`."""

    id: str
    container_id: str
    log: LogRequest | None = None
    command: ExecRequest | None = None


class StreamStatus(Value):
    """What an agent says of a stream on the channel `ERROR`: first that it has begun or why not, last how it ended.

    `missing` is why there is no such container, `failed` what else went wrong, `exit_code` that of a command.
    """

    missing: str = ""
    failed: str = ""
    exit_code: int = 0


# Channels of a stream, as those of Kubernetes' WebSockets.
INPUT, OUTPUT, ERROR_OUTPUT, ERROR, RESIZE, INPUT_ENDS = 0, 1, 2, 3, 4, 255


class StreamEnd(Protocol):
    """The daemon's end of a stream that an agent has dialled in. Every method is bounded, and for threads."""

    @property
    def is_closed(self) -> bool:
        """Whether it has ended, at either end."""
        ...

    def feed(self, channel: int, data: bytes) -> bool:
        """Take what the agent says, waiting while the reader is slow; False when nobody listens any more."""
        ...

    def take(self) -> tuple[int, bytes] | None:
        """Return what the agent is to be told; None when nothing was to be told for a second."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class AgentDocuments(Value):
    """An answer to an agent's question for documents. What is None has not changed since `cursor` of the question.

    Of the network view either the whole or a delta is there. `streams` are orders to open a stream to the daemon.
    """

    api_version: str = DOCUMENT_VERSION
    cursor: str
    assignment: Assignment | None = None
    view: NetworkView | None = None
    view_delta: ViewDelta | None = None
    materials: Materials | None = None
    streams: tuple[StreamOrder, ...] = ()


class Heartbeat(Value):
    """That nothing has changed since report `of` of this boot of the host, but the time."""

    boot_id: str
    of: int
    sequence: int
    observed_at: float


class ToldOutcome(Value):
    """What came of an action; of its detail only the type and the image are told, never a value."""

    action: Action
    outcome: Outcome
    type: str = ""
    image: str = ""


class AgentState(Value):
    """How an agent stands. `skew_s` is how far its clock is ahead; `is_local`: it lives in the daemon itself."""

    node: str
    is_local: bool = False
    pod_cidr: str = ""
    heard_at: float | None = None
    skew_s: float = 0.0
    version: str = ""
    address: str = ""
    generation: int = 0
    view_generation: int = 0
    certificate_expires_at: float | None = None


class Agents(Protocol):
    """What the daemon does for agents on other hosts. Every call is bounded and may come from any thread."""

    def tokens(self) -> tuple[JoinToken, ...]:
        """Return every join token, oldest first."""
        ...

    def add_token(self, token: JoinToken) -> None:
        """Keep a new join token."""
        ...

    def delete_token(self, id: str) -> bool:
        """End a join token; False when there is none."""
        ...

    def join(self, body: JoinBody, address: str) -> Joined:
        """Take a host into the cluster; raise JoinRefused."""
        ...

    def renew(self, node: str, body: RenewalBody) -> Renewed:
        """Sign the next certificate of a node."""
        ...

    def remove(self, node: str, by: str) -> None:
        """Declare a node gone: its certificates end, its Pods may be replaced. Raises LookupError for none."""
        ...

    def states(self) -> tuple[AgentState, ...]:
        """Return how every agent stands, by name."""
        ...

    def note_version(self, node: str, version: str) -> None:
        """Remember which version an agent says that it is (empty: it does not say)."""
        ...

    def documents(self, node: str, cursor: str) -> AgentDocuments | None:
        """Return what a node lacks; None when it has everything."""
        ...

    def subscribe(self, node: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Have `wake` called (from any thread) when there may be something for a node; return how to stop that."""
        ...

    def report(self, observation: Observation, sent_at: float) -> None:
        """Take a node's report, whole."""
        ...

    def heartbeat(self, node: str, beat: Heartbeat, sent_at: float) -> bool:
        """Take a report that says the same as an earlier one; False when that one is not known."""
        ...

    def sample(self, sample: NodeSample) -> None:
        """Take a reading of what a node uses."""
        ...

    def outcomes(self, told: tuple[ToldOutcome, ...]) -> None:
        """Take what came of a node's actions."""
        ...

    def stream(self, node: str, id: str) -> StreamEnd | None:
        """Return the end of a stream that a node was ordered to open; None when nobody waits for it."""
        ...


def merged(view: NetworkView | None, delta: ViewDelta) -> NetworkView | None:
    """Return a view with what has changed in it; None when it is not the one that the delta is for."""
    if view is None or view.cluster_id != delta.cluster_id:
        return None
    changed = {name_of(one): one for one in delta.services}
    gone = {*delta.removed, *changed}
    kept = [one for one in view.services if name_of(one) not in gone]
    return msgspec.structs.replace(
        view,
        term=delta.term,
        generation=delta.generation,
        services=tuple(sorted((*kept, *changed.values()), key=_order)),
        peers=delta.peers,
        announced=delta.announced,
        policies=policies_merged(view.policies, delta.policies),
    )


def delta_between(old: NetworkView, new: NetworkView) -> ViewDelta | None:
    """Return what has changed from one view to the next; None where the whole is to be sent."""
    if old.ingress != new.ingress:
        return None
    if old.cluster_id != new.cluster_id or old.services != tuple(sorted(old.services, key=_order)):
        return None
    # Nearly all Services are the very same values in both.
    first = _alike(old.services, new.services)
    last = _alike(reversed(old.services[first:]), reversed(new.services[first:]))
    before = {name_of(one): one for one in old.services[first : len(old.services) - last]}
    after = {name_of(one): one for one in new.services[first : len(new.services) - last]}
    return ViewDelta(
        cluster_id=new.cluster_id,
        term=new.term,
        generation=new.generation,
        services=tuple(one for name, one in after.items() if before.get(name) != one),
        removed=tuple(name for name in before if name not in after),
        peers=new.peers,
        announced=new.announced,
        policies=policies_delta(old.policies, new.policies),
    )


def _alike(old: Iterable[ServiceEntry], new: Iterable[ServiceEntry]) -> int:
    """Return with how many of the very same values both begin."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] is pair[1], zip(old, new, strict=False)))


_order = attrgetter("namespace", "name")


def name_of(service: ServiceEntry) -> str:
    """Return the name of a Service with its namespace."""
    return f"{service.namespace}/{service.name}"
