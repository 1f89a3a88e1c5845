"""The store: loading, committing, doing nothing, and resuming a watch; beside the bare database driver."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from benchmarks.row import Row
from reconciler.model.kinds import (
    AnyObject,
    Container,
    ContainerPort,
    Deployment,
    DeploymentSpec,
    LabelSelector,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
    PodTemplateSpec,
    ref_of,
)
from reconciler.model.plan import Change, Reason
from reconciler.store import LEADER, Commit, Index, Store
from reconciler.store.codec import to_bytes

PODS, DEPLOYMENTS, CHANGES = 3_000, 1_000, 10_000
KEY = bytes(32)


class _Clock:
    def now(self) -> float:
        return time.time()


def run() -> list[Row]:
    """Measure on a SQLite file of its own."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        return [
            *_load(Path(directory) / "load.db"),
            *_commit(Path(directory) / "commit.db", Path(directory) / "raw.db"),
        ]


def _load(path: Path) -> list[Row]:
    """Open a store with a cluster in it, as a daemon does at its start."""
    store, term = _open(path)
    objects: list[AnyObject] = [_pod(n) for n in range(PODS)]
    objects += [_deployment(n) for n in range(DEPLOYMENTS)]
    store.commit(Commit(changes=tuple(_change("create", one) for one in objects)), term=term)
    store.close()
    raw = _timed(lambda: sqlite3.connect(path).execute("SELECT key, body FROM objects").fetchall())

    def load() -> None:
        again, _ = _open(path)
        assert len(Index(again).objects) == PODS + DEPLOYMENTS
        again.close()

    return [
        Row(
            f"open the store and load {PODS:,} Pods and {DEPLOYMENTS:,} Deployments",
            _timed(load),
            (("SQLite, the same bytes undecoded", raw),),
            "1.5 s",
        )
    ]


def _commit(path: Path, raw_path: Path) -> list[Row]:
    """Small changes of many objects in one transaction, then the same again, and one change alone."""
    store, term = _open(path)
    Index(store)
    pods = [_pod(n) for n in range(CHANGES)]
    created = _timed(lambda: store.commit(Commit(changes=tuple(_change("create", one) for one in pods)), term=term))
    running = [replace(one, status=PodStatus(phase="Running", pod_ip="10.42.0.1")) for one in pods]
    commit = Commit(changes=tuple(_change("status", one) for one in running))
    changed = _timed(lambda: store.commit(commit, term=term))
    unchanged = _timed(lambda: store.commit(commit, term=term))
    start = store.versions()[0]
    last = [replace(pods[0], status=PodStatus(phase=phase)) for phase in ("Failed", "Running")] * 25
    single = _timed(lambda: [store.commit(Commit(changes=(_change("status", one),)), term=term) for one in last]) / len(
        last
    )
    assert store.versions()[0] == start + len(last)
    resumed = _timed(lambda: store.changes_since(start - 1_000, limit=1_000))
    idle = _timed(lambda: [store.commit(Commit(), term=term) for _ in range(100)]) / 100
    store.close()
    raw_all, raw_one = _raw(raw_path, running)
    budget = f"{CHANGES / 5_000:.0f} s"
    return [
        Row(f"create {CHANGES:,} Pods in one transaction", created, (("SQLite, bodies only", raw_all),), budget),
        Row(f"change the status of {CHANGES:,} Pods", changed, (("SQLite, bodies only", raw_all),), budget),
        Row("the same again, nothing changed", unchanged, note="nothing is written"),
        Row("one status change, durable and in the index", single, (("SQLite, one row", raw_one),)),
        Row("a transaction with nothing in it", idle, note="checks the term, writes nothing"),
        Row("1,000 entries of the change log, decoded", resumed),
    ]


def _raw(path: Path, objects: list[Pod]) -> tuple[float, float]:
    """The bare driver with the same durability: every body once, in one transaction; then one row."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE objects (key TEXT PRIMARY KEY, body BLOB)")
    rows = [(str(ref_of(one)), to_bytes(one)) for one in objects]

    def write(some: list[tuple[str, bytes]]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?)", some)
        connection.execute("COMMIT")

    whole = _timed(lambda: write(rows))
    single = _timed(lambda: list(map(write, [rows[:1]] * 50))) / 50
    connection.close()
    return whole, single


def _open(path: Path) -> tuple[Store, int]:
    store = Store.open(f"sqlite:///{path}", key=KEY, clock=_Clock())
    lease = store.acquire(LEADER, "bench", 3_600.0)
    assert lease is not None
    return store, lease.term


def _change(verb: str, object: AnyObject) -> Change:
    return Change(verb=verb, ref=ref_of(object), object=object, manager="bench", reason=Reason.DECLARED)


def _pod(number: int) -> Pod:
    meta = ObjectMeta(name=f"web-{number}", namespace="shop", uid=f"uid-{number}", labels={"app": "web"})
    return Pod(metadata=meta, spec=_spec())


def _deployment(number: int) -> Deployment:
    labels = {"app": f"web-{number}"}
    template = PodTemplateSpec(metadata=ObjectMeta(labels=labels), spec=_spec())
    spec = DeploymentSpec(replicas=3, selector=LabelSelector(match_labels=labels), template=template)
    return Deployment(metadata=ObjectMeta(name=f"web-{number}", namespace="shop", uid=f"d{number}"), spec=spec)


def _spec() -> PodSpec:
    container = Container(name="web", image="nginx:1.27", ports=(ContainerPort(container_port=80),))
    return PodSpec(containers=(container,))


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
