"""Nothing is concluded from what could not be read (P20), and nothing is done by old documents (P18)."""

from __future__ import annotations

from reconciler.model.node import Endpoint, EndpointPort, ServiceEntry, ServicePortEntry
from reconciler.model.plan import Executor, Reason
from reconciler.model.ports import NodeDocuments
from tests.planner.node.host import NODE, Host, assignment, container, pod, probe, view


def test_a_silent_engine_stops_and_removes_nothing() -> None:
    """P20: unknown is not absent."""
    host = Host(pod("web"), pod("db"))
    host.settle()
    reports = host.node.reports
    host.world.engine_silent = True
    host.assign(pod("db"))
    host.node.run_for(120)
    plan = host.node.last.plan  # type: ignore[union-attr]
    assert not any(action.executor is Executor.CONTAINER for action in plan.actions)
    assert [one.reason for one in plan.blocked] == [Reason.ENGINE_SILENT]
    assert not plan.complete
    assert host.node.reports == reports
    host.world.engine_silent = False
    host.settle()
    assert host.names() == ["POD/0", "db/0"]


def test_network_probes_go_on_while_the_engine_is_silent() -> None:
    """Those that run inside the container cannot."""
    from reconciler.model.kinds import Probe
    from reconciler.model.kinds.probe import ExecAction

    host = Host(
        pod("a", container(readiness_probe=probe())),
        pod("b", container(readiness_probe=Probe(exec=ExecAction(command=("true",))))),
    )
    host.settle()
    host.world.engine_silent = True
    host.node.run_for(90)
    assert [target.pod_uid for target in host.node.last.probes] == ["a-uid-0001"]  # type: ignore[union-attr]
    assert host.ready("a") and host.ready("b")
    host.world.engine_silent = False
    host.settle()
    assert host.ready("a") and host.ready("b")
    assert host.names(state="running") == ["POD/0", "POD/0", "web/0", "web/0"]


def test_the_map_follows_the_view_while_the_engine_is_silent() -> None:
    """Services of other nodes go on changing."""
    host = Host(pod("web"))
    host.settle()
    host.world.engine_silent = True
    remote = Endpoint(ip="10.42.2.2", node="node-2", pod="shop/x", pod_uid="x")
    port = ServicePortEntry(port=80, targets=(EndpointPort(port=80, endpoints=(remote,)),))
    host.services = (ServiceEntry(namespace="shop", name="x", cluster_ip="10.43.0.9", ports=(port,)),)
    host.assign(*host.pods)
    host.node.run_for(5)
    assert host.world.programmed is not None
    assert host.world.programmed.services == host.services


def test_older_documents_are_refused() -> None:
    """P18: a deposed leader's word does nothing."""
    host = Host(pod("web"))
    host.settle()
    host.node.deliver(NodeDocuments(assignment=assignment(generation=0)))
    host.node.run_for(60)
    assert host.names() == ["POD/0", "web/0"]
    assert host.node.last is not None
    assert host.node.last.plan.warnings


def test_an_older_view_is_refused() -> None:
    """The map stays as it is."""
    host = Host(pod("web"))
    host.assign(*host.pods)
    host.settle()
    digest = host.world.network.services_digest
    host.node.deliver(NodeDocuments(view=view(generation=1)))
    host.node.run_for(60)
    assert host.world.network.services_digest == digest


def test_the_node_of_the_facts_names_the_actions() -> None:
    """Every action says where it runs."""
    host = Host(pod("web"))
    host.node.run_once()
    assert {action.node for action in host.node.last.plan.actions} == {NODE}  # type: ignore[union-attr]
