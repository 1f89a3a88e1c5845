"""Values that the rendering tests show: one plan with everything in it, problems, a status."""

from reconciler.model.desired import Provenance, RevisionInfo
from reconciler.model.details import AttachPod, Bind, ProvisionVolume, StartContainer, TrashVolume
from reconciler.model.kinds import Container, PodSpec
from reconciler.model.node import PodAssignment
from reconciler.model.plan import (
    Action,
    Blocked,
    Decision,
    Executor,
    FieldChange,
    Hold,
    Plan,
    Reason,
    Verb,
    Verdict,
)
from reconciler.model.problem import Problem, Severity
from reconciler.model.refs import ObjectRef
from reconciler.model.status import Health, LoopStatus, NodeStatus, NodeTrouble, ObjectHealth, SourceStatus, Status

NOW = 1_800_000_000.0
COMMIT = "4f2c1e9d0a7b33c1f2e4d5a6b7c8d9e0f1a2b3c4"
REVISION = RevisionInfo(commit=COMMIT, subject="web: 1.27, two more replicas", author="ada", branch="main")
UNPREPARED = NodeTrouble(
    condition="NetworkUnavailable",
    reason="NetworkConflict",
    message="prepareHost: link reconciler-dns exists and is not this cluster's; see it with: ip -details link show "
    "reconciler-dns; if a former cluster left it and nothing uses it, remove it: ip link delete reconciler-dns",
    since=NOW - 200,
)
POD = ObjectRef.of("Pod", "shop", "web-6d4cf-k2x9p")
WEB = Container(name="web", image="nginx:1.27")
ASSIGNMENT = PodAssignment(uid="u1", namespace="shop", name=POD.name, spec=PodSpec(containers=(WEB,)), digest="d")


def place(file: str, line: int) -> Provenance:
    """Return where an object of the sample revision is declared."""
    return Provenance(source="main", commit=COMMIT, file=file, line=line, author="ada")


def full_plan() -> Plan:
    """Return a plan in which everything occurs that a plan can show."""
    return Plan(
        id="9b3f02a1c4",
        revisions={"main": REVISION},
        observed_at=NOW - 2,
        verdicts=_verdicts(),
        actions=_actions(),
        blocked=(
            Blocked(
                executor=Executor.CONTAINER,
                verb=Verb.CREATE,
                object=ObjectRef.of("Pod", "shop", "api-7c9d4-x2x2x"),
                node="node-c",
                reason=Reason.NODE_SILENT,
                message="node-c silent for 40 s: unknown is not absent",
                until=NOW + 30,
            ),
        ),
        holds=(
            Hold(
                id="77aa0123456789",
                source="main",
                objects=(ObjectRef.of("Namespace", "", "old"), ObjectRef.of("Deployment", "old", "x")),
                message="a namespace that is not empty",
            ),
        ),
        notes=(
            "deployment/shop/api is held back by rollback to revision 3 (by ada, since 2026-01-02T10:00:00Z)",
            "node/node-b is cordoned (by ada, since 2026-01-02T10:00:00Z): no Pod is placed on it",
        ),
        warnings=("configmap/shop/settings changed; deployment/shop/web uses it by environment and will not roll",),
    )


def _verdicts() -> tuple[Verdict, ...]:
    return (
        Verdict(
            object=ObjectRef.of("Deployment", "shop", "web"),
            decision=Decision.UPDATE,
            reason=Reason.SPEC_CHANGED,
            message="replaces pods, 25 % at a time",
            provenance=place("apps/web.yaml", 1),
            changes=(
                FieldChange(path="spec.replicas", old="3", new="5"),
                FieldChange(path="spec.template.spec.containers[web].image", old="nginx:1.26", new="nginx:1.27"),
            ),
        ),
        Verdict(
            object=ObjectRef.of("PersistentVolumeClaim", "shop", "uploads"),
            decision=Decision.CREATE,
            reason=Reason.DECLARED,
            message="10Gi, class local",
            provenance=place("apps/web.yaml", 48),
        ),
        Verdict(
            object=ObjectRef.of("Secret", "shop", "database"),
            decision=Decision.UPDATE,
            reason=Reason.SPEC_CHANGED,
            provenance=place("apps/secret.yaml", 1),
            changes=(FieldChange(path="data.password", old="aHVudGVyMg==", new="c3dvcmRmaXNo"),),
        ),
        Verdict(
            object=ObjectRef.of("Job", "shop", "migrate"),
            decision=Decision.REPLACE,
            reason=Reason.IMMUTABLE_FIELD,
            message="spec.template changed",
            provenance=place("apps/migrate.yaml", 1),
        ),
        Verdict(
            object=ObjectRef.of("Service", "shop", "report"),
            decision=Decision.DELETE,
            reason=Reason.NO_LONGER_DECLARED,
        ),
        Verdict(
            object=ObjectRef.of("Deployment", "shop", "api-with-a-name-that-is-as-long-as-names-of-generated-things"),
            decision=Decision.BLOCKED,
            reason=Reason.MISSING_REFERENCE,
            message="secret shop/api-token is neither in the repository nor in the cluster",
            provenance=place("apps/api.yaml", 12),
            since=NOW - 240,
        ),
        Verdict(
            object=ObjectRef.of("Namespace", "", "shop"),
            decision=Decision.UNCHANGED,
            reason=Reason.IN_SYNC,
            provenance=place("namespace.yaml", 1),
        ),
    )


