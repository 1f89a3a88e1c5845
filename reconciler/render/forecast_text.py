"""A forecast as people read it: the steps with their times, what is ready meanwhile, what to know before. Pure."""

from collections.abc import Iterator, Sequence

from reconciler.render.documents import RevisionPart
from reconciler.render.forecast_document import (
    AvailabilityPart,
    EstimatePart,
    ForecastDocument,
    StepPart,
    UnplacedPart,
)
from reconciler.render.layout import beside, columns, printable, wrapped
from reconciler.render.words import age, count, duration, short_commit

_NOTE_COLUMN = 72
_FINE_S = 100.0
_NAMES = {"ready": "until ready", "task": "until a task ends"}


def forecast_text(forecast: ForecastDocument, *, now: float) -> str:
    """Return the whole forecast as text, ending in a line that says what it amounts to."""
    groups: list[list[str]] = [
        list(_header(forecast, now)),
        list(_steps(forecast.steps)),
        list(_availability(forecast.availability)),
        list(unplaced_lines(forecast.unplaced, "no node takes")),
        list(_unsettled(forecast)),
        list(_estimates(forecast.estimates)),
        [line for warning in forecast.warnings for line in wrapped(f"  warning: {warning}", 11)],
        wrapped(summary_line(forecast), 2),
    ]
    return printable("\n\n".join("\n".join(group) for group in groups if group) + "\n")


def summary_line(forecast: ForecastDocument) -> str:
    """Return the last line: `Forecast: 58 steps in about 11 s, 1 down meanwhile, 2 warnings. Nothing was changed.`"""
    down = sum(1 for one in forecast.availability if one.down_s > 0 and not one.deleted)
    parts = [
        f"{count(len(forecast.steps), 'step')} in about {seconds(forecast.took_s)}"
        if forecast.steps
        else "nothing to do",
        f"{down} down meanwhile" if down else "",
        f"{count(len(forecast.unplaced), 'Pod')} without a node" if forecast.unplaced else "",
        count(len(forecast.warnings), "warning") if forecast.warnings else "",
        f"cut: {forecast.cut}" if forecast.cut else "",
    ]
    return f"Forecast: {', '.join(part for part in parts if part)}. Nothing was changed."


def seconds(length: float) -> str:
    """Return a length of time: tenths of a second while it is short."""
    return f"{length:.1f} s" if length < _FINE_S else duration(length)


def revision_lines(revisions: Sequence[RevisionPart], observed: str) -> Iterator[str]:
    """Return a line for each revision; the first one also tells the age of what was observed."""
    lines = [_revision(one, len(revisions) > 1) for one in revisions] or ["no revision"]
    yield from beside(lines[0], observed, len(lines[0]) + 3, indent=2)
    yield from lines[1:]


def unplaced_lines(unplaced: Sequence[UnplacedPart], words: str, indent: str = "  ") -> Iterator[str]:
    """Return what finds no node, and under it what each node has against it."""
    for one in unplaced:
        yield from wrapped(
            f"{indent}! {words} {one.object}{': ' + one.message if one.message else ''}", len(indent) + 4
        )
        for refusal in one.nodes:
            yield from wrapped(f"{indent}    {refusal.node}: {refusal.why}", len(indent) + 8)


def observed_words(observed_at: float, now: float) -> str:
    """Say how old what was observed is."""
    return f"observed {age(observed_at, now)}" if observed_at else "offline"


def _revision(revision: RevisionPart, name_source: bool) -> str:
    if not revision.commit:
        return revision.subject or "no revision"
    subject = revision.subject if len(revision.subject) <= 50 else revision.subject[:49] + "…"
    where = f"{revision.source} {revision.branch}".strip() if name_source else revision.branch
    title = f' "{subject}"' if subject else ""
    return f"revision {short_commit(revision.commit)}{title}" + (f" ({where})" if where else "")


def _header(forecast: ForecastDocument, now: float) -> Iterator[str]:
    yield from revision_lines(forecast.revisions, observed_words(forecast.observed_at, now))
    for assumption in forecast.assumptions:
        yield from wrapped(f"  assumed: {assumption}", 11)


def _steps(steps: Sequence[StepPart]) -> Iterator[str]:
    rows = [[seconds(one.at_s).rjust(8), one.executor, one.node, one.verb, _what(one)] for one in steps]
    for step, line in zip(steps, columns(rows), strict=True):
        yield from beside(f"  {line}", _note(step), _NOTE_COLUMN)


def _what(step: StepPart) -> str:
    # An action of a host is about a Pod or the node; a change of the cluster names the kind.
    name = step.object if step.executor == "cluster" else step.object.partition("/")[2] or step.object
    return f"{name}  {step.detail}".rstrip()


def _note(step: StepPart) -> str:
    took = f"takes {seconds(step.took_s)}" if step.took_s >= 0.05 else ""
    failed = step.outcome if step.outcome not in ("done", "unchanged") else ""
    said = step.message if step.message != step.detail else ""
    return "; ".join(part for part in (failed, said, took) if part)


def _availability(availability: Sequence[AvailabilityPart]) -> Iterator[str]:
    shown = [one for one in availability if _is_told(one)]
    if not shown:
        return
    rows = [["  ready", "before", "lowest", "after", ""]]
    for one in shown:
        after = "gone" if one.deleted else f"{one.after}" + (f" of {one.wanted}" if one.wanted > one.after else "")
        rows.append(
            [f"  {one.object}", "new" if one.created else str(one.before), str(one.lowest), after, _downtime(one)]
        )
    yield from columns(rows)


def _is_told(one: AvailabilityPart) -> bool:
    is_whole = one.wanted in (-1, one.after) and one.before == one.lowest == one.after
    return one.created or one.deleted or one.down_s > 0 or not is_whole


def _downtime(one: AvailabilityPart) -> str:
    if one.down_s > 0 and not one.deleted:
        return f"none for about {seconds(one.down_s)}, from {seconds(one.lowest_at_s)} on"
    return f"lowest at {seconds(one.lowest_at_s)}" if one.lowest < one.before else ""


def _unsettled(forecast: ForecastDocument) -> Iterator[str]:
    placed = {one.object for one in forecast.unplaced}
    for one in forecast.unsettled:
        if one.object not in placed:
            yield from wrapped(f"  ! {one.object} in the end: {': '.join(filter(None, (one.reason, one.message)))}", 8)


def _estimates(estimates: Sequence[EstimatePart]) -> Iterator[str]:
    learnt = [one for one in estimates if one.samples]
    assumed = [one for one in estimates if not one.samples]
    if learnt:
        words = ", ".join(f"{_estimate(one)} (of {one.samples})" for one in learnt)
        yield from wrapped(f"  learnt: {words}", 10)
    if assumed:
        yield from wrapped(f"  not recorded yet, by default: {', '.join(map(_estimate, assumed))}", 10)


def _estimate(one: EstimatePart) -> str:
    what = _NAMES.get(one.of, one.of)
    length = f"{one.seconds:.2f} s" if one.seconds < 1 else seconds(one.seconds)
    return f"{what} {one.image + ' ' if one.image else ''}{length}"
