"""What is counted of Jobs' Pods is what upstream counts, under the same names."""

import re
from typing import Any

from reconciler.model.kinds import Pod
from reconciler.model.status import Health, Status
from reconciler.planner.workloads.job_counts import POLICY_ACTIONS, TRACKED_PODS, tracking_events
from reconciler.server.metrics import metrics_text
from tests.parity.rows import compare
from tests.parity.test_parity_jobs import make_pod

Case = dict[str, Any]
_SAMPLE = re.compile(r'^(job_controller_\w+)\{\w+="(\w+)"\} ([0-9.]+)$', re.MULTILINE)


def shown(counts: dict[str, dict[str, int]]) -> dict[tuple[str, str], float]:
    """Return what the page of metrics says of Jobs."""
    status = Status(at=0.0, version="1", cluster_id="c", health=Health.HEALTHY, counts=counts)
    return samples(metrics_text(status))


def samples(text: str) -> dict[tuple[str, str], float]:
    """Return the numbers of a page of metrics."""
    return {(name, label): float(number) for name, label, number in _SAMPLE.findall(text)}


def pod(row: Case | None) -> Pod | None:
    """Return a Pod of a row."""
    return None if row is None else make_pod(0, row, tracked=False)


def is_counted(case: Case) -> bool:
    """Judge a row with a Pod before and after a write."""
    events = tracking_events(pod(case.get("oldPod")), pod(case["newPod"]))
    return shown({TRACKED_PODS: dict.fromkeys(events, 1)}) == samples(case.get("want", ""))


def are_shown(case: Case) -> bool:
    """Judge a row with what failure policies did so far."""
    return shown({POLICY_ACTIONS: case["input"]}) == samples(case["want"])


def test_pods_of_jobs_are_counted_as_upstream_counts_them() -> None:
    """Those that wait for their count, those that were counted, and what became of failures."""
    tables = {
        "TestRecordFinishedPodWithTrackingFinalizer": is_counted,
        "TestRecordJobPodFailurePolicyActions": are_shown,
    }
    compare("pkg_controller_job", tables)
