"""Plans of quotas, limits and budgets as a person reads them. Refreshed by RECONCILER_UPDATE_GOLDEN=1."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.model.plan import Plan
from reconciler.render.plan_document import plan_document
from reconciler.render.plan_text import plan_text
from tests.planner.test_budgets import budget
from tests.planner.test_quotas import POD_SPEC, limits, object, quota, workload
from tests.planner.world import Cluster

GOLDEN = Path(__file__).parent / "golden"


def quota_first_push() -> Plan:
    """What is declared does not fit: told before anything is made."""
    cluster = Cluster()
    cluster.tick()
    cluster.push(quota("pods: 2, configmaps: 1") + workload() + object("ConfigMap", "a") + object("ConfigMap", "b"))
    return cluster.plan()


def quota_full() -> Plan:
    """Two of three Pods run: the owner waits, and says for what."""
    cluster = Cluster()
    cluster.tick()
    cluster.push(quota("pods: 2") + workload())
    cluster.settle()
    return cluster.plan()


def quota_larger() -> Plan:
    """More room: the third Pod comes."""
    cluster = Cluster()
    cluster.tick()
    cluster.push(quota("pods: 2") + workload())
    cluster.settle()
    cluster.push(quota("pods: 5") + workload(), commit="c2")
    return cluster.plan()


def limit_exceeded() -> Plan:
    """A LimitRange does not allow what a Pod asks for."""
    cluster = Cluster()
    cluster.tick()
    item = "{type: Container, max: {cpu: 100m}}"
    cluster.push(limits(item) + object("Pod", "alone", f"spec: {{{POD_SPEC}}}"))
    return cluster.plan()


def limit_changed() -> Plan:
    """A LimitRange that changes rolls nothing."""
    cluster = Cluster()
    cluster.tick()
    item = "{type: Container, default: {memory: 64Mi}}"
    cluster.push(limits(item) + workload())
    cluster.settle()
    cluster.push(limits(item.replace("64", "96")) + workload(), commit="c2")
    return cluster.plan()


def budget_with_workload() -> Plan:
    """A budget comes with what it is about."""
    cluster = Cluster()
    cluster.tick()
    cluster.push(workload() + budget())
    return cluster.plan()


SITUATIONS = (quota_first_push, quota_full, quota_larger, limit_exceeded, limit_changed, budget_with_workload)


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.__name__)
def test_golden_plan(situation: Callable[[], Plan]) -> None:
    """P13: the plan says what comes, what waits, and why."""
    answer = situation()
    told = plan_text(plan_document(answer), now=answer.observed_at)
    # How much a cluster has by itself is not the matter here.
    text = (situation.__doc__ or "") + "\n\n" + re.sub(r", \d+ unchanged", "", told)
    file = GOLDEN / f"{situation.__name__.replace('_', '-')}.txt"
    if os.environ.get("RECONCILER_UPDATE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()
