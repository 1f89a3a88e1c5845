"""`plan --forecast` and `plan --capacity`, with a daemon and without."""

import json
from pathlib import Path
from typing import Any

import pytest
from api_double import Api

from reconciler.cli.exits import Exit
from reconciler.model.forecast import Forecast, ForecastAnswer
from reconciler.model.ports import PlanRequest
from reconciler.model.problem import Problem

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: main, image: "shop/web:1", resources: {requests: {cpu: CPU}}}]
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A work tree with a Deployment of two replicas."""
    (tmp_path / "web.yaml").write_text(WEB.replace("CPU", "500m"))
    return tmp_path


def test_a_forecast_needs_no_daemon(run: Any, tree: Path) -> None:
    """Against an assumed node every step is told with a time, and what is assumed."""
    ended = run("plan", tree, "--offline", "--forecast")
    assert ended.code == Exit.PENDING
    assert "nodes are assumed and empty: node-1" in ended.out
    assert "pull shop/web:1" in ended.out
    assert "deployment/default/web  new" in ended.out
    assert "pullImage 10.0 s" in ended.out
    assert ended.out.splitlines()[-1].startswith("Forecast: ")
    shown = json.loads(run("plan", tree, "--offline", "--forecast", "-o", "json").out)
    assert (shown["kind"], shown["applyable"], shown["cut"]) == ("Forecast", False, "")
    assert run("plan", tree, "--offline", "--forecast", "-o", "markdown").out.startswith("### Forecast: ")


def test_capacity_needs_no_daemon(run: Any, tree: Path) -> None:
    """What fits is done, what does not fit is pending."""
    ended = run("plan", tree, "--offline", "--capacity")
    assert (ended.code, ended.out.splitlines()[-1]) == (
        Exit.DONE,
        "Capacity: 1 of 1 node would be enough (1 like node-1).",
    )
    (tree / "web.yaml").write_text(WEB.replace("CPU", "3"))
    ended = run("plan", tree, "--offline", "--capacity")
    assert ended.code == Exit.PENDING
    assert "node-1: Insufficient cpu" in ended.out
    assert json.loads(run("plan", tree, "--offline", "--capacity", "-o", "json").out)["needed"]["count"] == 2


@pytest.mark.parametrize("what", ["--forecast", "--capacity"])
def test_wrong_manifests_are_told_instead(run: Any, tree: Path, what: str) -> None:
    """P03: nothing is worked out from manifests with errors."""
    (tree / "web.yaml").write_text(WEB.replace("replicas: 2", "replicas: many"))
    assert run("plan", tree, "--offline", what).code == Exit.PROBLEMS


def test_the_daemon_forecasts_its_newest_revision(api: Api, ask: Any) -> None:
    """Without a path the daemon is asked for what it has."""
    ended = ask("plan", "--forecast")
    assert (ended.code, "warning: deployment/default/web is down" in ended.out) == (Exit.DONE, True)
    assert ask("plan", "--rev", "HEAD~1", "--source", "main", "--capacity").code == Exit.DONE
    assert api.operations.calls == [
        ("forecast", PlanRequest()),
        ("capacity", PlanRequest(revision="HEAD~1", source="main")),
    ]


def test_a_forecast_that_was_cut_is_an_error(api: Api, ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """P06: a script does not take half a forecast for a whole one."""
    answers = iter(
        (
            ForecastAnswer(forecast=Forecast(cut="it is not over after 4 h")),
            ForecastAnswer(problems=(Problem(file="a.yaml", line=3, message="no"),)),
        )
    )
    monkeypatch.setattr(api.operations, "forecast", lambda _: next(answers))
    assert ask("plan", "--forecast").code == Exit.ERROR
    assert ask("plan", "--forecast").code == Exit.PROBLEMS


def test_options_that_exclude_each_other_are_refused(run: Any, tree: Path) -> None:
    """One question at a time; capacity has no Markdown."""
    assert run("plan", tree, "--offline", "--forecast", "--capacity").code == Exit.ERROR
    assert run("plan", tree, "--offline", "--capacity", "-o", "markdown").code == Exit.ERROR
