"""HorizontalPodAutoscalers: numbers of Pods follow what the Pods use, within bounds, windows and policies."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.kinds import Deployment, HorizontalPodAutoscaler, Pod, StatefulSet
from reconciler.model.metrics import ContainerUsage, NodeUsage, PodUsage
from reconciler.model.plan import Decision, Plan, Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.identify import identified
from tests.planner.world import Cluster, replace

WEB = ObjectRef.of("Deployment", "default", "web")
HPA = ObjectRef.of("HorizontalPodAutoscaler", "default", "web")
DOWN_WINDOW_S = 300


def web(replicas: int | None = 2, requests: str = "cpu: 100m, memory: 100Mi") -> str:
    """A Deployment whose Pods ask for a tenth of a core."""
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  {f"replicas: {replicas}" if replicas is not None else ""}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: app, image: "app:1", resources: {{requests: {{{requests}}}}}}}]}}
"""


def cpu(share: int = 50) -> str:
    """A metric: so many percent of what is asked for."""
    return f"{{type: Resource, resource: {{name: cpu, target: {{type: Utilization, averageUtilization: {share}}}}}}}"


def scaler(*metrics: str, least: int = 1, most: int = 10, behavior: str = "", target: str = "Deployment") -> str:
    """An autoscaler of web."""
    return f"""
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: web}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: {target}, name: web}}
  minReplicas: {least}
  maxReplicas: {most}
  metrics: [{", ".join(metrics or (cpu(),))}]
  {f"behavior: {behavior}" if behavior else ""}
"""


class Scaled(Cluster):
    """A cluster whose Pods use what `millis` says of each; measured whenever it is looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.millis: Callable[[Pod], int | None] = lambda _: 50
        self.memory = 1 << 20

    def report(self) -> None:
        """Have the nodes report and measure."""
        super().report()
        self.measure()

    def measure(self) -> None:
        """Measure what every Pod uses."""
        if not hasattr(self, "millis"):
            return
        used = (self._used(cast(Pod, pod)) for pod in self.of("Pod").values())
        pods = tuple(one for one in used if one is not None)
        node = NodeUsage(node="node-1", at=self.now, window_s=15, cpu_nanos=0, memory_bytes=0, pods=pods)
        self.observed = replace(self.observed, usage={"node-1": node})

    def _used(self, pod: Pod) -> PodUsage | None:
        millis = self.millis(pod)
        if millis is None or pod.status.phase != "Running":
            return None
        container = ContainerUsage(name="app", cpu_nanos=millis * 1_000_000, memory_bytes=self.memory)
        metadata = pod.metadata
        return PodUsage(
            namespace=metadata.namespace,
            name=metadata.name,
            uid=metadata.uid,
            at=self.now,
            window_s=15,
            containers=(container,),
        )

    def pass_time(self, seconds: float, step_s: float = 15.0) -> list[int]:
        """Let time pass in steps, with everything that follows at once; return the numbers of Pods wanted."""
        seen = []
        until = self.now + seconds
        while self.now < until:
            self.now += step_s
            self.report()
            for _ in range(40):
                answer = self.plan()
                if not (answer.changes or answer.actions):
                    break
                self.tick()
            seen.append(self.replicas)
        return seen

    @property
    def replicas(self) -> int:
        """How many Pods the Deployment is to have."""
        found = self.of("Deployment").get("web")
        return cast(Deployment, found).spec.replicas if found is not None else 0

    @property
    def autoscaler(self) -> HorizontalPodAutoscaler:
        """The autoscaler."""
        return cast(HorizontalPodAutoscaler, self.of("HorizontalPodAutoscaler")["web"])

    def condition(self, type_: str) -> tuple[str, str]:
        """Status and reason of a condition of the autoscaler."""
        return next((one.status, one.reason) for one in self.autoscaler.status.conditions if one.type == type_)


def running(manifests: str, millis: int | None = 50, *, warm: bool = True) -> Scaled:
    """A cluster in which that runs; not `warm`: its Pods have only just started."""
    cluster = Scaled()
    cluster.millis = lambda _: millis
    cluster.tick()
    cluster.push(manifests)
    cluster.pass_time(60)
    if warm:
        # Later than the time in which the processor's use says more of the start than of the work.
        cluster.pass_time(600)
    return cluster


def verdicts(answer: Plan) -> dict[ObjectRef, tuple[Decision, Reason]]:
    """The verdicts that change something."""
    idle = (Decision.UNCHANGED, Decision.BLOCKED)
    return {one.object: (one.decision, one.reason) for one in answer.verdicts if one.decision not in idle}


def test_growing_load_gives_more_pods() -> None:
    """Twice the target's share makes twice the Pods; the plan says who asks for them and why."""
    cluster = running(web(2) + scaler())
    assert cluster.replicas == 2
    cluster.millis = lambda _: 100
    cluster.now += 15
    cluster.report()
    answer = cluster.plan()
    verdict = next(one for one in answer.verdicts if one.object == WEB)
    assert (verdict.decision, verdict.reason) == (Decision.UPDATE, Reason.SCALE_UP)
    assert verdict.message == f"2 → 4 replicas by {HPA}: cpu resource utilization (percentage of request) above target"
    assert [(one.path, one.old, one.new) for one in verdict.changes] == [("spec.replicas", "2", "4")]
    cluster.millis = lambda _: 50
    cluster.tick()
    status = cluster.autoscaler.status
    assert (status.current_replicas, status.desired_replicas) == (2, 4)
    assert status.last_scale_time is not None
    assert cluster.condition("AbleToScale") == ("True", "SucceededRescale")
    cluster.pass_time(60)
    assert cluster.replicas == 4
    assert cluster.condition("AbleToScale") == ("True", "ReadyForNewScale")
    assert cluster.condition("ScalingActive") == ("True", "ValidMetricFound")
    assert cluster.condition("ScalingLimited") == ("False", "DesiredWithinRange")


