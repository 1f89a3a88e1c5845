"""Agents on other hosts: they report, fetch, outlive their daemon, and can do nothing else."""

import http.client
import json
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from reconciler.client.agents import AgentClient
from reconciler.client.errors import ApiRefused
from reconciler.model.agents import Heartbeat
from reconciler.model.kinds import Event
from reconciler.model.node import Assignment, Materials, NetworkView, ServiceEntry
from reconciler.model.node_report import HostFact, NodeFacts, Observation
from reconciler.model.ports import NodeDocuments
from tests.nodes.cluster import OWN, Agent, Daemon, eventually, running

ASSIGNMENT = Assignment(
    cluster_id="c-1",
    term=1,
    generation=1,
    node="node-2",
    pod_cidr="10.42.1.0/24",
    cluster_pod_cidr="10.42.0.0/16",
    service_cidr="10.43.0.0/16",
    domain="cluster.local",
    dns_address="169.254.20.10",
)


def view(*names: str, generation: int = 1) -> NetworkView:
    """A view of these Services."""
    services = tuple(ServiceEntry(namespace="shop", name=name) for name in names)
    return NetworkView(cluster_id="c-1", term=1, generation=generation, services=services)


@pytest.fixture
def agent(daemon: Daemon, tmp_path: Path) -> Agent:
    """An agent that has joined and does not run yet."""
    daemon.join("node-2", tmp_path / "pki")
    return Agent(daemon, "node-2", tmp_path)


def client_of(daemon: Daemon, agent: Agent) -> AgentClient:
    """What an agent talks with."""
    return AgentClient(daemon.server, agent.certificate.context)


def report(node: str = "node-2", boot: str = "b1", sequence: int = 1) -> bytes:
    """A report of an idle host."""
    facts = NodeFacts(node=node, observed_at=1.0, host=HostFact(boot_id=boot, address="10.0.0.2"))
    return msgspec.json.encode(Observation(node=node, boot_id=boot, sequence=sequence, observed_at=1.0, facts=facts))


def node_object(daemon: Daemon, name: str = "node-2") -> dict[str, Any] | None:
    """The Node, as the API shows it."""
    items = daemon.api().get("/api/v1/nodes")["items"]
    return next((one for one in items if one["metadata"]["name"] == name), None)


def state_of(daemon: Daemon, name: str = "node-2") -> dict[str, Any]:
    """How an agent stands."""
    return next(one for one in daemon.api().get(f"{OWN}/agents")["items"] if one["metadata"]["name"] == name)


def test_a_joined_agent_becomes_a_node_with_documents(daemon: Daemon, agent: Agent, tmp_path: Path) -> None:
    """It reports, the daemon knows the node and its range, and what it is to run is on its disk."""
    with running(agent):
        eventually("the node exists", lambda: node_object(daemon))
        eventually("the assignment is on disk", (tmp_path / "agent" / "assignment.json").exists)
        eventually("it reports by what it was sent", lambda: state_of(daemon)["generation"] > 0)
    node = node_object(daemon)
    assert node is not None
    assert node["spec"]["podCIDR"] == state_of(daemon)["podCIDR"] == "10.42.0.0/24"


def test_an_agent_outlives_its_daemon(daemon: Daemon, agent: Agent) -> None:
    """It is connected again by itself when the daemon is back, and no report or event was lost for good."""
    with running(agent):
        eventually("it is connected", lambda: not agent.link.state.error)
        daemon.stop()
        eventually("it says that the daemon is away", lambda: agent.link.state.error)
        assert "cannot be reached" in agent.link.state.error
        assert not agent.loop.status().error
        daemon.start()
        eventually("it is connected again", lambda: not agent.link.state.error, 40)
        eventually("it reports", lambda: state_of(daemon)["heardSecondsAgo"] < 5)


def test_documents_that_were_not_fetched_are_merged(daemon: Daemon, agent: Agent) -> None:
    """P18: a part that is sent twice is fetched once, and no other part is lost by it."""
    daemon.links.send("node-2", NodeDocuments(assignment=ASSIGNMENT))
    daemon.links.send("node-2", NodeDocuments(view=view("a")))
    daemon.links.send("node-2", NodeDocuments(view=view("b", generation=2), materials=Materials()))
    found = client_of(daemon, agent).documents("node-2", "", 0)
    assert found is not None
    assert (found.assignment, found.view) == (ASSIGNMENT, view("b", generation=2))
    assert client_of(daemon, agent).documents("node-2", found.cursor, 0) is None


