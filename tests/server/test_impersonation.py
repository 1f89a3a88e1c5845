"""Acting as somebody else: who may, as whom, and what is left of oneself."""

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_double import Api, pod, secret, served
from people import access, bearer
from test_authorization import bind

from reconciler.model.access import MASTERS
from reconciler.model.kinds import ObjectMeta, PolicyRule, Role
from reconciler.server.audit import AuditLog

PODS = "/api/v1/namespaces/shop/pods"
WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AuditLog]:
    """An audit log."""
    log = AuditLog(tmp_path / "audit.log")
    yield log
    log.close()


@pytest.fixture
def api(socket_path: Path, log: AuditLog) -> Iterator[Api]:
    """An API with ada, who reads the namespace shop, bob, who edits it, and an operator."""
    with served(socket_path, access=access(ada=(), bob=(), boss=(MASTERS,)), audit=log) as running:
        running.objects.put(bind("ada", "view", "ada"))
        running.objects.put(bind("bob", "edit", "bob"))
        running.objects.put(pod("a"))
        running.objects.put(secret())
        yield running


def asked(api: Api, user: str, method: str, target: str, *headers: tuple[str, str]) -> tuple[int, Any]:
    """Return code and document of a request with any headers, also repeated ones."""
    lines = [f"{method} {target} HTTP/1.1", "Host: x", f"Authorization: {bearer(user)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    if method == "POST":
        lines += ["Content-Type: application/json", "Content-Length: 2"]
    return _sent(api.path, "\r\n".join(lines) + "\r\n\r\n" + ("{}" if method == "POST" else ""))


def _sent(path: Path, text: str) -> tuple[int, Any]:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(20)
    connection.connect(str(path))
    connection.sendall(text.encode())
    response = http.client.HTTPResponse(connection)
    response.begin()
    content = response.read()
    connection.close()
    return response.status, json.loads(content)


def test_an_operator_acts_as_a_user_and_may_no_more_than_they(api: Api, log: AuditLog, tmp_path: Path) -> None:
    """What one could do as oneself counts no more; the audit log names both."""
    as_ada = ("Impersonate-User", "ada")
    assert asked(api, "boss", "GET", PODS, as_ada)[0] == 200
    code, refused = asked(api, "boss", "GET", "/api/v1/namespaces/shop/secrets", as_ada)
    assert (code, 'User "ada" cannot list resource "secrets"' in refused["message"]) == (403, True)
    log.close()
    (line,) = (json.loads(one) for one in (tmp_path / "audit.log").read_text().splitlines())
    assert (line["user"], line["impersonator"], line["credential"]) == ("ada", "boss", "id-boss")


def test_groups_are_impersonated_too(api: Api) -> None:
    """Who one is then is told as for everybody."""
    headers = [("Impersonate-User", "eve"), ("Impersonate-Group", "one"), ("Impersonate-Group", "two")]
    code, told = asked(api, "boss", "POST", WHO, *headers)
    assert code == 201
    assert told["status"]["userInfo"] == {"username": "eve", "groups": ["one", "two", "system:authenticated"]}


@pytest.mark.parametrize(
    "headers",
    [
        [("Impersonate-User", "boss")],
        [("Impersonate-User", "ada"), ("Impersonate-Group", MASTERS)],
        [("Impersonate-User", "system:serviceaccount:other:robot")],
        [("Impersonate-User", "system:serviceaccount:shop:robot"), ("Impersonate-Group", MASTERS)],
    ],
)
def test_nobody_becomes_more_than_they_may(api: Api, headers: list[tuple[str, str]]) -> None:
    """Every name and group is asked for on its own."""
    code, refused = asked(api, "bob", "GET", PODS, *headers)
    assert code == 403
    assert 'User "bob" cannot impersonate resource' in refused["message"]


def test_an_editor_acts_as_the_service_accounts_of_their_namespace(api: Api) -> None:
    """As Kubernetes' role `edit` has it; the account has its groups and no other."""
    code, told = asked(api, "bob", "POST", WHO, ("Impersonate-User", "system:serviceaccount:shop:robot"))
    assert code == 201
    groups = ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"]
    assert told["status"]["userInfo"]["groups"] == groups


def test_a_role_may_allow_single_names(api: Api) -> None:
    """Impersonating users is cluster-wide: a Role in a namespace does not allow it."""
    rule = PolicyRule(verbs=("impersonate",), api_groups=("",), resources=("users",), resource_names=("ada",))
    api.objects.put(Role(metadata=ObjectMeta(name="as-ada", namespace="shop"), rules=(rule,)))
    api.objects.put(bind("as-ada", "as-ada", "bob", kind="Role"))
    assert asked(api, "bob", "GET", PODS, ("Impersonate-User", "ada"))[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        [("Impersonate-Group", "one")],
        [("Impersonate-Uid", "1")],
        [("Impersonate-User", "ada"), ("Impersonate-Extra-Scopes", "all")],
    ],
)
def test_what_cannot_be_impersonated_is_refused_and_never_passed_over(api: Api, headers: list[tuple[str, str]]) -> None:
    """Whoever believes to act as somebody else does not act as themselves."""
    assert asked(api, "boss", "GET", PODS, *headers)[0] == 400
