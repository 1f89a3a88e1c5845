"""Sources of volumes, claims and volumes of the cluster get the verdict of the Kubernetes API."""

from collections.abc import Callable
from typing import Any

from tests.parity.rows import compare, parity_rows
from tests.parity.test_parity_pods import is_refused
from tests.parity.test_parity_validation import Judge, manifest

Case = dict[str, Any]
_PACKAGE = "pkg_apis_core_validation"


class Volumes:
    """Judges rows about volumes."""

    def __init__(self) -> None:
        self.judge = Judge()

    def in_pod(self, source: str, named: str) -> Callable[[Case], bool]:
        """Return a judge of one source of a Pod's volume."""

        def judged(case: Case) -> bool:
            volume = {"name": "v", **manifest({source: case[named]})}
            spec = {"containers": [{"name": "a", "image": "b"}], "volumes": [volume]}
            is_valid = not case.get("errtype") and not is_refused(case)
            return self.judge.verdict({"apiVersion": "v1", "kind": "Pod", "spec": spec}, is_valid)

        return judged

    def of_cluster(self, source: str, named: str) -> Callable[[Case], bool]:
        """Return a judge of one source of a volume of the cluster."""

        def judged(case: Case) -> bool:
            return self._volume(manifest({source: case[named]}), not case.get("errtype"))

        return judged

    def secret(self, case: Case) -> bool:
        """Judge a row with the secret of a source, named with its namespace: that of a driver stands for all."""
        reference = manifest(case["args"]["secretRef"])
        source = manifest({"CSI": {"Driver": "any.example.com", "VolumeHandle": "v", "NodeStageSecretRef": reference}})
        return self._volume(source, not is_refused(case))

    def _volume(self, source: Case, is_valid: bool) -> bool:
        spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], **source}
        return self.judge.verdict({"apiVersion": "v1", "kind": "PersistentVolume", "spec": spec}, is_valid)

    def scratch(self, case: Case) -> bool:
        """Judge a row with an admitted source of a Pod's volume."""
        volume = {"name": "v", **manifest(case)}
        spec = {"containers": [{"name": "a", "image": "b"}], "volumes": [volume]}
        return self.judge.verdict({"apiVersion": "v1", "kind": "Pod", "spec": spec}, True)

    def sourced(self, case: Case) -> bool:
        """Judge a row with a claim that is to be filled from something."""
        return self._claim(case["claimSpec"], not case.get("expectedFail"))

    def snapshot(self, case: Case) -> bool:
        """Judge a row of a table whose first row alone is admitted: the others lack the kind or the name."""
        rows = [row["case"] for row in parity_rows(_PACKAGE) if row["test"] == "TestAlphaVolumeSnapshotDataSource"]
        return self._claim(case, case == rows[0])

    def _claim(self, spec: Case, is_valid: bool) -> bool:
        claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **manifest({"Spec": spec})}
        return self.judge.verdict(claim, is_valid)


def test_volumes_are_admitted_as_upstream_admits_them() -> None:
    """Sources that are refused by name are refused where upstream refuses what they say."""
    of = Volumes()
    tables: dict[str, Callable[[Any], bool]] = {
        "TestValidateNFSVolumeSource": of.in_pod("NFS", "nfs"),
        "TestValidateGlusterfs": of.in_pod("Glusterfs", "gfs"),
        "TestValidateGlusterfsPersistentVolumeSource": of.of_cluster("Glusterfs", "gfs"),
        "TestValidateCSIVolumeSource": of.in_pod("CSI", "csi"),
        "TestValidateCSIPersistentVolumeSource": of.of_cluster("CSI", "csi"),
        "TestValidateFlexVolumeSource": of.in_pod("FlexVolume", "source"),
        "TestValidatePVSecretReference": of.secret,
        "TestAlphaLocalStorageCapacityIsolation": of.scratch,
        "TestAlphaVolumeSnapshotDataSource": of.snapshot,
        "TestAlphaVolumePVCDataSource": of.sourced,
        "TestAnyDataSource": of.sourced,
        "TestCrossNamespaceSource": of.sourced,
    }
    compare(_PACKAGE, tables, lambda row: of.judge.not_implemented)