def test_a_lost_answer_is_fetched_again(daemon: Daemon, agent: Agent) -> None:
    """What counts as fetched is what the agent says that it has."""
    daemon.links.send("node-2", NodeDocuments(view=view("a")))
    client = client_of(daemon, agent)
    lost = client.documents("node-2", "", 0)
    assert client.documents("node-2", "", 0) == lost


def test_only_the_services_that_changed_travel(daemon: Daemon, agent: Agent) -> None:
    """A readiness flip costs one Service, not all; put together, the agent has the whole view."""
    from reconciler.model.agents import merged

    client = client_of(daemon, agent)
    daemon.links.send("node-2", NodeDocuments(view=view("a", "b", "c")))
    first = client.documents("node-2", "", 0)
    assert first is not None
    [a], [d] = view("a").services, view("d").services
    b = ServiceEntry(namespace="shop", name="b", cluster_ip="10.43.0.9")
    changed = msgspec.structs.replace(view(generation=2), services=(a, b, d))
    daemon.links.send("node-2", NodeDocuments(view=changed))
    second = client.documents("node-2", first.cursor, 0)
    assert second is not None
    assert second.view is None
    assert second.view_delta is not None
    assert [one.name for one in second.view_delta.services] == ["b", "d"]
    assert second.view_delta.removed == ("shop/c",)
    assert merged(first.view, second.view_delta) == changed


def test_a_heartbeat_stands_for_the_report_before_it(daemon: Daemon, agent: Agent) -> None:
    """A daemon that does not know that report any more asks for the whole."""
    client = client_of(daemon, agent)
    beat = Heartbeat(boot_id="b1", of=1, sequence=2, observed_at=2.0)
    with pytest.raises(ApiRefused) as unknown:
        client.heartbeat("node-2", beat)
    assert unknown.value.reason == "ReportUnknown"
    client.report("node-2", report())
    client.heartbeat("node-2", beat)
    with pytest.raises(ApiRefused):
        client.heartbeat("node-2", msgspec.structs.replace(beat, boot_id="b0"))


def test_two_hosts_with_one_certificate_are_noticed(daemon: Daemon, agent: Agent) -> None:
    """A copied host reports under a boot id that has ended: it is refused, and told why."""
    client = client_of(daemon, agent)
    client.report("node-2", report(boot="b1"))
    client.report("node-2", report(boot="copy", sequence=5))
    with pytest.raises(ApiRefused, match="two hosts report as node node-2") as told:
        client.report("node-2", report(boot="b1", sequence=6))
    assert "copy" in told.value.hint
    eventually("the Node says so", lambda: "DuplicateNode" in reasons_of(daemon))


def test_a_host_is_heard_again_when_its_copy_is_gone(daemon: Daemon, agent: Agent) -> None:
    """Without a reboot: the copy has been silent for a lease, and whoever speaks now is the host."""
    client = client_of(daemon, agent)

    def is_stored(boot: str) -> bool:
        state = daemon.store.nodes().get("node-2")
        return state is not None and state.observation is not None and state.observation.boot_id == boot

    client.report("node-2", report(boot="b1"))
    eventually("the store has it", lambda: is_stored("b1"))
    client.report("node-2", report(boot="copy", sequence=5))
    eventually("the store has the copy's", lambda: is_stored("copy"))
    daemon.clock.ahead_s = 41
    client.report("node-2", report(boot="b1", sequence=6))
    eventually("the store takes the host's again", lambda: is_stored("b1"))
    with pytest.raises(ApiRefused, match="two hosts report"):
        client.report("node-2", report(boot="copy", sequence=7))


def test_a_clock_that_is_wrong_is_told(daemon: Daemon, agent: Agent) -> None:
    """On both sides; the node is not taken for silent by it."""
    agent.clock.ahead_s = -90.0
    with running(agent):
        eventually("the daemon knows", lambda: node_object(daemon) and state_of(daemon)["clockSkewSeconds"] < -85)
        assert state_of(daemon)["heardSecondsAgo"] < 30
        client = AgentClient(daemon.server, agent.certificate.context, agent.clock.now)
        client.documents("node-2", "", 0)
        assert client.skew_s is not None
        assert client.skew_s > 85
        eventually("the Node says so", lambda: "ClockSkew" in reasons_of(daemon))


def reasons_of(daemon: Daemon) -> set[str]:
    """Why the Node has events."""
    found = (cast(Event, one.object) for one in daemon.index.by_kind("Event"))
    return {one.reason for one in found if one.involved_object.name == "node-2"}


