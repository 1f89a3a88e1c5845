"""Containers and the parts of Pods around them get the verdict of the Kubernetes API, each in a Pod that is plain."""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from reconciler.model.kinds import Pod, decode_object
from reconciler.planner.updates.ephemeral import ephemeral_faults
from tests.parity.rows import compare
from tests.parity.test_parity_ephemeral import pod as debugged
from tests.parity.test_parity_pods import Pods, is_refused
from tests.parity.test_parity_validation import Judge, manifest, pod_manifest, problems_of

Case = dict[str, Any]
_PACKAGE = "pkg_apis_core_validation"
# These tables say nothing of their verdicts: so many of their rows, the first ones, are those that are admitted.
_ADMITTED = {
    "TestValidateProbe": 3,
    "TestValidateHandler": 4,
    "TestValidateRestartPolicy": 2,
    "TestValidateDNSPolicy": 2,
    "TestValidatePodReadinessGates": 3,
    "TestValidateDynamicResourceAllocation": 4,
}
_DEVICES = {"xyz": "/foofoo", "uvw": "/mnt/exists"}
_MOUNTED = [{"Name": name, "VolumeSource": {"EmptyDir": {}}} for name in ("abc", "123", "abc-123", "def", *_DEVICES)]
_CONTAINER = {"Name": "ctr", "Image": "image"}


class Leading:
    """Tells the first rows of a table from those after them: `compare` hands rows over in the order of the table."""

    def __init__(self, count: int) -> None:
        self.left = count

    def __call__(self) -> bool:
        """Whether this row is one of the first."""
        self.left -= 1
        return self.left >= 0


