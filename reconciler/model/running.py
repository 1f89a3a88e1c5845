"""How much runs on a host, as the kubelet counts it: Pods by their sandboxes, containers by their states. Pure.

The numbers are those of `kubelet_running_pods` and `kubelet_running_containers`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from reconciler.model.node_report import ContainerFact

SANDBOX = "sandbox"


def running_pods(containers: Iterable[ContainerFact]) -> int:
    """Return how many Pods have a sandbox that runs."""
    return len({one.pod_uid for one in containers if one.role == SANDBOX and one.state == "running"})


def containers_by_state(containers: Iterable[ContainerFact]) -> Mapping[str, int]:
    """Return how many containers there are of each state, sandboxes left out."""
    counted = Counter(one.state for one in containers if one.role != SANDBOX)
    return dict(sorted(counted.items()))
