"""Every request is judged: who may what, and in which words who may not is told."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_double import Api, MemoryObjects, pod, secret, served
from people import access, bearer
from starlette.types import Message, Receive, Scope, Send
from web import Answer, ask

from reconciler.model.access import MASTERS, User
from reconciler.model.kinds import (
    ClusterRole,
    ClusterRoleBinding,
    ObjectMeta,
    PolicyRule,
    Role,
    RoleBinding,
    RoleRef,
    Subject,
    ref_of,
)
from reconciler.server.authorization import Authorize
from reconciler.server.policy import CurrentPolicy

OWN = "/apis/reconciler.dev/v1"
PODS = "/api/v1/namespaces/shop/pods"


@pytest.fixture
def api(socket_path: Path) -> Iterator[Api]:
    """An API with ada, who may nothing yet, and an operator."""
    with served(socket_path, access=access(ada=(), eve=("readers",), boss=(MASTERS,))) as running:
        yield running


def as_(api: Api, user: str, method: str, target: str, **headers: str) -> Answer:
    """Return the answer to a user's request."""
    return ask(api.path, method, target, Authorization=bearer(user), **headers)


def bind(name: str, role: str, user: str, namespace: str = "shop", kind: str = "ClusterRole") -> RoleBinding:
    """Return a binding of a role to a user in a namespace."""
    return RoleBinding(
        metadata=ObjectMeta(name=name, namespace=namespace),
        role_ref=RoleRef(kind=kind, name=role),  # type: ignore[arg-type]
        subjects=(Subject(kind="User", name=user),),
    )


def test_who_may_not_is_told_in_the_words_of_kubernetes(api: Api) -> None:
    """kubectl shows the message as it is; tools read reason, code and details."""
    refused = as_(api, "ada", "GET", f"{PODS}/web")
    assert refused.code == 403
    assert refused.document == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'pods "web" is forbidden: User "ada" cannot get resource "pods" in API group ""'
        ' in the namespace "shop"',
        "reason": "Forbidden",
        "code": 403,
        "details": {"name": "web", "kind": "pods"},
    }
    listed = as_(api, "ada", "GET", "/apis/apps/v1/deployments").document
    assert listed["message"] == (
        'deployments.apps is forbidden: User "ada" cannot list resource "deployments" in API group "apps"'
        " at the cluster scope"
    )
    path = as_(api, "ada", "GET", "/metrics").document
    assert path["message"] == 'forbidden: User "ada" cannot get path "/metrics"'
    log = as_(api, "ada", "GET", f"{PODS}/web/log").document
    assert 'cannot get resource "pods/log"' in log["message"]


def test_a_grant_holds_for_the_next_request_and_its_end_too(api: Api) -> None:
    """Roles and bindings have effect at once, and only where they are."""
    api.objects.put(pod("a"))
    assert as_(api, "ada", "GET", PODS).code == 403
    binding = bind("ada", "view", "ada")
    api.objects.put(binding)
    assert as_(api, "ada", "GET", PODS).code == 200
    assert as_(api, "ada", "GET", f"{PODS}/a").code == 200
    assert as_(api, "ada", "GET", "/api/v1/namespaces/other/pods").code == 403
    assert as_(api, "ada", "GET", "/api/v1/pods").code == 403
    assert as_(api, "ada", "GET", f"{OWN}/status").code == 403
    assert as_(api, "ada", "DELETE", f"{PODS}/a").code == 403
    api.objects.delete(ref_of(binding))
    assert as_(api, "ada", "GET", PODS).code == 403


def test_a_role_that_git_declares_takes_the_place_of_the_built_in_one(api: Api) -> None:
    """The stored `view` counts, not ours."""
    api.objects.put(bind("ada", "view", "ada"))
    api.objects.put(pod("a"))
    rule = PolicyRule(verbs=("get",), api_groups=("",), resources=("services",))
    role = ClusterRole(metadata=ObjectMeta(name="view"), rules=(rule,))
    api.objects.put(role)
    assert as_(api, "ada", "GET", PODS).code == 403
    api.objects.delete(ref_of(role))
    assert as_(api, "ada", "GET", PODS).code == 200


def test_a_name_narrows_also_lists_and_watches(api: Api) -> None:
    """Who may watch one object may follow it, and nothing beside it."""
    api.objects.put(pod("a"))
    rule = PolicyRule(verbs=("list", "watch"), api_groups=("",), resources=("pods",), resource_names=("a",))
    api.objects.put(Role(metadata=ObjectMeta(name="one", namespace="shop"), rules=(rule,)))
    api.objects.put(bind("one", "one", "ada", kind="Role"))
    assert as_(api, "ada", "GET", f"{PODS}?fieldSelector=metadata.name=a").code == 200
    assert as_(api, "ada", "GET", f"{PODS}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Da").code == 200
    for query in ("", "?fieldSelector=metadata.name=b", "?fieldSelector=metadata.name!=a", "?watch=true"):
        assert as_(api, "ada", "GET", f"{PODS}{query}").code == 403


