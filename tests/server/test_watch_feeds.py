"""What watches share, what they cost, and that a list with its watch always tells the truth."""

import asyncio
import gc
import json
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from api_double import Api, MemoryHistory, MemoryObjects, MemoryOperations, namespace, pod
from hypothesis import given, settings
from hypothesis import strategies as st
from test_lists import ask
from test_server_watch import PODS, Watcher, until

from reconciler.client import WatchExpired
from reconciler.model.kinds import KINDS
from reconciler.model.refs import ObjectRef
from reconciler.server import watch_hub
from reconciler.server.context import Context, make_context
from reconciler.server.limits import Limits
from reconciler.server.list_options import ListOptions, WatchOptions
from reconciler.server.lists import page_of
from reconciler.server.negotiation import Shape, Wanted
from reconciler.server.selection import Selection, make_selection
from reconciler.server.watch import Watch
from reconciler.server.watch_hub import FeedKey
from reconciler.store.values import Logged

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
CHANGES = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["web", "db", ""])), max_size=15)
SELECTIONS = [
    make_selection(KINDS["Pod"]),
    make_selection(KINDS["Pod"], namespace="shop", label_selector="app=web"),
    make_selection(KINDS["Pod"], field_selector="metadata.name=a"),
    make_selection(KINDS["Pod"], namespace="shop", field_selector="metadata.name!=a,status.phase=Running"),
]


def context_with(objects: MemoryObjects, **limits: Any) -> Context:
    """Return the application's parts around these objects."""
    return make_context(MemoryOperations(), objects, MemoryHistory(), Limits(**limits))


class HeldObjects(MemoryObjects):
    """Objects whose changes are told in one batch, when the test says so."""

    def tell_all(self, version: int = 0) -> None:
        """Tell what was written so far, all with one number where one is given."""
        batch = tuple(replace(entry, resource_version=version or entry.resource_version) for entry in self._log)
        for callback in self._callbacks:
            callback(batch)

    def _tell(self, entry: Logged) -> int:
        self._log.append(entry)
        return entry.resource_version


def apply(objects: MemoryObjects, changes: list[tuple[str, str]]) -> None:
    """Write Pods with these labels; an empty label deletes."""
    for name, label in changes:
        if label:
            objects.put(pod(name, app=label))
        elif objects.get(ObjectRef.of("Pod", "shop", name)) is not None:
            objects.delete(ObjectRef.of("Pod", "shop", name))


def listed(objects: MemoryObjects, context: Context, selection: Selection) -> tuple[dict[str, str], int]:
    """Return names with versions, and the list's number."""
    page = page_of(objects, context.orders, selection, ListOptions())
    return {s.ref.name: s.object.metadata.resource_version for s in page.stored}, page.resource_version


async def events(lines: AsyncIterator[bytes]) -> list[dict[str, Any]]:
    """Return the events of a watch that ends."""
    return [json.loads(line) async for piece in lines for line in piece.splitlines()]


def follow(known: dict[str, str], told: list[dict[str, Any]]) -> dict[str, str]:
    """Return what a client knows that was told these events; it is told nothing that makes no sense."""
    known = dict(known)
    for event in told:
        metadata = event["object"]["metadata"]
        match event["type"]:
            case "ADDED":
                assert metadata["name"] not in known
                known[metadata["name"]] = metadata["resourceVersion"]
            case "MODIFIED":
                assert metadata["name"] in known
                known[metadata["name"]] = metadata["resourceVersion"]
            case "DELETED":
                del known[metadata["name"]]
    return known


@pytest.mark.parametrize("selection", SELECTIONS, ids=lambda one: f"{one.name}{len(one.labels)}{len(one.fields)}")
@given(before=CHANGES, between=CHANGES, after=CHANGES, streams=st.booleans())
@settings(deadline=None, max_examples=40)
def test_a_list_and_its_watch_are_the_final_list(
    selection: Selection,
    before: list[tuple[str, str]],
    between: list[tuple[str, str]],
    after: list[tuple[str, str]],
    streams: bool,
) -> None:
    """Whatever changes before, between and after: nothing is missed, nothing told twice."""

    async def run() -> None:
        objects = MemoryObjects()
        context = context_with(objects)
        context.hub.open()
        apply(objects, before)
        known, version = ({}, None) if streams else listed(objects, context, selection)
        apply(objects, between)
        key = FeedKey(selection, Wanted(), reveal=True)
        watch = Watch(context, key, WatchOptions(start=version, timeout_s=60))
        watch.begin()
        apply(objects, after)
        gathered = asyncio.create_task(events(watch.lines()))
        while not context.hub.is_idle:
            await asyncio.sleep(0)
        context.hub.close()
        final, _ = listed(objects, context, selection)
        assert follow(known, await gathered) == final
        assert context.hub.watches == 0

    asyncio.run(run())


