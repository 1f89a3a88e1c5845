"""A write that fails is told, and tried again, as upstream's controllers have it; here one write is all of a pass."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from reconciler.controller import loop
from reconciler.controller.loop import Controller
from reconciler.model.errors import ReconcilerError, StaleError, TransientError
from reconciler.model.policy import Policy
from reconciler.store.commit import Commit, Committed
from reconciler.store.index import Index
from reconciler.store.store import Store
from tests.controller.test_loop import CLUSTER, Clock, Link, reading
from tests.parity.rows import NotTranslated, compare

Case = dict[str, Any]
_MANIFEST = """
apiVersion: VERSION
kind: KIND
metadata: {name: one}
spec:
  MORE
  template: {metadata: {labels: {a: b}}, spec: {restartPolicy: RESTART, containers: [{name: a, image: "b:1"}]}}
"""
_KINDS = {
    "Job": ("batch/v1", "parallelism: 1", "Never"),
    "DaemonSet": ("apps/v1", "selector: {matchLabels: {a: b}}", "Always"),
    "StatefulSet": ("apps/v1", "selector: {matchLabels: {a: b}}", "Always"),
}


def manifest(kind: str) -> str:
    """Return the workload that is written."""
    version, more, restart = _KINDS[kind]
    text = _MANIFEST.replace("VERSION", version).replace("KIND", kind)
    return text.replace("MORE", more).replace("RESTART", restart)


class Writes:
    """What became of the first write of a workload: how often it was tried, and what was told meanwhile."""

    def __init__(self, kind: str, errors: list[ReconcilerError]) -> None:
        self.kind = kind
        self.errors = errors
        self.tries, self.is_done = 0, False
        self.told: list[str] = []
        with TemporaryDirectory() as folder:
            self._run(Path(folder))

    def _run(self, folder: Path) -> None:
        clock = Clock()
        store = Store.open(f"sqlite:///{folder / 'db'}", key=b"k" * 32, clock=clock)
        store.set_cluster(CLUSTER)
        write = store.commit

        def commit(what: Commit, *, term: int | None) -> Committed:
            is_meant = not self.is_done and any(change.ref.kind == self.kind for change in what.changes)
            if is_meant:
                self.tries += 1
                if self.errors:
                    raise self.errors.pop(0)
            committed = write(what, term=term)
            self.is_done |= is_meant
            return committed

        store.commit = commit  # type: ignore[method-assign]
        one = Controller(store, Index(store), CLUSTER, Policy(digest_key="00" * 16), Link(), clock, "a")
        told = _Told(self.told)
        loop.log.addHandler(told)
        one.start()
        try:
            one.receive_reading(reading(manifest(self.kind)))
            deadline = time.monotonic() + 10
            while not self._is_written(one):
                assert time.monotonic() < deadline
        finally:
            one.stop()
            store.close()
            loop.log.removeHandler(told)

    def _is_written(self, one: Controller) -> bool:
        with one.changed:
            one.changed.wait(0.01)
        return any(True for _ in one.index.by_kind(self.kind))


class _Told(logging.Handler):
    """Keeps the errors that the log tells of."""

    def __init__(self, told: list[str]) -> None:
        super().__init__()
        self.told = told

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the error of a record that has one."""
        if hasattr(record, "error"):
            self.told.append(record.error)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Try again soon."""
    monkeypatch.setattr(loop, "_RETRY_S", 0.1)
    yield


def error_of(case: Case) -> list[ReconcilerError]:
    """Return what a row's write fails with: nothing, that somebody else has written, or something else."""
    text = case.get("updateErr", {}).get("error", "")
    if not text:
        return []
    return [StaleError(text) if "cannot be fulfilled" in text else TransientError(text)]


def is_tried_again(case: Case) -> bool:
    """Judge a row with the write of a Job."""
    errors = error_of(case)
    return (Writes("Job", errors).tries > 1) == case.get("wantRequeued", False)


def is_told(kind: str, case: Case) -> bool:
    """Judge a row with a step that fails: the first error is told."""
    text = case["expectedErr"]["error"]
    return Writes(kind, [TransientError(text)]).told == [text]


def is_counted(case: Case) -> bool:
    """Judge a row with the status of a DaemonSet."""
    if "getErrorNum" in case:
        raise NotTranslated  # what is read is in memory: it does not fail
    errors: list[ReconcilerError] = [TransientError("again") for _ in range(case.get("updateErrorNum", 0))]
    return Writes("DaemonSet", errors).tries == case["expectedUpdateCalled"]


def test_jobs_are_written_again_where_upstream_writes_again() -> None:
    """After any error, and not without one."""
    compare("pkg_controller_job", {"TestSyncJobUpdateRequeue": is_tried_again})


def test_sets_are_written_again_where_upstream_writes_again() -> None:
    """And the error is told."""
    tables = {
        "TestSimpleDaemonSetUpdatesStatusError": lambda case: is_told("DaemonSet", case),
        "TestStoreDaemonSetStatus": is_counted,
    }
    compare("pkg_controller_daemon", tables)
    compare("pkg_controller_statefulset", {"TestStatefulSetStatusUpdate": lambda case: is_told("StatefulSet", case)})
