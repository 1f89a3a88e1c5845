"""What a forecast tells a person to know before."""

import copy
from typing import Any

from reconciler.model.canonical import digest
from reconciler.model.desired import DesiredObject, DesiredState, Provenance, RevisionInfo
from reconciler.model.forecast import Forecast
from reconciler.model.kinds import decode_object, ref_of
from reconciler.model.policy import Policy
from reconciler.planner.estimates import Estimates, Recorded, learn
from reconciler.simulation.cluster import SimulatedCluster
from reconciler.simulation.forecast import Limits, forecast
from tests.simulation.cluster.repository import REGISTRY

Document = dict[str, Any]


class Ground:
    """A simulated node that a person pushes to."""

    def __init__(self, *documents: Document) -> None:
        self.policy = Policy(digest_key="00" * 16)
        self.cluster = SimulatedCluster(("node-1",), ("main",), REGISTRY, self.policy)
        self.commits = 0
        self.push(*documents)

    def push(self, *documents: Document) -> None:
        """Push these, and wait long enough."""
        self.cluster.push(self.state(*documents))
        self.cluster.run_for(900.0)

    def state(self, *documents: Document) -> DesiredState:
        """A revision of these."""
        self.commits += 1
        objects = []
        for document in documents:
            object = decode_object(copy.deepcopy(document))
            provenance = Provenance(source="main", commit=f"c{self.commits}")
            objects.append(
                DesiredObject(ref=ref_of(object), object=object, provenance=provenance, digest=digest(object))
            )
        revision = RevisionInfo(commit=f"c{self.commits}")
        return DesiredState(source="main", revision=revision, objects=tuple(objects))

    def forecast(self, *documents: Document, estimates: Estimates = Estimates(), **options: Any) -> Forecast:
        """Forecast a push of these."""
        cluster, state = self.cluster, self.state(*documents)
        return forecast({"main": state}, cluster.observed, self.policy, cluster.now, estimates, **options)


def web(image: str = "shop/web:1", replicas: int = 1, ports: bool = False, **fields: Any) -> Document:
    """A Deployment."""
    container: Document = {"name": "main", "image": image, "readinessProbe": {"tcpSocket": {"port": 80}}}
    if ports:
        container["ports"] = [{"containerPort": 80, "hostPort": 8080}]
    if "cpu" in fields:
        container["resources"] = {"requests": {"cpu": fields.pop("cpu")}}
    spec = {"terminationGracePeriodSeconds": 5, "containers": [container]}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": spec}
    return _object(
        "Deployment",
        "web",
        "apps/v1",
        replicas=replicas,
        selector={"matchLabels": {"app": "web"}},
        template=template,
        **fields,
    )


def _object(kind: str, name: str, version: str = "v1", **spec: Any) -> Document:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


SERVICE = _object("Service", "web", selector={"app": "web"}, ports=[{"port": 80}])
RECREATE = {"strategy": {"type": "Recreate"}}
CLAIM = _object(
    "PersistentVolumeClaim", "data", accessModes=["ReadWriteOnce"], resources={"requests": {"storage": "1Gi"}}
)


def test_a_rolling_update_keeps_its_replicas_ready() -> None:
    """Nothing is down and nothing is warned of; the forecast says how low the count goes."""
    ground = Ground(web(replicas=2), SERVICE)
    found = ground.forecast(web("shop/web:2", replicas=2), SERVICE)
    counts = {one.object.kind: (one.before, one.lowest, one.after) for one in found.availability}
    assert counts == {"Deployment": (2, 2, 2), "Service": (2, 2, 2)}
    assert not found.warnings
    assert not found.cut


def test_a_recreated_deployment_is_down_for_a_while() -> None:
    """P13: what will be unavailable, for how long, and why; also the Service before it."""
    ground = Ground(web(**RECREATE), SERVICE)
    found = ground.forecast(web("shop/web:2", **RECREATE), SERVICE)
    down = {one.object.kind: one.down_s for one in found.availability}
    assert down["Deployment"] > 1 and down["Service"] > 1
    (said, of_service) = found.warnings
    assert said.startswith("deployment/default/web is down for about")
    assert said.endswith("its strategy is Recreate")
    assert of_service.startswith("service/default/web is down")


def test_what_fits_no_node_is_named_with_what_each_node_says() -> None:
    """The scheduler's sentence, and the reason of each node; the old Pods stay ready."""
    ground = Ground(web(replicas=1))
    found = ground.forecast(web(replicas=1, cpu="64"))
    (pod,) = found.unplaced
    assert pod.message.startswith("0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: ")
    assert [(one.node, one.why) for one in pod.nodes] == [("node-1", "Insufficient cpu")]
    assert any("ProgressDeadlineExceeded" in one.reason for one in found.unsettled)
    assert [one.lowest for one in found.availability] == [1]


