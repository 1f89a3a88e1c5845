"""One transaction as a value: everything that a tick (or an API write) wants to become true together."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.model.observed import Acknowledgement, SourceState
from reconciler.model.overrides import OverrideChange
from reconciler.model.plan import Change, Happening, Plan
from reconciler.store.values import ActionRecord, Binding, Logged, RevisionRecord


@dataclass(frozen=True, slots=True)
class Commit:
    """What is written together or not at all.

    `allocations` are those to be set; an empty value releases one. `plan` is kept in history unless it is empty.
    `happenings` become Event objects, counted when they repeat. A source's deletions are noted for the circuit
    breaker by themselves, from `changes`. Of what is known of `sources`, a person's decisions (`suspended`, `held`)
    stay as stored, because a tick may have read them before they were made.
    """

    changes: tuple[Change, ...] = ()
    bindings: tuple[Binding, ...] = ()
    allocations: Mapping[str, str] = field(default_factory=dict)
    happenings: tuple[Happening, ...] = ()
    plan: Plan | None = None
    actions: tuple[ActionRecord, ...] = ()
    revisions: tuple[RevisionRecord, ...] = ()
    sources: tuple[SourceState, ...] = ()
    acknowledgements: tuple[Acknowledgement, ...] = ()
    overrides: tuple[OverrideChange, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to ask the database for."""
        return not any(
            (
                self.changes,
                self.bindings,
                self.allocations,
                self.happenings,
                self.plan is not None and not self.plan.is_empty,
                self.actions,
                self.revisions,
                self.sources,
                self.acknowledgements,
                self.overrides,
            )
        )


@dataclass(frozen=True, slots=True)
class Committed:
    """What a transaction did: its entries of the change log, in order, and whether a small table changed.

    `resource_version` is the newest number the transaction knew of: of its last entry, when it wrote any. `pruned` says
    that history, and with it tombstones, were dropped.
    """

    resource_version: int
    logged: tuple[Logged, ...] = ()
    side_changed: bool = False
    pruned: bool = False
