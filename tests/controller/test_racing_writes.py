"""What somebody else writes while a tick plans is looked at, and never written over."""

from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace

from reconciler.model.errors import StaleError
from reconciler.model.kinds import (
    Node,
    ObjectMeta,
    ObjectReference,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    StorageClass,
    ref_of,
)
from reconciler.model.refs import ObjectRef
from reconciler.planner.storage.volumes import SELECTED_NODE
from tests.controller.racing import Race, race
from tests.planner.reading import read

CLAIM, VOLUME = (
    ObjectRef.of("PersistentVolumeClaim", "default", "data"),
    ObjectRef(kind="PersistentVolume", name="disk"),
)
SPEC = "storageClassName: none, accessModes: [ReadWriteOnce]"
DISK = read("PersistentVolume", name="disk", spec=f"{SPEC}, capacity: {{storage: 1Gi}}, hostPath: {{path: /mnt}}")
DATA = read("PersistentVolumeClaim", name="data", spec=f"{SPEC}, resources: {{requests: {{storage: 1Gi}}}}")


def _disk() -> Any:
    return replace(DISK, metadata=replace(DISK.metadata, namespace=""))


def _claim_of(one: Race) -> str:
    reference = cast(PersistentVolume, one.objects[VOLUME].object).spec.claim_ref
    return reference.name if reference is not None else ""


def test_a_volume_that_was_given_away_meanwhile_stays_with_whom_it_was_given_to(tmp_path: Path) -> None:
    """Nothing of that tick is written; the next one knows."""
    with race(tmp_path / "db", _disk(), DATA) as one:
        given = replace(_disk().spec, claim_ref=ObjectReference(kind="PersistentVolumeClaim", name="mine"))
        one.write(replace(_disk(), spec=given))
        with pytest.raises(StaleError, match="has been modified"):
            one.tick()
        assert _claim_of(one) == "mine"
        assert not cast(PersistentVolumeClaim, one.objects[CLAIM].object).spec.volume_name
        one.look()
        one.tick()
        assert _claim_of(one) == "mine"


def test_labels_that_a_claim_got_meanwhile_stay(tmp_path: Path) -> None:
    """And it is bound by the next tick."""
    with race(tmp_path / "db", _disk(), DATA) as one:
        one.write(replace(DATA, metadata=replace(DATA.metadata, labels={"kept": "yes"})))
        with pytest.raises(StaleError, match="has been modified"):
            one.tick()
        assert _claim_of(one) == ""
        one.look()
        one.tick()
        claim = cast(PersistentVolumeClaim, one.objects[CLAIM].object)
        assert (claim.spec.volume_name, claim.metadata.labels) == ("disk", {"kept": "yes"})


def test_a_pod_does_not_go_where_its_volume_is_not_to_be_made_any_more(tmp_path: Path) -> None:
    """Somebody holds its claim to another node meanwhile: it is not placed, and waits for that node from then on."""
    late = StorageClass(
        metadata=ObjectMeta(name="late"),
        provisioner="reconciler.dev/local",
        volume_binding_mode="WaitForFirstConsumer",
    )
    data = replace(DATA, spec=replace(DATA.spec, storage_class_name="late"))
    volumes = "volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]"
    pod = read("Pod", name="web", spec=f"containers: [{{name: c, image: i}}], {volumes}")
    with race(tmp_path / "db", Node(metadata=ObjectMeta(name="node-a")), late, data, pod) as one:
        held = replace(data.metadata, annotations={SELECTED_NODE: "node-b"})
        one.write(replace(data, metadata=held))
        with pytest.raises(StaleError, match="has been modified"):
            one.tick()
        one.look()
        one.tick()
        web, kept = (one.objects[ref_of(each)].object for each in (pod, data))
        assert not cast(Pod, web).spec.node_name
        assert kept.metadata.annotations[SELECTED_NODE] == "node-b"


TEMPLATE = "metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i}]}"
WEB = f"replicas: 0, selector: {{matchLabels: {{app: web}}}}, template: {{{TEMPLATE}}}"


def test_a_label_that_a_deployment_got_meanwhile_stays(tmp_path: Path) -> None:
    """The tick would write the number of its revision."""
    web = read("Deployment", name="web", spec=WEB)
    with race(tmp_path / "db", web) as one:
        one.write(replace(web, metadata=replace(web.metadata, labels={"kept": "yes"})))
        with pytest.raises(StaleError, match="has been modified"):
            one.tick()
        one.look()
        one.tick()
        kept = one.objects[ref_of(web)].object.metadata
        assert kept.labels == {"kept": "yes"}
        assert kept.annotations["deployment.kubernetes.io/revision"] == "1"


def test_what_was_kept_from_its_owners_fate_meanwhile_stays(tmp_path: Path) -> None:
    """Somebody takes the owner that is gone off a ReplicaSet, before the tick that would remove it with its owner."""
    owner = "ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: gone, uid: u, controller: true}]"
    orphan = read("ReplicaSet", name="web", metadata=owner, spec=WEB)
    with race(tmp_path / "db", orphan) as one:
        one.write(replace(orphan, metadata=replace(orphan.metadata, owner_references=())))
        with pytest.raises(StaleError, match="has been modified"):
            one.tick()
        one.look()
        one.tick()
        assert ref_of(orphan) in one.objects
