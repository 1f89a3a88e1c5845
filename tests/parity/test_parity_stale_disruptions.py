"""What was told of a Pod that was to be disrupted is taken back when upstream takes it back."""

from typing import Any

import msgspec

from reconciler.model.kinds import ObjectMeta, Pod, ref_of
from reconciler.model.observed import ClusterInfo, ObservedState, StoredObject
from reconciler.model.policy import Policy
from reconciler.model.times import seconds
from reconciler.planner.view import View
from reconciler.planner.workloads.disruptions import clear_stale_disruptions
from tests.parity.rows import compare

Case = dict[str, Any]
_AT = "2026-11-21T01:23:46Z"


def is_cleared(case: Case) -> bool:
    """Judge a row with a Pod that is looked at some time later."""
    given = case["pod"]["status"].get("conditions", [])
    conditions = [{**one, "lastTransitionTime": one["lastTransitionTime"] or _AT} for one in given]
    metadata = msgspec.convert(case["pod"]["metadata"], ObjectMeta)
    spec = {"containers": [{"name": "a", "image": "b"}]}
    plain: Pod = msgspec.convert({"kind": "Pod", "spec": spec, "status": {"conditions": conditions}}, Pod)
    pod = msgspec.structs.replace(plain, metadata=metadata)
    stored = StoredObject(ref=ref_of(pod), object=pod, manager="api")
    observed = ObservedState(cluster=ClusterInfo(id="test"), objects={stored.ref: stored})
    view = View(observed, Policy(), seconds(_AT) + case["timePassed"] / 1e9)
    clear_stale_disruptions(view)
    after = view.typed(Pod, "default", "foo")
    assert after is not None
    told = [(one.type, one.status) for one in after.status.conditions]
    return told == [(one["type"], one["status"]) for one in case.get("wantConditions", [])]


def test_stale_disruptions_are_cleared_as_upstream_clears_them() -> None:
    """Two minutes after it was told, where the Pod goes on."""
    compare("pkg_controller_disruption", {"TestStalePodDisruption": is_cleared})
