"""ReplicaSets and Pods that nobody owns are taken in by whom upstream finds for them."""

from typing import Any

from reconciler.model.kinds import Container, ObjectMeta, Pod, PodSpec, ReplicaSet
from reconciler.planner.workloads.deployment import sync_deployments
from reconciler.planner.workloads.replicaset import sync_replica_sets
from tests.parity.rows import compare, parity_rows
from tests.parity.test_parity_deployment import deployment_of, set_of, stored, view_of

Case = dict[str, Any]
PACKAGE, TABLE = "pkg_controller_deployment_util", "TestGetDeploymentsForReplicaSet"


def there() -> list[Case]:
    """Return the Deployments of the table: those that any of its rows finds."""
    rows = [row["case"] for row in parity_rows(PACKAGE) if row["test"] == TABLE]
    found = {one["metadata"]["name"]: one for case in rows for one in case.get("expect") or ()}
    return [{**one, "metadata": {**one["metadata"], "uid": name}} for name, one in sorted(found.items())]


def is_taken_in(case: Case) -> bool:
    """Judge a row with a Pod of nobody, and ReplicaSets; one without a selector is refused, and is not there."""
    sets = [set_of(one) for one in case["inRSs"] if one["spec"].get("selector")]
    row = case["pod"]["metadata"]
    metadata = ObjectMeta(
        name=row["name"], namespace=row.get("namespace", ""), uid="free", labels=row.get("labels") or {}
    )
    free = stored(Pod(metadata=metadata, spec=PodSpec(containers=(Container(name="a", image="b"),))))
    view = view_of(*sets, free)
    sync_replica_sets(view)
    taken = view.objects[free.ref].object
    return [one.name for one in taken.metadata.owner_references] == [one for one in (case.get("outRSName"),) if one]


def test_pods_find_their_replica_set() -> None:
    """By labels, and within the namespace."""
    compare("pkg_controller_replicaset", {"TestPodControllerLookup": is_taken_in})


def test_replica_sets_find_their_deployment() -> None:
    """By the labels that its selector finds; where there is none they stay alone."""
    deployments = [stored(deployment_of(one)) for one in there()]

    def judge(case: Case) -> bool:
        free = set_of({**case["rs"], "metadata": {**case["rs"]["metadata"], "uid": "free"}})
        view = view_of(*deployments, free)
        sync_deployments(view)
        taken = view.objects[free.ref].object
        assert isinstance(taken, ReplicaSet)
        owners = [one.name for one in taken.metadata.owner_references if one.controller]
        return owners == [one["metadata"]["name"] for one in case.get("expect") or ()]

    compare(PACKAGE, {TABLE: judge})
