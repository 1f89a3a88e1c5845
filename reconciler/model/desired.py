"""What revisions ask for, validated and normalised."""

from reconciler.model.base import Value
from reconciler.model.kinds import AnyObject
from reconciler.model.problem import Problem
from reconciler.model.refs import ObjectRef


class Provenance(Value):
    """Where an object was declared: source, commit, file and line (from 1), and who committed it."""

    source: str = ""
    commit: str = ""
    file: str = ""
    line: int = 0
    author: str = ""


class RevisionInfo(Value):
    """One commit of a source: full hash, subject line, author, commit time (RFC 3339, UTC) and branch."""

    commit: str
    subject: str = ""
    author: str = ""
    committed_at: str = ""
    branch: str = ""


class DesiredObject(Value):
    """One declared object. `digest` is that of its canonical form, without provenance."""

    ref: ObjectRef
    object: AnyObject
    provenance: Provenance
    digest: str


class DesiredState(Value):
    """A completely loaded and valid revision of one source; partial ones never become a DesiredState.

    `warnings` are the problems that do not refuse it. `prune` says whether what it no longer declares is deleted.
    """

    source: str
    revision: RevisionInfo
    objects: tuple[DesiredObject, ...] = ()
    warnings: tuple[Problem, ...] = ()
    prune: bool = True
