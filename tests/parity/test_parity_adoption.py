"""ReplicaSets that nobody owns are taken in by the Deployment that upstream finds for them."""

from typing import Any

from reconciler.model.kinds import ReplicaSet
from reconciler.planner.workloads.deployment import sync_deployments
from tests.parity.rows import compare, parity_rows
from tests.parity.test_parity_deployment import deployment_of, set_of, stored, view_of

Case = dict[str, Any]
PACKAGE, TABLE = "pkg_controller_deployment_util", "TestGetDeploymentsForReplicaSet"


def there() -> list[Case]:
    """Return the Deployments of the table: those that any of its rows finds."""
    rows = [row["case"] for row in parity_rows(PACKAGE) if row["test"] == TABLE]
    found = {one["metadata"]["name"]: one for case in rows for one in case.get("expect") or ()}
    return [{**one, "metadata": {**one["metadata"], "uid": name}} for name, one in sorted(found.items())]


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
