"""Pods go rather where their images are already."""

from typing import cast

import msgspec

from reconciler.model.kinds import ContainerImage, Node, Pod
from reconciler.model.observed import NodeState
from tests.planner.world import Cluster

HELD = ContainerImage(names=("example.org/shop/large:1",), size_bytes=900 * 1024 * 1024)
POD = """
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  containers: [{name: main, image: "example.org/shop/NAME:1"}]
"""


class WithImage(Cluster):
    """A cluster whose second node has a large image."""

    def _state(self, node: str) -> NodeState:
        state = super()._state(node)
        assert state.observation is not None
        held = (HELD,) if node == "node-2" else ()
        facts = msgspec.structs.replace(state.observation.facts, largest_images=held)
        observation = msgspec.structs.replace(state.observation, facts=facts)
        return msgspec.structs.replace(state, observation=observation)


def test_a_node_shows_its_images_and_pods_go_where_theirs_is() -> None:
    """The Pod of the image goes to the node that has it; another one goes by name."""
    cluster = WithImage(nodes=("node-1", "node-2"))
    cluster.push(POD.replace("NAME", "large") + "---" + POD.replace("NAME", "small"))
    cluster.settle()
    nodes = {name: cast(Node, one) for name, one in cluster.of("Node").items()}
    assert (nodes["node-1"].status.images, nodes["node-2"].status.images) == ((), (HELD,))
    pods = {name: cast(Pod, one).spec.node_name for name, one in cluster.of("Pod").items()}
    assert pods == {"large": "node-2", "small": "node-1"}
