"""The log of a container over the API: what is asked for, what is refused, and clients that go."""

import http.client
import threading
import time
from typing import Any

import pytest
from api_double import Api, pod, served
from exec_double import running_pod, until
from web import ask

from reconciler.client.connection import UnixConnection
from reconciler.model.streams import ContainerUnavailable
from reconciler.server.limits import Limits

LOG = "/api/v1/namespaces/shop/pods/web/log"


def opened(api: Api, query: str = "follow=true") -> tuple[UnixConnection, http.client.HTTPResponse]:
    """Begin to follow a log."""
    connection = UnixConnection(api.path, 10)
    connection.request("GET", f"{LOG}?{query}")
    return connection, connection.getresponse()


def test_what_is_asked_for_is_handed_on(api: Api) -> None:
    """Each word of the query."""
    api.objects.put(running_pod("web", "app", "side", default="side"))
    api.operations.log_lines = (b"one\n", b"two\n")
    query = "previous=true&timestamps=1&tailLines=7&limitBytes=9&sinceTime=2026-01-01T00:00:00.5Z"
    answer = ask(api.path, "GET", f"{LOG}?{query}")
    assert (answer.code, answer.content) == (200, b"one\ntwo\n")
    assert answer.headers["Content-Type"].startswith("text/plain")
    request = api.operations.calls[-1][1]
    assert (request.container, request.previous, request.timestamps, request.follow) == ("side", True, True, False)
    assert (request.tail_lines, request.limit_bytes, request.since) == (7, 9, 1767225600.5)
    ask(api.path, "GET", f"{LOG}?container=app&sinceSeconds=60&stream=Stderr")
    assert request.stream == "All"
    request = api.operations.calls[-1][1]
    assert (request.container, request.tail_lines, request.stream) == ("app", None, "Stderr")
    assert time.time() - request.since == pytest.approx(60, abs=10)


@pytest.mark.parametrize(
    ("query", "code", "says"),
    [
        ("container=third", 400, "container third is not valid for pod web"),
        ("limitBytes=0", 422, "limitBytes: Invalid value: 0: must be greater than 0"),
        ("stream=Both", 422, "stream: Unsupported value"),
        ("stream=Stderr&tailLines=1", 422, "tailLines: Forbidden"),
        ("sinceSeconds=0", 422, "sinceSeconds: Invalid value: 0: must be greater than 0"),
        ("sinceSeconds=5&sinceTime=2026-01-01T00:00:00Z", 400, "at most one of"),
        ("sinceTime=yesterday", 400, "expected an RFC 3339 time"),
        ("tailLines=-1", 400, "tailLines"),
        ("follow=perhaps", 400, "follow"),
        ("", 400, "a container name must be specified for pod web, choose one of: [app side]"),
    ],
)
def test_what_cannot_be_is_refused(api: Api, query: str, code: int, says: str) -> None:
    """With a sentence."""
    api.objects.put(running_pod("web", "app", "side", default="app" if query else ""))
    answer = ask(api.path, "GET", f"{LOG}?{query}")
    assert answer.code == code
    assert says in answer.document["message"]


def test_a_container_without_a_log_is_a_bad_request(api: Api) -> None:
    """As the kubelet answers."""
    api.objects.put(running_pod("web"))
    api.operations.failure = ContainerUnavailable('container "web" in pod "web" is waiting to start: ContainerCreating')
    answer = ask(api.path, "GET", LOG)
    assert (answer.code, answer.document["reason"]) == (400, "BadRequest")
    assert answer.document["message"].endswith("is waiting to start: ContainerCreating")


def test_a_pod_without_a_host_has_an_empty_log(api: Api) -> None:
    """As upstream answers."""
    api.objects.put(pod("web", node=""))
    answer = ask(api.path, "GET", LOG)
    assert (answer.code, answer.content) == (204, b"")


def test_a_log_is_only_read(api: Api) -> None:
    """Every other method is refused."""
    api.objects.put(running_pod("web"))
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert ask(api.path, method, LOG).code == 405


def test_a_follower_that_goes_frees_its_thread(api: Api) -> None:
    """Promptly, although nothing is written."""
    api.objects.put(running_pod("web"))
    api.operations.log_gate = threading.Event()
    connection, _ = opened(api)
    connection.close()
    assert api.operations.log_ended.wait(5)
    until(lambda: api.app.state.context.streams.borrowed_tokens == 0)


def test_followers_are_bounded(socket_path: Any) -> None:
    """One more is told to try again later, and finds a place once another has gone."""
    with served(socket_path, Limits(streams_max=2)) as api:
        api.objects.put(running_pod("web"))
        api.operations.log_lines = (b"one\n",)
        api.operations.log_gate = threading.Event()
        followers = [opened(api) for _ in range(2)]
        answer = ask(api.path, "GET", LOG)
        assert (answer.code, answer.document["reason"]) == (429, "TooManyRequests")
        assert answer.headers["Retry-After"]
        followers[0][0].close()
        until(lambda: api.app.state.context.streams.borrowed_tokens == 1)
        connection, response = opened(api)
        assert response.status == 200
        connection.close()
        followers[1][0].close()


def test_following_ends_with_the_log(api: Api) -> None:
    """That is when the container ends."""
    api.objects.put(running_pod("web"))
    api.operations.log_lines = (b"last words\n",)
    api.operations.log_gate = threading.Event()
    connection, response = opened(api)
    assert response.read1() == b"last words\n"
    api.operations.log_gate.set()
    assert response.read() == b""
    connection.close()
