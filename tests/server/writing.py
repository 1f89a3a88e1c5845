"""What tests of writes put into the API, ask of it, and find that it was asked for."""

from __future__ import annotations

import json
from typing import Any

from api_double import COMMIT, Api
from msgspec.structs import replace
from web import Answer, ask

from reconciler.model.desired import Provenance
from reconciler.model.kinds import (
    Container,
    Deployment,
    DeploymentSpec,
    LabelSelector,
    Node,
    NodeSpec,
    ObjectMeta,
    OwnerReference,
    PodSpec,
    PodTemplateSpec,
    ReplicaSet,
    ReplicaSetSpec,
)
from reconciler.model.overrides import RESTARTED_AT, Override
from reconciler.model.times import rfc3339

PLACE = Provenance(source="main", commit=COMMIT, file="apps/web.yaml", line=7)
WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
ZONE = "topology.kubernetes.io/zone"
NODE = "/api/v1/nodes/node-1"
PODS = "/api/v1/namespaces/shop/pods"
JSON, MERGE, STRATEGIC = (f"application/{one}+json" for one in ("json-patch", "merge-patch", "strategic-merge-patch"))
NOW = "2026-01-01T10:00:00+01:00"
REVISION = "deployment.kubernetes.io/revision"


def template(image: str, **annotations: str) -> PodTemplateSpec:
    """Return a Pod template of one container."""
    metadata = ObjectMeta(labels={"app": "web"}, annotations=annotations)
    return PodTemplateSpec(metadata=metadata, spec=PodSpec(containers=(Container(name="web", image=image),)))


def put_web(api: Api) -> None:
    """Put a Deployment of Git with its second revision, and both ReplicaSets."""
    selector = LabelSelector(match_labels={"app": "web"})
    metadata = ObjectMeta(name="web", namespace="shop", annotations={REVISION: "2", "team": "a"})
    spec = DeploymentSpec(selector=selector, template=template("web:2"), replicas=3)
    api.objects.put(Deployment(metadata=metadata, spec=spec), provenance=PLACE)
    for number, image in ((1, "web:1"), (2, "web:2")):
        put_set(api, number, template(image))


def put_set(api: Api, number: int, of: PodTemplateSpec) -> None:
    """Put a ReplicaSet of the Deployment web."""
    labels = {**of.metadata.labels, "pod-template-hash": f"h{number}"}
    owner = OwnerReference(api_version="apps/v1", kind="Deployment", name="web", uid="u-1", controller=True)
    metadata = ObjectMeta(
        name=f"web-h{number}",
        namespace="shop",
        labels=labels,
        annotations={REVISION: str(number), "team": "a"},
        owner_references=(owner,),
    )
    hashed = replace(of, metadata=replace(of.metadata, labels=labels))
    spec = ReplicaSetSpec(selector=LabelSelector(match_labels=labels), template=hashed)
    api.objects.put(ReplicaSet(metadata=metadata, spec=spec), manager="u-1")


def put_node(api: Api, **spec: Any) -> None:
    """Put the node node-1."""
    api.objects.put(Node(metadata=ObjectMeta(name="node-1"), spec=NodeSpec(**spec)), manager="api")


def obey(api: Api) -> None:
    """Have overrides written through at once, as the controller does."""

    def act(change: Override) -> None:
        stored = api.objects.get(change.ref)
        assert stored is not None
        object: Any = stored.object
        if change.ref.kind == "Node":
            taints = object.spec.taints if change.taints is None else change.taints
            cordoned = object.spec.unschedulable if change.unschedulable is None else change.unschedulable
            labels = {**object.metadata.labels, **(change.labels or {})}
            labels = {key: value for key, value in labels.items() if value is not None}
            metadata = replace(object.metadata, labels=labels)
            object = replace(object, metadata=metadata, spec=NodeSpec(unschedulable=cordoned, taints=taints))
        elif change.delete_at is not None:
            gone = replace(object.metadata, deletion_timestamp=rfc3339(change.delete_at))
            object = replace(object, metadata=replace(gone, deletion_grace_period_seconds=change.grace_s))
        elif change.restarted_at:
            object = replace(object, spec=replace(object.spec, template=template("web:2", **{RESTARTED_AT: NOW})))
        elif change.paused is not None:
            object = replace(object, spec=replace(object.spec, paused=change.paused))
        else:
            object = replace(object, spec=replace(object.spec, template=template("web:1")))
        api.objects.put(object, manager=stored.manager, provenance=stored.provenance)

    api.operations.on_override = act


def patch(api: Api, path: str, kind: str, body: Any) -> Answer:
    """Send a patch."""
    return ask(api.path, "PATCH", path, json.dumps(body).encode(), Content_Type=kind)


def change_of(api: Api) -> Override:
    """Return the override that was asked for, the only one."""
    changes = [call[1] for call in api.operations.calls if call[0] == "override"]
    assert len(changes) == 1
    change = changes[0]
    assert isinstance(change, Override)
    return change


def restart() -> dict[str, Any]:
    """Return what `kubectl rollout restart` sends."""
    return {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: NOW}}}}}


def undo(api: Api, number: int) -> list[dict[str, Any]]:
    """Return what `kubectl rollout undo` sends: template and annotations of the revision."""
    found = api.client.get(f"/apis/apps/v1/namespaces/shop/replicasets/web-h{number}")
    wanted = found["spec"]["template"]
    del wanted["metadata"]["labels"]["pod-template-hash"]
    annotations = {REVISION: "2", "team": "a"}
    return [
        {"op": "replace", "path": "/spec/template", "value": wanted},
        {"op": "replace", "path": "/metadata/annotations", "value": annotations},
    ]