def test_watches_that_want_the_same_share_one_line() -> None:
    """The bytes are the same object, encoded once, however many watch."""

    async def run() -> None:
        objects = MemoryObjects()
        context = context_with(objects)
        context.hub.open()
        key = FeedKey(SELECTIONS[0], Wanted(), reveal=True)
        subscriptions = [context.hub.attach(key) for _ in range(5)]
        objects.put(pod("a"))
        await asyncio.sleep(0.01)
        taken = [subscription.take() for subscription in subscriptions]
        assert len({id(line) for [(_, line)] in taken}) == 1
        for subscription in subscriptions:
            context.hub.detach(subscription)
        assert (context.hub.watches, context.hub._feeds, context.hub._places) == (0, {}, {})
        context.hub.close()

    asyncio.run(run())


def test_only_watches_of_what_changed_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of one Pod concerns neither those of other namespaces and names, nor other kinds."""

    async def run() -> list[str]:
        objects = MemoryObjects()
        context = context_with(objects)
        context.hub.open()
        asked = {
            "all": make_selection(KINDS["Pod"]),
            "shop": make_selection(KINDS["Pod"], namespace="shop"),
            "a": make_selection(KINDS["Pod"], namespace="shop", name="a"),
            "any a": make_selection(KINDS["Pod"], field_selector="metadata.name=a"),
            "b": make_selection(KINDS["Pod"], namespace="shop", name="b"),
            "other": make_selection(KINDS["Pod"], namespace="other"),
            "services": make_selection(KINDS["Service"]),
        }
        for selection in asked.values():
            context.hub.attach(FeedKey(selection, Wanted(), reveal=True))
        looked: list[str] = []
        names = {selection: name for name, selection in asked.items()}
        told = watch_hub.Feed.tell
        monkeypatch.setattr(
            watch_hub.Feed, "tell", lambda feed, entry: (looked.append(names[feed.key.selection]), told(feed, entry))
        )
        objects.put(pod("a"))
        await asyncio.sleep(0.01)
        context.hub.close()
        return looked

    assert sorted(asyncio.run(run())) == ["a", "all", "any a", "shop"]


def test_a_large_batch_does_not_hold_the_loop() -> None:
    """P07: thousands of changes in one transaction are told in short turns."""

    async def run() -> float:
        objects = HeldObjects()
        context = context_with(objects, watch_queue_max=10_000)
        context.hub.open()
        subscription = context.hub.attach(FeedKey(SELECTIONS[0], Wanted(), reveal=True))
        for number in range(3000):
            objects.put(pod(f"p{number}"))
        loop, longest, count = asyncio.get_running_loop(), 0.0, 0
        objects.tell_all()
        while count < 3000:
            began = loop.time()
            await asyncio.sleep(0)
            longest = max(longest, loop.time() - began)
            count += len(subscription.take())
        context.hub.close()
        return longest

    # What the collector takes for the heap of all the other tests is not what a turn takes.
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        assert asyncio.run(run()) < 0.25
    finally:
        gc.enable()
        gc.unfreeze()


def test_a_batch_of_one_number_that_is_told_in_turns_is_told_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a reload many changes bear the same number; a turn may end between them."""
    monkeypatch.setattr(watch_hub, "TURN_S", 0.0)

    async def run() -> list[str]:
        objects = HeldObjects()
        context = context_with(objects)
        context.hub.open()
        watch = Watch(context, FeedKey(SELECTIONS[0], Wanted(), reveal=True), WatchOptions(start=100, timeout_s=60))
        watch.begin()
        for name in "abc":
            objects.put(pod(name))
        gathered = asyncio.create_task(events(watch.lines()))
        objects.tell_all(200)
        for _ in range(50):
            await asyncio.sleep(0)
        context.hub.close()
        return [event["object"]["metadata"]["name"] for event in await gathered]

    assert asyncio.run(run()) == ["a", "b", "c"]


def test_each_event_of_a_table_is_a_row_and_the_first_brings_the_columns(api: Api) -> None:
    """As kubectl reads `get -w`; bookmarks are tables too."""
    start = api.objects.put(pod("a"))
    api.objects.put(pod("b"))
    api.objects.put(pod("a", phase="Succeeded"))
    target = f"{PODS}?watch=1&resourceVersion={start}&timeoutSeconds=1&allowWatchBookmarks=true"
    response, body = ask(api.path, target, Accept=TABLE)
    assert response.getheader("content-type") == "application/json"
    told = [json.loads(line) for line in body.splitlines()]
    assert [event["type"] for event in told] == ["ADDED", "MODIFIED", "BOOKMARK"]
    tables = [event["object"] for event in told]
    assert [table["kind"] for table in tables] == ["Table"] * 3
    assert [len(table["rows"]) for table in tables] == [1, 1, 1]
    assert tables[0]["columnDefinitions"][0]["name"] == "Name"
    assert [table["columnDefinitions"] for table in tables[1:]] == [None, None]
    assert [table["rows"][0]["cells"][0] for table in tables] == ["b", "a", ""]
    assert len(tables[2]["rows"][0]["cells"]) == len(tables[0]["columnDefinitions"])
    versions = [table["metadata"]["resourceVersion"] for table in tables]
    assert versions == [str(start + 1), str(start + 2), str(start + 2)]