def _actions() -> tuple[Action, ...]:
    """Return the steps in an order that is not theirs: the container first."""
    return (
        Action(
            key="k4",
            executor=Executor.CONTAINER,
            verb=Verb.CREATE,
            object=POD,
            node="node-b",
            needs=("k2", "k3", "met-already"),
            reason=Reason.CONTAINER_MISSING,
            detail=StartContainer(
                pod=ASSIGNMENT,
                spec=WEB,
                role="app",
                name="rc_web",
                attempt=0,
                sandbox="s",
                pod_ip="10.42.2.17",
                host_ip="192.0.2.1",
                node="node-b",
            ),
        ),
        Action(
            key="k1",
            executor=Executor.SCHEDULING,
            verb=Verb.BIND,
            object=POD,
            reason=Reason.PLACED,
            message="most free memory of 2 that fit",
            detail=Bind(pod_uid="u1", node="node-b"),
        ),
        Action(
            key="k2",
            executor=Executor.VOLUME,
            verb=Verb.CREATE,
            object=ObjectRef.of("PersistentVolume", "", "pv-uploads"),
            node="node-b",
            needs=("k1",),
            reason=Reason.PROVISIONED,
            detail=ProvisionVolume(name="pv-uploads", path="/var/lib/reconciler/volumes/pv-uploads"),
        ),
        Action(
            key="k3",
            executor=Executor.NETWORK,
            verb=Verb.ATTACH,
            object=POD,
            node="node-b",
            needs=("k1",),
            reason=Reason.LINK_BROKEN,
            detail=AttachPod(pod_uid="u1", sandbox="s", pod_ip="10.42.2.17"),
        ),
        Action(
            key="k5",
            executor=Executor.VOLUME,
            verb=Verb.DELETE,
            object=ObjectRef.of("PersistentVolume", "", "pv-old"),
            node="node-a",
            reason=Reason.RELEASED,
            detail=TrashVolume(name="pv-old", path="/var/lib/reconciler/volumes/pv-old"),
        ),
    )


PROBLEMS = (
    Problem(
        file="apps/web.yaml",
        line=14,
        column=7,
        object="deployment/shop/web",
        pointer="/spec/template/spec/containers/0/imagee",
        message="unknown field `imagee`",
        hint="did you mean `image`?",
        code="unknown-field",
    ),
    Problem(
        severity=Severity.WARNING,
        file="apps/web.yaml",
        line=3,
        column=1,
        object="deployment/shop/web",
        message="secret shop/api is not in the repository",
    ),
    Problem(file="apps/broken, %.yaml", message="not UTF-8\nat byte 12"),
)


def full_status() -> Status:
    """Return a status in which something is wrong everywhere."""
    return Status(
        at=NOW,
        version="0.1.0",
        cluster_id="c1d2e3f4-0000",
        health=Health.DEGRADED,
        sources=(
            SourceStatus(
                name="main",
                url="received",
                branch="main",
                health=Health.HELD,
                newest=REVISION,
                applied=RevisionInfo(commit="aaaabbbbcccc", subject="before"),
                held="ddddeeeeffff",
                error="fetch: no answer within 60 s",
                problems=PROBLEMS[:1],
                last_good_poll_at=NOW - 90,
            ),
            SourceStatus(name="team-b", url="https://git.example/b.git", branch="prod", suspended=True),
        ),
        nodes=(
            NodeStatus(name="node-1", ready=True, reported_at=NOW - 1, pods=12, pods_ready=11, live_restore=False),
            NodeStatus(name="node-2", ready=False, message="no report for 50 s", reported_at=NOW - 50),
            NodeStatus(name="node-3", ready=True, reported_at=NOW - 1, troubles=(UNPREPARED,)),
        ),
        objects=(
            ObjectHealth(object="service/shop/web", health=Health.HEALTHY),
            ObjectHealth(object="deployment/shop/web", health=Health.PROGRESSING, ready="2/3", since=NOW - 12),
            ObjectHealth(
                object="deployment/shop/api",
                health=Health.DEGRADED,
                ready="0/1",
                reason="CrashLoopBackOff",
                message="container api exited with 1, next start in 40 s",
                since=NOW - 4000,
            ),
        ),
        holds=full_plan().holds,
        loops=(LoopStatus(name="controller", ran_at=NOW - 3, error="store: database is locked"),),
        running=("container pull pod/shop/api-7c9d4-x2x2x",),
        warnings=("live-restore is off on node-1",),
    )