def test_shrinking_waits_for_the_window() -> None:
    """Five minutes of low load come before fewer Pods; the daemon may have been anew in between."""
    cluster = running(web(4) + scaler())
    cluster.millis = lambda _: 10
    seen = cluster.pass_time(DOWN_WINDOW_S - 15)
    assert set(seen) == {4}
    assert cluster.condition("AbleToScale") == ("True", "ScaleDownStabilized")
    seen = cluster.pass_time(60)
    assert seen[-1] == 1


@pytest.mark.parametrize(("millis", "expected"), [(55, 3), (45, 3), (56, 4), (44, 3)])
def test_a_tenth_more_or_less_changes_nothing(millis: int, expected: int) -> None:
    """The tolerance; at exactly a tenth nothing happens yet."""
    cluster = running(web(3) + scaler())
    cluster.millis = lambda _: millis
    assert cluster.pass_time(15)[-1] == expected


def test_at_rest_nothing_is_written() -> None:
    """P09: looking every 15 seconds is no change, also when figures breathe."""
    cluster = running(web(2) + scaler())
    for _ in range(5):
        cluster.now += 15
        cluster.report()
        answer = cluster.plan()
        assert answer.is_empty
        assert not answer.changes
        assert answer.look_again_at is not None
        assert answer.look_again_at <= cluster.now + 15


def test_measurements_are_not_part_of_a_plans_basis() -> None:
    """A plan that was saved stays applicable while Pods breathe."""
    cluster = running(web(2) + scaler())
    before = identified(cluster.plan(), cluster.observed)
    cluster.millis = lambda _: 51
    cluster.report()
    assert identified(cluster.plan(), cluster.observed).basis == before.basis


