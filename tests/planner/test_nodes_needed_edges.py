"""How few nodes are enough where the order of Pods, the number of tries, or the lack of any node matters."""

import pytest
import yaml

from reconciler.planner.capacity import capacity
from tests.planner.test_capacity import deployment
from tests.planner.test_nodes_needed import MANY_SMALL, needed, node
from tests.planner.world import Cluster, replace


@pytest.mark.parametrize(
    ("large", "small"),
    [
        (("600m", "1Mi"), ("400m", "100Mi")),
        (("1m", "600Mi"), ("100m", "400Mi")),
        (("1m", "600Mi"), ("2m", "400Mi")),
        (("600m", "1Mi"), ("400m", "2Mi")),
    ],
)
def test_the_pods_that_take_most_of_anything_are_placed_first(large: tuple[str, str], small: tuple[str, str]) -> None:
    """Of processors or of memory, as a share of the node: then two and two go together."""
    answer = needed(deployment("z-large", 2, *large), deployment("a-small", 2, *small), nodes=MANY_SMALL)
    assert answer.count == 2


@pytest.mark.parametrize(("cpu", "memory"), [("1", "1Mi"), ("1m", "1Gi")])
def test_no_try_is_lost_on_too_few_nodes(cpu: str, memory: str) -> None:
    """Neither of processors nor of memory: thirty copies are found though twenty sets are tried."""
    assert needed(deployment("web", 30, cpu, memory), nodes=(node("n"),)).count == 30


@pytest.mark.parametrize(("cpu", "memory"), [("500m", "1Mi"), ("1m", "512Mi")])
def test_no_try_is_lost_on_what_daemons_take(cpu: str, memory: str) -> None:
    """Each copy runs them too."""
    daemon = deployment("log", 0, cpu, memory, kind="DaemonSet")
    assert needed(daemon, deployment("web", 30, cpu, memory), nodes=(node("n"),)).count == 30


def test_no_try_is_lost_on_the_number_of_pods_that_daemons_are() -> None:
    """Two Pods on each node, of which one is a daemon: thirty-two copies are found though twenty sets are tried."""
    cluster = Cluster()
    state = cluster.observed.nodes["node-1"]
    assert state.observation is not None
    facts = state.observation.facts
    facts = replace(facts, host=replace(facts.host, pods_max=2))
    small = replace(state, observation=replace(state.observation, facts=facts))
    documents = (deployment("log", 0, "1m", "1Mi", kind="DaemonSet"), deployment("web", 32, "1m", "1Mi"))
    cluster.push("\n---\n".join(yaml.safe_dump(one) for one in documents))
    observed = replace(cluster.observed, nodes={"node-1": small})
    assert capacity(cluster.desired, observed, cluster.policy, cluster.now).needed.count == 32


def test_without_nodes_nothing_fits() -> None:
    """Not even a copy of one, nor what is to be where others are; nothing at all needs none."""
    term = {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname"}
    near = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    for documents in ([deployment("web", 2, "1"), deployment("near", 1, "1", affinity=near)], []):
        cluster = Cluster(nodes=())
        cluster.push("\n---\n".join(yaml.safe_dump(one) for one in documents))
        answer = capacity(cluster.desired, cluster.observed, cluster.policy, cluster.now).needed
        assert (answer.count, answer.present, answer.shapes) == (0, 0, {})
        assert len(answer.misfits) == 3 * bool(documents)
