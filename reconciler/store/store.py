"""The store: everything that must outlive a process, behind one object.

Effect: SQL, nothing else. Every method is one short transaction and may be called from any thread. A leader's write
names the term it relies on and is refused with LeadershipLost when that term has ended (P18); a write that was planned
from something else than what is stored is refused with StaleError, and then nothing of it is written.
"""

import dataclasses
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, insert, select

from reconciler.model.access import Account
from reconciler.model.agents import JoinToken
from reconciler.model.errors import ConfigurationError, StaleError
from reconciler.model.kinds import Event
from reconciler.model.node_report import Observation
from reconciler.model.observed import Acknowledgement, ClusterInfo, NodeState, SourceState
from reconciler.model.overrides import Override
from reconciler.model.plan import Change
from reconciler.model.ports import Clock
from reconciler.model.refs import ObjectRef
from reconciler.store import accounts, happenings, history, joining, leases, observations, overrides, reading, side
from reconciler.store.codec import Codec, key_of, to_bytes
from reconciler.store.commit import Commit, Committed
from reconciler.store.draft import Draft, bump_side_version
from reconciler.store.engine import Database
from reconciler.store.migrate import migrate
from reconciler.store.schema import facts
from reconciler.store.values import (
    ActionRecord,
    Lease,
    Logged,
    PlanRecord,
    RanPod,
    RevisionRecord,
    SideState,
    Snapshot,
)

_CLUSTER = "cluster"
_KEY_CHECK = "key-check"
_PRUNED_AT_ONCE = 1_000


