"""Properties of every plan: verdicts partition, order does not matter, plan after apply is empty."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.desired import DesiredState
from reconciler.model.plan import Decision
from reconciler.planner.plan import plan
from tests.planner.test_deployment import web
from tests.planner.test_job import job
from tests.planner.test_safety import CLAIM, DATABASE, config_maps
from tests.planner.test_statefulset import PARALLEL, db
from tests.planner.world import Cluster, replace

PARTS = (
    web(),
    web("2").replace("web", "api"),
    db(replicas=2),
    db(more=PARALLEL).replace("db", "cache"),
    job(),
    CLAIM,
    DATABASE,
    config_maps(range(3)),
    "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
    "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: QQ==}\n",
)
repositories = st.lists(st.sampled_from(PARTS), min_size=1, unique=True).map("---\n".join)


@settings(max_examples=25, deadline=None)
@given(repositories, repositories)
def test_verdicts_partition_and_planning_again_is_empty(first: str, second: str) -> None:
    """P09: after any two pushes in a row the cluster settles, and every object has exactly one verdict all along."""
    cluster = Cluster()
    for commit, text in (("c1", first), ("c2", second)):
        cluster.push(text, commit=commit)
        for answer in cluster.settle():
            cluster.acknowledge(answer)
        cluster.report()
        cluster.settle()
        answer = cluster.plan()
        assert answer.is_empty
        known = {ref for ref in cluster.observed.objects if ref.kind not in ("Node", "Endpoints", "EndpointSlice")}
        assert known <= {verdict.object for verdict in answer.verdicts}
        assert len({verdict.object for verdict in answer.verdicts}) == len(answer.verdicts)


@settings(max_examples=25, deadline=None)
@given(repositories, st.randoms(use_true_random=False))
def test_the_order_of_what_is_observed_and_declared_does_not_matter(text: str, dice: random.Random) -> None:
    """The same state in another order of arrival gives the same plan."""
    cluster = Cluster()
    cluster.push(text)
    cluster.tick()
    cluster.push(text.replace("web:1", "web:9"), commit="c2")
    shuffled = list(cluster.observed.objects.items())
    dice.shuffle(shuffled)
    objects = list(cluster.desired["main"].objects)
    dice.shuffle(objects)
    other_desired: DesiredState = replace(cluster.desired["main"], objects=tuple(objects))
    other_observed = replace(cluster.observed, objects=dict(shuffled))
    one = cluster.plan()
    other = plan({"main": other_desired}, other_observed, cluster.policy, cluster.now)
    assert one == other


@settings(max_examples=15, deadline=None)
@given(repositories)
def test_blocked_never_becomes_delete_by_itself(text: str) -> None:
    """P02: what is held stays, however often it is planned."""
    cluster = Cluster()
    cluster.push(text)
    cluster.settle()
    cluster.push("", commit="c2")
    held = {verdict.object for verdict in cluster.plan().verdicts if verdict.decision is Decision.BLOCKED}
    for _ in range(5):
        cluster.tick()
        cluster.now += 100
        cluster.report()
    assert all(ref in cluster.observed.objects for ref in held)
