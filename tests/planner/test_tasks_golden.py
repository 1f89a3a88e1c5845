"""Plans of DaemonSets, Jobs and CronJobs as a person reads them. Refreshed by RECONCILER_UPDATE_GOLDEN=1."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.model.plan import Plan
from reconciler.render.plan_document import plan_document
from reconciler.render.plan_text import plan_text
from tests.planner import test_cronjob as cron
from tests.planner import test_daemonset as daemons
from tests.planner import test_job as jobs
from tests.planner.world import Cluster

GOLDEN = Path(__file__).parent / "golden"


def daemonset_first_push() -> Plan:
    """Two nodes get a Pod each."""
    cluster = Cluster(nodes=("node-1", "node-2"))
    cluster.tick()
    cluster.push(daemons.daemon_set())
    return cluster.plan()


def daemonset_update() -> Plan:
    """A new image: one node at a time, and the first one waits until its old Pod has ended."""
    cluster = daemons.started(daemons.daemon_set())
    cluster.push(daemons.daemon_set(image="a:2"), commit="c2")
    return cluster.plan()


def daemonset_node_unfit() -> Plan:
    """A taint ends what does not bear it."""
    cluster = daemons.started(daemons.daemon_set())
    daemons.override_node(cluster, "node-1", taints=(daemons.Taint(key="own", effect="NoExecute"),))
    return cluster.plan()


def cronjob_due() -> Plan:
    """A run is due: the Job comes, and its Pod."""
    cluster = cron.started(cron.cron_job())
    cluster.now = cron.at("2027-01-15T08:05:00+00:00")
    cluster.report()
    return cluster.plan()


def cronjob_forbidden() -> Plan:
    """A run is due while the one before goes on, and Forbid stands there."""
    cluster = cron.started(cron.cron_job("concurrencyPolicy: Forbid"))
    cron.look(cluster, "2027-01-15T08:05:00+00:00")
    cluster.now = cron.at("2027-01-15T08:10:00+00:00")
    cluster.report()
    return cluster.plan()


def cronjob_replaced() -> Plan:
    """A run is due while the one before goes on, and Replace stands there."""
    cluster = cron.started(cron.cron_job("concurrencyPolicy: Replace"))
    cron.look(cluster, "2027-01-15T08:05:00+00:00")
    cluster.now = cron.at("2027-01-15T08:10:00+00:00")
    cluster.report()
    return cluster.plan()


def job_indexed() -> Plan:
    """Three indexes, two at a time."""
    cluster = Cluster()
    cluster.tick()
    cluster.push(jobs.job("completionMode: Indexed\n  completions: 3\n  parallelism: 2"))
    return cluster.plan()


def job_past_its_deadline() -> Plan:
    """What still runs ends."""
    cluster = Cluster()
    cluster.push(jobs.job("activeDeadlineSeconds: 60"))
    cluster.settle()
    cluster.now += 70
    cluster.report()
    return cluster.plan()


SITUATIONS = (
    daemonset_first_push,
    daemonset_update,
    daemonset_node_unfit,
    cronjob_due,
    cronjob_forbidden,
    cronjob_replaced,
    job_indexed,
    job_past_its_deadline,
)


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.__name__)
def test_golden_plan(situation: Callable[[], Plan]) -> None:
    """P04, P13: the plan says what goes, what comes, and why."""
    answer = situation()
    told = plan_text(plan_document(answer), now=answer.observed_at)
    # How much a cluster has by itself is not the matter here.
    text = (situation.__doc__ or "") + "\n\n" + re.sub(r", \d+ unchanged", "", told)
    file = GOLDEN / f"{situation.__name__.replace('_', '-')}.txt"
    if os.environ.get("RECONCILER_UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()
