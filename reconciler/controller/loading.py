"""From the files of a revision to a DesiredState, or to all that is wrong with it."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from reconciler.model.desired import DesiredObject, DesiredState, RevisionInfo
from reconciler.model.problem import Problem, Severity
from reconciler.schema.cache import Cache
from reconciler.schema.ratchet import Applied
from reconciler.schema.validate import FileResult, ManifestFile, validate

replace = msgspec.structs.replace


@dataclass(frozen=True, slots=True)
class Loaded:
    """A revision that was read: `state` is None when a problem refuses it."""

    revision: RevisionInfo
    state: DesiredState | None
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that refuse it."""
        return tuple(problem for problem in self.problems if problem.is_error)


class Loader:
    """Validates the revisions of one source; an unchanged file costs nothing."""

    def __init__(
        self,
        source: str,
        *,
        prune: bool,
        unknown_kinds: str,
        digest_key: bytes,
        legacy_addresses: bool = False,
        applied: Applied = lambda ref: None,
    ) -> None:
        self._source = source
        self._prune = prune
        self._unknown_kinds = Severity.WARNING if unknown_kinds == "warn" else Severity.ERROR
        self._legacy_addresses = legacy_addresses
        self._applied = applied
        self._digest_key = digest_key
        self._cache: Cache[FileResult] = Cache()

    def load(self, revision: RevisionInfo, files: Iterable[ManifestFile], problems: tuple[Problem, ...] = ()) -> Loaded:
        """Validate all files of a revision; `problems` are those of reading the tree."""
        result = validate(
            files,
            cache=self._cache,
            unknown_kinds=self._unknown_kinds,
            legacy_addresses=self._legacy_addresses,
            digest_key=self._digest_key,
            applied=self._applied,
        )
        found = (*problems, *result.problems)
        if any(problem.is_error for problem in found):
            return Loaded(revision, None, found)
        state = DesiredState(
            source=self._source,
            revision=revision,
            objects=tuple(self._placed(one, revision) for one in result.objects),
            warnings=found,
            prune=self._prune,
        )
        return Loaded(revision, state, found)

    def _placed(self, one: DesiredObject, revision: RevisionInfo) -> DesiredObject:
        provenance = replace(one.provenance, source=self._source, commit=revision.commit, author=revision.author)
        return replace(one, provenance=provenance)
