"""Nodes are chosen for one Pod after the other as if each node was looked at for each Pod."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.kinds import Node, Pod, decode_object
from reconciler.planner.scheduling.choice import Choice
from reconciler.planner.scheduling.fit import Candidate, score, why_not
from reconciler.planner.scheduling.room import allocatable

APART: dict[str, Any] = {
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "a"}}}
        ]
    }
}
TOGETHER: dict[str, Any] = {
    "podAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "b"}}}
        ]
    }
}
PREFER_FAST: dict[str, Any] = {
    "nodeAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {
                "weight": 30,
                "preference": {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["fast"]}]},
            }
        ]
    }
}
nodes = st.lists(
    st.tuples(st.sampled_from([1, 2, 4]), st.sampled_from([2, 5]), st.sampled_from(["slow", "fast"]), st.booleans()),
    min_size=1,
    max_size=12,
)
pods = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.sampled_from(["0", "300m", "700m"]),
        st.sampled_from([{}, APART, TOGETHER, PREFER_FAST]),
        st.sampled_from([0, 0, 8080]),
        st.sampled_from([{}, {"disk": "fast"}]),
    ),
    min_size=1,
    max_size=25,
)


def node(number: int, cpu: int, room: int, disk: str, tainted: bool) -> Candidate:
    """Return an empty node; `node-1` and `node-10` are names of which one begins the other."""
    taints = [{"key": "only", "effect": "NoSchedule"}] if tainted else []
    name = f"node-{number}"
    decoded = decode_object(
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": {"disk": disk}},
            "spec": {"taints": taints},
            "status": {"allocatable": {"cpu": str(cpu), "memory": "4Gi", "pods": str(room)}},
        }
    )
    assert isinstance(decoded, Node)
    return Candidate(node=decoded, has=allocatable(decoded))


def pod(number: int, app: str, cpu: str, affinity: dict[str, Any], port: int, selector: dict[str, str]) -> Pod:
    """Return a Pod that waits for a node."""
    container = {
        "name": "web",
        "image": "web",
        "resources": {"requests": {"cpu": cpu}},
        "ports": [{"containerPort": 80, "hostPort": port}] if port else [],
    }
    decoded = decode_object(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"pod-{number}", "namespace": "default", "labels": {"app": app}},
            "spec": {"containers": [container], "affinity": affinity, "nodeSelector": selector},
        }
    )
    assert isinstance(decoded, Pod)
    return decoded


@settings(max_examples=150, deadline=None)
@given(nodes, pods)
def test_the_choice_is_that_of_looking_at_every_node(shapes: list[Any], waiting: list[Any]) -> None:
    """The same node for every Pod in turn, and the same reasons where none fits."""
    candidates = {f"node-{number}": node(number, *shape) for number, shape in enumerate(shapes)}
    choice = Choice(candidates, lambda pod, _, candidate, pinned: why_not(pod, candidate, pinned))
    for number, wish in enumerate(waiting):
        one = pod(number, *wish)
        against = {name: why_not(one, candidate) for name, candidate in choice.candidates.items()}
        fitting = [name for name, why in against.items() if not why]
        best = max(fitting, key=lambda name: _goodness(one, choice.candidates[name]), default="")
        chosen, reasons = choice.best(one, ())
        assert chosen == best
        assert chosen or reasons == {why: list(against.values()).count(why) for why in against.values()}
        if chosen:
            choice.place(one, chosen)


def _goodness(one: Pod, candidate: Candidate) -> tuple[object, ...]:
    return (*score(one, candidate), tuple(-ord(letter) for letter in candidate.node.metadata.name))
