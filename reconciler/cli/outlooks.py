"""What `plan` shows instead of a plan: the forecast of a rollout, or what fits on the nodes."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.cli.answers import MARKDOWN, note_problems, show_problems
from reconciler.cli.common import JSON, now, write, write_json
from reconciler.cli.exits import Exit
from reconciler.cli.manifests import WorkingTree

if TYPE_CHECKING:
    from reconciler.controller.offline import Assumed

FORECAST, CAPACITY = "forecast", "capacity"


def show_forecast(document: Mapping[str, Any], output: str, root: str = "") -> Exit:
    """Show a Forecast, or the ValidationReport of what prevents one; return the exit code."""
    if document.get("kind") == "ValidationReport":
        return show_problems(document, output, root)
    import msgspec

    from reconciler.render import ForecastDocument, forecast_markdown, forecast_text

    forecast = msgspec.convert(document, ForecastDocument)
    if output == JSON:
        write_json(document)
    else:
        note_problems(forecast.problems, root)
        write(forecast_markdown(forecast) if output == MARKDOWN else forecast_text(forecast, now=now()))
    if forecast.cut:
        return Exit.ERROR
    return Exit.PENDING if forecast.steps else Exit.DONE


def show_capacity(document: Mapping[str, Any], output: str, root: str = "") -> Exit:
    """Show a Capacity, or the ValidationReport of what prevents one; return the exit code."""
    if document.get("kind") == "ValidationReport":
        return show_problems(document, output, root)
    import msgspec

    from reconciler.render import CapacityDocument, capacity_text

    capacity = msgspec.convert(document, CapacityDocument)
    if output == JSON:
        write_json(document)
    else:
        note_problems(capacity.problems, root)
        write(capacity_text(capacity, now=now()))
    does_not_fit = capacity.waiting or capacity.needed.misfits or not capacity.needed.present
    return Exit.PENDING if does_not_fit or capacity.needed.count > capacity.needed.present else Exit.DONE


def offline_forecast(tree: WorkingTree, nodes: str | None) -> dict[str, Any]:
    """Forecast against assumed nodes, in this process."""
    from msgspec.structs import replace

    from reconciler.model.policy import Policy
    from reconciler.planner.estimates import Estimates
    from reconciler.render import forecast_document
    from reconciler.simulation.forecast import forecast

    assumed = _assumed(tree, nodes)
    if assumed.desired is None:
        return _report(assumed)
    found = forecast({assumed.desired.source: assumed.desired}, assumed.observed, Policy(), 0.0, Estimates())
    shown = replace(found, assumptions=(*assumed.assumptions, *found.assumptions))
    return _builtins(forecast_document(shown, assumed.problems))


def offline_capacity(tree: WorkingTree, nodes: str | None) -> dict[str, Any]:
    """Work out what fits on assumed nodes, in this process."""
    from reconciler.model.policy import Policy
    from reconciler.planner.capacity import capacity
    from reconciler.render import capacity_document

    assumed = _assumed(tree, nodes)
    if assumed.desired is None:
        return _report(assumed)
    desired = {assumed.desired.source: assumed.desired}
    found = capacity(desired, assumed.observed, Policy(), 0.0, assumed.assumptions)
    return _builtins(capacity_document(found, assumed.problems))


def _assumed(tree: WorkingTree, nodes: str | None) -> "Assumed":
    from reconciler.controller.offline import assume, read_nodes

    return assume(tree.files, read_nodes(Path(nodes)) if nodes else (), problems=tree.problems)


def _report(assumed: "Assumed") -> dict[str, Any]:
    from reconciler.render import validation_report

    return _builtins(validation_report(assumed.problems, objects=0))


def _builtins(document: Any) -> dict[str, Any]:
    from reconciler.model.base import to_builtins

    found: dict[str, Any] = to_builtins(document)
    return found
