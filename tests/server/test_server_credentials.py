"""Who asked, over real TLS: certificates and tokens that count, and those that do not."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import logging
import os
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from secured import DAY_S, Secured, ask, secured
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as websocket
from websockets.typing import Subprotocol

from reconciler.access import Authority
from reconciler.client.connection import UnixConnection
from reconciler.server.authentication import Authenticate, Authenticator, Refused
from reconciler.server.peer import Peer

REFUSED = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "message": "Unauthorized",
    "reason": "Unauthorized",
    "code": 401,
}


@pytest.fixture
def api() -> Iterator[Secured]:
    """An API over TLS and on a Unix socket."""
    with tempfile.TemporaryDirectory(prefix="rc-") as folder, secured(Path(folder)) as running:
        yield running


def test_a_certificate_says_who_one_is(api: Secured) -> None:
    """CN is the user and O are the groups; one that was signed without us noting it counts as well."""
    connection = api.connect(api.signed("ada", "developers", "on-call"))
    code, who = ask(connection)
    assert code == 200
    assert who == {
        "name": "ada",
        "groups": ["developers", "on-call", "system:authenticated"],
        "via": "certificate",
        "id": "",
    }


def test_a_token_says_who_one_is(api: Secured) -> None:
    """Name and groups are those it was given out for."""
    code, who = ask(api.connect(), token=api.token("ci", "deployers"))
    assert (code, who["name"], who["groups"], who["id"]) == (200, "ci", ["deployers", "system:authenticated"], "t1")


def test_without_a_credential_one_is_nobody_in_particular(api: Secured) -> None:
    """What the anonymous user may do is for the authorization to say; another scheme is no credential."""
    for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer "}):
        code, who = ask(api.connect(), **headers)
        assert (code, who["name"], who["groups"]) == (200, "system:anonymous", ["system:unauthenticated"])


def test_a_certificate_counts_before_a_token(api: Secured) -> None:
    """As with Kubernetes: kubectl sends both when a kubeconfig has both."""
    code, who = ask(api.connect(api.signed("ada")), token=api.token("ci"))
    assert (code, who["name"]) == (200, "ada")


@pytest.mark.parametrize("token", ["rct_t1_wrong", "x", "ü" * 10, "a" * 20_000])
def test_a_token_of_nobody_is_refused(api: Secured, token: str) -> None:
    """The answer does not say what is wrong with it, and asks for no password."""
    api.token("ada")
    connection = api.connect()
    connection.request("GET", "/whoami", headers={"Authorization": b"Bearer " + token.encode()})
    answer = connection.getresponse()
    told = json.loads(answer.read())
    assert (answer.status, told, answer.headers["www-authenticate"]) == (401, REFUSED, None)


def test_a_certificates_digest_is_no_token(api: Secured) -> None:
    """What is kept of a credential cannot be used as one."""
    token = api.token("ada")
    [account] = api.accounts.all()
    assert ask(api.connect(), token=account.fingerprint) == (401, REFUSED)
    assert token not in repr(account)


def test_a_revoked_token_stops_at_once_on_an_open_connection(api: Secured) -> None:
    """The next request is refused, without a new connection in between."""
    token, connection = api.token("ada"), api.connect()
    assert ask(connection, token=token)[0] == 200
    api.accounts.revoke(["t1"])
    assert ask(connection, token=token) == (401, REFUSED)


def test_a_token_ends_when_its_time_has_come(api: Secured) -> None:
    """To the second, on an open connection."""
    token, connection = api.token("ada", expires_in=60.0), api.connect()
    api.clock.at += 59.0
    assert ask(connection, token=token)[0] == 200
    api.clock.at += 1.0
    assert ask(connection, token=token) == (401, REFUSED)


def test_a_revoked_certificate_stops_at_once_on_an_open_connection(api: Secured) -> None:
    """It would be valid by itself for a day; the list counts, and a good token beside it does not help."""
    path = api.signed("ada")
    api.list_certificate(path)
    connection = api.connect(path)
    assert ask(connection)[1]["id"] == "c1"
    api.accounts.revoke(["c1"])
    assert ask(connection) == (401, REFUSED)
    assert ask(api.connect(path), token=api.token("ci")) == (401, REFUSED)


def test_a_certificate_that_expires_stops_on_an_open_connection(api: Secured) -> None:
    """The handshake was good; the time that has passed since counts."""
    connection = api.connect(api.signed("ada", lifetime_s=3600.0))
    assert ask(connection)[0] == 200
    api.clock.at += 3601.0
    assert ask(connection) == (401, REFUSED)


def test_an_expired_certificate_is_not_let_in(api: Secured) -> None:
    """The handshake fails: the client is told by TLS itself."""
    now = api.clock.at
    api.clock.at -= 2 * DAY_S
    path = api.signed("ada", lifetime_s=DAY_S)
    api.clock.at = now
    _expect_no_answer(api.connect(path))


def test_a_foreign_certificate_is_not_let_in(api: Secured, tmp_path: Path) -> None:
    """Another authority of the same name signs nothing for us."""
    foreign = Authority.open(tmp_path / "pki", "c-1", api.clock)
    _expect_no_answer(api.connect(api.signed("ada", "system:masters", by=foreign)))


def test_the_servers_own_certificate_is_no_credential(api: Secured) -> None:
    """It was signed by the same authority, for another use."""
    _expect_no_answer(api.connect(api.certificate.path))


def _expect_no_answer(connection: http.client.HTTPSConnection) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        ask(connection)


def test_a_stream_ends_with_its_credential(api: Secured) -> None:
    """A watch of an hour does not outlive a revocation by more than seconds."""
    token, connection = api.token("ada"), api.connect()
    connection.request("GET", "/stream", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    assert answer.readline() == b"tick\n"
    assert not api.streams_ended.wait(1.5)
    api.accounts.revoke(["t1"])
    assert api.streams_ended.wait(10)


def test_the_log_says_why(api: Secured, caplog: pytest.LogCaptureFixture) -> None:
    """Which check failed is for the operator; the token itself is in no log."""
    token = api.token("ada")
    api.accounts.revoke(["t1"])
    with caplog.at_level(logging.WARNING, logger="reconciler.server.authentication"):
        ask(api.connect(), token=token)
        ask(api.connect(), token="rct_zz_secret")
    told = [record.why for record in caplog.records]  # type: ignore[attr-defined]
    assert told == ["token t1 of 'ada' was revoked", "the token is not one of this cluster"]
    assert "secret" not in str([record.__dict__ for record in caplog.records])


def test_the_sockets_owner_is_root(api: Secured) -> None:
    """No credential is needed where the kernel vouches for the peer."""
    who = ask(UnixConnection(api.socket_path, 10))[1]
    assert who == {
        "name": "system:root",
        "groups": ["system:masters", "system:authenticated"],
        "via": "socket",
        "id": "",
    }


def test_a_token_counts_before_the_sockets_peer(api: Secured) -> None:
    """Root can try what somebody else may do; a wrong token is refused there, too."""
    connection = UnixConnection(api.socket_path, 10)
    assert ask(connection, token=api.token("ci"))[1]["name"] == "ci"
    assert ask(connection, token="wrong") == (401, REFUSED)


def test_others_at_the_socket_are_the_sockets_group(api: Secured) -> None:
    """They are known by their number and see no values of Secrets."""
    uid = os.geteuid() + 1000
    user = Authenticator(api.accounts).user(_scope(state={"peer": Peer(pid=1, uid=uid, gid=uid)}))
    assert (user.name, user.sees_secrets) == (f"uid:{uid}", False)
    assert user.groups == ("reconciler:socket", "system:authenticated")


def _scope(**fields: Any) -> dict[str, Any]:
    return {"type": "http", "headers": [], "state": {}, **fields}


def _offer(*protocols: str) -> dict[str, Any]:
    headers = [(b"sec-websocket-protocol", ", ".join(protocols).encode())]
    return _scope(type="websocket", headers=headers, subprotocols=list(protocols))


def test_a_websocket_carries_its_token_as_a_subprotocol(api: Secured) -> None:
    """Browsers cannot set headers; the token is taken out, so that nobody chooses or logs it."""
    token = base64.urlsafe_b64encode(api.token("ada").encode()).decode().rstrip("=")
    seen: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    offer = _offer(f"base64url.bearer.authorization.k8s.io.{token}", "v5.channel.k8s.io")
    asyncio.run(Authenticate(app, Authenticator(api.accounts))(offer, None, None))  # type: ignore[arg-type]
    [scope] = seen
    assert scope["state"]["user"].name == "ada"
    assert scope["subprotocols"] == ["v5.channel.k8s.io"]
    assert scope["headers"] == [(b"sec-websocket-protocol", b"v5.channel.k8s.io")]


def _greet(api: Secured, *protocols: str) -> ClientConnection:
    url = f"wss://127.0.0.1:{api.port}/greet"
    return websocket(url, ssl=api.trust(), subprotocols=[Subprotocol(one) for one in protocols], open_timeout=10)


def test_a_websocket_over_tls_knows_its_user_and_ends_with_the_credential(api: Secured) -> None:
    """The server chooses the protocol that is none of ours, and drops the connection once the token is revoked."""
    text = base64.urlsafe_b64encode(api.token("ada").encode()).decode().rstrip("=")
    with _greet(api, f"base64url.bearer.authorization.k8s.io.{text}", "v5.channel.k8s.io") as connection:
        assert connection.subprotocol == "v5.channel.k8s.io"
        assert connection.recv(10) == "ada"
        api.accounts.revoke(["t1"])
        assert api.streams_ended.wait(10)


def test_a_websocket_with_a_wrong_token_is_answered_as_any_request(api: Secured) -> None:
    """401 instead of an opened connection."""
    with pytest.raises(InvalidStatus) as refused:
        _greet(api, "base64url.bearer.authorization.k8s.io.d3Jvbmc", "v5.channel.k8s.io")
    assert refused.value.response.status_code == 401
    assert json.loads(refused.value.response.body or b"") == REFUSED


@pytest.mark.parametrize("text", ["!!!", "_w", "d3Jvbmc"])
def test_a_websockets_wrong_token_is_refused(api: Secured, text: str) -> None:
    """Not base64url, not UTF-8, not a token of ours."""
    with pytest.raises(Refused):
        Authenticator(api.accounts).user(_offer(f"base64url.bearer.authorization.k8s.io.{text}", "v5.channel.k8s.io"))
