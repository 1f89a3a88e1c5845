"""When a revision is said to be healthy, or to have failed: what the return to the last healthy one goes by."""

from reconciler.model.desired import RevisionInfo
from reconciler.model.overrides import Override, Rollback
from reconciler.model.plan import RevisionEnding
from reconciler.model.policy import SourcePolicy
from reconciler.model.refs import ObjectRef
from reconciler.planner.revisions import ROLLBACK
from tests.planner.test_deployment import web
from tests.planner.test_safety import config_maps
from tests.planner.world import Cluster, replace

WEB = ObjectRef.of("Deployment", "default", "web")
SLOW = web().replace("replicas:", "progressDeadlineSeconds: 60\n  replicas:", 1)
CLAIM = """---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""


def returning(*names: str) -> Cluster:
    """Return a cluster of which these sources return to their last healthy revision."""
    cluster = Cluster(sources=("main", "other"))
    sources = {name: SourcePolicy(on_failure=ROLLBACK) for name in names}
    cluster.policy = replace(cluster.policy, sources=sources)
    return cluster


def endings(cluster: Cluster) -> list[RevisionEnding]:
    """Return what is said of revisions in one step."""
    return list(cluster.tick().endings)


def said(cluster: Cluster) -> list[RevisionEnding]:
    """Return all that is said of revisions until nothing changes."""
    return [one for answer in [*cluster.settle(), cluster.tick()] for one in answer.endings]


def state(cluster: Cluster, **fields: object) -> None:
    """Change what is known of the source."""
    sources = {**cluster.observed.sources, "main": replace(cluster.observed.sources["main"], **fields)}
    cluster.observed = replace(cluster.observed, sources=sources)


def missing_its_deadline(**fields: object) -> Cluster:
    """Return a cluster whose second revision has just missed its deadline."""
    cluster = returning("main")
    cluster.push(SLOW)
    cluster.settle()
    cluster.ready = lambda _: False
    cluster.push(SLOW.replace("web:1", "web:2"), commit="c2")
    for _ in range(4):
        assert not endings(cluster)
        cluster.now += 1
    state(cluster, **fields)
    cluster.now += 120
    cluster.report()
    return cluster


def test_a_revision_is_healthy_once_and_only_when_all_of_it_is() -> None:
    """Not before its Pods are ready; nothing is said twice."""
    cluster = returning("main")
    cluster.ready = lambda _: False
    cluster.push(web())
    assert not said(cluster)
    cluster.ready = lambda _: True
    cluster.report()
    assert said(cluster) == [RevisionEnding(source="main", revision=RevisionInfo(commit="c1"))]
    assert not said(cluster)
    cluster.push(web(), commit="c2")
    assert [one.revision.commit for one in said(cluster)] == ["c2"]


def test_pods_that_take_their_time_to_end_keep_no_revision_open() -> None:
    """As `status` has it: else a failure within their half minute went back further than to the last healthy one."""
    cluster = returning("main")
    cluster.push(web())
    cluster.settle()
    cluster.ends = lambda _: False
    cluster.push(web().replace("web:1", "web:2"), commit="c2")
    assert [one.revision.commit for one in said(cluster)] == ["c2"]
    assert any(pod.metadata.deletion_timestamp for pod in cluster.of("Pod").values())


def test_only_sources_that_return_by_themselves_are_judged() -> None:
    """The usual one is not."""
    cluster = returning("other")
    cluster.push(config_maps(range(2)))
    cluster.push(config_maps(range(2, 4)), source="other", commit="d1")
    assert [one.source for one in said(cluster)] == ["other"]


def test_a_claim_that_waits_for_its_first_pod_is_no_illness() -> None:
    """Nor is a rollout that is paused."""
    cluster = returning("main")
    paused = web().replace("replicas:", "paused: true\n  replicas:", 1)
    cluster.push(paused + CLAIM)
    assert [one.revision.commit for one in said(cluster)] == ["c1"]


def test_a_source_in_a_person_s_hands_is_not_judged() -> None:
    """Suspended, or held at another commit."""
    for fields in ({"suspended": True}, {"held": "c9"}):
        cluster = returning("main")
        cluster.push(config_maps(range(2)))
        cluster.tick()
        state(cluster, **fields)
        assert not said(cluster)


def test_what_waits_or_is_held_keeps_a_revision_open() -> None:
    """A deletion that waits for a person's word; of another source it says nothing."""
    for source, expected in (("main", []), ("other", ["d2"])):
        cluster = returning(source)
        cluster.push(config_maps(range(20)))
        cluster.push(config_maps(range(30, 32)), source="other", commit="d1")
        cluster.settle()
        cluster.push(config_maps(range(2)), commit="c2")
        cluster.push(config_maps(range(30, 33)), source="other", commit="d2")
        answers = [*cluster.settle(), cluster.plan()]
        assert answers[-1].holds
        assert [one.revision.commit for answer in answers for one in answer.endings] == expected


def test_a_revision_of_which_something_is_blocked_is_not_healthy() -> None:
    """Also when the object does not exist yet, so that nobody manages it."""
    cluster = returning("main")
    cluster.push(config_maps(range(2)) + CLAIM.replace("name: data", "name: data, namespace: gone"))
    assert not said(cluster)
    other = returning("other")
    other.push(config_maps(range(2)) + CLAIM.replace("name: data", "name: data, namespace: gone"))
    other.push(config_maps(range(3, 4)), source="other", commit="d1")
    assert [one.revision.commit for one in said(other)] == ["d1"]


def test_a_rollout_that_misses_its_deadline_fails_its_revision() -> None:
    """What failed, why, and where to return to."""
    (ending,) = endings(missing_its_deadline())
    assert (ending.source, ending.revision.commit, ending.failed) == ("main", "c2", WEB)
    assert ending.back_to == RevisionInfo(commit="c1")
    assert ending.uid
    assert ending.message.startswith("deployment/default/web missed its deadline: replicaset")


def test_a_revision_that_was_healthy_before_does_not_fail_later() -> None:
    """Nor one that a person holds back."""
    assert not endings(missing_its_deadline(healthy=RevisionInfo(commit="c2")))
    cluster = missing_its_deadline()
    stored = cluster.observed.objects[WEB]
    template = stored.object.spec.template  # type: ignore[union-attr]
    rollback = Rollback(revision=1, digest=stored.declared_digest, template=template, by="admin")
    one = Override(ref=WEB, uid=stored.object.metadata.uid, rollback=rollback, by="admin")
    cluster.observed = replace(cluster.observed, overrides={WEB: one})
    assert not endings(cluster)
    cluster.observed = replace(cluster.observed, overrides={WEB: replace(one, rollback=None, restarted_at="now")})
    assert not endings(cluster)
