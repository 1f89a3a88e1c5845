"""Where we differ from upstream's rows on purpose, and which tables are about kinds that are refused.

`PURPOSES` is also the list in docs/PLANNING.md; a test keeps the two alike. A reason that is not in it (an adapter that
cannot spell a row, a field that is refused) counts as differing.
"""

import re
from collections.abc import Mapping

from reconciler.model.kinds import KINDS

PURPOSES: tuple[str, ...] = (
    "a Job that is deleted is gone at once, with its Pods ending after it",
    "a claim goes with what has its owner's name, so that data outlives what is made anew",
    "a cluster without a feature that is always on",
    "a quota counts all of its kinds at once: no list of them can fail",
    "a schedule that is refused at the door, or a feature that is always on",
    "a setting of the API server, not a rule",
    "a value that is refused at the door",
    "a zone in a schedule of old is not carried on",
    "addresses with leading zeros are ambiguous",
    "an absent minReplicas is its default",
    "an absent reclaim policy and volume mode are their defaults",
    "an absent volume mode is its default",
    "an empty policy is refused at the door",
    "built in memory beyond the cap of 2^63-1, which no text reaches",
    "defaults fill the policies before the API validates",
    "our hashes have ten letters",
    "the deprecated number of a template is not kept, its hash is",
    "the fault is in a field that defaults fill before the API validates",
    "the server does not shorten addresses",
    "the server sends the column of every row",
    "the strict form of old releases; names of variables are relaxed now",
    "there is no super user besides system:masters",
    "upstream's tests run with other settings than its defaults",
)

# Tables about a kind that no repository may have: package, table, kind.
_REFUSED: tuple[tuple[str, str, str], ...] = (
    ("pkg_apis_networking_validation", r"TestValidateIPAddress", "IPAddress"),
    ("pkg_apis_networking_validation", r"TestValidateServiceCIDR", "ServiceCIDR"),
    ("pkg_apis_core_validation", r"TestVolumeAttributesClass$", "VolumeAttributesClass"),
    ("pkg_apis_core_validation", r"TestValidatePeristentVolumeAttributesClass", "VolumeAttributesClass"),
    ("pkg_apis_core_validation", r"TestIsKubernetesSignerName$", "CertificateSigningRequest"),
    ("pkg_apis_core_validation", r"TestValidateNodeAllocatableResourceClaimStatus$", "ResourceClaim"),
    ("pkg_apis_core_validation", r"TestValidatePodSchedulingGroup$", "PodGroup"),
    ("pkg_apis_apps_validation", r"TestValidateDeploymentRollback$", "DeploymentRollback"),
    # Volumes that are described inline stand in VolumeAttachments alone.
    ("pkg_apis_core_validation", r"TestValidatePersistentVolumeSpec$", "VolumeAttachment"),
    ("pkg_controller_job", r"Test.*(PodGroup|Workload)", "PodGroup"),
    ("pkg_scheduler", r"Test.*PodGroup|TestRunWorkloadAware", "PodGroup"),
    ("pkg_scheduler_framework_plugins_noderesources", r"Test_isSchedulableAfterDeviceClass", "DeviceClass"),
    ("pkg_scheduler_framework_plugins_noderesources", r"TestNodeMatchCaching", "ResourceSlice"),
    ("pkg_scheduler_framework_plugins_volumebinding", r"TestIsSchedulableAfterCSINode", "CSINode"),
    # Volumes of old clouds, which the CSINode says are a driver's by now.
    ("pkg_scheduler_framework_plugins_volumebinding", r"Test(FindPodVolumes|CheckBindings)WithCSIMigration", "CSINode"),
    ("pkg_scheduler_framework_plugins_volumebinding", r"TestIsSchedulableAfterCSIDriver", "CSIDriver"),
    ("pkg_scheduler_framework_plugins_volumebinding", r"TestIsSchedulableAfterCSIStorage", "CSIStorageCapacity"),
    ("pkg_printers_internalversion", r"TestPrint(PodTemplate)", "PodTemplate"),
    ("pkg_printers_internalversion", r"TestPrint(CertificateSigningRequest)", "CertificateSigningRequest"),
    ("pkg_printers_internalversion", r"TestPrint(VolumeAttributesClass)", "VolumeAttributesClass"),
    ("pkg_printers_internalversion", r"TestPrint(RuntimeClass)", "RuntimeClass"),
    ("pkg_printers_internalversion", r"TestPrint(FlowSchema)", "FlowSchema"),
    ("pkg_printers_internalversion", r"TestPrint(PriorityLevelConfiguration)", "PriorityLevelConfiguration"),
    ("pkg_printers_internalversion", r"TestPrint(DeviceClass)", "DeviceClass"),
    ("pkg_printers_internalversion", r"TestPrint(ResourceClaimTemplate)", "ResourceClaimTemplate"),
    ("pkg_printers_internalversion", r"TestPrint(ResourceClaim)$", "ResourceClaim"),
    ("pkg_printers_internalversion", r"TestPrint(ResourceSlice)", "ResourceSlice"),
    ("pkg_printers_internalversion", r"TestPrint(StorageVersion)", "StorageVersion"),
    ("pkg_printers_internalversion", r"TestPrint(ClusterTrustBundle)", "ClusterTrustBundle"),
    ("pkg_printers_internalversion", r"TestPrint(PodCertificateRequest)", "PodCertificateRequest"),
    (
        "pkg_printers_internalversion",
        r"TestPrint(ValidatingAdmissionPolicyBinding)",
        "ValidatingAdmissionPolicyBinding",
    ),
    ("pkg_printers_internalversion", r"TestPrint(ServiceCIDR)", "ServiceCIDR"),
    ("pkg_printers_internalversion", r"TestPrint(ResourcePoolStatusRequest)", "ResourcePoolStatusRequest"),
)


