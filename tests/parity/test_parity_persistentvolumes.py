"""Claims find their volumes as in upstream's volume controller."""

from typing import Any

from reconciler.model.kinds import PersistentVolume, PersistentVolumeClaim
from reconciler.planner.storage.volumes import find_volume, why_unfit
from tests.parity.rows import NotTranslated, compare
from tests.parity.volumes import claim_of, volume_of

PACKAGE = "pkg_controller_volume_persistentvolume"
ONE, READ, MANY = "ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany"
# The volumes that the claims of the rows choose among: name, size, class, access modes.
AMONG: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("gce-pd-1", "1G", "", (ONE, READ)),
    ("gce-pd-10", "10G", "", (ONE, READ)),
    ("gce-pd-20", "20G", "", (ONE, READ)),
    ("nfs-1", "1G", "", (ONE, READ, MANY)),
    ("nfs-5", "5G", "", (ONE, READ, MANY)),
    ("nfs-10", "10G", "", (ONE, READ, MANY)),
    ("gce-pd-2", "20000G", "", (ONE,)),
    ("gce-pd-silver1", "10000G", "silver", (ONE,)),
    ("gce-pd-silver2", "100G", "silver", (ONE,)),
    ("gce-pd-gold", "50G", "gold", (ONE,)),
    ("local-pd-very-large", "5E", "large", (ONE,)),
)
MARKED = ("gce-pd-2", "gce-pd-silver1")


def volumes() -> list[PersistentVolume]:
    """Return the volumes that are there."""
    return [
        volume_of(
            {
                "metadata": {"name": name, "labels": {"should-exist": "true"} if name in MARKED else {}},
                "spec": {"capacity": {"storage": size}, "storageClassName": class_, "accessModes": modes},
                "status": {"phase": "Available"},
            }
        )
        for name, size, class_, modes in AMONG
    ]


def match(case: dict[str, Any]) -> bool:
    """Judge a row about which volume a claim gets."""
    claim = claim_of(case["claim"])
    found = find_volume(claim, claim.spec.storage_class_name or "", volumes())
    return (found.metadata.name if found is not None else "") == case.get("expectedMatch", "")


def in_use(case: dict[str, Any]) -> bool:
    """Judge a row about a volume that ends."""
    return _matches(claim_of(case["pvc"]), volume_of(case["vol"])) == case.get("isExpectedMatch", False)


def modes(case: dict[str, Any]) -> bool:
    """Judge a row about the access modes of a claim, of which the volume has two."""
    claim = claim_of(case["claim"])
    spec = {"capacity": {"storage": "100G"}, "accessModes": [ONE, MANY]}
    volume = volume_of({"metadata": {"name": "v"}, "spec": spec})
    return (not why_unfit(volume, claim, "")) == case.get("shouldSucceed", False)


def volume_mode(case: dict[str, Any]) -> bool:
    """Judge a row about the volume modes of a claim and a volume."""
    return _matches(claim_of(case["pvc"]), volume_of(case["vol"])) != case.get("isExpectedMismatch", False)


def _matches(claim: PersistentVolumeClaim, volume: PersistentVolume) -> bool:
    return find_volume(claim, claim.spec.storage_class_name or "", [volume]) is not None


def test_claims_find_the_volumes_that_upstream_finds() -> None:
    """The smallest that fits, by class, selector and access modes; never one that ends."""

    judges = {
        "TestMatchVolume": match,
        "TestVolumeModeCheck": volume_mode,
        "TestStorageObjectInUseProtectionFiltering": in_use,
        "TestCheckAccessModes": modes,
    }
    rows = {name: _data_only(judge) for name, judge in judges.items()}
    compare(PACKAGE, rows)


def _data_only(judge: Any) -> Any:
    def judged(case: dict[str, Any]) -> bool:
        if "<func>" in str(case):
            raise NotTranslated
        return bool(judge(case))

    return judged
