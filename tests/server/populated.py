"""An API with something in it: an object of every kind, and a small cluster that has settled."""

from typing import Any

import msgspec
from api_double import Api

from reconciler.model.kinds import (
    KINDS,
    ContainerState,
    ContainerStateRunning,
    ContainerStatus,
    Event,
    EventSource,
    Object,
    ObjectMeta,
    ObjectReference,
    Pod,
    decode_object,
    kind_of,
)
from reconciler.model.node_report import PodReport
from reconciler.model.observed import NodeState
from reconciler.model.status import NodeStatus
from reconciler.model.times import rfc3339
from reconciler.schema.examples import EXAMPLES
from tests.planner.world import Cluster

replace = msgspec.structs.replace

START_AT = 1_700_000_000.0

SETTLED = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
      - name: api
        image: "api:1"
        ports: [{containerPort: 8080}]
        resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 128Mi}}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec:
  selector: {app: api}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: once, namespace: shop}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: once, image: "once:1"}]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: shop}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
"""


class SettledCluster(Cluster):
    """A cluster whose host tells everything of itself, and whose containers run."""

    def _state(self, node: str) -> NodeState:
        state = super()._state(node)
        assert state.observation is not None
        facts = state.observation.facts
        host = replace(
            facts.host,
            kernel="6.1.0",
            os_image="Debian GNU/Linux 12 (bookworm)",
            engine_version="20.10.24",
            agent_version="v1.33.0",
            machine_id="m-1",
            system_uuid="s-1",
            disk_bytes=2**38,
        )
        return replace(state, observation=replace(state.observation, facts=replace(facts, host=host)))

    def _pod(self, pod: Pod) -> PodReport:
        running = ContainerState(running=ContainerStateRunning(started_at=rfc3339(START_AT)))
        statuses = tuple(
            ContainerStatus(
                name=one.name, image=one.image, container_id=f"docker://{one.name}", ready=True, state=running
            )
            for one in pod.spec.containers
        )
        return replace(super()._pod(pod), container_statuses=statuses)


def populate(api: Api) -> None:
    """Put an object of every kind into an API, and an event about each."""
    for manifest in EXAMPLES.values():
        if kind_of(manifest["apiVersion"], manifest["kind"]) is not None:
            api.objects.put(decode_object(manifest))
    cluster = SettledCluster()
    cluster.now = START_AT
    cluster.report()
    cluster.push(SETTLED)
    cluster.settle()
    for stored in cluster.observed.objects.values():
        assert stored.object is not None
        api.objects.put(stored.object)
    for object in everything(api):
        if object.kind != "Event":
            api.objects.put(_event(object))
    node = NodeStatus(name="node-1", ready=True, reported_at=cluster.now)
    api.operations.current = replace(api.operations.current, nodes=(node,))
    api.operations.log_lines = (b"one line\n",)


def everything(api: Api) -> list[Any]:
    """Return all objects, by reference."""
    return [stored.object for kind in KINDS for stored in api.objects.by_kind(kind)]


def of_kind(api: Api, kind: str) -> list[Any]:
    """Return the objects of a kind."""
    return [object for object in everything(api) if object.kind == kind]


def _event(object: Object) -> Event:
    metadata = object.metadata
    at = rfc3339(START_AT)
    about = ObjectReference(
        api_version=object.api_version,
        kind=object.kind,
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        resource_version=metadata.resource_version,
    )
    return Event(
        metadata=ObjectMeta(name=f"{object.kind.lower()}.{metadata.name}", namespace=metadata.namespace or "default"),
        involved_object=about,
        reason="Seen",
        message=f"{object.kind} was seen",
        source=EventSource(component="controller", host="node-1"),
        first_timestamp=at,
        last_timestamp=at,
    )
