"""Our own resources: status, plans, sources, acknowledgements, hooks, logs, health."""

import http.client
import json
import socket
import threading
from pathlib import Path

import pytest
from api_double import COMMIT, Api, pod, sample_plan

from reconciler.client import ApiRefused, NotFound
from reconciler.client.api import OWN
from reconciler.model.desired import RevisionInfo
from reconciler.model.errors import DeadlineError, StaleError, TerminalError
from reconciler.model.plan import Action, Executor, Outcome, OutcomeStatus, Reason, Verb
from reconciler.model.ports import LogRequest, ManifestFile, PushedUpdate
from reconciler.model.problem import Problem
from reconciler.model.refs import ObjectRef
from reconciler.model.status import PlanAnswer
from reconciler.store.values import ActionRecord, PlanRecord, RevisionRecord, RevisionState

WEB = ObjectRef.of("Deployment", "shop", "web")
LOG = "/api/v1/namespaces/shop/pods/a/log"


def test_status_is_a_versioned_document(api: Api) -> None:
    """The status says what it is."""
    status = api.client.status()
    assert (status["apiVersion"], status["kind"], status["health"]) == ("reconciler.dev/v1", "Status", "healthy")


def test_a_working_tree_is_planned_with_its_files(api: Api) -> None:
    """Files arrive as they were sent, bytes included."""
    body = {"files": [{"path": "a.yaml", "blobId": "b1", "content": "/w=="}], "source": "main"}
    plan = api.client.plan_of(body)
    assert (plan["kind"], plan["id"], plan["summary"]["create"]) == ("Plan", "abcdef123456", 1)
    expected = ManifestFile(path="a.yaml", blob_id="b1", content=b"\xff")
    assert api.operations.calls == [("plan_files", (expected,), "main")]


def test_a_plan_that_manifests_prevent_is_a_validation_report(api: Api) -> None:
    """P03, P23: problems come with their places instead of a plan."""
    api.operations.answer = PlanAnswer(problems=(Problem(file="a.yaml", line=3, column=1, message="no"),))
    report = api.client.plan()
    assert report["kind"] == "ValidationReport"
    assert report["problems"][0]["file"] == "a.yaml"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"files": 1}', b'{"files":[{"path":1}]}', b"\xff", b"{}"])
