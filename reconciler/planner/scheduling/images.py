"""ImageLocality: rather nodes that have the Pod's images, unless these are small. Pure."""

from collections.abc import Hashable, Mapping
from functools import cached_property

from reconciler.model.kinds import Pod
from reconciler.planner.node.images import full_name
from reconciler.planner.scheduling.fit import Candidate
from reconciler.planner.scheduling.framework import Plugin

_MB = 1024 * 1024
# Of all images together; images of one container count no more than the largest.
_SMALLEST = 23 * _MB
_LARGEST = 1000 * _MB


class ImageLocality(Plugin[Mapping[str, int]]):
    """The more of the Pod's images a node has, the better; rare ones count less, so that Pods do not heap up."""

    name = "ImageLocality"
    weight = 1

    @cached_property
    def _sizes(self) -> Mapping[str, Mapping[str, int]]:
        """The size of every image by the nodes that have it."""
        found: dict[str, dict[str, int]] = {}
        for name, node in self.cluster.nodes.items():
            for image in node.node.status.images:
                for one in image.names:
                    found.setdefault(full_name(one), {})[name] = image.size_bytes
        return found

    def likeness(self, pod: Pod) -> Hashable:
        """Return the images that some node has, and how many containers there are."""
        images = tuple(name for name in _images(pod) if name in self._sizes) if self._sizes else ()
        return (images, _count(pod)) if images else None

    def prepare(self, pod: Pod) -> Mapping[str, int] | None:
        """Return the scores of the nodes that have images of the Pod; None where no node has."""
        found: dict[str, int] = {}
        for image in _images(pod):
            held = self._sizes.get(image, {})
            share = len(held) / max(len(self.cluster.nodes), 1)
            for name, size in held.items():
                found[name] = found.get(name, 0) + int(size * share)
        return {name: _score(size, _LARGEST * _count(pod)) for name, size in found.items()} or None

    def score(self, state: Mapping[str, int], pod: Pod, node: Candidate) -> int:
        """Return the sum of the images' sizes, each times the share of the nodes that have it, between the bounds."""
        return state.get(node.name, 0)


def _score(held: int, largest: int) -> int:
    return 100 * (min(max(held, _SMALLEST), largest) - _SMALLEST) // (largest - _SMALLEST)


def _count(pod: Pod) -> int:
    return len(pod.spec.containers) + len(pod.spec.init_containers)


def _images(pod: Pod) -> list[str]:
    return [full_name(one.image) for one in (*pod.spec.init_containers, *pod.spec.containers)]
