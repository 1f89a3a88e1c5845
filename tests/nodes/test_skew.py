"""Daemon and agent one minor version apart: each reads what the other writes; further apart they are refused.

`released/` has what version 0.1.0 wrote. It is never changed; the next version adds a folder of its own.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from reconciler import __version__
from reconciler.client import agents as client_agents
from reconciler.client.errors import ApiRefused
from reconciler.model.agents import (
    AgentDocuments,
    Heartbeat,
    JoinBody,
    Joined,
    RenewalBody,
    Renewed,
    StreamOrder,
    StreamStatus,
    ToldOutcome,
)
from reconciler.model.errors import ReconcilerError
from reconciler.model.metrics import NodeSample
from reconciler.model.node import Assignment, NetworkView
from reconciler.model.node_report import Observation
from reconciler.model.ports import NodeDocuments
from reconciler.model.skew import VersionSkew, require_close, skew_words
from reconciler.server.nodes_api import versions as server_versions
from tests.nodes.cluster import OWN, Agent, Daemon, eventually, running

RELEASED = Path(__file__).parent / "released"
DOCUMENTS = {"assignment": Assignment, "view": NetworkView, "observation": Observation}
TOLD = (AgentDocuments, Observation, Heartbeat, NodeSample, ToldOutcome, StreamOrder, StreamStatus)
ALL = (*TOLD, JoinBody, Joined, RenewalBody, Renewed)


def released(name: str) -> Any:
    """What the released version wrote."""
    return json.loads((RELEASED / f"{name}.json").read_text())


def decoded(name: str, document: Any) -> Any:
    """A document as it is read when it comes."""
    return msgspec.json.decode(json.dumps(document).encode(), type=DOCUMENTS[name])


def with_more(value: Any) -> Any:
    """The same as a later version may write it: with fields that nobody here knows, everywhere."""
    if isinstance(value, list):
        return [with_more(one) for one in value]
    if not isinstance(value, dict):
        return value
    more = {name: with_more(one) for name, one in value.items()}
    is_map = all(isinstance(one, str) for one in value.values())
    return more if is_map else {"ofALaterVersion": {"deep": [1]}, **more, "another": "x"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_the_released_version_wrote_is_read(name: str) -> None:
    """And nothing of it is lost: what it said, this version would say in the same words."""
    told = released(name)
    assert json.loads(msgspec.json.encode(decoded(name, told))) == told


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_a_later_version_adds_is_left_alone(name: str) -> None:
    """Fields that are not known here change nothing of what is."""
    told = released(name)
    # What an agent remembers is its own, and comes back to it as it was.
    told.pop("memory", None)
    assert decoded(name, with_more(told)) == decoded(name, told)


def required_fields() -> dict[str, list[str]]:
    """Which fields of each type have to be told, of all that passes between daemon and agent."""
    found: dict[str, list[str]] = {}
    for one in _structs([inspect.type_info(kind) for kind in ALL], set()):
        found[one.cls.__name__] = sorted(field.encode_name for field in one.fields if field.required)
    return found


def _structs(types: list[Any], seen: set[type]) -> Iterator[inspect.StructType]:
    for one in types:
        match one:
            case inspect.StructType():
                if one.cls not in seen:
                    seen.add(one.cls)
                    yield one
                    yield from _structs([field.type for field in one.fields], seen)
            case inspect.UnionType():
                yield from _structs(list(one.types), seen)
            case inspect.DictType():
                yield from _structs([one.value_type], seen)
            case inspect.VarTupleType() | inspect.ListType() | inspect.SetType() | inspect.FrozenSetType():
                yield from _structs([one.item_type], seen)
            case inspect.TupleType():
                yield from _structs(list(one.item_types), seen)


def test_a_field_that_is_new_has_a_default_and_one_that_was_needed_stays() -> None:
    """Without a default, the first report of an older agent would be an error; without the other, ours would be."""
    now = required_fields()
    assert {name: now[name] for name in released("required") if name in now} == {
        name: fields for name, fields in released("required").items() if name in now
    }


@pytest.mark.parametrize(
    ("daemon", "agent", "words"),
    [
        ("0.1.0", "0.1.9", ""),
        ("0.2.0", "0.1.7", "1 minor version behind"),
        ("0.1.0", "0.2.0", "1 minor version ahead"),
        ("0.3.1", "0.1.7", "2 minor versions behind, refused"),
        ("0.1.0", "0.4.0", "3 minor versions ahead, refused"),
        ("1.0.0", "0.9.0", "other major version, refused"),
        ("0.3.0", "v1.33.0+reconciler.0.2.0", "1 minor version behind"),
    ],
)
def test_one_minor_version_apart_is_close(daemon: str, agent: str, words: str) -> None:
    """In either direction, within a major version."""
    assert skew_words(daemon, agent) == words
    if "refused" not in words:
        require_close(daemon, agent)
        return
    with pytest.raises(VersionSkew) as told:
        require_close(daemon, agent)
    assert f"version {daemon}" in str(told.value) and f"agent {agent}" in str(told.value)
    assert "upgrade" in told.value.hint


def test_who_tells_no_version_is_of_the_first() -> None:
    """It was released before versions were told."""
    require_close("0.2.0", "")
    with pytest.raises(VersionSkew, match=r"agent 0\.1 or older"):
        require_close("0.3.0", "")


def state_of(daemon: Daemon) -> dict[str, Any]:
    """How the daemon says that an agent stands."""
    eventually("it is listed", lambda: daemon.api().get(f"{OWN}/agents")["items"])
    [state] = daemon.api().get(f"{OWN}/agents")["items"]
    return dict(state)


def speak(monkeypatch: pytest.MonkeyPatch, *, agent: str) -> None:
    """Have agents say that they are of a version."""
    monkeypatch.setattr(client_agents, "__version__", agent)


def test_an_older_agent_works_and_its_version_is_seen(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It joins, reports as the released version did, and fetches; `nodes` says how far it is behind."""
    speak(monkeypatch, agent="0.1.0")
    monkeypatch.setattr(server_versions, "__version__", "0.2.0")
    daemon.join("host-2", tmp_path / "pki")
    agent = Agent(daemon, "host-2", tmp_path)
    client = client_agents.AgentClient(daemon.server, agent.certificate.context)
    client.report("host-2", json.dumps(released("observation")).encode())
    daemon.links.send("host-2", NodeDocuments(assignment=msgspec.convert(released("assignment"), Assignment)))
    assert client.documents("host-2", "", 0) is not None
    assert state_of(daemon)["agentVersion"] == "0.1.0"


