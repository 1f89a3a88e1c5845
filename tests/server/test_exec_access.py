"""Who may run commands: what is judged of every request is judged before a connection changes hands."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_double import Api, served
from exec_double import MemoryExec, running_pod, until
from people import access, bearer
from test_exec_spdy import Client, proposed
from websockets.exceptions import InvalidStatus
from websockets.sync.client import unix_connect

from reconciler.model.access import MASTERS
from reconciler.model.kinds import (
    ClusterRole,
    ClusterRoleBinding,
    ObjectMeta,
    PolicyRule,
    RoleRef,
    Subject,
)
from reconciler.server.audit import AuditLog
from reconciler.server.spdy.frames import Data

EXEC = "ws://localhost/api/v1/namespaces/shop/pods/web/exec?command=hunter2&stdout=true"
PEOPLE: dict[str, tuple[str, ...]] = {"ada": (), "bob": (), "boss": (MASTERS,)}


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AuditLog]:
    """An audit log."""
    log = AuditLog(tmp_path / "audit.log")
    yield log
    log.close()


@pytest.fixture
def api(socket_path: Path, log: AuditLog) -> Iterator[Api]:
    """An API with people: ada may look at Pods, bob may run commands in them."""
    with served(socket_path, access=access(**PEOPLE), audit=log) as running:
        may(running, "ada", PolicyRule(api_groups=("",), resources=("pods", "pods/log"), verbs=("get", "list")))
        may(running, "bob", PolicyRule(api_groups=("",), resources=("pods/exec",), verbs=("create",)))
        running.objects.put(running_pod("web"))
        running.operations.commands = lambda _: MemoryExec((1, b"out"), 0)
        yield running


def may(api: Api, user: str, *rules: PolicyRule) -> None:
    """Grant a user something everywhere."""
    api.objects.put(ClusterRole(metadata=ObjectMeta(name=user), rules=rules))
    group = "rbac.authorization.k8s.io"
    role_ref = RoleRef(api_group=group, kind="ClusterRole", name=user)
    subjects = (Subject(kind="User", name=user, api_group=group),)
    api.objects.put(ClusterRoleBinding(metadata=ObjectMeta(name=user), role_ref=role_ref, subjects=subjects))


def over_websocket(api: Api, user: str) -> int:
    """Run a command over WebSocket; return the code of the answer."""
    headers = {"Authorization": bearer(user)} if user else {}
    try:
        with unix_connect(str(api.path), EXEC, subprotocols=["v4.channel.k8s.io"], additional_headers=headers) as one:  # type: ignore[list-item]
            assert one.recv(timeout=5) == b"\x01"
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def over_spdy(api: Api, user: str) -> int:
    """Run a command over SPDY; return the code of the answer."""
    head, rest, connection = proposed(api, "hunter2", headers={"Authorization": bearer(user)} if user else {})
    with connection:
        code = int(head.split()[1])
        if code == 101:
            client = Client(connection, rest)
            client.open("error", "stdout", "stderr")
            assert client.rest()["stdout"] == b"out"
    return code


@pytest.mark.parametrize("run", [over_websocket, over_spdy])
def test_only_who_may_create_pods_exec_runs_commands(api: Api, run: Any) -> None:
    """Reading Pods is not enough, whatever the method; a credential that does not count is none."""
    assert [run(api, user) for user in ("bob", "boss", "ada", "nobody")] == [101, 101, 403, 401]
    ran = [call for call in api.operations.calls if call[0] == "exec"]
    assert len(ran) == 2


@pytest.mark.parametrize("run", [over_websocket, over_spdy])
def test_commands_are_in_the_audit_log_without_their_words(api: Api, log: AuditLog, tmp_path: Path, run: Any) -> None:
    """Who ran something where, and who was refused."""
    run(api, "bob")
    run(api, "ada")
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "audit.log").read_text().splitlines()]
    told = [(one["user"], one["verb"], one["resource"], one["subresource"], one["name"], one["code"]) for one in lines]
    assert told == [("bob", "create", "pods", "exec", "web", 101), ("ada", "create", "pods", "exec", "web", 403)]
    assert "hunter2" not in (tmp_path / "audit.log").read_text()


def test_a_command_ends_when_its_credential_is_revoked(api: Api) -> None:
    """Within seconds, over SPDY as over anything else."""
    command = MemoryExec()
    api.operations.commands = lambda _: command
    head, rest, connection = proposed(api, "sleep", headers={"Authorization": bearer("bob")})
    assert " 101 " in head
    with connection:
        client = Client(connection, rest)
        client.open("error", "stdout", "stderr")
        accounts = api.app.state.access.accounts
        accounts.revoke([one.id for one in accounts.all() if one.name == "bob"])
        assert command.closed.wait(5)
        assert not [frame for frame in client.frames() if isinstance(frame, Data)]
    until(lambda: api.app.state.context.commands.borrowed_tokens == 0)
