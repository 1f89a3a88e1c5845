"""What is known of containers is brought up to date as upstream's kubelet does it, also after an Engine that failed.

Upstream lists Pods every second and notes those whose inspection failed; here events say what has changed, and after a
failure everything is listed anew. A row's round is what happens from one such point to the next.
"""

import json
import queue
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from reconciler.executors.container import labels
from reconciler.executors.container.cache import Cache
from reconciler.executors.container.files import ContainerFiles
from reconciler.executors.container.watch import Watcher
from reconciler.executors.engine import Engine
from reconciler.executors.volume.paths import VolumePaths
from reconciler.model.errors import TransientError
from tests.parity.rows import compare

Case = dict[str, Any]
_OWNER = labels.Owner(cluster="c", node="n")
_WAIT_S = 10.0


class Events:
    """A stream of events; `push` adds one."""

    def __init__(self) -> None:
        self._pieces: queue.Queue[bytes] = queue.Queue()

    def push(self, container: str) -> None:
        """Tell that a container has changed."""
        actor = {"ID": container, "Attributes": {labels.CLUSTER: _OWNER.cluster}}
        self._pieces.put(json.dumps({"Type": "container", "Action": "start", "Actor": actor}).encode() + b"\n")

    def read(self) -> bytes:
        """Return the next piece, once there is one."""
        return self._pieces.get()

    def close(self) -> None:
        """End the stream."""
        self._pieces.put(b"")


class FakeEngine:
    """An Engine with running containers that may fail to tell of them; nobody connects while `is_open` is not set."""

    def __init__(self, containers: Iterable[str]) -> None:
        self.containers = list(containers)
        self.fails = False
        self.inspected = 0
        self.is_open = threading.Event()
        self.is_open.set()
        self.stream = Events()

    def renegotiate(self) -> None:
        """Wait until somebody may connect."""
        self.is_open.wait()

    def events(self, filters: str) -> Events:
        """Begin a new stream."""
        self.stream = Events()
        return self.stream

    def list_containers(self, label: str) -> list[dict[str, Any]]:
        """Name what is there."""
        return [{"Id": one} for one in self.containers]

    def inspect_container(self, container: str) -> dict[str, Any] | None:
        """Tell of one container, or fail."""
        self.inspected += 1
        if self.fails:
            raise TransientError("unable to get status")
        config = {"Labels": {labels.CLUSTER: _OWNER.cluster}}
        joined = {"IpcMode": "container:sandbox"}
        found = {
            "Id": container,
            "Name": container,
            "State": {"Status": "running"},
            "Config": config,
            "HostConfig": joined,
        }
        return found if container in self.containers else None


class NotedCache(Cache):
    """Notes whether it is kept current."""

    is_kept = False

    def set_current(self, is_current: bool) -> None:
        """Note it."""
        super().set_current(is_current)
        self.is_kept = is_current


def _cache(engine: FakeEngine) -> NotedCache:
    files = ContainerFiles(VolumePaths(Path("/nowhere"), Path("/nowhere")))
    return NotedCache(cast(Engine, engine), _OWNER, files)


def _listed(names: Iterable[str], fails: bool) -> dict[str, str] | None:
    """Return the states of containers after a list; None: that failed, and nothing is taken for known."""
    engine = FakeEngine(names)
    engine.fails = fails
    cache = _cache(engine)
    try:
        cache.load()
    except TransientError:
        assert not cache.containers()
        return None
    return {fact.id: fact.state for fact in cache.containers()}


def relisted(case: Case) -> bool:
    """Judge a row with one Pod of a list, whose inspection may fail."""
    states = {one["ID"]["ID"]: one["State"] for one in case["pod"]["Containers"]}
    return _listed(states, "error" in case) == (None if "error" in case else states)


def kept(case: Case) -> bool:
    """Judge a row about what is kept of a Pod: as many containers as there are, or the failure."""
    found = _listed([f"c{number}" for number in range(case.get("numContainers", 0))], "error" in case)
    return found is None if "error" in case else found is not None and len(found) == case.get("numContainers", 0)


def looked_at(case: Case) -> bool:
    """Judge a row with a round in which a container is asked about, or was to be since an earlier failure."""
    engine, told = FakeEngine(["c"]), queue.Queue[str]()
    cache = _cache(engine)
    watcher = Watcher(cast(Engine, engine), _OWNER, cache, told.put)
    watcher.start()
    try:
        told.get(timeout=_WAIT_S)
        return _is_round(case, engine, cache, told)
    finally:
        engine.is_open.set()
        watcher.close()


def _is_round(case: Case, engine: FakeEngine, cache: NotedCache, told: "queue.Queue[str]") -> bool:
    already, asked = case.get("alreadyReinspect", False), case.get("requestReinspect", False)
    engine.is_open.clear()
    if already:
        engine.fails = True
        engine.stream.push("c")
        told.get(timeout=_WAIT_S)
    engine.fails, engine.inspected = "updateCacheError" in case, 0
    if case.get("podDeleted"):
        engine.containers.clear()
    if already:
        engine.is_open.set()
    elif asked:
        engine.stream.push("c")
    if already or asked:
        told.get(timeout=_WAIT_S)
    is_new = engine.inspected > 0
    found = [is_new, is_new and cache.is_kept, not cache.is_kept, is_new and bool(cache.containers())]
    wanted = ("expectUpdateCache", "expectEvent", "expectReinspect", "expectStatus")
    return found == [case.get(name, False) for name in wanted]


def test_what_is_known_of_containers_is_brought_up_to_date_as_upstream_does() -> None:
    """What could not be told of is asked about again; what is gone is forgotten."""
    compare("pkg_kubelet_pleg", {"TestRelistWithCache": relisted, "TestReinspect": looked_at})
    compare("pkg_kubelet_container", {"TestCacheSetAndGet": kept})