class Containers:
    """Judges rows about containers."""

    def __init__(self) -> None:
        self.pods = Pods()
        self.leads = {test: Leading(count) for test, count in _ADMITTED.items()}

    @property
    def judge(self) -> Judge:
        """The judge of manifests."""
        return self.pods.judge

    def ports(self, case: Case) -> bool:
        """Judge a row with refused ports."""
        return self.pods.container({"Ports": case["P"]}, False)

    def variable(self, case: Case) -> bool:
        """Judge a row with one admitted variable."""
        return self.pods.container({"Env": [case]}, True)

    def mounts(self, case: list[Case]) -> bool:
        """Judge a row with refused mounts, in a container that has two of the volumes as devices."""
        devices = [
            {"Name": name, "DevicePath": path}
            for name, path in _DEVICES.items()
            if any(mount.get("Name") in _DEVICES for mount in case)
        ]
        container = {"VolumeMounts": case, **({"VolumeDevices": devices} if devices else {})}
        return self.pods.container(container, False, Volumes=_MOUNTED)

    def devices(self, case: list[Case]) -> bool:
        """Judge a row with refused devices."""
        return self.pods.container({"VolumeDevices": case}, False, Volumes=_MOUNTED)

    def plain_probe(self, case: Case) -> bool:
        """Judge a row with a probe of any sort."""
        return self.pods.container({"ReadinessProbe": case}, self.leads["TestValidateProbe"]())

    def probe(self, case: Case) -> bool:
        """Judge a row with a probe that may end a container."""
        return self.pods.container({"LivenessProbe": case["args"]["probe"]}, not case["want"])

    def handler(self, case: Case) -> bool:
        """Judge a row with what a probe does."""
        probe = {"ProbeHandler": case}
        return self.pods.container({"LivenessProbe": probe}, self.leads["TestValidateHandler"]())

    def pull_policy(self, case: Case) -> bool:
        """Judge a row with an admitted policy of pulling."""
        return self.pods.container({**case["Container"], "Name": "ctr"}, True)

    def ephemeral(self, case: Case) -> bool:
        """Judge a row with containers for debugging, which are added to a Pod that runs."""
        rest = {"Containers": [_CONTAINER], "InitContainers": [{**_CONTAINER, "Name": "ictr"}]}
        added = case["ephemeralContainers"]
        old, new = (debugged({"Spec": {**rest, "EphemeralContainers": one}}) for one in ([], added))
        return self.is_taken(old, new) == (not is_refused(case))

    @staticmethod
    def is_taken(old: Pod, new: Pod) -> bool:
        """Whether a Pod can be read, as the API reads one, and has what may be added to the old one."""
        try:
            decode_object({**msgspec.to_builtins(new), "apiVersion": "v1", "kind": "Pod"})
        except msgspec.ValidationError:
            return False
        return not list(ephemeral_faults(old, new))

    def of_system(self, name: str, field: str) -> Callable[[Case], bool]:
        """Return a judge of security contexts in Pods of one operating system."""

        def judged(case: Case) -> bool:
            spec = {**case[field], "OS": {"Name": name}}
            containers = [{**_CONTAINER, **one} for one in spec.pop("Containers", [{}])]
            return self.pods.spec({**spec, "Containers": containers}, not is_refused(case))

        return judged

    def restart_policy(self, case: str) -> bool:
        """Judge a row with a policy of the whole Pod."""
        return self.pods.spec({"RestartPolicy": case}, self.leads["TestValidateRestartPolicy"]())

    def dns_policy(self, case: str) -> bool:
        """Judge a row with where names are asked for."""
        return self.pods.spec({"DNSPolicy": case}, self.leads["TestValidateDNSPolicy"]())

    def readiness_gates(self, case: Case) -> bool:
        """Judge a row with more conditions of readiness."""
        is_valid = self.leads["TestValidatePodReadinessGates"]()
        return self.pods.spec({"ReadinessGates": case["readinessGates"]}, is_valid)

    def pod(self, case: Case) -> bool:
        """Judge a row with a whole Pod, as it is when it is made."""
        return self.judge.verdict(
            pod_manifest(case["pod"]), not case.get("wantFieldErrors") and not case.get("wantErrs")
        )

    def whole_resources(self, case: Case) -> bool:
        """Judge a row with resources of the Pod as a whole."""
        containers = [{**_CONTAINER, "Name": f"c{n}", **one} for n, one in enumerate(case.get("containers", [{}]))]
        return self.pods.spec({"Resources": case["podResources"], "Containers": containers}, not is_refused(case))

    def whole_resource_name(self, case: Case) -> bool:
        """Judge a row with the name of a resource of the Pod as a whole."""
        resources = {"Limits": {"cpu": "1", case.get("input", ""): "1Gi"}}
        return self.pods.spec({"Resources": resources}, not case.get("expectedFailure"))

    def overhead(self, case: Case) -> bool:
        """Judge a row with what a Pod needs besides its containers; some names say that a row is refused."""
        return self.pods.spec({"Overhead": case["overhead"]}, not case["Name"].startswith("Invalid"))

    def seccomp(self, case: Case) -> bool:
        """Judge a row with an old annotation and the field that took its place."""
        return self._confined("seccomp.security.alpha", "annotationValue", case, not case.get("expectedErr"))

    def app_armor(self, case: Case) -> bool:
        """Judge a row with the profile of an old annotation."""
        return self._confined("apparmor.security.beta", "profile", {"profile": "", **case}, bool(case["expectValid"]))

    def _confined(self, key: str, named: str, case: Case, is_valid: bool) -> bool:
        value = {f"container.{key}.kubernetes.io/ctr": case[named]} if named in case else {}
        context = {"SecurityContext": {"SeccompProfile": case["seccompField"]}} if "seccompField" in case else {}
        pod = {"ObjectMeta": {"name": "x", "annotations": value}, "Spec": {"Containers": [{**_CONTAINER, **context}]}}
        return self.judge.verdict(pod_manifest(pod), is_valid)

    def template(self, case: Case) -> bool:
        """Judge a row with the template of Pods."""
        of_rows = case["spec"]
        spec = pod_manifest({"Spec": of_rows["Spec"]})["spec"]
        metadata = {"labels": {"a": "b"}, **manifest(of_rows["ObjectMeta"])}
        body = {"template": {"metadata": metadata, "spec": spec}}
        document = {"apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "x"}, "spec": body}
        return (not problems_of(document)) == (not case.get("expectedErr"))

    def file_keys(self, case: Case) -> bool:
        """Judge a row with variables that files hold."""
        spec = dict(case["podSpec"])
        for field in ("Containers", "InitContainers"):
            if field in spec:
                spec[field] = [{**_CONTAINER, "Name": field.lower(), **one} for one in spec[field]]
        added = spec.pop("EphemeralContainers", [])
        is_valid = not is_refused(case)
        if not added:
            return self.pods.spec(spec, is_valid)
        rest = {name: one for name, one in spec.items() if name != "Volumes"}
        old, new = (debugged({"Spec": {**rest, "EphemeralContainers": one}}) for one in ([], added))
        return self.pods.spec(spec, True) and (not list(ephemeral_faults(old, new))) == is_valid

    def claims(self, case: Case) -> bool:
        """Judge a row with devices that a Pod claims."""
        pod = {**case, "ObjectMeta": {"name": "x", **case["ObjectMeta"]}}
        return self.judge.verdict(pod_manifest(pod), self.leads["TestValidateDynamicResourceAllocation"]())

    def windows(self, case: Case) -> bool:
        """Judge a row with settings that only another system has."""
        options = {"WindowsOptions": case["windowsOptions"]} if "windowsOptions" in case else {}
        return self.pods.spec({"SecurityContext": options}, not case.get("expectedErrorSubstring"))


_WHY: tuple[tuple[str, str], ...] = (
    (r"protocol required", "the fault is in a field that defaults fill before the API validates"),
)


def test_containers_are_admitted_as_upstream_admits_them() -> None:
    """Ports, probes, mounts, policies, contexts, resources, annotations."""
    of = Containers()
    tables: dict[str, Callable[[Any], bool]] = {
        "TestValidatePorts": of.ports,
        "TestLocalStorageEnvWithFeatureGate": of.variable,
        "TestHugePagesEnv": of.variable,
        "TestValidateVolumeMounts": of.mounts,
        "TestAlphaValidateVolumeDevices": of.devices,
        "TestValidateProbe": of.plain_probe,
        "Test_validateProbe": of.probe,
        "TestValidateHandler": of.handler,
        "TestValidatePullPolicy": of.pull_policy,
        "TestValidateEphemeralContainers": of.ephemeral,
        "TestValidateWindowsPodSecurityContext": of.of_system("windows", "podSec"),
        "TestValidateLinuxPodSecurityContext": of.of_system("linux", "podSpec"),
        "TestValidateWindowsSecurityContext": of.of_system("windows", "sc"),
        "TestValidateLinuxSecurityContext": of.of_system("linux", "sc"),
        "TestValidateSecurityContext": of.pods.capabilities,
        "TestValidateWindowsSecurityContextOptions": of.windows,
        "TestValidateRestartPolicy": of.restart_policy,
        "TestValidateDNSPolicy": of.dns_policy,
        "TestValidatePodReadinessGates": of.readiness_gates,
        "TestValidatePodCreateWithSchedulingGates": of.pod,
        "TestValidateSELinuxChangePolicy": of.pod,
        "TestValidatePodResources": of.whole_resources,
        "TestValidatePodResourceConsistency": of.whole_resources,
        "TestValidatePodResourceNames": of.whole_resource_name,
        "TestValidateOverhead": of.overhead,
        "TestValidateSeccompAnnotationsAndFieldsMatch": of.seccomp,
        "TestValidatePodTemplateSpecSeccomp": of.template,
        "TestValidateAppArmorProfileFormat": of.app_armor,
        "TestValidateFileKeyRefVolume": of.file_keys,
        "TestValidateDynamicResourceAllocation": of.claims,
    }

    def purpose(row: dict[str, Any]) -> str:
        text = f"{row['name']} {row['case']}".replace("'", '"')
        return next((reason for pattern, reason in _WHY if re.search(pattern, text)), "") or of.judge.not_implemented

    compare(_PACKAGE, tables, purpose)
