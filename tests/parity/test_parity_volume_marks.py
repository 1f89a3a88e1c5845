"""What the volume controller writes into the metadata of volumes and claims is what upstream's writes."""

from typing import Any, cast

from reconciler.model.kinds import PersistentVolume
from reconciler.model.provider import PROVIDER_PROVISIONER
from reconciler.planner.storage.claims import sync_claims
from reconciler.planner.storage.classes import LOCAL_PROVISIONER
from reconciler.planner.storage.volumes import PROVISIONED_BY
from tests.parity.rows import NotTranslated, compare
from tests.parity.volumes import REFUSED_DISKS, claim_of, view_of, volume_of

Case = dict[str, Any]
_IN_TREE, _MIGRATED = "kubernetes.io/", "pv.kubernetes.io/migrated-to"


def maker(annotations: dict[str, str]) -> str:
    """Return who made a row's volume, in our words: the cluster, whose volumes may be handed to a driver, or others."""
    name = annotations.get(PROVISIONED_BY, "")
    if not name.startswith(_IN_TREE):
        return name
    return PROVIDER_PROVISIONER if _MIGRATED in annotations else LOCAL_PROVISIONER


def is_guarded(case: Case) -> bool:
    """Judge a row with a volume: its finalizers after the controller has looked at it."""
    row = case["initialVolume"]
    annotations = case.get("volumeAnnotations") or row["metadata"].get("annotations") or {}
    if annotations:
        annotations = {**annotations, PROVISIONED_BY: maker(annotations)}
    spec = {name: part for name, part in row["spec"].items() if name not in REFUSED_DISKS}
    before = volume_of({**row, "metadata": {**row["metadata"], "annotations": annotations}, "spec": spec})
    view = view_of(before)
    sync_claims(view)
    after = cast(PersistentVolume, view.of_kind("PersistentVolume")[0].object).metadata.finalizers
    is_changed = after != before.metadata.finalizers
    return after == tuple(case.get("expVolumeFinalizers") or ()) and is_changed == case.get("expModified", False)


def is_annotated(case: Case) -> bool:
    """Judge a row with the annotations of a claim and of its volume."""
    if _MIGRATED in str(case):
        raise NotTranslated  # no driver here takes over what another one has made
    given, wanted = (case.get(f"{one}Annotations") or {} for one in ("volume", "expVolume"))
    given_claim, wanted_claim = (case.get(f"{one}Annotations") or {} for one in ("claim", "expClaim"))
    place = {"namespace": "default", "name": "c", "uid": "c"}
    volume = volume_of(
        {
            "metadata": {"name": "v", "annotations": given},
            "spec": {"capacity": {"storage": "1Gi"}, "claimRef": place},
            "status": {"phase": "Bound"},
        }
    )
    spec = {"volumeName": "v", "resources": {"requests": {"storage": "1Gi"}}}
    claim = claim_of({"metadata": {**place, "annotations": given_claim}, "spec": spec, "status": {"phase": "Bound"}})
    view = view_of(claim, volume)
    sync_claims(view)
    found = [
        view.of_kind(kind)[0].object.metadata.annotations for kind in ("PersistentVolume", "PersistentVolumeClaim")
    ]
    return found == [wanted, wanted_claim]


def test_volumes_bear_the_marks_of_upstreams() -> None:
    """Finalizers by who made them and their reclaim policy; annotations stay."""
    tables = {"TestModifyDeletionFinalizers": is_guarded, "TestAnnealMigrationAnnotations": is_annotated}
    compare("pkg_controller_volume_persistentvolume", tables)
