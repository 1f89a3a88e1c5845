"""Hosts join: with a token, once, believing a hash; and every refusal says what to do."""

import ssl
import stat
from pathlib import Path

import pytest

from reconciler.access.certificates import read_presented
from reconciler.agent import joining
from reconciler.client.agents import AgentClient
from reconciler.client.errors import ApiRefused, DaemonUnreachable, refusal
from reconciler.model.errors import ReconcilerError, TerminalError
from tests.nodes.cluster import OWN, Daemon


def refused(daemon: Daemon, node: str, folder: Path, token: str) -> ApiRefused:
    """Join in vain; return why."""
    with pytest.raises(ApiRefused) as told:
        daemon.join(node, folder, token)
    return told.value


def test_a_host_joins_and_is_given_a_range_of_its_own(daemon: Daemon, tmp_path: Path) -> None:
    """Two hosts never share addresses; what they keep is for root alone."""
    first = daemon.join("node-2", tmp_path / "2")
    second = daemon.join("node-3", tmp_path / "3")
    assert first.joined.node_pod_cidr != second.joined.node_pod_cidr
    assert first.joined.cluster_id == "c-1"
    mode = stat.S_IMODE((tmp_path / "2" / "agent.pem").stat().st_mode)
    assert mode == 0o600
    assert sorted(one.name for one in (tmp_path / "2").iterdir()) == ["agent.pem", "ca.crt"]


def test_the_certificate_names_the_node_and_nothing_else(daemon: Daemon, tmp_path: Path) -> None:
    """Whatever the request said."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    pem = daemon.join("node-2", tmp_path).joined.certificate.encode()
    shown = read_presented(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER))
    assert (shown.user, shown.groups) == ("system:node:node-2", ("system:nodes",))


def test_a_token_lets_one_host_in(daemon: Daemon, tmp_path: Path) -> None:
    """The second one is told who has used it."""
    token = daemon.token()
    daemon.join("node-2", tmp_path / "2", token)
    again = refused(daemon, "node-3", tmp_path / "3", token)
    assert (again.code, again.reason) == (401, "TokenUsed")
    assert "node-2" in str(again)
    assert "token create" in again.hint


def test_a_lost_answer_is_asked_for_again_with_the_same_key(daemon: Daemon, tmp_path: Path) -> None:
    """P17: a host that was cut off while it joined runs the same command again; nobody else can."""
    token = daemon.token()
    authority = joining.trusted_authority(daemon.server, daemon.authority.ca_hash())
    lost = joining.ask_to_join(daemon.server, authority, token, "node-2", tmp_path / "2")
    again = joining.ask_to_join(daemon.server, authority, token, "node-2", tmp_path / "2")
    assert again.key == lost.key
    assert again.joined.number == lost.joined.number
    with pytest.raises(ApiRefused, match="used already"):
        joining.ask_to_join(daemon.server, authority, token, "node-2", tmp_path / "thief")


def test_a_token_ends(daemon: Daemon, tmp_path: Path) -> None:
    """By its time, and when it is deleted."""
    token = daemon.token(ttl_s=60)
    daemon.clock.ahead_s = 61
    assert refused(daemon, "node-2", tmp_path, token).reason == "TokenExpired"
    deleted = daemon.token()
    daemon.api().delete(f"{OWN}/tokens/{deleted.partition('.')[0]}")
    assert refused(daemon, "node-2", tmp_path, deleted).reason == "TokenUnknown"


def test_a_guess_is_told_nothing_of_what_there_is(daemon: Daemon, tmp_path: Path) -> None:
    """The id of a token is public; without the secret it is no token at all."""
    id = daemon.token().partition(".")[0]
    told = refused(daemon, "node-2", tmp_path, f"{id}.0123456789abcdef")
    assert (told.code, told.reason) == (401, "TokenUnknown")


def test_no_two_hosts_have_one_name(daemon: Daemon, tmp_path: Path) -> None:
    """Neither that of another node nor that of the daemon's own host."""
    daemon.join("node-2", tmp_path / "2")
    told = refused(daemon, "node-2", tmp_path / "other", daemon.token())
    assert (told.code, told.reason) == (409, "NodeExists")
    assert "--node-name" in told.hint
    assert refused(daemon, "node-1", tmp_path / "1", daemon.token()).reason == "NodeExists"


def test_a_host_joins_again_with_a_token_for_its_name(daemon: Daemon, tmp_path: Path) -> None:
    """As after its certificate has expired; it keeps its addresses, and the old certificate ends."""
    before = daemon.join("node-2", tmp_path / "before")
    after = daemon.join("node-2", tmp_path / "after", daemon.token("node-2"))
    assert after.joined.node_pod_cidr == before.joined.node_pod_cidr
    valid = [one for one in daemon.accounts.all() if one.revoked_at is None]
    assert [one.name for one in valid] == ["system:node:node-2"]


