"""How a plan is shown: text, document, Markdown."""

import msgspec
from render_golden import assert_golden
from render_samples import NOW, REVISION, full_plan

from reconciler.model.plan import Blocked, Decision, Executor, Hold, Plan, Reason, Verb, Verdict
from reconciler.model.refs import ObjectRef
from reconciler.render import plan_document, plan_markdown, plan_text


def test_golden_plan_text() -> None:
    """P04, P13: every object and step is shown, with its place and reason, in dependency order."""
    assert_golden("plan.txt", plan_text(plan_document(full_plan()), now=NOW))


def test_golden_plan_markdown() -> None:
    """The same plan as a comment on a merge request."""
    assert_golden("plan.md", plan_markdown(plan_document(full_plan())))


def test_golden_plan_document() -> None:
    """The document for scripts keeps its form."""
    encoded = msgspec.json.encode(plan_document(full_plan()))
    assert_golden("plan.json", msgspec.json.format(encoded, indent=2).decode() + "\n")


def test_golden_plan_with_nothing_to_do() -> None:
    """P09: an empty plan says so in one line."""
    plan = Plan(id="0000aa11", revisions={"main": REVISION}, observed_at=NOW)
    assert_golden("plan-empty.txt", plan_text(plan_document(plan), now=NOW))


def test_golden_plan_offline_lists_its_assumptions() -> None:
    """An offline plan says what it assumed instead of the age of an observation."""
    plan = Plan(id="0000aa11", revisions={"main": REVISION}, assumptions=("one empty node: node-1",), applyable=False)
    assert_golden("plan-offline.txt", plan_text(plan_document(plan), now=NOW))


def test_held_deletions_are_listed_once_and_completely() -> None:
    """P02, P04: every object of a held set is named, and counted as held only."""
    refs = tuple(ObjectRef.of("ConfigMap", "shop", f"c{number}") for number in range(30))
    verdicts = tuple(
        Verdict(object=ref, decision=Decision.BLOCKED, reason=Reason.DELETION_HELD, message="24 deletions")
        for ref in refs
    )
    document = plan_document(Plan(verdicts=verdicts, holds=(Hold(id="h", source="main", objects=refs),)))
    text = plan_text(document, now=NOW)
    assert [text.count(f"{ref}\n") for ref in refs] == [1] * 30
    assert text.splitlines()[-1] == "Plan -: 30 held. No data is lost."


def test_no_secret_value_is_in_any_form_of_a_plan() -> None:
    """P22: even when a plan carries the values of a Secret, no view shows them."""
    document = plan_document(full_plan())
    views = (plan_text(document, now=NOW), plan_markdown(document), msgspec.json.encode(document).decode())
    for view in views:
        assert "aHVudGVyMg" not in view
        assert "c3dvcmRmaXNo" not in view


def test_each_step_comes_after_what_it_needs() -> None:
    """Steps are numbered in an order in which they could be carried out."""
    done: set[str] = {"met-already"}
    for action in plan_document(full_plan()).actions:
        assert set(action.needs) <= done
        done.add(action.id)


def test_a_document_can_be_read_back() -> None:
    """What the API sends is what the CLI shows."""
    document = plan_document(full_plan())
    again = msgspec.json.decode(msgspec.json.encode(document), type=type(document))
    assert plan_text(again, now=NOW) == plan_text(document, now=NOW)


def test_a_pod_that_waits_for_a_node_is_told_and_counted_once() -> None:
    """Its line says why; that the step waits for the same needs no line of its own, in text or Markdown."""
    pod, why = ObjectRef(kind="Pod", namespace="shop", name="web"), "0/2 nodes are available: 2 Too many pods."
    verdict = Verdict(object=pod, decision=Decision.BLOCKED, reason=Reason.UNSCHEDULABLE, message=why)
    step = Blocked(executor=Executor.SCHEDULING, verb=Verb.BIND, object=pod, reason=Reason.UNSCHEDULABLE, message=why)
    document = plan_document(Plan(verdicts=(verdict,), blocked=(step,)))
    assert (document.summary.blocked, len(document.blocked)) == (1, 1)
    for shown in (plan_text(document, now=NOW), plan_markdown(document)):
        assert shown.count("Too many pods") == 1
