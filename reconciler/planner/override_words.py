"""What is overridden, in the words in which people read it. Pure."""

from collections.abc import Mapping

from reconciler.model.kinds import Taint
from reconciler.model.overrides import Override
from reconciler.model.times import rfc3339
from reconciler.planner.view import View


def override_notes(view: View) -> tuple[str, ...]:
    """Return one sentence for everything that a person holds otherwise than it is declared."""
    notes = []
    for ref, override in sorted(view.overrides.items()):
        said = f"by {override.by}, since {rfc3339(override.at)}"
        if override.rollback is not None:
            notes.append(f"{ref} is {held_words(override)}")
        if override.paused:
            notes.append(f"{ref} is {paused_words(override)}: its rollout waits until it is resumed")
        if override.unschedulable:
            notes.append(f"{ref} is cordoned ({said}): no Pod is placed on it until it is uncordoned")
        if override.taints:
            listed = ", ".join(taint_words(taint) for taint in override.taints)
            notes.append(f"{ref} is tainted with {listed} ({said})")
        if listed := label_words(override.labels):
            notes.append(f"{ref} is labelled {listed} ({said})")
    return tuple(notes)


def taint_words(taint: Taint) -> str:
    """Return a taint as kubectl writes it: `key=value:effect`."""
    return f"{taint.key}={taint.value}:{taint.effect}" if taint.value else f"{taint.key}:{taint.effect}"


def label_words(labels: Mapping[str, str | None] | None) -> str:
    """Return labels as kubectl writes them, without those that are taken away."""
    return ", ".join(f"{key}={value}" for key, value in sorted((labels or {}).items()) if value is not None)


def held_words(override: Override) -> str:
    """Return that a workload is held back, by whom and since when."""
    rollback = override.rollback
    assert rollback is not None
    return f"held back by rollback to revision {rollback.revision} (by {rollback.by}, since {rfc3339(rollback.at)})"


def paused_words(override: Override) -> str:
    """Return that a rollout waits, by whom and since when."""
    return f"paused (by {override.by}, since {rfc3339(override.at)})"
