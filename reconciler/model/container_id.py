"""A container's id as Kubernetes shows it: the runtime that gave it, and the id there: `docker://4f2c1e9`. Pure.

The field is `containerID` of a container's status.
"""

from typing import NamedTuple

DOCKER = "docker"
_BETWEEN = "://"


class ContainerID(NamedTuple):
    """Whose the container is, and what it is called there."""

    runtime: str = ""
    id: str = ""

    def __str__(self) -> str:
        """Return the form of a status."""
        return f"{self.runtime}{_BETWEEN}{self.id}"


def shown_id(id: str) -> str:
    """Return how a container of our Engine is shown."""
    return str(ContainerID(DOCKER, id))


def read_id(shown: str) -> ContainerID | None:
    """Return what a status names; None where it names no container: none was made, or the text is not of that form."""
    parts = shown.split(_BETWEEN)
    return ContainerID(*parts) if len(parts) == 2 else None