@pytest.mark.parametrize("declared", [2, None])
def test_git_and_the_autoscaler_do_not_fight(declared: int | None) -> None:
    """P09: with or without a number in Git, pushing again does not bring it back; another image keeps it."""
    cluster = running(web(declared) + scaler(least=2))
    cluster.millis = lambda _: 100
    cluster.pass_time(15)
    cluster.millis = lambda _: 50
    cluster.pass_time(60)
    assert cluster.replicas == 4
    cluster.push(web(declared) + scaler(least=2), commit="c2")
    cluster.settle()
    assert cluster.replicas == 4
    cluster.push((web(declared) + scaler(least=2)).replace("app:1", "app:2"), commit="c3")
    seen = []
    for _ in range(20):
        cluster.now += 1
        answer = cluster.tick()
        seen.append(cluster.replicas)
        changed = [one.path for verdict in answer.verdicts if verdict.object == WEB for one in verdict.changes]
        assert "spec.replicas" not in changed
    assert set(seen) == {4}
    images = {one.spec.containers[0].image for one in cluster.of("Pod").values()}  # type: ignore[union-attr]
    assert images == {"app:2"}


def test_the_plan_says_who_holds_the_number() -> None:
    """A Deployment whose number differs from what is declared is in sync, and says why."""
    cluster = running(web(2) + scaler(least=3))
    assert cluster.replicas == 3
    verdict = next(one for one in cluster.plan().verdicts if one.object == WEB)
    assert (verdict.decision, verdict.reason) == (Decision.UNCHANGED, Reason.IN_SYNC)
    assert verdict.message == f"replicas by {HPA}"


def test_without_its_autoscaler_a_workload_is_as_declared_again() -> None:
    """The number in Git counts once nobody overrides it; before, the plan of the removal may be looked at."""
    cluster = running(web(2) + scaler(least=5))
    assert cluster.replicas == 5
    cluster.push(web(2), commit="c2")
    cluster.settle()
    assert cluster.replicas == 2
    assert not cluster.plan().changes


def test_who_declares_none_turns_scaling_off() -> None:
    """`replicas: 0` ends all Pods and the scaling; another number begins it again."""
    cluster = running(web(2) + scaler(least=2))
    cluster.push(web(0) + scaler(least=2), commit="c2")
    cluster.pass_time(60)
    assert (cluster.replicas, len(cluster.of("Pod"))) == (0, 0)
    assert cluster.condition("ScalingActive") == ("False", "ScalingDisabled")
    assert not cluster.plan().changes
    cluster.push(web(3) + scaler(least=2), commit="c3")
    cluster.pass_time(30)
    assert cluster.replicas == 3
    assert not cluster.plan().changes


def test_bounds_hold_whatever_is_measured() -> None:
    """More than maxReplicas is never wanted, and said; fewer than minReplicas neither."""
    cluster = running(web(1) + scaler(least=2, most=3))
    assert cluster.replicas == 2
    cluster.millis = lambda _: 5000
    cluster.pass_time(60)
    assert cluster.replicas == 3
    assert cluster.condition("ScalingLimited") == ("True", "TooManyReplicas")
    cluster.millis = lambda _: 0
    cluster.pass_time(600)
    assert cluster.replicas == 2
    assert cluster.condition("ScalingLimited") == ("True", "TooFewReplicas")


def test_without_a_word_on_behaviour_a_workload_doubles_in_a_period() -> None:
    """At most twice as many, and always four, every 15 seconds."""
    cluster = running(web(1) + scaler(most=100))
    cluster.millis = lambda _: 10_000
    assert cluster.pass_time(60) == [4, 8, 16, 32]
    assert cluster.condition("ScalingLimited") == ("True", "ScaleUpLimit")


