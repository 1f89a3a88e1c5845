"""What a user may do, asked of the API: by any version of kubectl, in JSON and in protobuf."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_double import Api, served
from kubectl import INSTALLED, Kubectl
from people import access, bearer, token_of
from test_authorization import bind
from web import Answer, ask

from reconciler.access import Authority, ServerCertificate
from reconciler.access.kubeconfig import Credential, kubeconfig, kubeconfig_text
from reconciler.model.access import MASTERS
from reconciler.server.listener import listen
from reconciler.server.tls import SecureListener

AUTHORIZATION = "/apis/authorization.k8s.io/v1"
SELF = f"{AUTHORIZATION}/selfsubjectaccessreviews"
OTHERS = f"{AUTHORIZATION}/subjectaccessreviews"
LOCAL = f"{AUTHORIZATION}/namespaces/shop/localsubjectaccessreviews"
RULES = f"{AUTHORIZATION}/selfsubjectrulesreviews"
WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
PEOPLE: dict[str, tuple[str, ...]] = {"ada": ("team",), "boss": (MASTERS,)}


@pytest.fixture
def api(socket_path: Path) -> Iterator[Api]:
    """An API with ada, who edits the namespace shop, and an operator."""
    with served(socket_path, access=access(**PEOPLE)) as running:
        running.objects.put(bind("ada", "edit", "ada"))
        yield running


def review(api: Api, user: str, path: str, spec: dict[str, Any] | None) -> Answer:
    """Ask something in JSON."""
    body = json.dumps({} if spec is None else {"spec": spec}).encode()
    return ask(api.path, "POST", path, body, Authorization=bearer(user), Content_Type="application/json")


def pods(verb: str, namespace: str = "shop", **more: str) -> dict[str, Any]:
    """Return a question about Pods."""
    return {"resourceAttributes": {"verb": verb, "resource": "pods", "namespace": namespace, **more}}


def test_a_user_asks_for_themselves(api: Api) -> None:
    """The answer names the binding that allows it; a no has no reason, as nothing says it."""
    yes = review(api, "ada", SELF, pods("create", subresource="exec"))
    assert yes.code == 201
    assert yes.document["kind"] == "SelfSubjectAccessReview"
    assert yes.document["status"] == {
        "allowed": True,
        "reason": 'allowed by RoleBinding "ada/shop" of ClusterRole "edit" to User "ada"',
    }
    assert review(api, "ada", SELF, pods("create", "other")).document["status"] == {"allowed": False}
    path = {"nonResourceAttributes": {"verb": "get", "path": "/metrics"}}
    assert review(api, "ada", SELF, path).document["status"] == {"allowed": False}
    assert review(api, "boss", SELF, path).document["status"]["allowed"] is True


def test_only_who_may_asks_for_others(api: Api) -> None:
    """A review of somebody else is a right of its own; one of a namespace stays in it."""
    about_ada = pods("delete") | {"user": "ada"}
    assert review(api, "ada", OTHERS, about_ada).code == 403
    assert review(api, "boss", OTHERS, about_ada).document["status"]["allowed"] is True
    assert review(api, "boss", LOCAL, {**pods("delete", ""), "user": "ada"}).document["status"]["allowed"] is True
    assert review(api, "boss", OTHERS, {**pods("delete"), "groups": ["team"]}).document["status"]["allowed"] is False


@pytest.mark.parametrize(
    ("path", "spec"),
    [
        (SELF, {}),
        (SELF, {**pods("get"), "nonResourceAttributes": {"verb": "get", "path": "/"}}),
        (OTHERS, pods("get")),
        (LOCAL, pods("get", "other") | {"user": "ada"}),
        (LOCAL, {"nonResourceAttributes": {"verb": "get", "path": "/"}, "user": "ada"}),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(api: Api, path: str, spec: dict[str, Any]) -> None:
    """It is never answered by a guess."""
    refused = review(api, "boss", path, spec)
    assert (refused.code, refused.document["reason"]) == (422, "Invalid")


def test_a_user_lists_what_they_may(api: Api) -> None:
    """Rules of resources and of paths, each told once."""
    status = review(api, "ada", RULES, {"namespace": "shop"}).document["status"]
    assert status["incomplete"] is False
    assert any("pods/exec" in rule["resources"] for rule in status["resourceRules"])
    assert any("/version" in rule["nonResourceURLs"] for rule in status["nonResourceRules"])
    elsewhere = review(api, "ada", RULES, {"namespace": "other"}).document["status"]["resourceRules"]
    assert not any("pods" in rule["resources"] for rule in elsewhere)
    assert review(api, "ada", RULES, {}).code == 400


def test_a_user_is_told_who_they_are(api: Api) -> None:
    """As the API knows them."""
    told = review(api, "ada", WHO, None).document
    assert (told["apiVersion"], told["kind"]) == ("authentication.k8s.io/v1", "SelfSubjectReview")
    assert told["status"]["userInfo"] == {"username": "ada", "groups": ["team", "system:authenticated"]}


def field(number: int, content: bytes) -> bytes:
    """Return one field of a message: text, bytes or another message, shorter than 128 bytes."""
    return bytes([number << 3 | 2, len(content)]) + content


def envelope(kind: bytes, raw: bytes, *more: bytes) -> bytes:
    """Return a body as kubectl 1.32 and later send it."""
    about = field(1, b"authorization.k8s.io/v1") + field(2, kind)
    return b"k8s\x00" + field(1, about) + field(2, raw) + b"".join(more)


ATTRIBUTES = field(1, b"shop") + field(2, b"delete") + field(5, b"pods") + field(8, field(1, b"a=b"))
SPEC = field(2, field(1, ATTRIBUTES))


def sent(api: Api, body: bytes) -> Answer:
    """Ask in protobuf."""
    kind = "application/vnd.kubernetes.protobuf"
    return ask(api.path, "POST", SELF, body, Authorization=bearer("ada"), Content_Type=kind)


def test_a_question_in_protobuf_is_understood(api: Api) -> None:
    """Fields that we do not know, such as selectors, are passed over; the answer is JSON."""
    answer = sent(api, envelope(b"SelfSubjectAccessReview", field(1, b"") + SPEC))
    assert answer.code == 201
    assert answer.document["spec"] == pods("delete")
    assert answer.document["status"]["allowed"] is True


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"k8s\x00",
        b"k8s\x00\xff\xff\xff",
        envelope(b"Secret", SPEC),
        envelope(b"SelfSubjectAccessReview", b"\x12\x7f"),
        envelope(b"SelfSubjectAccessReview", SPEC, field(3, b"gzip")),
        envelope(b"SelfSubjectAccessReview", SPEC)[:-3],
    ],
)
def test_broken_protobuf_is_a_bad_request(api: Api, body: bytes) -> None:
    """Never a fault of ours."""
    assert sent(api, body).code in (400, 422)


class _Clock:
    def now(self) -> float:
        return time.time()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, Kubectl]]:
    """An API over TLS and kubectl as ada, who edits the namespace shop."""
    folder = tmp_path_factory.mktemp("rc")
    authority = Authority.open(folder / "pki", "c-1", _Clock())
    certificate = ServerCertificate(folder / "pki", authority, lambda: ("127.0.0.1",), _Clock())
    certificate.ensure()
    listener = SecureListener(listen("127.0.0.1", 0), certificate)
    server = f"https://127.0.0.1:{listener.address[1]}"
    config = kubeconfig("test", server, authority.certificate_pem, "ada", Credential(token=token_of("ada")))
    (folder / "config").write_text(kubeconfig_text(config))
    with served(folder / "api.sock", access=access(**PEOPLE), secure=listener) as running:
        running.objects.put(bind("ada", "edit", "ada"))
        yield running, Kubectl(folder)


@pytest.mark.parametrize("version", INSTALLED)
def test_every_kubectl_asks_what_it_may(tls: tuple[Api, Kubectl], version: str) -> None:
    """`auth can-i`, its list, and `auth whoami`, as a user of one namespace."""
    _, kubectl = tls
    yes = kubectl(version, "auth", "can-i", "create", "pods", "-n", "shop")
    assert (yes.code, yes.out) == (0, "yes\n"), yes
    no = kubectl(version, "auth", "can-i", "create", "deployments.apps", "-n", "other")
    assert (no.code, no.out) == (1, "no\n"), no
    log = kubectl(version, "auth", "can-i", "get", "pods", "--subresource=log", "-n", "shop")
    assert (log.code, log.out) == (0, "yes\n"), log
    path = kubectl(version, "auth", "can-i", "get", "/metrics")
    assert path.out == "no\n", path
    listed = kubectl(version, "auth", "can-i", "--list", "-n", "shop")
    assert listed.code == 0, listed
    assert "pods/exec" in listed.out and "[/version]" in listed.out
    who = kubectl(version, "auth", "whoami", "-o", "json")
    assert who.code == 0, who
    assert json.loads(who.out)["status"]["userInfo"]["username"] == "ada"


@pytest.mark.parametrize("version", INSTALLED)
def test_every_kubectl_shows_a_refusal(tls: tuple[Api, Kubectl], version: str) -> None:
    """The words reach the terminal as Kubernetes writes them."""
    _, kubectl = tls
    refused = kubectl(version, "get", "pods", "-n", "other")
    assert refused.code == 1
    assert refused.errors == (
        'Error from server (Forbidden): pods is forbidden: User "ada" cannot list resource "pods" in API group ""'
        ' in the namespace "other"\n'
    )
