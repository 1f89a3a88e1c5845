"""What may become of an object that exists, in a plan: changed in place, replaced, or blocked with the way out."""

from typing import cast

import pytest

from reconciler.model.kinds import Pod
from reconciler.model.plan import Decision, Reason, Verdict
from tests.planner.world import Cluster

CLAIM = """
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}}
"""
SETTINGS = """
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
immutable: true
data: {a: b}
"""


def pod(image: str = "web:1", rest: str = "", container: str = "") -> str:
    """Return the manifest of a Pod."""
    return f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: web}}
spec:
  containers: [{{name: main, image: "{image}"{container}}}]
  volumes: [{{name: v, persistentVolumeClaim: {{claimName: data}}}}]
  {rest}
"""


def started(text: str) -> Cluster:
    """Return a cluster in which these manifests are in place."""
    cluster = Cluster()
    cluster.push(text)
    cluster.settle()
    return cluster


def verdict(cluster: Cluster, kind: str) -> Verdict:
    """Return what is to become of the one object of a kind."""
    return next(one for one in cluster.plan().verdicts if one.object.kind == kind and one.object.name != "local")


def changed(before: str, after: str, kind: str) -> Verdict:
    """Return what becomes of an object whose declaration changes."""
    cluster = started(before)
    cluster.push(after, commit="c2")
    return verdict(cluster, kind)


@pytest.mark.parametrize(
    "after",
    [
        pod("web:2"),
        pod(rest="activeDeadlineSeconds: 60"),
        pod(rest="tolerations: [{key: a, operator: Exists}]"),
    ],
)
def test_a_pod_takes_what_kubernetes_lets_change(after: str) -> None:
    """The same Pod goes on with another image, a deadline, or one more toleration."""
    cluster = started(CLAIM + pod())
    before = cluster.of("Pod")["web"].metadata.uid
    cluster.push(CLAIM + after, commit="c2")
    assert verdict(cluster, "Pod").decision is Decision.UPDATE
    cluster.settle()
    assert cluster.of("Pod")["web"].metadata.uid == before
    assert cluster.plan().is_empty


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        (pod(), pod(container=", workingDir: /tmp"), "spec.containers"),
        (pod(rest="activeDeadlineSeconds: 60"), pod(), "spec.activeDeadlineSeconds"),
        (pod(rest="activeDeadlineSeconds: 60"), pod(rest="activeDeadlineSeconds: 90"), "spec.activeDeadlineSeconds"),
        (pod(rest="tolerations: [{key: a, operator: Exists}]"), pod(), "spec.tolerations"),
        (pod(rest="restartPolicy: Never"), pod("web:2", "restartPolicy: Never"), "spec.containers"),
    ],
)
def test_a_pod_is_replaced_where_kubernetes_lets_nothing_change(before: str, after: str, field: str) -> None:
    """Another Pod takes its place, and the plan names the field."""
    found = changed(CLAIM + before, CLAIM + after, "Pod")
    assert (found.decision, found.reason) == (Decision.REPLACE, Reason.SPEC_CHANGED)
    assert found.message.startswith(f"replaced: {field} ")


def test_the_new_image_reaches_the_node() -> None:
    """What is assigned to the node is the Pod with its new image."""
    cluster = started(CLAIM + pod())
    cluster.push(CLAIM + pod("web:2"), commit="c2")
    cluster.settle()
    assert [one.image for one in cast(Pod, cluster.of("Pod")["web"]).spec.containers] == ["web:2"]


@pytest.mark.parametrize(
    ("text", "old", "new", "field"),
    [
        (CLAIM + pod(), "ReadWriteOnce", "ReadWriteMany", "spec.accessModes"),
        (CLAIM + pod(), "2Gi", "1Gi", "spec.resources.requests.storage"),
        (CLAIM, "2Gi", "4Gi", "spec.resources"),
        (SETTINGS, "a: b", "a: c", "data"),
        (SETTINGS, "immutable: true", "immutable: false", "immutable"),
    ],
)
def test_what_nobody_may_change_is_blocked_with_the_way_out(text: str, old: str, new: str, field: str) -> None:
    """Claims, and ConfigMaps that say so."""
    kind = "ConfigMap" if text == SETTINGS else "PersistentVolumeClaim"
    found = changed(text, text.replace(old, new), kind)
    assert (found.decision, found.reason) == (Decision.BLOCKED, Reason.IMMUTABLE_FIELD)
    assert found.message.startswith(f"{field} ")
    assert "reconciler.dev/on-immutable-change" in found.message


def test_a_bound_claim_can_ask_for_more() -> None:
    """Its requests grow in place."""
    assert changed(CLAIM + pod(), (CLAIM + pod()).replace("2Gi", "4Gi"), "PersistentVolumeClaim").decision in (
        Decision.UPDATE,
        Decision.UNCHANGED,
    )


GATED = "schedulingGates: [{name: a.b/c}]"


@pytest.mark.parametrize("after", [pod(), pod(rest=f"{GATED}\n  nodeSelector: {{disk: fast}}")])
def test_a_gated_pod_loses_its_gates_and_chooses_less(after: str) -> None:
    """It is the same Pod, held back or not."""
    assert changed(CLAIM + pod(rest=GATED), CLAIM + after, "Pod").decision is Decision.UPDATE


def test_a_gated_pod_is_replaced_where_it_would_choose_more() -> None:
    """A selector that loses a label, or a gate that is new."""
    before = f"{GATED}\n  nodeSelector: {{disk: fast}}"
    assert changed(CLAIM + pod(rest=before), CLAIM + pod(rest=GATED), "Pod").decision is Decision.REPLACE
    assert changed(CLAIM + pod(), CLAIM + pod(rest=GATED), "Pod").decision is Decision.REPLACE