def test_policies_limit_the_pace() -> None:
    """One Pod a minute up; down is disabled."""
    up = "{policies: [{type: Pods, value: 1, periodSeconds: 60}]}"
    cluster = running(web(1) + scaler(behavior=f"{{scaleUp: {up}, scaleDown: {{selectPolicy: Disabled}}}}"))
    cluster.millis = lambda _: 1000
    seen = cluster.pass_time(180)
    assert seen == [2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4]
    cluster.millis = lambda _: 0
    cluster.pass_time(900)
    assert cluster.replicas == 4
    assert cluster.condition("ScalingLimited") == ("True", "ScaleDownLimit")


def test_a_short_window_shrinks_soon() -> None:
    """The window of the behaviour counts instead of five minutes."""
    cluster = running(web(4) + scaler(behavior="{scaleDown: {stabilizationWindowSeconds: 30}}"))
    cluster.millis = lambda _: 10
    assert cluster.pass_time(60)[-1] == 1


def test_pods_that_start_do_not_count_as_idle() -> None:
    """What a Pod uses while it starts says nothing: it is left out, and does not multiply itself."""
    cluster = running(web(2) + scaler(), warm=False)
    cluster.millis = lambda _: 1000
    assert max(cluster.pass_time(15)) <= 4


def test_a_pod_that_is_not_measured_keeps_the_others() -> None:
    """It counts as using what it asks for when fewer Pods would do, and nothing when more would."""
    cluster = running(web(4) + scaler())
    first = sorted(cluster.of("Pod"))[0]
    cluster.millis = lambda pod: None if pod.metadata.name == first else 40
    cluster.pass_time(600)
    assert cluster.replicas == 4


def test_without_any_measurement_nothing_changes() -> None:
    """Unknown is not absent: neither up nor down, and the condition says why."""
    cluster = running(web(3) + scaler(), millis=None)
    assert cluster.replicas == 3
    assert cluster.condition("ScalingActive") == ("False", "FailedGetResourceMetric")
    assert not cluster.plan().changes


def test_old_measurements_do_not_count() -> None:
    """A node that went silent is not believed for ever."""
    cluster = running(web(2) + scaler())
    cluster.millis = lambda _: 1000
    cluster.measure()
    cluster.now += 120
    super(Scaled, cluster).report()
    answer = cluster.plan()
    assert WEB not in verdicts(answer)


def test_a_pod_without_a_request_has_no_share() -> None:
    """A percentage of nothing is refused with the container's name; an average still works."""
    cluster = running(web(2, "memory: 100Mi") + scaler())
    assert cluster.condition("ScalingActive") == ("False", "FailedGetResourceMetric")
    message = next(one.message for one in cluster.autoscaler.status.conditions if one.type == "ScalingActive")
    assert "missing request for cpu in container app of Pod web-" in message
    average = "{type: Resource, resource: {name: cpu, target: {type: AverageValue, averageValue: 25m}}}"
    cluster = running(web(2, "memory: 100Mi") + scaler(average))
    assert cluster.replicas > 2


def test_the_metric_that_asks_for_the_most_decides() -> None:
    """Memory at twice its target beats an idle processor; all figures are shown."""
    memory = "{type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 10Mi}}}"
    cluster = running(web(2) + scaler(cpu(), memory), millis=1)
    cluster.memory = 20 << 20
    cluster.pass_time(15)
    assert cluster.replicas == 4
    shown = cluster.autoscaler.status.current_metrics
    assert [one.resource.name for one in shown if one.resource] == ["cpu", "memory"]
    assert shown[1].resource is not None
    assert shown[1].resource.current.average_value == "20971520"


