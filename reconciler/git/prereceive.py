"""Read what is being pushed while Git still keeps it in quarantine. Effect: runs git; writes nothing.

The daemon and the hook's own validation share this. Object directories named by a client are only used inside
the repository that is pushed to: the socket must not become a way to read others.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.git.errors import GitFailure
from reconciler.git.repository import READ_DEADLINE_S, Repository
from reconciler.git.tree import Tree
from reconciler.model.errors import Retry

QUARANTINE_VARIABLES = ("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH")

_UPDATE = re.compile(r"(?P<old>[0-9a-f]{40,64}) (?P<new>[0-9a-f]{40,64}) (?P<ref>refs/\S.*)")


class QuarantineRefused(GitFailure):
    """The object directories do not belong to the repository that is pushed to."""

    retry = Retry.TERMINAL
    reason = "QuarantineRefused"


@dataclass(frozen=True, slots=True)
class Update:
    """One ref of a push: what it was and what it becomes; all zeros means that it does not exist."""

    old: str
    new: str
    ref: str

    @property
    def is_deletion(self) -> bool:
        """Whether the push deletes the ref."""
        return not self.new.strip("0")


def parse_updates(lines: Iterable[str]) -> tuple[Update, ...]:
    """Read the lines that git gives a receive hook on its standard input."""
    updates = []
    for line in lines:
        match = _UPDATE.fullmatch(line.rstrip("\n"))
        if match is None:
            raise QuarantineRefused(f"not a line of a receive hook: {line.strip()!r}")
        updates.append(Update(**match.groupdict()))
    return tuple(updates)


def open_pushed(repository: Path, quarantine_env: Mapping[str, str]) -> Repository:
    """Return the repository as it will be once the push is accepted; only Git's variables are used."""
    objects = (repository / "objects").resolve()
    environment = {}
    for name in QUARANTINE_VARIABLES:
        directories = [Path(directory).resolve() for directory in quarantine_env.get(name, "").split(":") if directory]
        if not all(directory.is_relative_to(objects) for directory in directories):
            raise QuarantineRefused(f"{name} leads out of {repository}")
        if directories:
            environment[name] = ":".join(map(str, directories))
    return Repository(repository, environment=environment)


def read_pushed(
    repository: Path,
    new_commit: str,
    path: str,
    quarantine_env: Mapping[str, str],
    deadline_s: float = READ_DEADLINE_S,
) -> Tree:
    """Return the manifests under `path` of a commit that is being pushed, with the tree's problems."""
    return open_pushed(repository, quarantine_env).read(new_commit, path, deadline_s)
