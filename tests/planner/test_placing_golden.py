"""Plans that place Pods over zones as a person reads them. Refreshed by RECONCILER_UPDATE_GOLDEN=1."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.model.kinds import Node, ObjectMeta
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Plan
from reconciler.model.refs import ObjectRef
from reconciler.render.plan_document import plan_document
from reconciler.render.plan_text import plan_text
from tests.planner.world import Cluster, replace

GOLDEN = Path(__file__).parent / "golden"
ZONES = {"node-1": "east", "node-2": "east", "node-3": "west"}
MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers: [{{name: web, image: web:1}}]
{rules}"""
SPREAD = """\
      topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: topology.kubernetes.io/zone
        whenUnsatisfiable: DoNotSchedule
        labelSelector: {matchLabels: {app: web}}
"""
APART = """\
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - topologyKey: kubernetes.io/hostname
            labelSelector: {matchLabels: {app: web}}
"""


def in_zones() -> Cluster:
    """Return three nodes in two zones."""
    cluster = Cluster(nodes=tuple(ZONES))
    objects = dict(cluster.observed.objects)
    for name, zone in ZONES.items():
        ref = ObjectRef(kind="Node", name=name)
        labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone}
        node = Node(metadata=ObjectMeta(name=name, uid=name, labels=labels))
        objects[ref] = StoredObject(ref=ref, object=node, manager="api")
    cluster.observed = replace(cluster.observed, objects=objects)
    return cluster


def pushed(replicas: int, rules: str) -> Cluster:
    """Return the cluster once a Deployment is on its way."""
    cluster = in_zones()
    cluster.tick()
    cluster.push(MANIFEST.format(replicas=replicas, rules=rules))
    return cluster


def spread_over_zones() -> Plan:
    """Four Pods over two zones: two in each, though one has two nodes."""
    return pushed(4, SPREAD).plan()


def spread_and_apart() -> Plan:
    """The fourth Pod waits: its zone has no host without another, and the other zone has too many."""
    return pushed(4, SPREAD + APART).plan()


def spread_by_itself() -> Plan:
    """Without any rule, Pods of one set go to different hosts and zones all the same."""
    return pushed(3, "").plan()


SITUATIONS = (spread_over_zones, spread_and_apart, spread_by_itself)


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.__name__)
def test_golden_plan(situation: Callable[[], Plan]) -> None:
    """P13: the plan says which Pod goes where, and why one waits."""
    answer = situation()
    told = plan_text(plan_document(answer), now=answer.observed_at)
    found = f"{situation.__doc__}\n\n" + re.sub(r", \d+ unchanged", "", told)
    file = GOLDEN / f"placing-{situation.__name__.replace('_', '-')}.txt"
    if os.environ.get("RECONCILER_UPDATE_GOLDEN"):
        file.write_text(found)
    assert found == file.read_text()
