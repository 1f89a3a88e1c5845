"""Conditions that other controllers write on a Pod, and reports of nodes that name no address."""

from typing import Any, cast

import msgspec

from reconciler.model.kinds import Condition, Pod
from reconciler.model.overrides import Override
from reconciler.model.refs import ObjectRef
from reconciler.planner.apply import apply_plan
from tests.planner.world import Cluster

replace = msgspec.structs.replace

GATED = """
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  readinessGates: [{conditionType: example.com/loaded}]
  containers: [{name: main, image: web}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""
WEB = ObjectRef.of("Pod", "default", "web")


def the_pod(cluster: Cluster) -> Pod:
    """Return the Pod."""
    return cast(Pod, cluster.of("Pod")["web"])


def condition(cluster: Cluster, name: str) -> Condition | None:
    """Return a condition of the Pod."""
    return next((one for one in the_pod(cluster).status.conditions if one.type == name), None)


def say(cluster: Cluster, *conditions: Condition) -> None:
    """Have another controller write conditions on the Pod."""
    change = Override(ref=WEB, uid=the_pod(cluster).metadata.uid, conditions=conditions, by="loader")
    cluster.observed = replace(cluster.observed, overrides={WEB: change})
    cluster.settle()


def started() -> Cluster:
    """Return a cluster with the Pod, whose containers are ready."""
    cluster = Cluster()
    cluster.push(GATED)
    cluster.settle()
    return cluster


def ready(cluster: Cluster) -> tuple[str, str]:
    """Return whether the Pod is ready, and why."""
    found = condition(cluster, "Ready")
    assert found is not None
    return found.status, found.reason


def test_a_pod_is_ready_once_its_gate_is_open() -> None:
    """And no longer once it is closed again; the condition is shown with the time of its change."""
    cluster = started()
    assert ready(cluster) == ("False", "ReadinessGatesNotReady")
    say(cluster, Condition(type="example.com/loaded", status="True", reason="Loaded"))
    assert ready(cluster)[0] == "True"
    shown = condition(cluster, "example.com/loaded")
    assert shown is not None
    assert (shown.status, shown.reason) == ("True", "Loaded")
    assert shown.last_transition_time is not None
    assert cluster.plan().is_empty
    say(cluster, Condition(type="example.com/loaded", status="False"))
    assert ready(cluster)[0] == "False"


def test_what_was_said_of_an_earlier_pod_of_the_name_is_forgotten() -> None:
    """Another Pod starts with its gate closed."""
    cluster = started()
    say(cluster, Condition(type="example.com/loaded", status="True"))
    cluster.push(GATED.replace("name: main", "name: other"), commit="c2")
    cluster.settle()
    assert ready(cluster) == ("False", "ReadinessGatesNotReady")
    assert not cluster.observed.overrides


def test_a_report_without_an_address_sends_nothing_to_the_pod() -> None:
    """What is no address reaches neither the Pod's status nor the Service, and the Pod says why."""
    cluster = started()
    say(cluster, Condition(type="example.com/loaded", status="True"))
    before = the_pod(cluster).status.pod_ip
    assert before
    report_address(cluster, "10.0.0.1; flush ruleset")
    assert ready(cluster) == ("False", "InvalidAddress")
    assert "podIPs" in str(condition(cluster, "Ready"))
    assert (the_pod(cluster).status.pod_ip, the_pod(cluster).status.pod_ips) == ("", ())
    assert "flush" not in str(list(cluster.of("EndpointSlice").values()))
    report_address(cluster, before)
    assert ready(cluster)[0] == "True"


def report_address(cluster: Cluster, address: str) -> None:
    """Have the Pod's node report this address of it."""
    (name, state), *_ = cluster.observed.nodes.items()
    observation: Any = state.observation
    pods = tuple(replace(one, pod_ip=address) for one in observation.pods)
    reported = replace(state, observation=replace(observation, pods=pods))
    cluster.observed = replace(cluster.observed, nodes={**cluster.observed.nodes, name: reported})
    cluster.observed = apply_plan(cluster.observed, cluster.plan())
