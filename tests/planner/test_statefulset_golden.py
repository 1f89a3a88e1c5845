"""Plans of StatefulSets as a person reads them. Refreshed by RECONCILER_UPDATE_GOLDEN=1."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.model.plan import Plan
from reconciler.render.plan_document import plan_document
from reconciler.render.plan_text import plan_text
from tests.planner.test_statefulset import PARALLEL, change, db, rolling, started, version_is, watched
from tests.planner.world import Cluster

GOLDEN = Path(__file__).parent / "golden"


def first_push() -> Plan:
    """An empty cluster gets a set: the first Pod, and its claim."""
    cluster = Cluster()
    cluster.tick()
    cluster.push(db())
    return cluster.plan()


def first_push_in_parallel() -> Plan:
    """The same without order."""
    cluster = Cluster()
    cluster.tick()
    cluster.push(db(replicas=2, more=PARALLEL))
    return cluster.plan()


def update() -> Plan:
    """A new image: the highest number goes first."""
    cluster = started(db("1"))
    cluster.push(db("2"), commit="c2")
    return cluster.plan()


def replacement() -> Plan:
    """The Pod that went is made anew."""
    cluster = started(db("1"))
    cluster.push(db("2"), commit="c2")
    cluster.tick()
    cluster.now += 1
    return cluster.plan()


def update_by_two() -> Plan:
    """With a limit of two."""
    cluster = started(db("1", 5, rolling(maxUnavailable=2)))
    cluster.push(db("2", 5, rolling(maxUnavailable=2)), commit="c2")
    return cluster.plan()


def stuck_update_mended() -> Plan:
    """A broken Pod of the last template gives way to the next one."""
    cluster = started(db("1"))
    cluster.ready = version_is("1", "3")
    cluster.push(db("2"), commit="c2")
    watched(cluster, lambda _: None, 10)
    cluster.push(db("3"), commit="c3")
    return cluster.plan()


def shrinking() -> Plan:
    """Two Pods too many: the highest number goes first, claims stay."""
    cluster = started(db())
    cluster.push(db(replicas=1), commit="c2")
    return cluster.plan()


def immutable() -> Plan:
    """Another size of claims."""
    cluster = started(db())
    cluster.push(db().replace("1Gi", "2Gi"), commit="c2")
    return cluster.plan()


def deleted_pod() -> Plan:
    """A Pod is ending; nothing of its name is made before it is gone."""
    cluster = started(db())
    cluster.ends = lambda _: False
    change(cluster, "db-1", deletion_timestamp="2027-01-15T08:00:00Z", deletion_grace_period_seconds=30)
    return cluster.plan()


SITUATIONS = (
    first_push,
    first_push_in_parallel,
    update,
    replacement,
    update_by_two,
    stuck_update_mended,
    shrinking,
    immutable,
    deleted_pod,
)


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.__name__)
def test_golden_plan(situation: Callable[[], Plan]) -> None:
    """P04, P13: the plan says what goes, what comes, and why."""
    answer = situation()
    told = plan_text(plan_document(answer), now=answer.observed_at)
    # How much a cluster has by itself is not the matter here.
    text = (situation.__doc__ or "") + "\n\n" + re.sub(r", \d+ unchanged", "", told)
    file = GOLDEN / f"statefulset-{situation.__name__.replace('_', '-')}.txt"
    if os.environ.get("RECONCILER_UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()