ELSEWHERE = (
    ("GET", f"{OWN}/agents/node-3/documents"),
    ("POST", f"{OWN}/agents/node-3/observations"),
    ("POST", f"{OWN}/agents/node-3/certificate"),
    ("DELETE", f"{OWN}/agents/node-2"),
    ("GET", f"{OWN}/agents"),
    ("POST", f"{OWN}/tokens"),
    ("GET", f"{OWN}/tokens"),
    ("GET", f"{OWN}/status"),
    ("GET", "/api/v1/secrets"),
    ("GET", "/api/v1/nodes/node-2"),
    ("GET", "/api/v1/namespaces/default/pods"),
    ("GET", "/version"),
    ("POST", f"{OWN}/agents"),
)


@pytest.mark.parametrize(("method", "path"), ELSEWHERE)
def test_a_node_can_do_nothing_but_its_own(daemon: Daemon, agent: Agent, method: str, path: str) -> None:
    """A host that was broken into gives away its own Pods and no more."""
    connection = http.client.HTTPSConnection("127.0.0.1", daemon.port, context=agent.certificate.context(), timeout=10)
    connection.request(method, path, body=b"{}", headers={"Content-Type": "application/json"})
    answer = connection.getresponse()
    said = json.loads(answer.read())
    connection.close()
    assert (answer.status, said["reason"]) == (403, "Forbidden")


def test_a_node_cannot_report_for_another_one(daemon: Daemon, agent: Agent) -> None:
    """Also not on its own path."""
    with pytest.raises(ApiRefused) as told:
        client_of(daemon, agent).report("node-2", report(node="node-3"))
    assert told.value.code == 403


def test_reports_are_no_lines_of_the_audit_log(daemon: Daemon, agent: Agent) -> None:
    """They come every few seconds of every node; who joined is one."""
    client_of(daemon, agent).report("node-2", report())
    daemon.stop()
    lines = [json.loads(line) for line in (daemon.folder / "audit.log").read_text().splitlines()]
    assert [(one["resource"], one.get("subresource", "")) for one in lines] == [("tokens", ""), ("agents", "")]


def test_a_removed_node_is_shut_out_and_gone(daemon: Daemon, agent: Agent) -> None:
    """Its certificate ends at once, its object goes, its number is free; the agent says what to do."""
    with running(agent):
        eventually("the node exists", lambda: node_object(daemon))
        daemon.api().delete(f"{OWN}/agents/node-2")
        eventually("the node is gone", lambda: node_object(daemon) is None)
        eventually("the agent knows", lambda: "was the node removed" in agent.link.state.error, 45)
    assert node_object(daemon) is None
    with pytest.raises(ApiRefused):
        daemon.api().delete(f"{OWN}/agents/node-2")
    with pytest.raises(ApiRefused, match="the daemon's own host"):
        daemon.api().delete(f"{OWN}/agents/node-1")


def test_a_certificate_is_renewed_in_time(daemon: Daemon, tmp_path: Path) -> None:
    """At two thirds of its life, without joining again; the new one is used from then on."""
    daemon.clock.ahead_s = -250 * 86_400.0
    daemon.join("node-2", tmp_path / "pki", now=daemon.clock.now)
    daemon.clock.ahead_s = 0.0
    agent = Agent(daemon, "node-2", tmp_path)
    before = agent.certificate.expires_at
    assert agent.certificate.is_due()
    agent.certificate.renew(client_of(daemon, agent), "node-2")
    assert agent.certificate.expires_at > before + 200 * 86_400.0
    assert not agent.certificate.is_due()
    client_of(daemon, agent).report("node-2", report())


def test_an_expired_certificate_says_what_to_do(daemon: Daemon, agent: Agent) -> None:
    """A host that was off for longer than the certificate lives needs a person."""
    agent.clock.ahead_s = 366 * 86_400.0
    assert "expired" in agent.certificate.problem()
    assert "token create --node node-2;" in agent.certificate.problem()
    assert not agent.certificate.is_due()


def test_documents_of_another_cluster_are_refused(daemon: Daemon, agent: Agent, tmp_path: Path) -> None:
    """P18: a daemon that was set up anew under the same address does not take hosts over."""
    with running(agent):
        eventually("the assignment is on disk", (tmp_path / "agent" / "assignment.json").exists)
        strange = msgspec.structs.replace(ASSIGNMENT, cluster_id="c-2", term=9, generation=9)
        before = (tmp_path / "agent" / "assignment.json").read_bytes()
        daemon.links.send("node-2", NodeDocuments(assignment=strange))
        eventually("it was fetched", lambda: agent.link.refused_cluster == "c-2")
        assert (tmp_path / "agent" / "assignment.json").read_bytes() == before
