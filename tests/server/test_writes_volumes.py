"""A person gives a released volume free by taking its `claimRef` away; nothing else of a volume is written here."""

from __future__ import annotations

from typing import Any, cast

import pytest
from api_double import Api
from msgspec.structs import replace
from writing import JSON, change_of, patch

from reconciler.model.kinds import (
    HostPathVolumeSource,
    ObjectMeta,
    ObjectReference,
    PersistentVolume,
    PersistentVolumeSpec,
    PersistentVolumeStatus,
)
from reconciler.model.overrides import Override

VOLUME = "/api/v1/persistentvolumes/v1"
REMOVE = [{"op": "remove", "path": "/spec/claimRef"}]


def put_volume(api: Api, phase: Any) -> None:
    """Put a volume that has had a claim."""
    claim = ObjectReference(kind="PersistentVolumeClaim", namespace="shop", name="data", uid="u-1")
    spec = PersistentVolumeSpec(
        capacity={"storage": "1Gi"},
        access_modes=("ReadWriteOnce",),
        host_path=HostPathVolumeSource(path="/mnt/v1"),
        claim_ref=claim,
    )
    api.objects.put(
        PersistentVolume(metadata=ObjectMeta(name="v1"), spec=spec, status=PersistentVolumeStatus(phase=phase))
    )


def obey(api: Api) -> None:
    """Have the volume forget its claim at once, as the controller does."""

    def act(change: Override) -> None:
        stored = api.objects.get(change.ref)
        assert stored is not None
        volume = cast(PersistentVolume, stored.object)
        api.objects.put(replace(volume, spec=replace(volume.spec, claim_ref=None)))

    api.operations.on_override = act


def test_a_released_volume_is_given_free(api: Api) -> None:
    """The answer is the volume without its claim; what is written down names the claim that is forgotten."""
    put_volume(api, "Released")
    obey(api)
    answer = patch(api, VOLUME, JSON, REMOVE)
    assert answer.code == 200 and "claimRef" not in answer.document["spec"]
    change = change_of(api)
    assert (change.freed, change.ref.name) == ("u-1", "v1") and change.by


@pytest.mark.parametrize(
    ("phase", "body"),
    [
        ("Bound", REMOVE),
        ("Released", [{"op": "replace", "path": "/spec/claimRef/name", "value": "other"}]),
        ("Released", [*REMOVE, {"op": "replace", "path": "/spec/capacity/storage", "value": "2Gi"}]),
    ],
)
def test_nothing_else_of_a_volume_is_written(api: Api, phase: str, body: list[dict[str, Any]]) -> None:
    """Not what is bound, not for whom it is kept, not its size."""
    put_volume(api, phase)
    assert patch(api, VOLUME, JSON, body).code in (405, 409)
    assert not [call for call in api.operations.calls if call[0] == "override"]