# Tables whose rows hold no input: upstream made it in code, or keeps it in fields that are not shown.
_WITHOUT_INPUT = frozenset(
    ("apimachinery_pkg_api_resource", test)
    for test in ("TestAmountSign", "TestBigDec", "TestDec", "TestQuantityDeepCopy")
)
# What rows have of such a kind: its objects, a Pod that belongs to one, or devices in place of what a node tells.
_PARTS: tuple[tuple[str, str], ...] = (
    ("clusterTrustBundle", "ClusterTrustBundle"),
    ("draObjects", "ResourceSlice"),
    ("draExtendedResourceEnabled", "DeviceClass"),
    ("enableDRAExtendedResource", "DeviceClass"),
    ("existingPodGroup", "PodGroup"),
    ("extendedResourceClaimStatus", "ResourceClaim"),
    ("nodeAllocatableResourceClaimStatuses", "ResourceClaim"),
    ("overhead", "RuntimeClass"),
    ("podCertificate", "PodCertificateRequest"),
    ("podGroupPods", "PodGroup"),
    ("podGroups", "PodGroup"),
    ("pgs", "PodGroup"),
    ("resourceClaimStatuses", "ResourceClaim"),
    ("resourceClaims", "ResourceClaim"),
    ("runtimeClassName", "RuntimeClass"),
    ("schedulingGroup", "PodGroup"),
    ("volumeAttributesClassName", "VolumeAttributesClass"),
)
# Tables whose rows are about such a kind unless they say that it is off.
_UNLESS_OFF: tuple[tuple[str, str, str, str], ...] = (
    ("pkg_scheduler_framework_plugins_noderesources", r"Test\w+SignPod$", "disableDRAExtendedResource", "DeviceClass"),
)


def refused_kind(package: str, test: str, case: object = None) -> str:
    """Return the refused kind that a table, or a row, is about; a kind that we have by now is not refused."""
    for of_package, pattern, kind in _REFUSED:
        if package == of_package and re.match(pattern, test):
            return kind if kind not in KINDS else ""
    for of_package, pattern, off, kind in _UNLESS_OFF:
        if package == of_package and re.match(pattern, test) and kind not in KINDS and not _has(case, off):
            return kind
    return next((kind for name, kind in _PARTS if kind not in KINDS and _has(case, name)), "")


def is_without_input(package: str, row: Mapping[str, object]) -> bool:
    """Whether a row says nothing that could be judged: its input, or all of it, is missing."""
    return "case" not in row or (package, str(row["test"])) in _WITHOUT_INPUT


def _has(part: object, name: str) -> bool:
    """Whether something of this name stands anywhere in a row, as Go or JSON spells it, and is more than nothing."""
    if isinstance(part, dict):
        return bool(part.get(name) or part.get(name[0].upper() + name[1:])) or any(
            _has(one, name) for one in part.values()
        )
    return isinstance(part, list) and any(_has(one, name) for one in part)
