"""Plans in which an autoscaler acts, as a person reads them. Refreshed by RECONCILER_UPDATE_GOLDEN=1."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.model.plan import Plan
from reconciler.render.plan_document import plan_document
from reconciler.render.plan_text import plan_text
from tests.planner.test_autoscaler import Scaled, running, scaler, web

GOLDEN = Path(__file__).parent / "golden"


def looked(cluster: Scaled, millis: int) -> Plan:
    """The plan of the next look, with another load."""
    cluster.millis = lambda _: millis
    cluster.now += 15
    cluster.report()
    return cluster.plan()


def growing() -> Plan:
    """Two Pods use all they ask for, and shall use half."""
    return looked(running(web(2) + scaler()), 100)


def shrinking() -> Plan:
    """Three idle Pods, five minutes later."""
    cluster = running(web(3) + scaler())
    cluster.millis = lambda _: 1
    cluster.pass_time(300)
    return looked(cluster, 1)


def new_image_while_scaled() -> Plan:
    """Git says two, the autoscaler five: a new image rolls five."""
    cluster = running(web(2) + scaler(least=5))
    cluster.push((web(2) + scaler(least=5)).replace("app:1", "app:2"), commit="c2")
    return looked(cluster, 50)


def without_its_autoscaler() -> Plan:
    """The autoscaler has gone: what is declared counts again."""
    cluster = running(web(2) + scaler(least=5))
    cluster.push(web(2), commit="c2")
    cluster.tick()
    return looked(cluster, 50)


SITUATIONS = (growing, shrinking, new_image_while_scaled, without_its_autoscaler)


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.__name__)
def test_golden_plan(situation: Callable[[], Plan]) -> None:
    """P04: the plan says how many Pods there will be, who wants that, and why."""
    answer = situation()
    told = plan_text(plan_document(answer), now=answer.observed_at)
    # How much a cluster has by itself is not the matter here.
    text = (situation.__doc__ or "") + "\n\n" + re.sub(r", \d+ unchanged", "", told)
    file = GOLDEN / f"autoscaler-{situation.__name__.replace('_', '-')}.txt"
    if os.environ.get("RECONCILER_UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()