def test_a_body_that_does_not_fit_is_refused(shared_api: Api, body: bytes) -> None:
    """Wrong bodies are 400 with the place, never a traceback."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(shared_api.path))
    connection.request("POST", f"{OWN}/plan", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    status = json.loads(response.read())
    connection.close()
    assert (response.status, status["kind"], status["reason"]) == (400, "Status", "BadRequest")


def test_sources_are_operated(api: Api) -> None:
    """Each verb reaches the daemon; `*` means all sources."""
    for verb in ("sync", "suspend", "resume"):
        api.client.source("main", verb)
    api.client.source("", "sync")
    assert api.client.source("main", "rollback", {"revision": "HEAD~1"})["commit"] == COMMIT
    assert api.operations.calls == [
        ("sync", "main"),
        ("set_suspended", "main", True),
        ("set_suspended", "main", False),
        ("sync", ""),
        ("rollback", "HEAD~1", "main"),
    ]
    with pytest.raises(NotFound):
        api.client.source("main", "explode")


def test_an_acknowledgement_names_who_gave_it(api: Api) -> None:
    """P02: history can say which user released the deletions."""
    assert api.client.acknowledge("h1")["objects"] == ["namespace/old"]
    word, hold, by = api.operations.calls[0]
    assert (word, hold, by) == ("acknowledge", "h1", "system:root")


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (DeadlineError("git: no answer within 60 s"), 504),
        (StaleError("another term"), 409),
        (TerminalError("no such commit", hint="git log"), 422),
        (LookupError("x"), 404),
        (ZeroDivisionError("a bug"), 500),
    ],
)
def test_failures_of_operations_are_told(api: Api, failure: Exception, code: int) -> None:
    """Expected failures carry their hint; a bug says nothing of its inside."""
    api.operations.failure = failure
    with pytest.raises(ApiRefused) as refused:
        api.client.source("main", "sync")
    assert refused.value.code == code
    assert ("a bug" in str(refused.value)) is False
    assert refused.value.hint == getattr(failure, "hint", "")


def test_history_is_served(api: Api) -> None:
    """Revisions, plans and actions, with what became of each."""
    action = Action(key="k", executor=Executor.CONTAINER, verb=Verb.CREATE, object=WEB, reason=Reason.DECLARED)
    outcome = Outcome(key="k", status=OutcomeStatus.FAILED, reason="ErrImagePull", message="no such image")
    api.history.kept = {
        "revisions": [RevisionRecord(source="main", revision=RevisionInfo(commit=COMMIT), state=RevisionState.APPLIED)],
        "plans": [PlanRecord(id="abcdef123456", at=1.0, unchanged=3, plan=sample_plan())],
        "actions": [ActionRecord(plan="abcdef", action=action, outcome=outcome, at=2.0)],
    }
    assert api.client.get(f"{OWN}/revisions")["items"][0]["state"] == "applied"
    assert api.client.get(f"{OWN}/plans")["items"][0]["summary"]["unchanged"] == 3
    assert api.client.get(f"{OWN}/plans/abcdef")["verdicts"][0]["object"] == "deployment/shop/web"
    (told,) = api.client.get(f"{OWN}/actions", {"object": "deployment/shop/web"})["items"]
    assert (told["verb"], told["status"], told["outcomeReason"]) == ("create", "failed", "ErrImagePull")
    assert api.client.get(f"{OWN}/actions", {"object": "pod/shop/x"})["items"] == []
    with pytest.raises(NotFound):
        api.client.get(f"{OWN}/plans/999")


def test_history_of_a_workload_includes_what_was_made_for_it(api: Api) -> None:
    """What was done to a Deployment was done to its Pods, also to those that are gone."""
    names = ("web-6d4cf-k2x9p", "web-api-6d4cf-k2x9p", "web-x", "db-1-k2x9p")
    outcome = Outcome(key="k", status=OutcomeStatus.DONE)
    api.history.kept["actions"] = [
        ActionRecord(
            action=Action(
                key="k",
                executor=Executor.CONTAINER,
                verb=Verb.CREATE,
                object=ObjectRef.of("Pod", "shop", name),
                reason=Reason.DECLARED,
            ),
            outcome=outcome,
        )
        for name in names
    ]
    found = api.client.get(f"{OWN}/actions", {"object": "deployment/shop/web"})["items"]
    assert [item["object"] for item in found] == ["pod/shop/web-6d4cf-k2x9p"]


def test_explain_reads_the_name_of_an_object(api: Api) -> None:
    """Short names and objects without namespace are understood."""
    assert api.client.get(f"{OWN}/explain", {"object": "deploy/shop/web"})["reason"] == "in-sync"
    api.client.get(f"{OWN}/explain", {"object": "node/node-1"})
    assert [call[1] for call in api.operations.calls] == [WEB, ObjectRef.of("Node", "", "node-1")]
    for wrong in ("", "web", "thing/shop/web", "deployment/a/b/c", "deployment//web"):
        with pytest.raises(ApiRefused):
            api.client.get(f"{OWN}/explain", {"object": wrong})


def hook_body(**more: object) -> dict[str, object]:
    """Return what the hook client sends."""
    update = {"old": "0" * 40, "new": COMMIT, "ref": "refs/heads/main"}
    return {"repository": "/r.git", "updates": [update], "pusher": "ada", **more}


def test_a_push_is_judged_line_by_line(api: Api) -> None:
    """The quarantine environment is passed on, and nothing else of the environment."""
    api.operations.push_lines = ("web.yaml:1:1  error", "exit: 1")
    body = hook_body(environment={"GIT_QUARANTINE_PATH": "/r.git/objects/tmp", "GIT_SSH_COMMAND": "evil"})
    assert list(api.client.lines("POST", "/hooks/pre-receive", body=body)) == ["web.yaml:1:1  error", "exit: 1"]
    expected = PushedUpdate(old="0" * 40, new=COMMIT, ref="refs/heads/main")
    environment = {"GIT_QUARANTINE_PATH": "/r.git/objects/tmp"}
    assert api.operations.calls == [("pre_receive", "/r.git", (expected,), environment)]


def test_a_push_that_cannot_be_judged_is_refused(api: Api) -> None:
    """A failure ends in `exit: 1`, so that nothing unjudged is accepted."""
    api.operations.failure = TerminalError("not the received repository")
    lines = list(api.client.lines("POST", "/hooks/pre-receive", body=hook_body()))
    assert lines == ["error: not the received repository", "exit: 1"]


def test_a_hook_without_updates_is_refused(api: Api) -> None:
    """A malformed request of a hook is an error, which the hook takes for an absent daemon."""
    for body in (hook_body(updates=[]), hook_body(repository="r.git"), {}):
        with pytest.raises(ApiRefused):
            list(api.client.lines("POST", "/hooks/post-receive", body=body))


def test_a_log_is_streamed(api: Api) -> None:
    """The query becomes a request to the daemon; the lines come back as they are."""
    api.objects.put(pod("a"))
    api.operations.log_lines = (b"one\n", b"two\n")
    query = {"tailLines": 5, "limitBytes": 100, "timestamps": True, "previous": True, "container": "web"}
    assert b"".join(api.client.stream("GET", LOG, query)) == b"one\ntwo\n"
    wanted = LogRequest(
        namespace="shop", pod="a", container="web", previous=True, timestamps=True, tail_lines=5, limit_bytes=100
    )
    assert api.operations.calls == [("logs", wanted)]


def test_a_followed_log_arrives_line_by_line_and_is_freed_when_the_reader_goes(api: Api) -> None:
    """Lines come while the container runs; the source is closed once the client has gone."""
    api.objects.put(pod("a"))
    api.operations.log_lines = (b"one\n",)
    api.operations.log_gate = threading.Event()
    pieces = api.client.stream("GET", LOG, {"follow": True}, idle_s=10)
    assert next(pieces) == b"one\n"
    assert not api.operations.log_ended.is_set()
    pieces.close()
    assert api.operations.log_ended.wait(10)


@pytest.mark.parametrize(
    "query",
    [
        {"container": "nope"},
        {"tailLines": "x"},
        {"sinceSeconds": 5, "sinceTime": "2026-01-01T00:00:00Z"},
        {"sinceTime": "yesterday"},
    ],
)
def test_a_log_that_cannot_be_given_is_a_bad_request(api: Api, query: dict[str, object]) -> None:
    """Wrong containers and wrong numbers are told apart from an empty log."""
    api.objects.put(pod("a"))
    with pytest.raises(ApiRefused) as refused:
        b"".join(api.client.stream("GET", LOG, query))  # type: ignore[arg-type]
    assert refused.value.code == 400


def test_a_container_that_never_ran_has_no_log(api: Api) -> None:
    """The daemon's word that there is no container is told, as Kubernetes does with 400."""
    api.objects.put(pod("a"))
    api.operations.failure = LookupError("container web of pod a has not started")
    with pytest.raises(ApiRefused) as refused:
        b"".join(api.client.stream("GET", LOG))
    assert (refused.value.code, str(refused.value)) == (400, "container web of pod a has not started")


