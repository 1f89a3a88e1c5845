"""ReplicaSets as upstream's controller decides: what is counted, and which Pods go first."""

from collections import Counter
from typing import Any

import msgspec

from reconciler.model.kinds import Pod, ReplicaSet, ReplicationController
from reconciler.model.observed import ClusterInfo, ObservedState
from reconciler.model.policy import Policy
from reconciler.model.times import rfc3339, unix
from reconciler.planner.view import View
from reconciler.planner.workloads.replicaset import first_out, refresh_statuses
from tests.parity.rows import compare
from tests.parity.test_parity_deployment import plain, stored, with_container

Case = dict[str, Any]
# When the rows were observed.
_NOW = unix("2026-11-21T01:22:45Z") or 0.0
_COUNTS = ("replicas", "fully_labeled_replicas", "ready_replicas", "available_replicas", "terminating_replicas")


def pod_of(document: Case, number: int, owner: str = "owner") -> Pod:
    """Read a Pod as the rows write it: ready since long, unless it says otherwise."""
    found = with_container(plain(document))
    metadata = found["metadata"]
    metadata["name"] = f"{number}-{metadata['name']}"
    for one in metadata.get("ownerReferences", ()):
        one["uid"] = owner
    for one in found.get("status", {}).get("conditions", ()):
        one.setdefault("lastTransitionTime", rfc3339(_NOW - 5))
    return msgspec.convert(found, Pod)


def counted(case: Case) -> bool:
    """Judge a row with Pods: what the status says of them."""
    document = plain(case["replicaset"])
    document["spec"]["template"] = with_container(document["spec"]["template"])
    document["metadata"]["uid"] = "owner"
    replica_set: ReplicaSet | ReplicationController
    if _is_replication_controller(case):
        document["spec"]["selector"] = document["spec"]["selector"]["matchLabels"]
        replica_set = msgspec.convert({**document, "kind": "ReplicationController"}, ReplicationController)
    else:
        replica_set = msgspec.convert(document, ReplicaSet)
    rows = [*case.get("activePods", ()), *(case.get("terminatingPods") or ())]
    pods = [stored(pod_of(one, number)) for number, one in enumerate(rows)]
    objects = {one.ref: one for one in (stored(replica_set), *pods)}
    view = View(ObservedState(cluster=ClusterInfo(id="test"), objects=objects), Policy(), _NOW)
    refresh_statuses(view)
    found = view.objects[stored(replica_set).ref].object.status
    expected = plain(case["expectedReplicaSetStatus"])
    wanted = [expected.get("".join((w.title() if n else w) for n, w in enumerate(name.split("_")))) for name in _COUNTS]
    told = [getattr(found, name, 0) for name in _COUNTS]
    return all(mine == (theirs or 0) for mine, theirs in zip(told, wanted, strict=True))


def _is_replication_controller(case: Case) -> bool:
    """Upstream runs both kinds by the same code; those rows switch off what only ReplicaSets tell."""
    return "ReplicationController" in case["name"]


def first(case: Case) -> bool:
    """Judge a row with Pods, of which some are too many."""
    pods = [pod_of(one, number) for number, one in enumerate(case["pods"])]
    related = [pod_of(one, number) for number, one in enumerate(case.get("related") or case["pods"])]
    crowds = Counter(one.spec.node_name for one in related)
    gone = [one.metadata.name.partition("-")[2] for one in first_out(pods, crowds)[: case.get("diff", 0)]]
    expected = [one["metadata"]["name"] for one in case["expectedPodsToDelete"]]
    return sorted(gone) == sorted(expected)


def test_replica_sets_count_and_shrink_as_upstream_does() -> None:
    """Every row whose data says enough gets upstream's answer."""
    compare("pkg_controller_replicaset", {"TestCalculateStatus": counted, "TestGetPodsToDelete": first})