class Store:
    """One open database. Made by `Store.open`."""

    def __init__(self, database: Database, codec: Codec, clock: Clock) -> None:
        self._database = database
        self._codec = codec
        self._clock = clock
        self._listeners: list[Callable[[Committed], None]] = []
        # Which sources were read since this process started; deliberately not stored.
        self._loaded: set[str] = set()
        self._loaded_lock = threading.Lock()
        self._cluster_id = ""

    @classmethod
    def open(cls, url: str, *, key: bytes, clock: Clock) -> Self:
        """Open the database at `url` (SQLAlchemy's form), migrating it forward if need be.

        Raises ConfigurationError when the schema is newer than this version or the key is not the database's.
        """
        codec = Codec(key)
        database = Database(url)
        try:
            migrate(database)
            store = cls(database, codec, clock)
            store._check_key()
            store.cluster()
        except BaseException:
            database.close()
            raise
        return store

    def close(self) -> None:
        """Close the database; a write that is under way ends first."""
        self._database.close()

    def probe(self, wait_s: float = 2.0) -> None:
        """Run a writing transaction that changes nothing; raises ReconcilerError when the database cannot be written.

        DeadlineError when another write does not end within `wait_s`.
        """
        with self._database.write(wait_s) as connection:
            _fact(connection, _CLUSTER)

    # --- the cluster ---

    def cluster(self) -> ClusterInfo | None:
        """Return what is fixed of the cluster, or None before it was made."""
        with self._database.read() as connection:
            found = _fact(connection, _CLUSTER)
        if found is None:
            return None
        cluster = msgspec.json.decode(found, type=ClusterInfo)
        self._cluster_id = cluster.id
        return cluster

    def set_cluster(self, cluster: ClusterInfo) -> None:
        """Fix what is fixed; the same again is fine, anything else a ConfigurationError."""
        found = self._fix(_CLUSTER, to_bytes(cluster))
        if found is not None and (others := _others(msgspec.json.decode(found, type=ClusterInfo), cluster)):
            raise ConfigurationError(
                f"the database belongs to a cluster with other identity or networks: {others}",
                hint="these are fixed when a cluster is made: set them back in config.yaml",
            )
        self._cluster_id = cluster.id

    # --- leases ---

    def acquire(self, name: str, holder: str, ttl_s: float) -> Lease | None:
        """Take or keep a lease for `ttl_s` seconds; None while somebody else holds it.

        `holder` must be unique to a process: a second one of the same name would share its term.
        """
        with self._database.write() as connection:
            return leases.acquire(connection, name, holder, ttl_s, self._clock.now())

    def renew(self, lease: Lease) -> bool:
        """Extend a lease by its `ttl_s` from now; False when somebody else took it."""
        with self._database.write() as connection:
            return leases.renew(connection, lease, self._clock.now())

    def release(self, lease: Lease) -> None:
        """Give a lease up, if it is still held."""
        with self._database.write() as connection:
            leases.release(connection, lease)

    # --- writing ---

    def commit(self, commit: Commit, *, term: int | None) -> Committed:
        """Write all of it in one transaction, or nothing.

        `term` is that of the lease `LEADER`. The API writes without one (None): then every change of something that
        exists must name the version it expects.
        """
        if term is None:
            _require_guards(commit.changes)
        now = self._clock.now()
        with self._database.write() as connection:
            if term is not None:
                leases.require_term(connection, term)
            committed = self._write(connection, commit, now, with_decisions=False)
        self._remember_loaded(commit.sources)
        self._tell(committed)
        return committed

    def acknowledge(self, acknowledgement: Acknowledgement) -> Committed:
        """Store a person's word that deletions may happen."""
        return self.commit(Commit(acknowledgements=(acknowledgement,)), term=None)

    def override(self, change: Override, told: Commit | None = None) -> Committed:
        """Merge a person's change into what is overridden on its object; `told` is written with it."""
        now = self._clock.now()
        with self._database.write() as connection:
            differs = overrides.merge_override(connection, change)
            if differs:
                bump_side_version(connection)
            committed = self._write(connection, told or Commit(), now, with_decisions=False)
        committed = dataclasses.replace(committed, side_changed=committed.side_changed or differs)
        self._tell(committed)
        return committed

    def set_source_state(self, state: SourceState) -> Committed:
        """Store what is known of a source, whole; `loaded` holds for this process, `deleted_at` is derived."""
        return self._set_source(lambda _: state, state.name)

    def change_source(self, name: str, **fields: Any) -> Committed:
        """Change some fields of what is known of a source, and leave the others to whoever writes them meanwhile."""
        return self._set_source(lambda before: replace(before, **fields), name)

    def _set_source(self, change: Callable[[SourceState], SourceState], name: str) -> Committed:
        with self._database.write() as connection:
            before = side.read_source(connection, name)
            state = change(self._with_loaded({name: before})[name])
            commit = Commit(sources=(state,))
            committed = self._write(connection, commit, self._clock.now(), with_decisions=True)
        self._remember_loaded((state,))
        self._tell(committed)
        return committed

    def on_commit(self, listener: Callable[[Committed], None]) -> None:
        """Have `listener` called, in the writing thread, after every commit of this process that changed something."""
        self._listeners.append(listener)

    def _write(self, connection: Connection, commit: Commit, now: float, *, with_decisions: bool) -> Committed:
        draft = Draft(connection, self._codec, self._cluster_id, now)
        draft.read(_keys(commit))
        for change in commit.changes:
            draft.apply(change)
        for binding in commit.bindings:
            draft.bind(binding)
        happenings.record(draft, commit.happenings, self._cluster_id, now)
        side_changed = side.write_allocations(connection, commit.allocations)
        side_changed |= side.write_sources(connection, commit.sources, with_decisions=with_decisions)
        side_changed |= self._loads_differ(commit.sources)
        side_changed |= side.write_acknowledgements(connection, commit.acknowledgements, now)
        side_changed |= overrides.write_override_changes(connection, commit.overrides)
        history.write_revisions(connection, commit.revisions, now)
        if commit.plan is not None:
            history.write_plan(connection, commit.plan, now)
        history.write_actions(connection, commit.actions, now)
        side_changed |= draft.deletes_of_sources
        if side_changed:
            bump_side_version(connection)
        newest, logged = draft.write()
        history.trim_log(connection, newest, len(logged))
        return Committed(newest, logged, side_changed)

    # --- reading ---

    def snapshot(self) -> Snapshot:
        """Return everything that planning reads, as of one moment."""
        with self._database.read() as connection:
            snapshot = reading.read_snapshot(connection, self._codec, self._clock.now())
        return dataclasses.replace(snapshot, sources=self._with_loaded(snapshot.sources))

    def side_state(self) -> SideState:
        """Return the small tables: allocations, acknowledgements, sources, overrides."""
        with self._database.read() as connection:
            found = side.read_side(connection, self._clock.now())
        return dataclasses.replace(found, sources=self._with_loaded(found.sources))

    def tombstones(self) -> dict[ObjectRef, int]:
        """Return the last incarnation of every deleted name."""
        with self._database.read() as connection:
            return reading.read_tombstones(connection)

    def versions(self) -> tuple[int, int]:
        """Return the newest number of the change log and that of the small tables: cheap, for polling."""
        with self._database.read() as connection:
            return reading.read_versions(connection)

    def changes_since(self, resource_version: int, *, limit: int = 1_000) -> tuple[Logged, ...]:
        """Return what was logged after a number, oldest first: about `limit` entries, never half a commit.

        Raises Gone when the log no longer reaches back to it, or never got there (a restored backup).
        """
        with self._database.read() as connection:
            return reading.read_changes(connection, self._codec, resource_version, limit)

    # --- nodes ---

    def record_observation(self, observation: Observation) -> bool:
        """Store a node's report, and history of the Pods that it says something new of; False when it is an old one."""
        with self._database.write() as connection:
            return observations.record(connection, observation, self._clock.now())

    def heartbeat(self, node: str, at: float) -> None:
        """Note that a node was heard of at a time (Unix seconds)."""
        with self._database.write() as connection:
            observations.heartbeat(connection, node, at)

    def nodes(self) -> dict[str, NodeState]:
        """Return the latest report of every node."""
        with self._database.read() as connection:
            return observations.read_nodes(connection)

    # --- credentials ---

    def accounts(self) -> tuple[Account, ...]:
        """Return every credential that was given out, oldest first."""
        with self._database.read() as connection:
            return accounts.read_accounts(connection)

    def add_account(self, account: Account) -> None:
        """Keep a new credential; StaleError when its id or its fingerprint is there already."""
        with self._database.write() as connection:
            accounts.write_account(connection, account)

    def revoke_accounts(self, ids: Sequence[str]) -> None:
        """End credentials from now on."""
        with self._database.write() as connection:
            accounts.revoke_accounts(connection, tuple(ids), self._clock.now())

    # --- hosts that join ---

    def join_tokens(self) -> tuple[JoinToken, ...]:
        """Return every join token, oldest first."""
        with self._database.read() as connection:
            return joining.read_tokens(connection)

    def add_join_token(self, token: JoinToken) -> None:
        """Keep a new join token; StaleError when its id is there already."""
        with self._database.write() as connection:
            joining.write_token(connection, token)

    def delete_join_token(self, id: str) -> bool:
        """End a join token; False when there is none."""
        with self._database.write() as connection:
            return joining.delete_token(connection, id)

    def enrol(self, token: JoinToken, node: str, key: str, account: Account, numbers: int) -> int:
        """Take a host in with a token and its certificate; return the number of its Pod range. Raises JoinRefused."""
        with self._database.write() as connection:
            return joining.enrol(connection, token, node, key, account, numbers, self._clock.now())

    def fence_node(self, node: str) -> None:
        """Shut a node out: from now on no certificate and no used token of it counts."""
        with self._database.write() as connection:
            joining.fence(connection, node, self._clock.now())

    def forget_node(self, node: str) -> None:
        """Free a node's number and drop its last report."""
        with self._database.write() as connection:
            joining.forget(connection, node)

    # --- history ---

    def revisions(self, source: str = "", limit: int = 50) -> tuple[RevisionRecord, ...]:
        """Return what became of revisions, newest first; of one source or (empty) of all."""
        with self._database.read() as connection:
            return history.read_revisions(connection, source, limit)

    def plans(self, limit: int = 50) -> tuple[PlanRecord, ...]:
        """Return plans that changed something, newest first."""
        with self._database.read() as connection:
            return history.read_plans(connection, limit)

    def plan(self, id: str) -> PlanRecord | None:
        """Return the newest plan whose id begins with `id`, or None."""
        with self._database.read() as connection:
            return history.read_plan(connection, id)

    def actions(
        self, object: ObjectRef | None = None, node: str = "", plan: str = "", limit: int = 100
    ) -> tuple[ActionRecord, ...]:
        """Return actions with what came of them, newest first; all given conditions hold."""
        filters = {"object": key_of(object) if object else "", "node": node, "plan": plan}
        with self._database.read() as connection:
            return history.read_actions(connection, {name: v for name, v in filters.items() if v}, limit)

    def events(self, object: ObjectRef | None = None, limit: int = 100) -> tuple[Event, ...]:
        """Return Events, the last written first; about one object or (None) about all."""
        with self._database.read() as connection:
            return reading.read_events(connection, self._codec, object, limit)

    def what_ran(self, node: str, at: float) -> tuple[RanPod, ...]:
        """Return the Pods that were on a node at a time (Unix seconds), with their containers as they were then."""
        with self._database.read() as connection:
            return observations.what_ran(connection, node, at)

    def prune_history(self, older_than: float) -> None:
        """Drop plans, actions, Events, observations, log and ended credentials from before a time; nothing else."""
        while self._prune_events(older_than):
            pass
        with self._database.write() as connection:
            history.prune(connection, older_than, self._clock.now())
            accounts.prune_accounts(connection, older_than)
            joining.prune_tokens(connection, older_than)
            newest = reading.read_versions(connection)[0]
        self._tell(Committed(newest, pruned=True))

    def _prune_events(self, older_than: float) -> bool:
        """Delete some old Events as any object is deleted, so that watches see it; return whether there were any."""
        now = self._clock.now()
        with self._database.write() as connection:
            keys = reading.old_events(connection, older_than, _PRUNED_AT_ONCE)
            draft = Draft(connection, self._codec, self._cluster_id, now)
            draft.read(keys)
            for key in keys:
                draft.remove(key)
            newest, logged = draft.write()
        self._tell(Committed(newest, logged))
        return len(keys) == _PRUNED_AT_ONCE

    # --- helpers ---

    def _tell(self, committed: Committed) -> None:
        if committed.logged or committed.side_changed or committed.pruned:
            for listener in tuple(self._listeners):
                listener(committed)

    def _loads_differ(self, states: Sequence[SourceState]) -> bool:
        with self._loaded_lock:
            return any(state.loaded != (state.name in self._loaded) for state in states)

    def _remember_loaded(self, states: Sequence[SourceState]) -> None:
        with self._loaded_lock:
            for state in states:
                (self._loaded.add if state.loaded else self._loaded.discard)(state.name)

    def _with_loaded(self, states: Mapping[str, SourceState]) -> dict[str, SourceState]:
        with self._loaded_lock:
            return {name: replace(state, loaded=name in self._loaded) for name, state in states.items()}

    def _check_key(self) -> None:
        """Compare the key with the one that the database was made with, before anything is read or written with it."""
        found = self._fix(_KEY_CHECK, self._codec.seal(_KEY_CHECK, b"reconciler"))
        if found is not None:
            self._codec.unseal(_KEY_CHECK, found)

    def _fix(self, name: str, value: bytes) -> bytes | None:
        """Write a fact that is written once; return the one that was there before, or None."""
        try:
            with self._database.write() as connection:
                found = _fact(connection, name)
                if found is None:
                    connection.execute(insert(facts).values(name=name, value=value))
                return found
        except StaleError:
            # Another process fixed it between the look and the write; what it wrote counts.
            with self._database.read() as connection:
                return _fact(connection, name)


def _fact(connection: Connection, name: str) -> bytes | None:
    return connection.execute(select(facts.c.value).where(facts.c.name == name)).scalar_one_or_none()


def _keys(commit: Commit) -> Iterator[str]:
    yield from (key_of(change.ref) for change in commit.changes)
    yield from (key_of(binding[0]) for binding in commit.bindings)
    yield from (key_of(happenings.event_ref(happening)) for happening in commit.happenings)


def _require_guards(changes: Iterable[Change]) -> None:
    for change in changes:
        if change.verb != "create" and not change.expected_resource_version:
            raise StaleError(f"{change.ref}: a write without a term names the version it expects")


def _others(kept: ClusterInfo, told: ClusterInfo) -> str:
    """Say what of a cluster is told otherwise than it was made: the settings' names, and both values."""
    fields = msgspec.structs.fields(ClusterInfo)
    pairs = (
        (one.encode_name.replace("CIDR", "Cidr"), getattr(kept, one.name), getattr(told, one.name)) for one in fields
    )
    return ", ".join(f"{name} is {was}, not {now}" for name, was, now in pairs if was != now)
