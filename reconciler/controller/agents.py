"""What the daemon does for agents on other hosts: lets them in, signs their certificates, sees them off.

Effect: the store and the authority's key. Implements the port Agents.
"""

import hashlib
import logging
import re
from collections.abc import Callable

from reconciler import __version__
from reconciler.access import Authority
from reconciler.access.certificates import BACKDATED_S, NAME_MAX, fingerprint_of, key_hash
from reconciler.access.requests import requested_key
from reconciler.controller.loop import Controller
from reconciler.controller.oddities import DUPLICATE, Oddities
from reconciler.controller.remote import NodeLinks
from reconciler.controller.streams import RemoteStreams
from reconciler.model.access import Account, CredentialKind
from reconciler.model.agents import (
    NODE_PREFIX,
    NODES,
    AgentDocuments,
    AgentState,
    Heartbeat,
    JoinBody,
    Joined,
    JoinRefused,
    JoinToken,
    RenewalBody,
    Renewed,
    StreamEnd,
    ToldOutcome,
)
from reconciler.model.errors import StaleError, TerminalError
from reconciler.model.metrics import NodeSample
from reconciler.model.node_report import Observation
from reconciler.model.plan import Happening
from reconciler.model.refs import ObjectRef
from reconciler.model.skew import VersionSkew, require_close
from reconciler.planner.numbers import allocation_key, node_cidr, node_numbers, numbers_in
from reconciler.store.credentials import Accounts
from reconciler.store.joining import require_usable

log = logging.getLogger(__name__)

CERTIFICATE_LIFETIME_S = 365 * 86_400.0
# So long before now a certificate begins.
JOIN_SKEW_MAX_S = BACKDATED_S
NODE_NAME_MAX = NAME_MAX - len(NODE_PREFIX)
_NODE_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


