"""Whose logs are meant: of which containers of which Pods, as kubectl chooses them. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import click

# The annotation with which a Pod names its main container.
DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """One log: that of a container of a Pod; `others` are those that were left out when nobody named one."""

    namespace: str
    pod: str
    container: str
    others: tuple[str, ...] = ()

    @property
    def prefix(self) -> bytes:
        """What its lines begin with where that is asked for."""
        return f"[pod/{self.pod}/{self.container}] ".encode()


def sources_of(pods: Iterable[Document], container: str = "", *, every: bool = False) -> list[Source]:
    """Return the logs of every container, of the one with a name, or of each Pod's main one."""
    return [source for pod in pods for source in _of_pod(pod, container, every)]


def _of_pod(pod: Document, container: str, every: bool) -> Iterator[Source]:
    metadata, names = pod["metadata"], _containers(pod)
    if container and container not in names:
        known = ", ".join(names)
        raise click.UsageError(f"container {container} is not valid for pod {metadata['name']} out of: {known}")
    if container or every:
        for name in [container] if container else names:
            yield Source(metadata["namespace"], metadata["name"], name)
        return
    main = _main_container(pod, names)
    others = tuple(name for name in names if name != main)
    yield Source(metadata["namespace"], metadata["name"], main, others)


def _main_container(pod: Document, names: list[str]) -> str:
    """Return the one that the Pod says, the first one otherwise."""
    told: str = pod["metadata"].get("annotations", {}).get(DEFAULT_CONTAINER, "")
    return told if told in names else str(pod["spec"]["containers"][0]["name"])


def _containers(pod: Document) -> list[str]:
    """Return the names in the order in which they start; those that look into the Pod come last."""
    spec = pod["spec"]
    every = (*spec.get("initContainers", ()), *spec["containers"], *spec.get("ephemeralContainers", ()))
    return [str(one["name"]) for one in every]
