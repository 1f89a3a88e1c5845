"""Watches: what enters and leaves, where they begin, how they end."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from api_double import Api, pod, served

from reconciler.client import ApiRefused, WatchExpired
from reconciler.model.refs import ObjectRef
from reconciler.server.limits import Limits

PODS = "/api/v1/namespaces/shop/pods"


class Watcher:
    """Reads a watch in a thread of its own, so that a test can wait for what it is told."""

    def __init__(self, api: Api, path: str = PODS, **query: Any) -> None:
        self.events: list[dict[str, Any]] = []
        self.ended: Exception | str = ""
        self._news = threading.Condition()
        self._events = api.client.watch(path, {"timeoutSeconds": 20, **query})
        self._thread = threading.Thread(target=self._read, daemon=True)
        before = api.app.state.context.hub.watches
        self._thread.start()
        until(lambda: api.app.state.context.hub.watches > before or bool(self.ended))

    def words(self, count: int) -> list[str]:
        """Return the first events in short, once there are so many."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.events) >= count or self.ended, 10), self.events
        return [f"{e['type']} {e['object']['metadata'].get('name', '')}".strip() for e in self.events]

    def end(self) -> Exception | str:
        """Return how it ended."""
        self._thread.join(10)
        return self.ended

    def _read(self) -> None:
        try:
            for event in self._events:
                with self._news:
                    self.events.append(event)
                    self._news.notify_all()
            ended: Exception | str = "ended"
        except (WatchExpired, ApiRefused) as error:
            ended = error
        with self._news:
            self.ended = ended
            self._news.notify_all()


def until(is_so: Callable[[], bool]) -> None:
    """Wait for something another thread does."""
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen within 10 s"
        time.sleep(0.005)


def test_what_enters_and_leaves_the_selection_is_added_and_deleted(api: Api) -> None:
    """A changed label or field makes an object come or go, though it was only modified."""
    start = api.objects.put(pod("other"))
    labels = Watcher(api, resourceVersion=start, labelSelector="app=web")
    fields = Watcher(api, resourceVersion=start, fieldSelector="status.phase=Running")
    api.objects.put(pod("a", app="db"))
    api.objects.put(pod("a", app="web"))
    api.objects.put(pod("a", phase="Failed", app="web"))
    api.objects.put(pod("a", phase="Failed", app="db"))
    api.objects.put(pod("b", app="web"))
    api.objects.delete(ObjectRef.of("Pod", "shop", "b"))
    assert labels.words(5) == ["ADDED a", "MODIFIED a", "DELETED a", "ADDED b", "DELETED b"]
    assert fields.words(5) == ["ADDED a", "MODIFIED a", "DELETED a", "ADDED b", "DELETED b"]


def test_a_watch_without_a_number_begins_with_what_there_is(api: Api) -> None:
    """Existing objects come first as ADDED, then the changes, none twice."""
    api.objects.put(pod("b"))
    api.objects.put(pod("a"))
    watcher = Watcher(api)
    api.objects.put(pod("c"))
    assert watcher.words(3) == ["ADDED a", "ADDED b", "ADDED c"]


def test_a_watch_goes_on_where_a_list_ended(api: Api) -> None:
    """Nothing between list and watch is lost."""
    api.objects.put(pod("a"))
    listed = api.client.get(PODS)["metadata"]["resourceVersion"]
    api.objects.put(pod("b"))
    api.objects.delete(ObjectRef.of("Pod", "shop", "a"))
    assert Watcher(api, resourceVersion=listed).words(2) == ["ADDED b", "DELETED a"]