class ClusterAgents:
    """Implements Agents; every call is bounded and may come from any thread."""

    def __init__(
        self,
        controller: Controller,
        links: NodeLinks,
        streams: RemoteStreams,
        authority: Authority,
        accounts: Accounts,
    ) -> None:
        self._controller = controller
        self._links = links
        self._streams = streams
        self._authority = authority
        self._accounts = accounts
        self._versions: dict[str, str] = {}
        self._oddities = Oddities()

    # Letting hosts in

    def tokens(self) -> tuple[JoinToken, ...]:
        """Return every join token; see the port."""
        return self._controller.store.join_tokens()

    def add_token(self, token: JoinToken) -> None:
        """Keep a new join token; see the port."""
        if token.node:
            self._require_name(token.node)
        self._controller.store.add_join_token(token)

    def delete_token(self, id: str) -> bool:
        """End a join token; see the port."""
        return self._controller.store.delete_join_token(id)

    def join(self, body: JoinBody, address: str) -> Joined:
        """Take a host in; see the port. What is refused is in this host's log, too."""
        try:
            return self._join(body, address)
        except JoinRefused as refused:
            about = {"node": body.node[:80], "address": address, "reason": refused.reason, "why": str(refused)}
            log.warning("a host may not join", extra=about)
            raise

    def _join(self, body: JoinBody, address: str) -> Joined:
        store, cluster, now = self._controller.store, self._controller.cluster, self._controller.clock.now()
        fingerprint = hashlib.sha256(body.token.encode("utf-8", "surrogateescape")).hexdigest()
        token = next((one for one in store.join_tokens() if one.fingerprint == fingerprint), None)
        key = _hash_of_key(body.request)
        require_usable(token, fingerprint, body.node, key, now)
        assert token is not None
        self._require_name(body.node)
        _require_clock(body, now)
        certificate, account = self._sign(body.node, body.request)
        number = store.enrol(token, body.node, key, account, numbers_in(cluster))
        self._accounts.poll()
        self._controller.look("joined")
        log.info("a host has joined", extra={"node": body.node, "address": address, "token": token.id})
        return Joined(
            node=body.node,
            number=number,
            cluster_id=cluster.id,
            pod_cidr=cluster.pod_cidr,
            node_pod_cidr=node_cidr(cluster, number),
            node_prefix=cluster.node_prefix,
            service_cidr=cluster.service_cidr,
            domain=cluster.domain,
            dns_address=cluster.dns_address,
            certificate=certificate.decode("ascii"),
            now=now,
        )

    def renew(self, node: str, body: RenewalBody) -> Renewed:
        """Sign a node's next certificate; see the port."""
        certificate, account = self._sign(node, body.request)
        self._accounts.add(account)
        log.info("a node's certificate was renewed", extra={"node": node, "id": account.id})
        return Renewed(certificate=certificate.decode("ascii"), now=self._controller.clock.now())

    def remove(self, node: str, by: str) -> None:
        """Declare a node gone; see the port."""
        if self._links.is_local(node):
            raise TerminalError(
                f"node {node} is the daemon's own host",
                reason="OwnNode",
                hint="it is there as long as the daemon runs; to take its Pods away: reconciler drain",
            )
        if not self._is_known(node):
            raise LookupError(node)
        self._controller.store.fence_node(node)
        self._accounts.poll()
        self._links.forget(node)
        self._versions.pop(node, None)
        self._controller.forget_node(node)
        log.warning("a node was removed", extra={"node": node, "by": by})

    def states(self) -> tuple[AgentState, ...]:
        """Return how every agent stands; see the port."""
        picture, heard = self._controller.picture(), self._links.heard()
        numbers = node_numbers(picture.nodes, picture.allocations)
        expiries = self._expiries()
        found = []
        for name, state in sorted(picture.nodes.items()):
            last, known = state.observation, heard.get(name)
            found.append(
                AgentState(
                    node=name,
                    is_local=self._links.is_local(name),
                    pod_cidr=node_cidr(picture.cluster, numbers[name]),
                    heard_at=state.heartbeat_at,
                    skew_s=known.skew_s if known is not None else 0.0,
                    version=self._versions.get(name) or (last.facts.host.agent_version if last is not None else ""),
                    address=last.facts.host.address if last is not None else "",
                    generation=last.generation if last is not None else 0,
                    view_generation=last.view_generation if last is not None else 0,
                    certificate_expires_at=expiries.get(name),
                )
            )
        return tuple(found)

    # Documents and reports

    def note_version(self, node: str, version: str) -> None:
        """Remember an agent's version; see the port. One that is refused is told of, also if it never reports."""
        self._versions[node] = version
        now = self._controller.clock.now()
        try:
            require_close(__version__, version)
        except VersionSkew as skew:
            if happening := self._oddities.refused(node, f"{skew}: {skew.hint}", now):
                log.warning("an agent is refused", extra={"node": node, "reason": skew.reason, "why": str(skew)})
                self._note(happening)
        else:
            self._note(self._oddities.accepted(node, now))

    def documents(self, node: str, cursor: str) -> AgentDocuments | None:
        """Return what a node lacks; see the port."""
        return self._links.documents(node, cursor)

    def subscribe(self, node: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Have `wake` called; see the port."""
        return self._links.subscribe(node, wake)

    def report(self, observation: Observation, sent_at: float) -> None:
        """Take a report; see the port."""
        try:
            self._links.report(observation, sent_at)
        except StaleError as error:
            if error.reason == DUPLICATE:
                now = self._controller.clock.now()
                self._note(self._oddities.duplicate(observation.node, f"{error}: {error.hint}", now))
            raise
        self._note_clock(observation.node)

    def heartbeat(self, node: str, beat: Heartbeat, sent_at: float) -> bool:
        """Take a report that says nothing new; see the port."""
        is_known = self._links.heartbeat(node, beat, sent_at)
        self._note_clock(node)
        return is_known

    def sample(self, sample: NodeSample) -> None:
        """Take a reading; see the port."""
        self._links.sample(sample)

    def outcomes(self, told: tuple[ToldOutcome, ...]) -> None:
        """Take what came of actions; see the port."""
        self._controller.receive_told(told)

    def stream(self, node: str, id: str) -> StreamEnd | None:
        """Return the end of an ordered stream; see the port."""
        return self._streams.attach(node, id)

    # Helpers

    def _note_clock(self, node: str) -> None:
        heard = self._links.heard().get(node)
        if heard is not None:
            self._note(self._oddities.clock(node, heard.skew_s, self._controller.clock.now()))

    def _note(self, happening: Happening | None) -> None:
        if happening is not None:
            self._controller.note(happening)

    def _sign(self, node: str, request: str) -> tuple[bytes, Account]:
        user, now = f"{NODE_PREFIX}{node}", self._controller.clock.now()
        signed = self._authority.sign_request(request.encode(), user, (NODES,), CERTIFICATE_LIFETIME_S)
        fingerprint = fingerprint_of(signed)
        account = Account(
            id=fingerprint[:10],
            kind=CredentialKind.CERTIFICATE,
            name=user,
            groups=(NODES,),
            fingerprint=fingerprint,
            created_at=now,
            created_by="join",
            expires_at=min(now + CERTIFICATE_LIFETIME_S, self._authority.expires_at),
        )
        return signed, account

    def _is_known(self, node: str) -> bool:
        """Whether there is anything of a node: it has joined, has reported, or has its object."""
        picture = self._controller.picture()
        is_object = ObjectRef(kind="Node", name=node) in picture.objects
        return is_object or node in picture.nodes or allocation_key(node) in picture.allocations

    def _expiries(self) -> dict[str, float]:
        """Return when the newest certificate of each node ends."""
        found: dict[str, float] = {}
        for one in self._accounts.all():
            if one.name.startswith(NODE_PREFIX) and one.revoked_at is None and one.expires_at is not None:
                node = one.name.removeprefix(NODE_PREFIX)
                found[node] = max(found.get(node, 0.0), one.expires_at)
        return found

    def _require_name(self, node: str) -> None:
        if self._links.is_local(node):
            raise JoinRefused(
                f"node {node} is the daemon's own host",
                reason="NodeExists",
                hint="give this host another name with --node-name",
            )
        if len(node) > NODE_NAME_MAX or not _NODE_NAME.fullmatch(node):
            raise JoinRefused(
                f"{node[:80]!r} cannot be the name of a node",
                reason="BadName",
                hint=f"use lower-case letters, digits, '-' and '.', {NODE_NAME_MAX} at most: --node-name NAME",
            )


def _require_clock(body: JoinBody, now: float) -> None:
    """Raise JoinRefused for a host by whose clock its certificate would not be valid; the token can still be used."""
    ahead_s = body.sent_at - now
    if body.sent_at and abs(ahead_s) > JOIN_SKEW_MAX_S:
        word = "ahead of" if ahead_s > 0 else "behind"
        raise JoinRefused(
            f"the clock of host {body.node} is {abs(ahead_s):.0f} s {word} the daemon's",
            reason="Clock",
            hint="set it right (date -u on both hosts; chrony keeps it so), then run the same command again",
        )


def _hash_of_key(request: str) -> str:
    """Return the hash of the key that a certificate is asked for."""
    return key_hash(requested_key(request.encode()))
