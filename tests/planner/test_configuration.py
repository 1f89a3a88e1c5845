"""Workloads that are bound to the configuration they read, and those that only hear that it changes."""

from typing import cast

import pytest

from reconciler.model.kinds import ObjectMeta, PodSpec, PodTemplateSpec, ReplicaSet
from reconciler.model.plan import Decision, Plan
from reconciler.planner.overrides import plain_template
from reconciler.planner.workloads.deployment_sets import HASH_LABEL
from tests.planner.world import Cluster, replace

CONFIGURATION = "reconciler.dev/configuration"
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, annotations: {NOTES}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {kept: "yes"}}
    spec:
      volumes: [{name: files, configMap: {name: a-files}}]
      containers: [{name: web, image: "web:1", envFrom: [{configMapRef: {name: env}}, {secretRef: {name: key}}]}]
"""
BOUND = 'reconciler.dev/restart-on-configuration-change: "true"'
FREE = 'reconciler.dev/restart-on-configuration-change: "false"'


def manifests(notes: str = "", *, env: str = "1", files: str = "1", binary: str = "", key: str = "a2V5") -> str:
    """Return a Deployment with what it reads."""
    return f"""
{WEB.replace("NOTES", notes)}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: a-files}}
data: {{text: "{files}"}}
{f"binaryData: {{blob: {binary}}}" if binary else ""}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: env}}
data: {{WORD: "{env}"}}
---
apiVersion: v1
kind: Secret
metadata: {{name: key}}
data: {{key: {key}}}
"""


def test_a_template_without_what_was_added_is_as_declared() -> None:
    """The hash of its ReplicaSet and the digest of its configuration are no part of it; all else is."""
    labels, notes = {"app": "web", HASH_LABEL: "x"}, {"kept": "yes", CONFIGURATION: "d"}
    metadata = ObjectMeta(labels=labels, annotations=notes)
    found = plain_template(PodTemplateSpec(metadata=metadata, spec=PodSpec(containers=())))
    assert (found.metadata.labels, found.metadata.annotations) == ({"app": "web"}, {"kept": "yes"})


def started(text: str) -> Cluster:
    """Return a cluster in which this runs."""
    cluster = Cluster()
    cluster.push(text)
    cluster.settle()
    return cluster


def changed(cluster: Cluster, text: str) -> Plan:
    """Return the plan for another revision."""
    cluster.push(text, commit="c2")
    return cluster.plan()


def rolls(answer: Plan) -> bool:
    """Whether there is to be another ReplicaSet."""
    return any(one.object.kind == "ReplicaSet" and one.decision is Decision.CREATE for one in answer.verdicts)


@pytest.mark.parametrize(
    "text",
    [
        manifests(BOUND, env="2"),
        manifests(BOUND, files="2"),
        manifests(BOUND, binary="AAAA"),
        manifests(BOUND, key="bmV3"),
    ],
    ids=["environment", "files", "binary", "secret"],
)
def test_a_bound_workload_rolls_with_what_it_reads(text: str) -> None:
    """P21: whatever it reads and however; the template bears a short digest of it, and no warning is needed."""
    cluster = started(manifests(BOUND))
    (before,) = (cast(ReplicaSet, one).spec.template.metadata.annotations for one in cluster.of("ReplicaSet").values())
    assert before["kept"] == "yes"
    assert len(before[CONFIGURATION]) == 16
    answer = changed(cluster, text)
    assert rolls(answer)
    assert not answer.warnings


def test_a_workload_rolls_when_what_it_reads_comes_to_exist() -> None:
    """What is missing has a digest too."""
    whole = manifests(BOUND)
    less, _, secret = whole.rpartition("---")
    cluster = started(less)
    assert rolls(changed(cluster, less + "---" + secret))


def test_what_reads_nothing_bears_no_digest() -> None:
    """There is nothing to roll with."""
    cluster = started(
        WEB.replace("NOTES", BOUND).partition("      volumes")[0] + '      containers: [{name: w, image: "w"}]'
    )
    (only,) = (cast(ReplicaSet, one) for one in cluster.of("ReplicaSet").values())
    assert set(only.spec.template.metadata.annotations) == {"kept"}


@pytest.mark.parametrize(("notes", "default", "expected"), [("", True, True), (FREE, True, False), ("", False, False)])
def test_the_source_says_it_where_the_workload_does_not(notes: str, default: bool, expected: bool) -> None:
    """A word on the workload counts more than the one for its source."""
    cluster = Cluster()
    source = replace(cluster.policy.source("main"), restart_on_configuration_change=default)
    cluster.policy = replace(cluster.policy, sources={"main": source})
    cluster.push(manifests(notes))
    cluster.settle()
    assert rolls(changed(cluster, manifests(notes, env="2"))) is expected


WARNING = (
    "configmap/default/env changes and deployment/default/web reads it by environment: its Pods keep the old values "
    'until they restart; to roll them with it set the annotation reconciler.dev/restart-on-configuration-change: "true"'
)


@pytest.mark.parametrize(
    ("text", "warnings"),
    [
        (manifests(), []),
        (manifests(env="2"), [WARNING]),
        (manifests(env="2", files="2"), [WARNING]),
        (manifests(files="2"), []),
        (manifests(key="bmV3"), [WARNING.replace("configmap/default/env", "secret/default/key")]),
        (
            manifests().replace('---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: env}\ndata: {WORD: "1"}\n', ""),
            [],
        ),
        (WEB.replace("NOTES", ""), []),
    ],
    ids=["nothing", "environment", "both", "files", "secret", "removed", "all removed"],
)
def test_a_change_that_is_read_by_environment_is_warned_of(text: str, warnings: list[str]) -> None:
    """P21: files change in place, variables do not; nothing rolls unless it is asked for."""
    cluster = started(manifests())
    answer = changed(cluster, text)
    assert list(answer.warnings) == warnings
    assert not rolls(answer)


def test_what_is_new_is_not_warned_of() -> None:
    """A workload made just now reads what is there, and configuration made just now was never read before."""
    whole = manifests()
    _, _, configuration = whole.partition("---")
    cluster = started(configuration)
    assert not changed(cluster, manifests(env="2")).warnings
    cluster = started(WEB.replace("NOTES", ""))
    assert not changed(cluster, whole).warnings
