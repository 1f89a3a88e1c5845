"""The status of a DaemonSet, from its nodes and Pods. Pure."""

from typing import cast

from reconciler.model.kinds import DaemonSet, DaemonSetStatus, Pod
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.daemonset_pods import DaemonPods, by_age, revision_of
from reconciler.planner.workloads.podview import is_available, is_ready, look_again_when_available


def daemon_set_status(view: View, daemon_set: DaemonSet, found: DaemonPods, wanted: frozenset[str]) -> DaemonSetStatus:
    """Return counts of nodes as Kubernetes defines them; of several Pods on one node, the oldest counts."""
    first = {name: by_age(pods)[0] for name, pods in found.pods.items() if pods}
    pods = {name: cast(Pod, first[name].object) for name in wanted if name in first}
    min_ready_s = daemon_set.spec.min_ready_seconds
    ready = [pod for pod in pods.values() if is_ready(pod)]
    available = sum(1 for pod in ready if is_available(pod, min_ready_s, view.now))
    look_again_when_available(view, ready, min_ready_s)
    return replace(
        daemon_set.status,
        desired_number_scheduled=len(wanted),
        current_number_scheduled=len(pods),
        number_misscheduled=sum(1 for name in first if name in found.nodes and name not in wanted),
        number_ready=len(ready),
        number_available=available,
        number_unavailable=len(wanted) - available,
        updated_number_scheduled=sum(1 for name in pods if revision_of(first[name]) == found.revision),
        observed_generation=daemon_set.metadata.generation,
    )