def test_a_token_for_a_name_is_good_for_that_name_only(daemon: Daemon, tmp_path: Path) -> None:
    """Whoever finds it can be no other node."""
    told = refused(daemon, "node-3", tmp_path, daemon.token("node-2"))
    assert (told.code, told.reason) == (403, "TokenForOther")


@pytest.mark.parametrize("name", ["Node", "a_b", "-x", "x" * 60, "", "a/b"])
def test_a_name_that_cannot_be_one_is_refused(daemon: Daemon, tmp_path: Path, name: str) -> None:
    """Before anything is given out; the token can still be used."""
    token = daemon.token()
    assert refused(daemon, name, tmp_path, token).reason == "BadName"
    daemon.join("node-2", tmp_path / "2", token)


def test_another_authority_is_not_believed(daemon: Daemon) -> None:
    """The token is not told to whoever answers there."""
    with pytest.raises(TerminalError) as told:
        joining.trusted_authority(daemon.server, "sha256:" + "0" * 64)
    assert daemon.authority.ca_hash() in str(told.value)
    assert "token create" in told.value.hint
    with pytest.raises(ReconcilerError, match="is no such hash"):
        joining.trusted_authority(daemon.server, "sha256:12")


@pytest.mark.parametrize("code", [403, 404])
def test_another_server_is_not_taken_for_a_daemon(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes' own API has the same port: its answer would look as if the token were wrong."""

    def authority(_: AgentClient) -> str:
        raise refusal(code, {"message": 'forbidden: User "system:anonymous"'})

    monkeypatch.setattr(AgentClient, "authority", authority)
    with pytest.raises(TerminalError, match=f"is no daemon of reconciler: it said {code}") as told:
        joining.trusted_authority("https://10.0.0.1:6443", "sha256:" + "0" * 64)
    assert "token create" in told.value.hint


def test_a_daemon_that_does_not_answer_is_said(daemon: Daemon) -> None:
    """With what to look at."""
    daemon.stop()
    with pytest.raises(DaemonUnreachable) as told:
        joining.trusted_authority(daemon.server, daemon.authority.ca_hash())
    assert "firewall" in told.value.hint


def test_tokens_are_listed_without_what_is_secret(daemon: Daemon, tmp_path: Path) -> None:
    """Their text is shown once."""
    text = daemon.token()
    daemon.join("node-2", tmp_path, text)
    [item] = daemon.api().get(f"{OWN}/tokens")["items"]
    assert item["metadata"]["name"] == text.partition(".")[0]
    assert (item["state"], item["usedBy"]) == ("used", "node-2")
    assert text.partition(".")[2] not in str(item)
    assert text.partition(".")[2].encode() not in (daemon.folder / "state.db").read_bytes()


@pytest.mark.parametrize(("ahead_s", "words"), [(900.0, "900 s behind"), (-900.0, "900 s ahead of")])
def test_a_host_whose_clock_is_far_off_does_not_join(
    daemon: Daemon, tmp_path: Path, caplog: pytest.LogCaptureFixture, ahead_s: float, words: str
) -> None:
    """Its certificate would not be valid there; both ends say so, and the token can still be used."""
    token = daemon.token()
    daemon.clock.ahead_s = ahead_s
    told = refused(daemon, "node-2", tmp_path, token)
    assert (told.code, told.reason) == (409, "Clock")
    assert words in str(told)
    assert "date -u" in told.hint
    assert [one.reason for one in caplog.records if one.message == "a host may not join"] == ["Clock"]  # type: ignore[attr-defined]
    daemon.clock.ahead_s = 0.0
    daemon.join("node-2", tmp_path, token)


def test_what_is_refused_is_in_the_daemons_log(
    daemon: Daemon, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With who asked, from where, and why; never with the token."""
    token = daemon.token()
    daemon.join("node-2", tmp_path / "2", token)
    for folder, name in (("3", "node-3"), ("4", "node-4")):
        refused(daemon, name, tmp_path / folder, token if name == "node-3" else "abcdef.0123456789abcdef")
    refused(daemon, "node-2", tmp_path / "other", daemon.token())
    said = [vars(one) for one in caplog.records if one.message == "a host may not join"]
    assert [(one["node"], one["reason"], one["address"]) for one in said] == [
        ("node-3", "TokenUsed", "127.0.0.1"),
        ("node-4", "TokenUnknown", "127.0.0.1"),
        ("node-2", "NodeExists", "127.0.0.1"),
    ]
    assert token.partition(".")[2] not in caplog.text


def test_an_expired_certificate_of_the_daemon_is_a_question_of_clocks(daemon: Daemon) -> None:
    """A host that is years ahead or behind believes no certificate; it is told to look at its clock."""
    from reconciler.client.secure import trust_failure

    for code, word in ((9, "not valid yet"), (10, "expired")):
        error = ssl.SSLCertVerificationError()
        error.verify_code = code
        failure = trust_failure(daemon.server, error)
        assert f"is {word} by this host's clock" in str(failure)
        assert "date -u" in failure.hint
