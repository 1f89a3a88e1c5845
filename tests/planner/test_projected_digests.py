"""Claims that Pods bring along, and the digests of what nodes receive."""

from __future__ import annotations

from typing import Any

from reconciler.model.refs import ObjectRef
from reconciler.planner.project import project_assignment
from tests.planner.test_project import pod, reading, running, the_pod
from tests.planner.world import replace

SCRATCH: dict[str, Any] = {
    "volumes": [
        {
            "name": "scratch",
            "ephemeral": {
                "volumeClaimTemplate": {
                    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
                }
            },
        }
    ]
}


def test_a_claim_that_a_pod_brings_along_is_its_own() -> None:
    """Another one of its name is not used, whatever is on it."""
    cluster = running(pod(**SCRATCH))
    (claim,) = the_pod(cluster).claims
    assert (claim.claim, claim.read_only, claim.message) == ("web-scratch", False, "")
    assert claim.path
    ref = ObjectRef(kind="PersistentVolumeClaim", namespace="default", name="web-scratch")
    stored: Any = cluster.observed.objects[ref]
    stranger = replace(stored.object, metadata=replace(stored.object.metadata, owner_references=()))
    objects = {**cluster.observed.objects, ref: replace(stored, object=stranger)}
    (one,) = project_assignment(replace(cluster.observed, objects=objects), cluster.policy, "node-1").pods
    assert one.claims[0].path == ""
    assert "web-scratch" in one.claims[0].message
    missing = {key: value for key, value in cluster.observed.objects.items() if key != ref}
    (one,) = project_assignment(replace(cluster.observed, objects=missing), cluster.policy, "node-1").pods
    assert one.claims[0].message == "persistentvolumeclaim/default/web-scratch does not exist"


def test_a_version_is_short_and_does_not_depend_on_the_order_of_keys() -> None:
    """Thirty-two digits, whatever the length of the cluster's key."""
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{{}}}\n"
    one, other = (running(text.format(data), reading()) for data in ('a: "1", b: "2"', 'b: "2", a: "1"'))
    versions = {the_pod(cluster).configuration[1].version for cluster in (one, other)}
    assert [len(version) for version in versions] == [32]
    long = replace(one.policy, digest_key="22" * 100)
    assert project_assignment(one.observed, long, "node-1").pods


def test_the_digest_of_a_pod_is_that_of_its_template_or_of_its_own_spec() -> None:
    """It changes when what is to run does, and with nothing else."""
    one, other = the_pod(running(pod())), the_pod(running(pod(more=", labels: {a: b}")))
    assert one.digest == other.digest != ""
    assert the_pod(running(pod(priority=7))).digest != one.digest
    template = "{metadata: {labels: {app: w}}, spec: {containers: [{name: a, image: IMAGE}]}}"
    text = "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: w}\n"
    text += f"spec: {{selector: {{matchLabels: {{app: w}}}}, template: {template}}}"
    owned = [running(text.replace("IMAGE", image)) for image in ("a:1", "a:1", "a:2")]
    stored = [one for one in owned[0].observed.objects.values() if one.ref.kind == "Pod"]
    assert [the_pod(owned[0]).digest] == [one.digest for one in stored]