def test_an_agent_that_is_too_far_apart_is_refused(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both versions and what to do are said, where it joins, in its log and by the daemon; its host goes on."""
    daemon.join("host-2", tmp_path / "pki")
    agent = Agent(daemon, "host-2", tmp_path)
    client = client_agents.AgentClient(daemon.server, agent.certificate.context)
    client.report("host-2", json.dumps(released("observation")).encode())
    speak(monkeypatch, agent="0.9.0")
    token = daemon.token()
    with pytest.raises(ApiRefused) as told:
        daemon.join("host-3", tmp_path / "other", token)
    assert (told.value.code, told.value.reason) == (409, "VersionSkew")
    assert f"the daemon is version {__version__}, this agent 0.9.0" in str(told.value)
    assert "upgrade the daemon's host" in told.value.hint
    with running(agent):
        eventually("its log has why", lambda: "this agent 0.9.0" in agent.link.state.error)
        assert not agent.loop.status().error
    state = state_of(daemon)
    assert (state["agentVersion"], state["versionSkew"]) == ("0.9.0", "8 minor versions ahead, refused")
    speak(monkeypatch, agent="0.2.0")
    daemon.join("host-3", tmp_path / "other", token)


def test_an_agent_that_is_refused_from_the_start_is_told_of(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It never reports, so that nothing else would tell: once as an event and in the daemon's log, and when it is over.

    So is a host that may not even join.
    """
    daemon.join("host-2", tmp_path / "pki")
    agent = Agent(daemon, "host-2", tmp_path)
    client = client_agents.AgentClient(daemon.server, agent.certificate.context)
    speak(monkeypatch, agent="0.9.0")
    # Whether the agent asks or only tells does not matter.
    monkeypatch.setattr(client_agents, "require_close", lambda *_: None)
    for _ in range(2):
        with pytest.raises(ApiRefused, match=r"this agent 0\.9\.0"):
            client.look("host-2")
    eventually("an event tells", lambda: reasons(daemon) == ["VersionSkew"])
    with pytest.raises(ApiRefused):
        daemon.join("host-3", tmp_path / "other")
    told = [(one.getMessage(), vars(one)["reason"]) for one in caplog.records if "reason" in vars(one)]
    assert told == [("an agent is refused", "VersionSkew"), ("a host may not join", "VersionSkew")]
    speak(monkeypatch, agent=__version__)
    client.look("host-2")
    eventually("its end is told", lambda: reasons(daemon) == ["VersionSkew", "VersionAccepted"])


def reasons(daemon: Daemon) -> list[str]:
    """What the events of the second host are about."""
    listed = daemon.api().get("/api/v1/events")["items"]
    return [one["reason"] for one in listed if one["involvedObject"]["name"] == "host-2" and "Version" in one["reason"]]


def test_an_agent_refuses_a_daemon_that_would_take_it(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newer of the two may know what the older does not."""
    daemon.join("host-2", tmp_path / "pki")
    agent = Agent(daemon, "host-2", tmp_path)
    speak(monkeypatch, agent="0.9.0")
    monkeypatch.setattr(server_versions, "require_close", lambda *_: None)
    with pytest.raises(ReconcilerError, match=r"this agent 0\.9\.0"):
        client_agents.AgentClient(daemon.server, agent.certificate.context).look("host-2")