def test_a_reader_of_the_whole_cluster_reads_our_own_resources(api: Api) -> None:
    """Status, plans and history show every namespace: who reads the whole cluster reads them, and operates nothing."""
    binding = ClusterRoleBinding(
        metadata=ObjectMeta(name="readers"),
        role_ref=RoleRef(kind="ClusterRole", name="view"),
        subjects=(Subject(kind="Group", name="readers"),),
    )
    api.objects.put(binding)
    for path in ("status", "plan", "plans", "revisions", "actions", "events"):
        assert as_(api, "eve", "GET", f"{OWN}/{path}").code == 200, path
    assert as_(api, "eve", "GET", f"{OWN}/users").code == 403
    assert as_(api, "eve", "POST", f"{OWN}/plan").code == 403
    assert as_(api, "eve", "POST", f"{OWN}/acknowledgements").code == 403
    assert as_(api, "eve", "POST", f"{OWN}/sources/main/suspend").code == 403
    assert as_(api, "eve", "POST", "/hooks/pre-receive").code == 403
    assert api.operations.calls and not {"acknowledge", "set_suspended"} & {call[0] for call in api.operations.calls}
    assert as_(api, "boss", "POST", f"{OWN}/sources/main/suspend").code == 200


def test_who_proves_nothing_is_anonymous_and_a_wrong_token_nobody(api: Api) -> None:
    """As with Kubernetes: 403 for the anonymous user, 401 for a credential that does not count."""
    wrong = ask(api.path, "GET", "/version", Authorization="Bearer wrong")
    assert (wrong.code, wrong.document["reason"]) == (401, "Unauthorized")
    assert as_(api, "ada", "GET", "/version").code == 200
    assert as_(api, "ada", "GET", "/apis").code == 200


def test_paths_that_could_be_read_in_two_ways_are_refused(api: Api) -> None:
    """Nothing reaches a handler by another name than it was judged by."""
    api.objects.put(secret())
    api.objects.put(bind("ada", "view", "ada"))
    for target in (
        f"{PODS}/../secrets/token",
        f"{PODS}/%2e%2e/secrets/token",
        "/api/v1/namespaces/shop/pods%2F..%2Fsecrets",
        "/api/v1/namespaces/shop/secrets",
        "/api/v1/namespaces/shop/%73ecrets/token",
        "//api/v1/namespaces/shop/secrets",
        "/api/v1/namespaces/shop//secrets",
        "/api//v1/namespaces/shop/secrets",
        f"/api/v1/namespaces/shop/secrets?x={'a' * 300}",
    ):
        answer = as_(api, "ada", "GET", target)
        assert answer.code in (400, 403, 404), target
        assert b"hunter" not in answer.content and b"aHVudGVy" not in answer.content


@pytest.mark.skipif(os.geteuid() != 0, reason="the socket's peer is root")
def test_root_over_the_socket_may_do_everything(api: Api) -> None:
    """Without a credential the socket's peer counts."""
    assert ask(api.path, "GET", "/api/v1/secrets").code == 200
    body = json.dumps({"hold": ""}).encode()
    assert ask(api.path, "POST", f"{OWN}/acknowledgements", body, Content_Type="application/json").code == 200


def test_following_ends_with_the_server(socket_path: Path) -> None:
    """Nothing is left behind in the index."""
    with served(socket_path) as running:
        objects = running.objects
        assert objects.followers > 0
    assert objects.followers == 0


@pytest.mark.parametrize("told", [True, False], ids=["with an answer", "bare"])
def test_the_opening_of_a_websocket_is_judged_too(told: bool) -> None:
    """Who may not run a command gets no connection; where the server can say so, the answer is a Status."""
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("it was let through")

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": f"{PODS}/a/exec",
        "query_string": b"command=id",
        "headers": [],
        "extensions": {"websocket.http.response": {}} if told else {},
    }
    asyncio.run(Authorize(app, CurrentPolicy(MemoryObjects()))(scope, receive, send))
    if told:
        assert (sent[0]["type"], sent[0]["status"]) == ("websocket.http.response.start", 403)
        assert b'cannot create resource \\"pods/exec\\"' in sent[1]["body"]
    else:
        assert sent[0]["type"] == "websocket.close"


def test_thousands_of_bindings_cost_a_request_nothing() -> None:
    """What a request looks at depends on its user's own grants, not on everybody's."""
    objects = MemoryObjects()
    for number in range(2000):
        objects.put(bind(f"user-{number}", "view", f"user-{number}", namespace=f"space-{number}"))
    policy = CurrentPolicy(objects).policy
    user = User(name="user-7")
    assert len(list(policy.granted(user, "space-7"))) == 1
    assert list(policy.granted(user, "space-8")) == []
