"""What becomes of an object whose declaration changes: in place, made anew, weighed again, or ended."""

from typing import Any

from reconciler.model.plan import Decision, Reason
from reconciler.model.refs import ObjectRef
from tests.planner.reading import stored
from tests.planner.test_declared import C0, manifest, put, said, verdict
from tests.planner.test_safety import config_maps
from tests.planner.world import Cluster, replace

POD = "spec: {containers: [{name: c, image: i}]}"
SELECTED = f"serviceName: s, selector: {{matchLabels: {{a: X}}}}, template: {{metadata: {{labels: {{a: X}}}}, {POD}}}"


def test_what_cannot_change_is_replaced_where_that_is_asked_for() -> None:
    """It changes over at once, and is another object; without a word it stays as it is."""
    cluster = Cluster()
    ref = ObjectRef.of("StatefulSet", "default", "db")
    for word, expected in (("", Decision.BLOCKED), ("reconciler.dev/on-immutable-change: replace", Decision.REPLACE)):
        cluster = Cluster()
        cluster.push(manifest("StatefulSet", "db", f"spec: {{{SELECTED.replace('X', 'b')}}}", version="apps/v1"))
        cluster.settle()
        uid = cluster.observed.objects[ref].object.metadata.uid
        cluster.push(
            manifest("StatefulSet", "db", f"spec: {{{SELECTED.replace('X', 'c')}}}", word, version="apps/v1"),
            commit="c2",
        )
        answer = cluster.tick()
        assert verdict(answer, ref).decision is expected
        assert (cluster.observed.objects[ref].object.metadata.uid == uid) == (expected is Decision.BLOCKED)
    assert verdict(answer, ref).message.startswith("replaced: spec.selector cannot be changed")


def test_a_pod_that_is_no_longer_declared_ends_in_its_own_time() -> None:
    """What does not run goes at once."""
    cluster = Cluster()
    pod = manifest("Pod", "p", "spec: {terminationGracePeriodSeconds: 7, containers: [{name: c, image: i}]}")
    cluster.push(config_maps(range(9)) + pod)
    cluster.settle()
    cluster.ends = lambda _: False
    cluster.push(config_maps(range(1, 9)), commit="c2")
    answer = cluster.tick()
    metadata = cluster.of("Pod")["p"].metadata
    assert metadata.deletion_grace_period_seconds == 7
    assert metadata.deletion_timestamp is not None
    ref = ObjectRef.of("Pod", "default", "p")
    assert said(answer, ref) == (Decision.DELETE, Reason.NO_LONGER_DECLARED, "no longer in the repository")
    assert "c0" not in cluster.of("ConfigMap")
    assert said(cluster.tick(), ref) == (Decision.DELETE, Reason.NO_LONGER_DECLARED, "no longer in the repository")


def test_a_pod_that_is_placed_ends_before_another_one_takes_its_name() -> None:
    """One that waits for a node is replaced at once."""
    for node, at_once in (("node-1", False), ("", True)):
        cluster = Cluster(nodes=("node-1",) if node else ())
        cluster.ends = lambda _: False
        cluster.push(manifest("Pod", "p", "spec: {containers: [{name: c, image: i}]}"))
        cluster.settle()
        before = cluster.of("Pod")["p"].metadata
        cluster.push(manifest("Pod", "p", "spec: {containers: [{name: c, image: i, workingDir: /a}]}"), commit="c2")
        answer = cluster.tick()
        found = verdict(answer, ObjectRef.of("Pod", "default", "p"))
        assert (found.decision, found.reason) == (Decision.REPLACE, Reason.SPEC_CHANGED)
        assert found.message.startswith("replaced: spec.containers cannot be changed")
        after = cluster.of("Pod")["p"].metadata
        assert (after.uid != before.uid, after.deletion_timestamp is None) == (at_once, at_once)


def test_only_what_grows_is_weighed_again() -> None:
    """A claim that grows beyond its quota is blocked; a ConfigMap changes though there is room for no more."""
    hard = "spec: {hard: {requests.storage: 1Gi, configmaps: 1}}"
    claim = "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}"
    both = config_maps(range(1)) + manifest("ResourceQuota", "few", hard)
    cluster = Cluster()
    cluster.push(both + manifest("PersistentVolumeClaim", "data", claim))
    cluster.settle()
    found: Any = cluster.of("PersistentVolumeClaim")["data"]
    put(cluster, stored(replace(found, status=replace(found.status, phase="Bound")), digest="old"))
    larger = manifest("PersistentVolumeClaim", "data", claim.replace("1Gi", "2Gi"))
    cluster.push(both.replace("'0'", "'1'") + larger, commit="c2")
    answer = cluster.tick()
    ref = ObjectRef.of("PersistentVolumeClaim", "default", "data")
    assert verdict(answer, C0).decision is Decision.UPDATE
    assert verdict(answer, ref).decision is Decision.BLOCKED
    assert [change.path for change in verdict(answer, ref).changes] == ["spec.resources.requests.storage"]


def test_a_service_can_become_a_name_elsewhere_and_back() -> None:
    """Its address is given up, and given again."""
    cluster = Cluster()
    specs = ("ports: [{port: 80}]", "type: ExternalName, externalName: a.example")
    plain, name = (manifest("Service", "s", f"spec: {{{spec}}}") for spec in specs)
    addresses = []
    for number, text in enumerate((plain, name, plain)):
        cluster.push(text, commit=f"c{number}")
        cluster.settle()
        assert cluster.plan().is_empty
        addresses.append(cluster.of("Service")["s"].spec.cluster_ip or "")  # type: ignore[union-attr]
    assert addresses[0] == addresses[2] != ""
    assert addresses[1] == ""


def test_an_address_cannot_be_changed() -> None:
    """Nor be given up for none at all; whoever says nothing keeps it."""
    cluster = Cluster()
    ref = ObjectRef.of("Service", "default", "s")
    for number, (spec, expected) in enumerate(
        [
            ("clusterIP: 10.43.0.9, ports: [{port: 80}]", Decision.CREATE),
            ("ports: [{port: 81}]", Decision.UPDATE),
            ("clusterIP: 10.43.0.8, ports: [{port: 80}]", Decision.BLOCKED),
            ("clusterIP: None, ports: [{port: 80}]", Decision.BLOCKED),
        ]
    ):
        cluster.push(manifest("Service", "s", f"spec: {{{spec}}}"), commit=f"c{number}")
        assert verdict(cluster.tick(), ref).decision is expected
        assert cluster.of("Service")["s"].spec.cluster_ip == "10.43.0.9"  # type: ignore[union-attr]
