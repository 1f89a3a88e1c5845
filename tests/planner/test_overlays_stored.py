"""What is laid over objects whose declaration is not at hand, and when a declaration takes over from a restart."""

from typing import Any

import pytest

from reconciler.model.desired import DesiredObject, Provenance
from reconciler.model.kinds import ref_of
from reconciler.model.overrides import RESTARTED_AT
from reconciler.model.plan import Decision, Reason
from reconciler.planner.overrides import Overlay, end_restart, lay_over_stored, override_changes, why_laid
from reconciler.planner.view import View
from tests.planner.reading import read
from tests.planner.test_overlays import BACK, OLD, THEN, WEB, deployment, override, view_of
from tests.planner.world import Cluster, replace

ELSEWHERE = "2026-01-02T00:00:00+01:00"


def laid(digest: str = "d", manager: str = "source/main", **parts: Any) -> View:
    """Return a view after what is overridden on a stored Deployment was laid over it."""
    view = view_of(replace(deployment(digest=digest), manager=manager), override(**parts))
    lay_over_stored(view)
    return view


@pytest.mark.parametrize(
    ("digest", "parts", "expected"),
    [
        ("d", {"restarted_at": THEN}, f"d++{THEN}"),
        (f"d++{THEN}", {"restarted_at": ELSEWHERE}, f"d++{ELSEWHERE}"),
        (f"d++{THEN}", {"restarted_at": THEN}, ""),
        ("d+template+", {"restarted_at": THEN}, ""),
        ("d", {"labels": {"a": "b"}}, ""),
        ("d++before", {"labels": {"a": "b"}}, ""),
        ("d", {"restarted_at": THEN, "uid": "other"}, ""),
    ],
)
def test_a_restart_is_laid_over_what_is_stored(digest: str, parts: dict[str, Any], expected: str) -> None:
    """Once; not over a template whose declaration would have to come back first."""
    view = laid(digest, **parts)
    if not expected:
        assert not view.touched
        return
    after: Any = view.objects[WEB.ref]
    assert after.digest == expected
    assert after.object.spec.template.metadata.annotations == {RESTARTED_AT: parts["restarted_at"]}
    verdict = view.verdicts[WEB.ref]
    found = (verdict.decision, verdict.reason, verdict.message)
    assert found == (Decision.UPDATE, Reason.RESTART_REQUESTED, "restart asked for by admin")


def test_a_rollback_is_laid_over_what_is_stored() -> None:
    """Over a restart, too."""
    for digest in ("d", f"d++{THEN}"):
        assert laid(digest, rollback=BACK).objects[WEB.ref].object.spec.template == OLD  # type: ignore[union-attr]


def test_only_what_a_source_declares_is_laid_over_here() -> None:
    """And what is gone keeps nobody waiting."""
    assert not laid(manager="api", restarted_at=THEN).touched
    gone = override(replace(WEB, ref=replace(WEB.ref, name="a")), restarted_at=THEN)
    view = view_of(WEB, gone, override(restarted_at=THEN))
    lay_over_stored(view)
    assert set(view.touched) == {WEB.ref}


def test_the_time_of_a_restart_may_be_of_another_zone() -> None:
    """Its sign is no sign of a mark."""
    one = deployment(digest=f"d++{ELSEWHERE}")
    view = view_of(one, override(rollback=BACK, restarted_at=ELSEWHERE))
    assert why_laid(view, one, Overlay(template=OLD, restarted_at=ELSEWHERE))[0] is Reason.ROLLED_BACK


def declared(object: Any) -> DesiredObject:
    """Return an object as it is declared."""
    provenance = Provenance(source="main", commit="c1", file="all.yaml", line=1)
    return DesiredObject(ref=ref_of(object), object=object, provenance=provenance, digest="d")


@pytest.mark.parametrize(("says_so", "rest"), [(True, {}), (True, {"rollback": BACK}), (False, {})])
def test_a_declaration_that_says_when_it_was_restarted_ends_a_restart(says_so: bool, rest: dict[str, Any]) -> None:
    """Whatever else is overridden stays."""
    marked = Overlay(restarted_at=ELSEWHERE).on(WEB.object) if says_so else WEB.object
    one = override(restarted_at=THEN, **rest)
    view = view_of(WEB, one)
    end_restart(view, WEB, declared(marked))
    after = [change.after for change in override_changes(view)]
    assert after == ([replace(one, restarted_at="") if rest else None] if says_so else [])


def test_a_declaration_without_a_template_ends_nothing() -> None:
    """Nor one of what nobody restarted."""
    view = view_of(WEB, override(restarted_at=THEN))
    end_restart(view, WEB, declared(read("ConfigMap")))
    assert not override_changes(view)
    view = View(Cluster().observed, Cluster().policy, 0.0)
    end_restart(view, WEB, declared(Overlay(restarted_at=THEN).on(WEB.object)))
    assert not override_changes(view)