def test_health_and_metrics(api: Api) -> None:
    """P08: probes answer, and the ages are metrics."""
    for path in ("/healthz", "/livez", "/readyz"):
        assert b"".join(api.client.stream("GET", path)) == b"ok"
    text = b"".join(api.client.stream("GET", "/metrics")).decode()
    assert 'reconciler_health{state="healthy"} 1' in text
    assert api.client.get("/version")["gitVersion"].startswith("v1.")


def test_a_daemon_that_is_busy_still_serves_objects(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """P07: operations that hang use up their own pool only; reads, watches and probes of life go on."""
    gate, waiting = threading.Event(), threading.Semaphore(0)

    def hang() -> object:
        waiting.release()
        gate.wait(20)
        return api.operations.current

    monkeypatch.setattr(api.operations, "status", hang)
    api.objects.put(pod("a"))
    callers = [threading.Thread(target=api.client.status, daemon=True) for _ in range(12)]
    for caller in callers:
        caller.start()
    for _ in range(api.app.state.limits.operations_max):
        assert waiting.acquire(timeout=10)
    assert len(api.client.get("/api/v1/pods")["items"]) == 1
    assert next(api.client.watch("/api/v1/pods", {"timeoutSeconds": 5}))["type"] == "ADDED"
    assert b"".join(api.client.stream("GET", "/livez")) == b"ok"
    gate.set()
    for caller in callers:
        caller.join(10)
        assert not caller.is_alive()


def test_a_header_that_is_too_long_is_refused(shared_api: Api) -> None:
    """Endless headers end the connection with 400, and the API goes on."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(shared_api.path))
    connection.settimeout(10)
    connection.sendall(b"GET /version HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 80_000)
    assert connection.recv(100).startswith(b"HTTP/1.1 400")
    connection.close()
    assert shared_api.client.get("/version")["major"] == "1"


def test_the_socket_is_for_owner_and_group(api: Api) -> None:
    """Nobody else can even connect."""
    assert Path(api.path).stat().st_mode & 0o777 == 0o660
