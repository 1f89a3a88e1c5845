"""A forecast as Markdown, for comments on merge requests. Pure."""

from collections.abc import Iterator

from reconciler.render.forecast_document import ForecastDocument
from reconciler.render.forecast_text import seconds, summary_line
from reconciler.render.plan_markdown import code, plain
from reconciler.render.words import short_commit


def forecast_markdown(forecast: ForecastDocument) -> str:
    """Return a heading, what to know, a table of what is ready, and one of the steps."""
    return "\n".join((*_head(forecast), *_availability(forecast), *_steps(forecast))) + "\n"


def _head(forecast: ForecastDocument) -> Iterator[str]:
    yield f"### {summary_line(forecast)}"
    yield ""
    for revision in forecast.revisions:
        yield f"Revision `{short_commit(revision.commit)}` {plain(revision.subject)} ({plain(revision.source)})"
    for assumption in forecast.assumptions:
        yield f"- assumed: {plain(assumption)}"
    for warning in forecast.warnings:
        yield f"- **warning**: {plain(warning)}"
    for one in forecast.unplaced:
        refusals = "; ".join(f"{plain(refusal.node)}: {plain(refusal.why)}" for refusal in one.nodes)
        yield f"- no node takes `{code(one.object)}`: {refusals or plain(one.message)}"
    for unsettled in forecast.unsettled:
        yield f"- `{code(unsettled.object)}` in the end: {plain(unsettled.reason)} {plain(unsettled.message)}".rstrip()
    yield ""


def _availability(forecast: ForecastDocument) -> Iterator[str]:
    if not forecast.availability:
        return
    yield "| ready | before | lowest | after | none for |"
    yield "| --- | --- | --- | --- | --- |"
    for one in forecast.availability:
        down = seconds(one.down_s) if one.down_s else ""
        after = "gone" if one.deleted else str(one.after)
        yield f"| `{code(one.object)}` | {'new' if one.created else one.before} | {one.lowest} | {after} | {down} |"
    yield ""


def _steps(forecast: ForecastDocument) -> Iterator[str]:
    if not forecast.steps:
        return
    yield f"<details><summary>{len(forecast.steps)} steps</summary>"
    yield ""
    yield "| at | takes | executor | node | verb | object | detail |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for step in forecast.steps:
        cells = (seconds(step.at_s), seconds(step.took_s), step.executor, step.node, step.verb)
        said = ", ".join(part for part in (step.detail, step.message) if part)
        yield f"| {' | '.join(cells)} | `{code(step.object)}` | {plain(said)} |"
    yield ""
    yield "</details>"
    yield ""
