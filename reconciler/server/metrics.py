"""The state of everything in the text format of Prometheus. Pure.

Ages are those P08 promises: of the last good poll, of the last tick, of each node's report.
"""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from reconciler.model.status import Health, NodeStatus, Status

Samples = Iterable[tuple[str, float]]
# What is counted since the start, under Kubernetes' names: what tells the numbers apart, and the help.
_COUNTED: Mapping[str, tuple[str, str]] = {
    "job_controller_terminated_pods_tracking_finalizer_total": (
        "event",
        "Pods of Jobs that have ended and wait to be counted (add), and that were counted (delete).",
    ),
    "job_controller_pod_failures_handled_by_failure_policy_total": (
        "action",
        "Failed Pods of Jobs by what the Job's failure policy did.",
    ),
}


def metrics_text(status: Status) -> str:
    """Return the metrics, each with its help and type."""
    registry = CollectorRegistry()
    registry.register(_State(status))
    return generate_latest(registry).decode()


class _State(Collector):
    """Hands one Status out as metric families."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """Return every metric."""
        status = self._status
        yield _family("info", "What runs here.", "version", [(status.version, 1.0)])
        yield GaugeMetricFamily("reconciler_term", "The leader's term.", value=float(status.term))
        states = [(str(health), float(status.health is health)) for health in Health]
        yield _family("health", "The state of the whole; one of these is 1.", "state", states)
        counts = [(str(health), float(sum(o.health is health for o in status.objects))) for health in Health]
        yield _family("objects", "Objects by state.", "state", counts)
        held = float(sum(len(hold.objects) for hold in status.holds))
        yield GaugeMetricFamily("reconciler_held_deletions", "Deletions that wait for an acknowledgement.", value=held)
        polls = [(s.name, status.at - s.last_good_poll_at) for s in status.sources if s.last_good_poll_at]
        yield _family("source_poll_age_seconds", "Age of the last good poll of a source.", "source", polls)
        reports = [(n.name, status.at - n.reported_at) for n in status.nodes if n.reported_at]
        yield _family("node_report_age_seconds", "Age of a node's last report.", "node", reports)
        ready = [(n.name, float(n.ready)) for n in status.nodes]
        yield _family("node_ready", "Whether a node is ready.", "node", ready)
        yield _troubles(status.nodes)
        running = [(n.name, float(n.running_pods)) for n in status.nodes]
        yield _family("node_running_pods", "Pods of a node whose sandbox runs.", "node", running)
        yield _containers(status.nodes)
        ages = [(loop.name, status.at - loop.ran_at) for loop in status.loops if loop.ran_at]
        yield _family("loop_age_seconds", "Age of the last run of a loop.", "loop", ages)
        took = [(loop.name, loop.took_s) for loop in status.loops]
        yield _family("loop_duration_seconds", "How long the last run of a loop took.", "loop", took)
        for name, (label, help) in _COUNTED.items():
            yield _counter(name, help, label, status.counts.get(name, {}))


def _counter(name: str, help: str, label: str, counts: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name.removesuffix("_total"), help, labels=[label])
    for value, number in counts.items():
        family.add_metric([value], float(number))
    return family


def _containers(nodes: Iterable[NodeStatus]) -> GaugeMetricFamily:
    help = "Containers of a node by state, sandboxes left out."
    family = GaugeMetricFamily("reconciler_node_running_containers", help, labels=["node", "container_state"])
    for node in nodes:
        for state, number in node.containers.items():
            family.add_metric([node.name, state], float(number))
    return family


def _troubles(nodes: Iterable[NodeStatus]) -> GaugeMetricFamily:
    help = "What is wrong with a node for all that it is ready: its conditions that are True, with their reasons."
    family = GaugeMetricFamily("reconciler_node_trouble", help, labels=["node", "condition", "reason"])
    for node in nodes:
        for one in node.troubles:
            family.add_metric([node.name, one.condition, one.reason], 1.0)
    return family


def _family(name: str, help: str, label: str, samples: Samples) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"reconciler_{name}", help, labels=[label])
    for value, number in samples:
        family.add_metric([value], number)
    return family
