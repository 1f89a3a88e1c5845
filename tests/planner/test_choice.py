"""Nodes are chosen for one Pod after the other as if each node was looked at anew for each Pod."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.kinds import Node, Pod, decode_object
from reconciler.planner.scheduling.choice import Choice
from reconciler.planner.scheduling.fit import Candidate, candidate_of
from tests.planner.scheduling_world import NOTHING

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
EVEN: list[dict[str, Any]] = [
    {
        "maxSkew": 1,
        "topologyKey": "zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "a"}},
    },
    {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": "a"}},
    },
]
nodes = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 4]),
        st.sampled_from([2, 5]),
        st.sampled_from(["slow", "fast"]),
        st.sampled_from(["", "", "NoSchedule", "PreferNoSchedule"]),
    ),
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
        st.sampled_from([[], EVEN]),
    ),
    min_size=1,
    max_size=25,
)


def node(number: int, cpu: int, room: int, disk: str, effect: str) -> Candidate:
    """Return an empty node; `node-1` and `node-10` are names of which one begins the other."""
    taints = [{"key": "only", "effect": effect}] if effect else []
    name = f"node-{number}"
    labels = {"disk": disk, "zone": f"zone-{number % 3}", "kubernetes.io/hostname": name}
    decoded = decode_object(
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "spec": {"taints": taints},
            "status": {"allocatable": {"cpu": str(cpu), "memory": "4Gi", "pods": str(room)}},
        }
    )
    assert isinstance(decoded, Node)
    return candidate_of(decoded)


def pod(
    number: int,
    app: str,
    cpu: str,
    affinity: dict[str, Any],
    port: int,
    selector: dict[str, str],
    spread: list[dict[str, Any]],
) -> Pod:
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
            "spec": {
                "containers": [container],
                "affinity": affinity,
                "nodeSelector": selector,
                "topologySpreadConstraints": spread,
            },
        }
    )
    assert isinstance(decoded, Pod)
    return decoded


@settings(max_examples=150, deadline=None)
@given(nodes, pods)
def test_the_choice_is_that_of_looking_at_every_node(shapes: list[Any], waiting: list[Any]) -> None:
    """The same node for every Pod in turn, and the same reasons where none fits."""
    choice = Choice({f"node-{number}": node(number, *shape) for number, shape in enumerate(shapes)}, NOTHING)
    for number, wish in enumerate(waiting):
        one = pod(number, *wish)
        anew = Choice(choice.candidates, NOTHING)
        scores = anew.alike(one).totals()
        best = min(scores, key=lambda name: (-scores[name], name), default="")
        assert choice.best(one) == best == anew.best(one)
        assert choice.misfits(one) == anew.misfits(one)
        assert choice.alike(one).reasons() == anew.alike(one).reasons()
        if best:
            choice.place(one, best)


@settings(max_examples=50, deadline=None)
@given(nodes, pods)
def test_what_is_taken_away_again_leaves_no_trace(shapes: list[Any], waiting: list[Any]) -> None:
    """A Pod that is placed and displaced changes nothing for those after it."""
    candidates = {f"node-{number}": node(number, *shape) for number, shape in enumerate(shapes)}
    choice, untouched = Choice(candidates, NOTHING), Choice(candidates, NOTHING)
    for number, wish in enumerate(waiting):
        one = pod(number, *wish)
        if found := choice.best(one):
            choice.place(one, found)
            choice.displace(one, found)
        assert choice.alike(one).totals() == untouched.alike(one).totals()