def test_initial_events_end_with_a_marked_bookmark(api: Api) -> None:
    """Newer clients list by watching: ADDED for all, then a bookmark that says so."""
    api.objects.put(pod("a"))
    watcher = Watcher(api, sendInitialEvents=True, resourceVersionMatch="NotOlderThan", allowWatchBookmarks=True)
    assert watcher.words(2) == ["ADDED a", "BOOKMARK"]
    metadata = watcher.events[1]["object"]["metadata"]
    assert metadata["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert metadata["resourceVersion"] == str(api.objects.resource_version)


def test_a_number_that_is_no_longer_kept_is_gone(api: Api) -> None:
    """Clients are told 410 and list again."""
    api.objects.put(pod("a"))
    api.objects.put(pod("b"))
    api.objects.forget_log()
    with pytest.raises(ApiRefused) as refused:
        api.client.get(PODS, {"resourceVersion": 101, "watch": True})
    assert (refused.value.code, refused.value.reason) == (410, "Expired")
    with pytest.raises(WatchExpired):
        next(api.client.watch(PODS, {"resourceVersion": 101}))
    assert api.app.state.context.hub.watches == 0


def test_a_watch_ends_after_its_time_with_a_bookmark(api: Api) -> None:
    """`timeoutSeconds` ends a watch; the bookmark lets the client go on from there."""
    start = api.objects.put(pod("a"))
    watcher = Watcher(api, resourceVersion=start, timeoutSeconds=1, allowWatchBookmarks=True)
    assert watcher.end() == "ended"
    assert watcher.words(1) == ["BOOKMARK"]
    assert api.app.state.context.hub.watches == 0


def test_a_watch_of_one_object_follows_that_object(api: Api) -> None:
    """`metadata.name` is how clients wait for a single object."""
    start = api.objects.put(pod("a"))
    watcher = Watcher(api, resourceVersion=start, fieldSelector="metadata.name=a")
    api.objects.put(pod("b"))
    api.objects.put(pod("a", phase="Succeeded"))
    assert watcher.words(1) == ["MODIFIED a"]


def open_watch(path: Path, start: int) -> socket.socket:
    """Return a connection that asks for a watch and is never read from."""
    connection = socket.socket(socket.AF_UNIX)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(str(path))
    connection.sendall(f"GET {PODS}?watch=1&resourceVersion={start} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return connection


def read_events(connection: socket.socket) -> Iterator[dict[str, Any]]:
    """Yield the events in what was sent before the connection ended."""
    connection.settimeout(10)
    received = b""
    while piece := connection.recv(1 << 20):
        received += piece
        if b'"ERROR"' in received and received.endswith(b"\n"):
            break
    for line in received.replace(b"\r\n", b"\n").split(b"\n"):
        if line.startswith(b'{"type"'):
            yield json.loads(line)


def test_a_slow_reader_is_dropped_and_holds_nobody_up(socket_path: Path) -> None:
    """P07: a full queue ends the slow watch with 410; others and plain reads go on meanwhile."""
    with served(socket_path, Limits(watch_queue_max=16)) as api:
        start = api.objects.put(pod("a"))
        slow = open_watch(socket_path, start)
        until(lambda: api.app.state.context.hub.watches == 1)
        for number in range(3000):
            api.objects.put(pod("a", n=str(number)))
        # Nothing of the watch is read yet; the client gives a plain read up after 10 s.
        assert len(api.client.get(PODS)["items"]) == 1
        events = list(read_events(slow))
        slow.close()
        assert events[-1]["type"] == "ERROR"
        assert events[-1]["object"]["code"] == 410
        until(lambda: api.app.state.context.hub.watches == 0)


def test_a_reader_that_never_reads_is_cut_off(socket_path: Path) -> None:
    """P07: a connection that takes nothing for the deadline is aborted and its watch freed."""
    with served(socket_path, Limits(watch_queue_max=16, send_deadline_s=0.2)) as api:
        start = api.objects.put(pod("a"))
        slow = open_watch(socket_path, start)
        until(lambda: api.app.state.context.hub.watches == 1)
        for number in range(3000):
            api.objects.put(pod("a", n=str(number)))
            if api.app.state.context.hub.watches == 0:
                break
        until(lambda: api.app.state.context.hub.watches == 0)
        slow.close()


def test_there_is_a_limit_to_watches(socket_path: Path) -> None:
    """One watch too many is refused with 429."""
    with served(socket_path, Limits(watches_max=1)) as api:
        start = api.objects.put(pod("a"))
        first = open_watch(socket_path, start)
        until(lambda: api.app.state.context.hub.watches == 1)
        with pytest.raises(ApiRefused) as refused:
            next(api.client.watch(PODS, {"resourceVersion": start}))
        assert refused.value.code == 429
        first.close()
        until(lambda: api.app.state.context.hub.watches == 0)


def test_stopping_the_daemon_ends_watches(socket_path: Path) -> None:
    """A stop does not wait for watches to run out of time."""
    with served(socket_path) as api:
        start = api.objects.put(pod("a"))
        watcher = Watcher(api, resourceVersion=start)
        followers = api.objects
    assert watcher.end() == "ended"
    assert followers.followers == 0
    assert not socket_path.exists()
