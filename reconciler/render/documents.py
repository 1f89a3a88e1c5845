"""The JSON documents that scripts read: versioned, every field always written. Pure.

Times are Unix seconds; objects are written `kind/namespace/name`.
"""

from reconciler.model.base import Value
from reconciler.model.plan import Decision, Executor, FieldChange, Reason, Verb
from reconciler.model.problem import Severity

DOCUMENT_VERSION = "reconciler.dev/v1"


class Document(Value, omit_defaults=False):
    """The base of the documents: what it is, and in which version."""

    api_version: str = DOCUMENT_VERSION
    kind: str = ""


class Part(Value, omit_defaults=False):
    """The base of what documents are made of."""


class RevisionPart(Part):
    """One commit of one source."""

    source: str
    commit: str
    subject: str = ""
    author: str = ""
    committed_at: str = ""
    branch: str = ""


class ChangePart(Part):
    """One differing field."""

    path: str
    old: str = ""
    new: str = ""


class VerdictPart(Part):
    """What happens to one object, why, and where it is declared."""

    object: str
    verdict: Decision
    reason: Reason
    message: str = ""
    manager: str = ""
    source: str = ""
    commit: str = ""
    file: str = ""
    line: int = 0
    author: str = ""
    since: float | None = None
    changes: tuple[ChangePart, ...] = ()


class ActionPart(Part):
    """One step on one host; `needs` are ids of steps that come first."""

    id: str
    executor: Executor
    verb: Verb
    node: str = ""
    object: str
    detail: str = ""
    reason: Reason
    message: str = ""
    needs: tuple[str, ...] = ()


class BlockedPart(Part):
    """A step that waits, and for what."""

    executor: Executor
    verb: Verb
    object: str
    node: str = ""
    reason: Reason
    message: str = ""
    until: float | None = None


class HoldPart(Part):
    """Deletions that wait for a person."""

    id: str
    source: str
    objects: tuple[str, ...]
    message: str = ""


class Summary(Part):
    """How many objects are in each bucket, how many steps there are, and what becomes of data."""

    create: int = 0
    update: int = 0
    replace: int = 0
    delete: int = 0
    unchanged: int = 0
    blocked: int = 0
    actions: int = 0
    held: int = 0
    is_empty: bool = True
    data: str = ""


class ProblemPart(Part):
    """One fault in a manifest, with its place."""

    severity: Severity
    file: str
    line: int = 0
    column: int = 0
    object: str = ""
    pointer: str = ""
    message: str
    hint: str = ""
    code: str = ""


class PlanDocument(Document):
    """A plan as scripts and people see it: without the objects it writes."""

    kind: str = "Plan"
    id: str = ""
    revision: str = ""
    revisions: tuple[RevisionPart, ...] = ()
    observed_at: float = 0.0
    assumptions: tuple[str, ...] = ()
    complete: bool = True
    applyable: bool = True
    errored: bool = False
    look_again_at: float | None = None
    verdicts: tuple[VerdictPart, ...] = ()
    actions: tuple[ActionPart, ...] = ()
    blocked: tuple[BlockedPart, ...] = ()
    holds: tuple[HoldPart, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[ProblemPart, ...] = ()
    summary: Summary = Summary()


class ValidationReport(Document):
    """What validation found: how many objects there are, and every problem."""

    kind: str = "ValidationReport"
    objects: int = 0
    problems: tuple[ProblemPart, ...] = ()


def change_part(change: FieldChange) -> ChangePart:
    """Return a field change as part of a document."""
    return ChangePart(path=change.path, old=change.old, new=change.new)
