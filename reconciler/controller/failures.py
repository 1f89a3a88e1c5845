"""A rollout missed its deadline: the source returns to its last healthy revision and holds the failed one (P15, P16).

Effect: the store, and reading the repository.
"""

import logging

from reconciler.controller.source import Source
from reconciler.model.desired import DesiredState, RevisionInfo
from reconciler.model.errors import ReconcilerError
from reconciler.model.plan import Happening, RevisionEnding
from reconciler.store.commit import Commit
from reconciler.store.store import Store
from reconciler.store.values import RevisionRecord, RevisionState

log = logging.getLogger(__name__)


def return_failed(
    store: Store, source: Source, ending: RevisionEnding, now: float, term: int
) -> tuple[Happening, DesiredState | None]:
    """Return what is to be told, and what the source declares from now on; None when it has to stay as it is."""
    target = ending.back_to
    if target is None:
        return _told(ending, "NoHealthyRevision", "there is no healthy revision yet to return to"), None
    state, why = _loaded(source, target)
    if state is None:
        return _told(ending, "RollbackFailed", f"{target.commit[:12]} cannot be returned to: {why}"), None
    failed = ending.revision
    store.commit(Commit(revisions=records_of_return(source.name, failed, target, now)), term=term)
    store.change_source(source.name, applied=target, held=failed.commit, held_because=ending.message)
    source.poll()
    log.warning("returned to the last healthy revision", extra={"source": source.name, "failed": failed.commit})
    message = f"{source.name} returns to {target.commit[:12]} and holds {failed.commit[:12]} until a newer commit"
    return _told(ending, "RolledBack", message), state


def records_of_return(
    source: str, held: RevisionInfo | None, target: RevisionInfo, now: float
) -> tuple[RevisionRecord, ...]:
    """Return what history is to tell of a return to a revision, and of the one that is held from then on."""
    applied = RevisionRecord(source=source, revision=target, state=RevisionState.APPLIED, at=now)
    if held is None:
        return (applied,)
    return (RevisionRecord(source=source, revision=held, state=RevisionState.ROLLED_BACK, at=now), applied)


def _loaded(source: Source, target: RevisionInfo) -> tuple[DesiredState | None, str]:
    try:
        loaded = source.load(target)
    except ReconcilerError as error:
        return None, str(error)
    return loaded.state, "" if loaded.state is not None else f"it has {len(loaded.errors)} problems by now"


def _told(ending: RevisionEnding, reason: str, message: str) -> Happening:
    assert ending.failed is not None
    text = f"{ending.message}; {message}"
    return Happening(object=ending.failed, uid=ending.uid, type="Warning", reason=reason, message=text)