def test_a_host_port_that_the_old_pod_holds_is_warned_of() -> None:
    """With a surge the new Pod can never start beside the old one."""
    ground = Ground(web(ports=True))
    found = ground.forecast(web("shop/web:2", ports=True))
    assert any("host port 8080/TCP is taken by pod/default/web-" in one for one in found.warnings)
    stop_first = {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}}
    found = ground.forecast(web("shop/web:2", ports=True, **stop_first))
    assert any(one.startswith("deployment/default/web is down for about") for one in found.warnings)
    assert not found.unplaced


def test_a_deleted_claim_says_what_becomes_of_its_data() -> None:
    """P29: whether the data stays is known before."""
    pod = _object("Pod", "one", containers=[{"name": "main", "image": "shop/web:1"}])
    pod["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    ground = Ground(pod, CLAIM)
    ground.push(CLAIM)
    assert any(one.startswith("held: ") for one in ground.forecast().warnings)
    ground.cluster.push(ground.state())
    ground.cluster.run_for(5.0)
    ground.cluster.acknowledge()
    found = ground.forecast()
    assert any(one.startswith("persistentvolumeclaim/default/data is deleted; ") for one in found.warnings)


def test_estimates_are_learnt_or_said_to_be_defaults() -> None:
    """A recorded pull takes as long again; of what is not recorded the forecast says so."""
    ground = Ground(web())
    pulls = [Recorded(of="pullImage", image="shop/web:2", seconds=seconds) for seconds in (40.0, 60.0, 400.0)]
    found = ground.forecast(web("shop/web:2"), estimates=learn(pulls))
    used = {one.of: one for one in found.estimates}
    assert (used["pullImage"].seconds, used["pullImage"].samples) == (60.0, 3)
    assert used["createSandbox"].samples == 0
    pull = next(one for one in found.steps if one.action is not None and one.message == "" and one.took_s == 60.0)
    assert pull.verb == "create"
    assert found.took_s > 60.0


def test_a_job_ends_after_the_time_that_was_learnt() -> None:
    """Jobs end well after the median of earlier runs of their image."""
    spec = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "shop/task:1"}]}
    job = _object("Job", "task", "batch/v1", template={"spec": spec})
    ground = Ground()
    found = ground.forecast(job, estimates=learn([Recorded(of="task", image="shop/task:1", seconds=33.0)]))
    assert 33.0 < found.took_s < 60.0
    assert not found.unsettled


def test_a_pod_that_crashes_goes_on_crashing() -> None:
    """What was seen of a container counts more than what is assumed of all of them."""
    ground = Ground(web("shop/crash:1"))
    found = ground.forecast(web("shop/crash:1"), SERVICE)
    assert any(one.endswith("goes on ending with code 1") for one in found.assumptions)
    assert any(one.reason == "CrashLoopBackOff" for one in found.unsettled)
    assert [one.after for one in found.availability if one.object.kind == "Deployment"] == [0]


def test_pods_that_have_failed_are_their_jobs_to_judge() -> None:
    """Of a Job that has failed the Job is named, not each try; and none of them runs once more."""
    spec = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "shop/failing:1"}]}
    job = _object("Job", "task", "batch/v1", backoffLimit=1, template={"spec": spec})
    found = Ground(job).forecast(job, web())
    assert [str(one.object) for one in found.unsettled] == ["job/default/task"]
    assert len(found.assumptions) == 1


def test_a_node_that_is_silent_stays_silent() -> None:
    """P20: nothing is forecast of a host of which nothing is known."""
    ground = Ground(web())
    ground.cluster.hosts["node-1"].crash_agent()
    ground.cluster.run_for(120.0)
    found = ground.forecast(web("shop/web:2"))
    assert "node node-1 is silent, and stays so" in found.assumptions
    assert not [one for one in found.steps if one.node]


def test_a_forecast_is_cut_at_its_limits() -> None:
    """P07: by number of steps, by the time of the rollout, and by whoever asks; each says so."""
    ground = Ground()
    assert "more than 3 steps" in ground.forecast(web(replicas=4), limits=Limits(steps_max=3)).cut
    assert "not over after" in ground.forecast(web("shop/web:1", replicas=4), limits=Limits(horizon_s=1.0)).cut
    assert "too long" in ground.forecast(web(replicas=4), is_over=lambda: True).cut


def test_a_forecast_changes_nothing_of_what_it_began_with() -> None:
    """The same question has the same answer again."""
    ground = Ground(web(replicas=2), SERVICE)
    first = ground.forecast(web("shop/web:2", replicas=2), SERVICE)
    ground.commits -= 1
    assert ground.forecast(web("shop/web:2", replicas=2), SERVICE) == first