def test_one_container_can_be_followed() -> None:
    """A metric of a container looks at that container only; one that is not there is said to be missing."""
    of = "{{type: ContainerResource, containerResource: {{name: cpu, container: {}, target: {}}}}}"
    half = "{type: Utilization, averageUtilization: 50}"
    cluster = running(web(2) + scaler(of.format("app", half)))
    cluster.millis = lambda _: 100
    cluster.pass_time(15)
    assert cluster.replicas == 4
    cluster = running(web(2) + scaler(of.format("other", half)))
    assert cluster.condition("ScalingActive") == ("False", "FailedGetContainerResourceMetric")


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ("{type: Pods, pods: {metric: {name: hits}, target: {type: AverageValue, averageValue: 1}}}", "Pods"),
        ("{type: External, external: {metric: {name: queue}, target: {type: Value, value: 1}}}", "External"),
        (
            "{type: Object, object: {describedObject: {kind: Service, name: a}, metric: {name: hits},"
            " target: {type: Value, value: 1}}}",
            "Object",
        ),
    ],
)
def test_metrics_that_nobody_serves_are_said_to_be_missing(metric: str, reason: str) -> None:
    """As in a cluster without an adapter; another metric may still make it grow, never shrink."""
    cluster = running(web(2) + scaler(metric))
    assert cluster.condition("ScalingActive") == ("False", f"FailedGet{reason}Metric")
    cluster = running(web(2) + scaler(metric, cpu()))
    cluster.millis = lambda _: 1
    assert cluster.pass_time(600)[-1] == 2
    cluster.millis = lambda _: 100
    assert cluster.pass_time(15)[-1] == 4


def test_a_target_that_is_not_there() -> None:
    """Or has no number: the condition says so, once as an event; it is found as soon as it is there."""
    cluster = running(scaler())
    assert cluster.condition("AbleToScale") == ("False", "FailedGetScale")
    assert not cluster.plan().happenings
    cluster.push(web(1) + scaler(least=2), commit="c2")
    cluster.pass_time(30)
    assert cluster.replicas == 2
    cluster = running(scaler(target="DaemonSet"))
    assert cluster.condition("AbleToScale") == ("False", "FailedGetScale")


def test_two_autoscalers_of_one_workload() -> None:
    """The first by name scales; the other says so."""
    other = scaler(least=7).replace("metadata: {name: web}", "metadata: {name: zweb}")
    cluster = running(web(2) + scaler(least=3) + other)
    assert cluster.replicas == 3
    second = cast(HorizontalPodAutoscaler, cluster.of("HorizontalPodAutoscaler")["zweb"])
    assert ("False", "AmbiguousSelector") in [(one.status, one.reason) for one in second.status.conditions]


def test_the_number_of_a_stateful_set() -> None:
    """StatefulSets are scaled too, one Pod after the other."""
    text = (
        web(1).replace("kind: Deployment", "kind: StatefulSet").replace("  selector", "  serviceName: web\n  selector")
    )
    cluster = Scaled()
    cluster.tick()
    cluster.push(text + scaler(least=3, target="StatefulSet"))
    for _ in range(20):
        cluster.tick()
        cluster.now += 15
    assert cast(StatefulSet, cluster.of("StatefulSet")["web"]).spec.replicas == 3
    assert sorted(cluster.of("Pod")) == ["web-0", "web-1", "web-2"]


_LOADS = st.lists(st.integers(0, 2000), min_size=1, max_size=12)


@given(loads=_LOADS, least=st.integers(1, 4), more=st.integers(0, 6), seed=st.integers(1, 8))
@settings(max_examples=25, deadline=None)
def test_never_out_of_bounds_and_quiet_in_the_end(loads: list[int], least: int, more: int, seed: int) -> None:
    """A load that is shared by the Pods: the number stays within the bounds, and settles when the load does."""
    cluster = Scaled()
    cluster.tick()
    cluster.push(web(seed) + scaler(least=least, most=least + more))
    total: dict[str, Any] = {"millis": 0}
    cluster.millis = lambda _: total["millis"] // max(len(cluster.of("Pod")), 1)
    cluster.pass_time(30)
    for load in loads:
        total["millis"] = load
        assert all(least <= one <= least + more for one in cluster.pass_time(45))
    cluster.pass_time(1200)
    settled = cluster.replicas
    assert set(cluster.pass_time(600)) == {settled}
    assert not cluster.plan().changes
