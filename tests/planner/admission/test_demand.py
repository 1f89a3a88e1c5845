"""What is told of a quota before it fails: how much everything wants that is declared."""

from typing import Any

import pytest

from reconciler.model.kinds import OwnerReference
from reconciler.model.observed import StoredObject
from reconciler.planner.admission.admit import given_defaults, with_named_claims
from reconciler.planner.admission.demand import warn_of_demand
from reconciler.planner.view import View
from tests.planner.reading import read, stored
from tests.planner.world import Cluster, replace

POD = "spec: {restartPolicy: Never, containers: [{name: c, image: i}]}"
TEMPLATE = f"template: {{metadata: {{labels: {{a: b}}}}, {POD}}}"
SELECTED = f"selector: {{matchLabels: {{a: b}}}}, {TEMPLATE}"
ENDED = "conditions: [{type: TYPE, status: 'STATUS'}]"


def warned(hard: str, *objects: Any) -> list[str]:
    """Return what is warned of, with a quota."""
    quota = read("ResourceQuota", name="few", spec=f"hard: {{{hard}}}")
    found: list[StoredObject] = [stored(one) for one in (quota, *objects)]
    cluster = Cluster()
    view = View(replace(cluster.observed, objects={one.ref: one for one in found}), cluster.policy, cluster.now)
    warn_of_demand(view)
    return view.warnings


def owned(object: Any) -> Any:
    """Return an object that has a controller."""
    owner = OwnerReference(api_version="apps/v1", kind="Deployment", name="d", uid="u", controller=True)
    return replace(object, metadata=replace(object.metadata, owner_references=(owner,)))


@pytest.mark.parametrize(
    ("kind", "spec", "status", "wanted"),
    [
        ("Job", "completions: 5, parallelism: 4", "", 4),
        ("Job", "completions: 5, parallelism: 4", "succeeded: 3", 2),
        ("Job", "completions: 5, parallelism: 4", "succeeded: 6", 0),
        ("Job", "parallelism: 3", "", 3),
        ("Job", "parallelism: 3, suspend: true", "", 0),
        ("Job", "parallelism: 3", ENDED.replace("TYPE", "Complete").replace("STATUS", "True"), 0),
        ("Job", "parallelism: 3", ENDED.replace("TYPE", "Failed").replace("STATUS", "True"), 0),
        ("Job", "parallelism: 3", ENDED.replace("TYPE", "Complete").replace("STATUS", "False"), 3),
        ("Job", "parallelism: 3", ENDED.replace("TYPE", "Suspended").replace("STATUS", "True"), 3),
        ("DaemonSet", "minReadySeconds: 0", "desiredNumberScheduled: 2", 2),
        ("ReplicaSet", "replicas: 2", "", 2),
        ("StatefulSet", "replicas: 2, serviceName: s", "", 2),
    ],
)
def test_a_workload_wants_the_pods_that_run_at_once(kind: str, spec: str, status: str, wanted: int) -> None:
    """What is over, held or nearly done wants less; as many as there is room for are not told of."""
    template = TEMPLATE if kind == "Job" else SELECTED
    one = read(kind, spec=f"{spec}, {template}", status=status)
    said = "resourcequota/default/few will be exceeded: pods {0} wanted of {1}, 1 too much"
    assert warned(f"pods: {wanted}", one) == []
    if wanted:
        assert warned(f"pods: {wanted - 1}", one) == [said.format(wanted, wanted - 1)]


def test_what_a_workload_owns_is_not_counted_twice() -> None:
    """Its Pods are counted with it; a ReplicaSet that it owns is an object all the same."""
    deployment = read("Deployment", spec=f"replicas: 1, strategy: {{type: Recreate}}, {SELECTED}")
    replica_set = owned(read("ReplicaSet", name="set", spec=f"replicas: 1, {SELECTED}"))
    pod = owned(read("Pod", name="pod", spec="containers: [{name: c, image: i}]"))
    assert warned("pods: 1", deployment, replica_set, pod) == []
    (said,) = warned("count/replicasets.apps: 0", deployment, replica_set, pod)
    assert said.endswith("count/replicasets.apps 1 wanted of 0, 1 too much")
    alone = read("Pod", name="alone", spec="containers: [{name: c, image: i}]")
    (said,) = warned("pods: 1", deployment, replica_set, pod, alone)
    assert said.endswith("pods 2 wanted of 1, 1 too much")


CLAIM = "volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1}}}}"


def test_claims_of_ephemeral_volumes_are_named_after_pod_and_volume() -> None:
    """Other volumes stay as they are, and so does a Pod without such volumes."""
    volumes = f"volumes: [{{name: a, emptyDir: {{}}}}, {{name: b, ephemeral: {{{CLAIM}}}}}]"
    pod = read("Pod", spec=f"containers: [{{name: c, image: i}}], {volumes}")
    first, second = with_named_claims(pod).spec.volumes
    assert first == pod.spec.volumes[0]
    assert second.ephemeral is not None
    assert second.ephemeral.volume_claim_template.metadata.name == "one-b"
    plain = read("Pod", spec="containers: [{name: c, image: i}], volumes: [{name: a, emptyDir: {}}]")
    assert with_named_claims(plain) is plain


@pytest.mark.parametrize(
    ("said", "limits", "requests"),
    [
        ("{}", {"cpu": "2"}, {"cpu": "1"}),
        ("{limits: {cpu: '3'}}", {"cpu": "3"}, {}),
        ("{requests: {cpu: '3'}}", {"cpu": "2"}, {"cpu": "3"}),
        ("{requests: {cpu: '3'}, limits: {cpu: '3'}}", {"cpu": "3"}, {"cpu": "3"}),
    ],
)
def test_a_container_gets_what_it_does_not_say(said: str, limits: dict[str, str], requests: dict[str, str]) -> None:
    """A limit that is said is a request, too."""
    item = "{type: Container, default: {cpu: '2'}, defaultRequest: {cpu: '1'}}"
    limit_range = stored(read("LimitRange", name="usual", spec=f"limits: [{item}]"))
    view = View(replace(Cluster().observed, objects={limit_range.ref: limit_range}), Cluster().policy, 0.0)
    pod = given_defaults(view, read("Pod", spec=f"containers: [{{name: c, image: i, resources: {said}}}]"))
    resources = pod.spec.containers[0].resources
    assert (dict(resources.limits), dict(resources.requests)) == (limits, requests)
