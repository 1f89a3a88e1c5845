"""Lists: of which moment they are, how they are cut into pages, what cannot be asked."""

import gzip
import http.client
import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from api_double import Api, MemoryObjects, namespace, pod, secret
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.client import ApiRefused
from reconciler.model.kinds import KINDS
from reconciler.model.refs import ObjectRef
from reconciler.server.errors import ApiError
from reconciler.server.list_options import INCONSISTENT, ListOptions, Position, read_token, token_of
from reconciler.server.lists import Orders, page_of
from reconciler.server.negotiation import Include, Shape, Wanted
from reconciler.server.selection import make_selection

PODS = "/api/v1/namespaces/shop/pods"


def names(document: dict[str, Any]) -> list[str]:
    """Return the names in a list."""
    return [item["metadata"]["name"] for item in document["items"]]


def ask(path: Path, target: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    """Return the answer to a GET with these headers."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    connection.request("GET", target, headers={name.replace("_", "-"): text for name, text in headers.items()})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def test_pages_are_of_one_moment(api: Api) -> None:
    """What comes, changes and goes between the pages does not show in them."""
    for name in "abcdef":
        api.objects.put(pod(name, v="1"))
    first = api.client.get(PODS, {"limit": 2})
    api.objects.delete(ObjectRef.of("Pod", "shop", "d"))
    api.objects.put(pod("e", v="2"))
    api.objects.put(pod("cc"))
    second = api.client.get(PODS, {"limit": 3, "continue": first["metadata"]["continue"]})
    assert (names(first), names(second)) == (["a", "b"], ["c", "d", "e"])
    assert second["items"][2]["metadata"]["labels"] == {"v": "1"}
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert (first["metadata"]["remainingItemCount"], second["metadata"]["remainingItemCount"]) == (4, 1)


def test_a_token_whose_moment_is_gone_comes_with_one_that_goes_on(api: Api) -> None:
    """410 Expired, and the rest of the list as it is now."""
    for name in "abcd":
        api.objects.put(pod(name))
    token = api.client.get(PODS, {"limit": 2})["metadata"]["continue"]
    api.objects.put(pod("e"))
    api.objects.forget_log()
    with pytest.raises(ApiRefused) as refused:
        api.client.get(PODS, {"limit": 2, "continue": token})
    assert (refused.value.code, refused.value.reason) == (410, "Expired")
    _, body = ask(api.path, f"{PODS}?limit=2&continue={token}")
    following = json.loads(body)["metadata"]["continue"]
    rest = api.client.get(PODS, {"limit": 10, "continue": following})
    assert names(rest) == ["c", "d", "e"]
    assert rest["metadata"]["resourceVersion"] == str(api.objects.resource_version)


def test_an_exact_moment_is_listed_while_it_is_known(api: Api) -> None:
    """`Exact` takes back what came later; `NotOlderThan` and 0 are satisfied by the present."""
    api.objects.put(pod("a"))
    then = api.objects.put(pod("b"))
    api.objects.delete(ObjectRef.of("Pod", "shop", "a"))
    exact = {"resourceVersion": then, "resourceVersionMatch": "Exact"}
    assert names(api.client.get(PODS, exact)) == ["a", "b"]
    assert api.client.get(PODS, exact)["metadata"]["resourceVersion"] == str(then)
    for present in ({"resourceVersion": 0}, {"resourceVersion": then, "resourceVersionMatch": "NotOlderThan"}):
        assert names(api.client.get(PODS, present)) == ["b"]


def test_how_many_remain_is_told_without_selectors_only(api: Api) -> None:
    """With a selector nobody has counted them."""
    for name in "abc":
        api.objects.put(pod(name, app="web"))
    chosen = api.client.get(PODS, {"limit": 1, "labelSelector": "app=web"})["metadata"]
    assert "continue" in chosen
    assert "remainingItemCount" not in chosen
    assert "continue" not in api.client.get(PODS, {"limit": 3})["metadata"]


@pytest.mark.parametrize(
    ("query", "code", "fields"),
    [
        ({"resourceVersionMatch": "Exact"}, 422, ["resourceVersionMatch"]),
        ({"resourceVersionMatch": "Exact", "resourceVersion": "0"}, 422, ["resourceVersionMatch"]),
        ({"resourceVersionMatch": "Roughly", "resourceVersion": "1"}, 422, ["resourceVersionMatch"]),
        ({"resourceVersionMatch": "Exact", "resourceVersion": "1", "continue": "x"}, 422, ["resourceVersionMatch"]),
        ({"sendInitialEvents": "true"}, 422, ["sendInitialEvents"]),
        ({"watch": "1", "sendInitialEvents": "true"}, 422, ["resourceVersionMatch"]),
        ({"watch": "1", "resourceVersionMatch": "NotOlderThan"}, 422, ["resourceVersionMatch"]),
        ({"continue": token_of(Position(5, ("shop", "a"))), "resourceVersion": "5"}, 400, []),
        ({"continue": "bm90aGluZw"}, 400, []),
        ({"includeObject": "Some", "as": "table"}, 400, []),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_causes(
    shared_api: Api, query: dict[str, str], code: int, fields: list[str]
) -> None:
    """The combinations that Kubernetes refuses, named one by one."""
    accept = "application/json;as=Table;g=meta.k8s.io;v=v1" if query.pop("as", "") else "application/json"
    target = PODS + "?" + "&".join(f"{name}={text}" for name, text in query.items())
    response, body = ask(shared_api.path, target, Accept=accept)
    status = json.loads(body)
    assert (response.status, status["kind"], status["code"]) == (code, "Status", code)
    assert [cause["field"] for cause in status.get("details", {}).get("causes", [])] == fields


def test_a_number_from_the_future_says_so(shared_api: Api) -> None:
    """Clients recognise the cause and list anew."""
    with pytest.raises(ApiRefused) as refused:
        shared_api.client.get(PODS, {"resourceVersion": 999_999})
    assert refused.value.code == 504
    assert refused.value.details["causes"][0]["reason"] == "ResourceVersionTooLarge"


def test_a_large_answer_is_compressed_for_who_takes_it(api: Api) -> None:
    """Beyond 128 KiB; small ones never, and never unasked."""
    for number in range(400):
        api.objects.put(pod(f"p{number:04}", text="x" * 60))
    response, body = ask(api.path, PODS, Accept_Encoding="gzip")
    assert response.getheader("content-encoding") == "gzip"
    assert len(names(json.loads(gzip.decompress(body)))) == 400
    assert len(body) < 100_000
    assert ask(api.path, PODS)[0].getheader("content-encoding") is None
    assert ask(api.path, f"{PODS}?limit=3", Accept_Encoding="gzip")[0].getheader("content-encoding") is None
    assert ask(api.path, PODS, Accept_Encoding="gzip;q=0")[0].getheader("content-encoding") is None


def test_a_reader_that_stops_in_the_middle_holds_nobody_up(api: Api) -> None:
    """P07: others are answered while one has taken only the beginning of a large list."""
    for number in range(3000):
        api.objects.put(pod(f"p{number:04}", text="x" * 60))
    slow = socket.socket(socket.AF_UNIX)
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(str(api.path))
    slow.sendall(f"GET {PODS} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert slow.recv(1000)
    for _ in range(20):
        assert len(names(api.client.get(PODS, {"limit": 5}))) == 5
    received = b""
    while b'"p2999"' not in received[-4000:]:
        received += slow.recv(1 << 20)
    slow.close()


def test_objects_are_not_kept_twice(api: Api) -> None:
    """The bytes of an object that has changed are let go."""
    for _ in range(50):
        api.objects.put(pod("a", text="x" * 60))
        api.client.get(PODS)
    api.objects.forget_log()
    api.client.get(PODS)
    encoder = api.app.state.context.encoder
    assert encoder.kept_bytes < 10_000


def test_every_user_gets_the_secret_that_is_theirs_to_see(api: Api) -> None:
    """P22: what was encoded for one who sees values is never given to one who does not."""
    api.objects.put(secret())
    encoder, stored = api.app.state.context.encoder, api.objects.get(ObjectRef.of("Secret", "shop", "token"))
    assert stored is not None
    shown = [encoder.whole(stored, reveal=reveal) for reveal in (True, False, True, False)]
    assert [b"aHVudGVyMg" in text for text in shown] == [True, False, True, False]
    form = Wanted(shape=Shape.TABLE, include=Include.OBJECT)
    rows = [encoder.row(stored, form, 0.0, reveal=reveal) for reveal in (True, False, True, False)]
    assert [b"aHVudGVyMg" in row for row in rows] == [True, False, True, False]


SELECTION = make_selection(KINDS["Pod"])
CHANGES = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans()), max_size=12)


@given(
    start=st.sets(st.sampled_from("abcdefgh"), min_size=1),
    between=st.lists(CHANGES, max_size=6),
    limit=st.integers(1, 4),
    forgets=st.booleans(),
)
@settings(deadline=None)
def test_pages_lose_nothing_that_was_there_throughout(
    start: set[str], between: list[list[tuple[str, bool]]], limit: int, forgets: bool
) -> None:
    """Whatever happens between the pages, also when the log is forgotten and the list goes on in the present."""
    objects, orders = MemoryObjects(), Orders()
    for name in sorted(start):
        objects.put(pod(name))
    throughout, position, told, rounds = set(start), None, [], iter(between)
    while True:
        try:
            page = page_of(objects, orders, SELECTION, ListOptions(limit=limit, position=position))
        except ApiError as error:
            assert error.code == 410
            position = read_token(error.metadata["continue"])
            assert position.version == INCONSISTENT
            continue
        told += [stored.ref.name for stored in page.stored]
        if page.following is None:
            break
        position = page.following
        for name, is_there in next(rounds, []):
            ref = ObjectRef.of("Pod", "shop", name)
            if is_there:
                objects.put(pod(name))
            elif objects.get(ref) is not None:
                objects.delete(ref)
                throughout.discard(name)
        if forgets:
            objects.forget_log()
    assert throughout <= set(told)
    assert told == sorted(set(told))
    if not forgets:
        assert set(told) == start


def test_namespaces_are_in_the_order_of_keys() -> None:
    """As Kubernetes sorts them, so that a position is the same everywhere; the order is not sorted anew each time."""
    objects, orders = MemoryObjects(), Orders()
    objects.put(namespace())
    for name in ("z", "a"):
        objects.put(pod(name))
    spaces = objects.view.objects.spaces("Pod")
    assert orders.names("Pod", "shop", spaces["shop"]) == ["a", "z"]
    assert orders.names("Pod", "shop", spaces["shop"]) is orders.names("Pod", "shop", dict(spaces["shop"]))
    objects.put(pod("b"))
    spaces = objects.view.objects.spaces("Pod")
    assert orders.names("Pod", "shop", spaces["shop"]) == ["a", "b", "z"]


def test_lists_are_whole_while_others_write(api: Api) -> None:
    """A list is one moment: two objects that change together are never seen apart."""
    api.objects.put(pod("a", n="0"))
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            api.objects.put(pod("a", n=str(number)))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(50):
            listed = api.client.get(PODS)
            assert listed["items"][0]["metadata"]["resourceVersion"] == listed["metadata"]["resourceVersion"]
    finally:
        stop.set()
        writer.join(10)
