"""How problems, status, tables and explanations are shown."""

import unicodedata

import msgspec
from render_golden import assert_golden
from render_samples import NOW, PROBLEMS, full_status

from reconciler.model.desired import RevisionInfo
from reconciler.model.plan import Plan
from reconciler.model.problem import Problem
from reconciler.model.times import rfc3339
from reconciler.render import (
    events_table,
    explain_text,
    history_table,
    plan_document,
    plan_text,
    problems_github,
    problems_text,
    server_table,
    status_document,
    status_text,
    table_text,
    validation_report,
)
from reconciler.render.words import duration, short_age


def test_golden_problems() -> None:
    """P23: every problem with file, line, column, object, pointer and hint, in the order of their places."""
    assert_golden("problems.out", problems_text(PROBLEMS))


def test_golden_problems_for_a_code_host() -> None:
    """Annotations escape what would end them early."""
    assert_golden("problems.github", problems_github(PROBLEMS))


def test_golden_validation_report() -> None:
    """The document for scripts keeps its form."""
    encoded = msgspec.json.encode(validation_report(PROBLEMS, objects=2))
    assert_golden("problems.json", msgspec.json.format(encoded, indent=2).decode() + "\n")


def test_golden_status() -> None:
    """P06, P08, P10: the state in one word, then ages, holds and live-restore."""
    assert_golden("status.out", status_text(full_status(), now=NOW))


def test_status_document_names_its_version() -> None:
    """Scripts can tell what they read."""
    document = status_document(full_status())
    assert (document["apiVersion"], document["kind"]) == ("reconciler.dev/v1", "Status")
    assert document["health"] == "degraded"


def test_golden_explanation() -> None:
    """An explanation is shown as indented words."""
    explanation = {
        "apiVersion": "reconciler.dev/v1",
        "kind": "Explanation",
        "object": "deployment/shop/web",
        "verdict": {"decision": "blocked", "since": NOW - 65, "waitingFor": ["secret/shop/api", "node-2"]},
        "empty": "",
        "isManaged": True,
        "actions": [{"verb": "create", "at": NOW - 5}, {"verb": "start", "message": "x " * 80}],
    }
    assert_golden("explain.txt", explain_text(explanation, now=NOW))


def test_golden_tables() -> None:
    """Objects, history and events as aligned columns."""
    columns = [
        {"name": "Name", "type": "string", "format": "name", "priority": 0},
        {"name": "Ready", "type": "string", "priority": 0},
        {"name": "Node", "type": "string", "priority": 1},
        {"name": "Suspend", "type": "boolean", "priority": 0},
    ]
    metadata = {"name": "web", "namespace": "shop"}
    answer = {
        "columnDefinitions": columns,
        "rows": [{"cells": ["web", "1/2", "node-1", False], "object": {"metadata": metadata}}],
    }
    event = {
        "metadata": {},
        "type": "Warning",
        "reason": "BackOff",
        "message": "starts again in 40 s",
        "count": 4,
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web"},
        "lastTimestamp": rfc3339(NOW - 30),
    }
    revision = {
        "commit": "4f2c1e9d0a7b",
        "source": "main",
        "state": "applied",
        "at": NOW - 7200,
        "subject": "s",
    }
    text = "\n".join(
        (
            table_text(server_table(answer)),
            table_text(server_table(answer, wide=True, with_namespace=True, prefix="pod/")),
            table_text(history_table([revision], now=NOW)),
            table_text(events_table([event], now=NOW)),
        )
    )
    assert_golden("tables.txt", text)


def test_text_from_strangers_does_nothing_to_a_terminal() -> None:
    """A commit's subject or a field's name cannot move the cursor or turn the text around."""
    problem = Problem(file="a.yaml", message="unknown field \x1b[2J\u202egnp", object="x/\x07")
    status = msgspec.structs.replace(full_status(), warnings=("\x1b]0;title\x07",))
    plan = Plan(revisions={"main": RevisionInfo(commit="c" * 40, subject="\x1b[31mred")})
    views = (
        problems_text([problem]),
        status_text(status, now=NOW),
        plan_text(plan_document(plan), now=NOW),
        explain_text({"message": "\x9b31m"}, now=NOW),
        table_text(history_table([{"subject": "\x1bc"}], now=NOW)),
    )
    for view in views:
        assert not [letter for letter in view if unicodedata.category(letter) in ("Cc", "Cf") and letter != "\n"]
        assert "\\u" in view


def test_lengths_of_time_read_well() -> None:
    """Two units at most, the larger first."""
    shown = [duration(seconds) for seconds in (0, 59.4, 60, 3600, 11_400, 187_200)]
    assert shown == ["0 s", "59 s", "1 min", "1 h", "3 h 10 min", "2 d 4 h"]
    assert [short_age(seconds) for seconds in (5, 119, 120, 7100, 10_800, 200_000)] == [
        "5s",
        "119s",
        "2m",
        "118m",
        "3h",
        "2d",
    ]