def test_a_watch_of_metadata_leaves_the_rest_out(api: Api) -> None:
    """PartialObjectMetadata in every event."""
    api.objects.put(pod("a"))
    accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
    _, body = ask(api.path, f"{PODS}?watch=1&timeoutSeconds=1", Accept=accept)
    [event] = [json.loads(line) for line in body.splitlines()]
    assert set(event["object"]) == {"kind", "apiVersion", "metadata"}
    assert Wanted(shape=Shape.METADATA).meta_version == event["object"]["apiVersion"]


def test_an_idle_watch_is_told_how_far_it_may_go_on(api: Api) -> None:
    """A bookmark names the newest change of all kinds, so that a quiet selection does not expire."""
    start = api.objects.put(pod("a"))
    watcher = Watcher(
        api, resourceVersion=start, fieldSelector="metadata.name=a", timeoutSeconds=1, allowWatchBookmarks=True
    )
    newest = api.objects.put(namespace())
    assert watcher.words(1) == ["BOOKMARK"]
    assert watcher.events[0]["object"]["metadata"]["resourceVersion"] == str(newest)


def test_initial_events_can_be_refused() -> None:
    """`sendInitialEvents=false` begins with what changes from now on."""

    async def run() -> list[str]:
        objects = MemoryObjects()
        context = context_with(objects)
        context.hub.open()
        objects.put(pod("a"))
        options = WatchOptions(start=None, timeout_s=60, skip_initial=True)
        watch = Watch(context, FeedKey(SELECTIONS[0], Wanted(), reveal=True), options)
        watch.begin()
        objects.put(pod("b"))
        await asyncio.sleep(0.01)
        context.hub.close()
        return [event["object"]["metadata"]["name"] for event in await events(watch.lines())]

    assert asyncio.run(run()) == ["b"]


def test_a_watch_goes_on_after_it_was_gone(api: Api) -> None:
    """410, list again, watch from there."""
    old = api.objects.put(pod("a"))
    api.objects.put(pod("b"))
    api.objects.forget_log()
    assert isinstance(Watcher(api, resourceVersion=old).end(), WatchExpired)
    version = api.client.get(PODS)["metadata"]["resourceVersion"]
    watcher = Watcher(api, resourceVersion=version)
    api.objects.put(pod("c"))
    assert watcher.words(1) == ["ADDED c"]


def test_the_path_of_one_object_can_be_watched(api: Api) -> None:
    """`.../pods/a?watch=1`, and number 0 begins with what there is."""
    api.objects.put(pod("a"))
    watcher = Watcher(api, f"{PODS}/a", resourceVersion=0)
    assert watcher.words(1) == ["ADDED a"]
    api.objects.put(pod("b"))
    api.objects.put(pod("a", phase="Succeeded"))
    assert watcher.words(2) == ["ADDED a", "MODIFIED a"]


def test_a_hundred_watches_are_all_told(api: Api) -> None:
    """Each of them every change, in order."""
    start = api.objects.put(pod("a"))
    watchers = [Watcher(api, resourceVersion=start) for _ in range(100)]
    for number in range(5):
        api.objects.put(pod("a", n=str(number)))
    for watcher in watchers:
        watcher.words(5)
        assert [event["object"]["metadata"]["labels"]["n"] for event in watcher.events] == list("01234")


def test_watches_begin_while_others_write(api: Api) -> None:
    """From a number, in the middle of writing: every change from there on, each once."""
    start = api.objects.put(pod("a", n="0"))
    done = SimpleNamespace(count=400)

    def write() -> None:
        for number in range(1, done.count + 1):
            api.objects.put(pod("a", n=str(number)))

    writer = threading.Thread(target=write)
    writer.start()
    watchers = [Watcher(api, resourceVersion=start) for _ in range(8)]
    writer.join(20)
    for watcher in watchers:
        watcher.words(done.count)
        numbers = [int(event["object"]["metadata"]["labels"]["n"]) for event in watcher.events]
        assert numbers == list(range(1, done.count + 1))
    until(lambda: api.app.state.context.hub.is_idle)
