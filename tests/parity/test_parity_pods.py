"""Parts of Pods get the verdict that the Kubernetes API gives them, each in a Pod that is otherwise plain."""

import re
from collections.abc import Callable
from typing import Any

from tests.parity.rows import NotTranslated, compare
from tests.parity.test_parity_validation import Judge, manifest, pod_manifest

Case = dict[str, Any]
_REFUSALS = (
    "expecterror",
    "expectederror",
    "expectederrors",
    "expectederrs",
    "expecterr",
    "wantfielderrors",
    "wanterr",
)
_CONTAINER = {"Name": "ctr", "Image": "image"}


def is_refused(case: Case) -> bool:
    """Whether upstream refuses a row, as the rows say it in their several words."""
    return any(bool(value) for name, value in case.items() if name.lower() in _REFUSALS)


class Pods:
    """Judges parts of Pods; remembers what we do not implement."""

    def __init__(self) -> None:
        self.judge = Judge()

    def spec(self, spec: Case, is_valid: bool) -> bool:
        """Whether our verdict on a Pod of this spec is upstream's."""
        return self.judge.verdict(pod_manifest({"Spec": {"Containers": [_CONTAINER], **spec}}), is_valid)

    def container(self, container: Case, is_valid: bool, **spec: Any) -> bool:
        """Whether our verdict on a Pod with this container is upstream's."""
        return self.spec({"Containers": [{**_CONTAINER, **container}], **spec}, is_valid)

    def env(self, case: Case) -> bool:
        """Judge a row with variables."""
        if "expectedError" not in case:
            raise NotTranslated
        return self.container({"Env": case["envs"]}, False)

    def env_from(self, case: Case) -> bool:
        """Judge a row with sources of variables."""
        if "expectedError" not in case:
            raise NotTranslated
        return self.container({"EnvFrom": case["envs"]}, False)

    def file_key(self, case: Case) -> bool:
        """Judge a row with a variable that a file holds."""
        volumes = [{"Name": "volume-name", "VolumeSource": {"EmptyDir": {}}}]
        return self.container({"Env": [case["envVar"]]}, not is_refused(case), Volumes=volumes)

    def mounts(self, case: Case) -> bool:
        """Judge a row with mounts of one volume."""
        volumes = [{"Name": "abc-123", "VolumeSource": {"EmptyDir": {}}}]
        return self.container({"VolumeMounts": case["mounts"]}, not is_refused(case), Volumes=volumes)

    def propagation(self, case: Case) -> bool:
        """Judge a row with how a mount spreads."""
        volumes = [{"Name": "foo", "VolumeSource": {"HostPath": {"Path": "/foo", "Type": ""}}}]
        if "container" not in case:
            raise NotTranslated  # a mount of no container
        container = {**(case["container"] or {}), "VolumeMounts": [case["mount"]]}
        return self.container(container, not is_refused(case), Volumes=volumes)

    def init_containers(self, case: Case) -> bool:
        """Judge a row of refused init containers."""
        return self.spec({"InitContainers": case["initContainers"]}, not is_refused(case))

    def gates(self, case: Case) -> bool:
        """Judge a row with what holds a Pod back from being placed."""
        return self.spec({"SchedulingGates": case.get("schedulingGates") or []}, not is_refused(case))

    def spread(self, case: Case) -> bool:
        """Judge a row with rules of spreading; defaults fill what these rules leave out elsewhere."""
        return self.spec({"TopologySpreadConstraints": case["constraints"]}, not is_refused(case))

    def whole(self, name: str) -> Callable[[Case], bool]:
        """Return a judge of rows with a spec under a name."""

        def judged(case: Case) -> bool:
            is_valid = case["success"] if "success" in case else not is_refused(case)
            return self.spec(case.get(name) or {}, is_valid)

        return judged

    def sleep(self, case: Case) -> bool:
        """Judge a row with a pause before the end."""
        if "gracePeriod" not in case or not (case["action"].get("Seconds") or case.get("zeroValueEnabled")):
            raise NotTranslated  # no manifest is without such a time, and zero is allowed by now
        hook = {"Lifecycle": {"PreStop": {"Sleep": {"Seconds": 0, **case["action"]}}}}
        return self.container(hook, not is_refused(case), TerminationGracePeriodSeconds=case["gracePeriod"])

    def signal(self, case: Case) -> bool:
        """Judge a row with a signal that ends a container."""
        life = {"Lifecycle": {"StopSignal": case["stopsignal"]}}
        return self.container(life, not is_refused(case), **({"OS": case["os"]} if "os" in case else {}))

    def dns(self, case: Case) -> bool:
        """Judge a row with search domains; what the newest release allows is what counts."""
        if not case.get("featureEnabled"):
            raise NotTranslated
        return self.judge.dns({**case, "expectedError": is_refused(case)})

    def resize(self, case: Case) -> bool:
        """Judge a row with what a change of resources restarts."""
        container = {"ResizePolicy": case["PolicyList"]}
        policy = case.get("PodRestartPolicy") or "Always"
        return self.container(container, not is_refused(case), RestartPolicy=policy)

    def restart(self, case: Case) -> bool:
        """Judge a row with a container's own policy."""
        container = {name: case[name] for name in ("RestartPolicy", "RestartPolicyRules") if name in case}
        return self.container(container, not is_refused(case))

    def claim(self, case: Case) -> bool:
        """Judge a row with the claim of a Pod."""
        template = {"Spec": case["claim"]["Spec"]}
        volume = {"Name": "v", "VolumeSource": {"Ephemeral": {"VolumeClaimTemplate": template}}}
        return self.spec({"Volumes": [volume]}, not case.get("isExpectedFailure"))

    def volume(self, case: Case) -> bool:
        """Judge a row with a volume of one node."""
        return self.judge.persistent_volume(case)

    def pod(self, case: Case) -> bool:
        """Judge a row with a whole Pod."""
        is_valid = not (case.get("isExpectedFailure") or is_refused(case))
        return self.judge.verdict(pod_manifest(case["pod"]), is_valid)

    def capabilities(self, case: Case) -> bool:
        """Judge a row with what a container may do: all are admitted."""
        if "sc" not in case:
            raise NotTranslated
        context = manifest(case["sc"])
        return self.container({"SecurityContext": context}, "errorType" not in case)


def test_parts_of_pods_are_admitted_as_upstream_admits_them() -> None:
    """Variables, mounts, gates, spreading, signals, claims."""
    pods = Pods()
    tables: dict[str, Callable[[Case], bool]] = {
        "TestRelaxedValidateEnv": pods.env,
        "TestValidateEnvFrom": pods.env_from,
        "TestRelaxedValidateEnvFrom": pods.env_from,
        "TestValidateEnvVarValueFromFileKeyRef": pods.file_key,
        "TestValidateSubpathMutuallyExclusive": pods.mounts,
        "TestValidateDisabledSubpathExpr": pods.mounts,
        "TestValidateMountPropagation": pods.propagation,
        "TestValidateInitContainers": pods.init_containers,
        "TestValidateSchedulingGates": pods.gates,
        "TestValidateTopologySpreadConstraints": pods.spread,
        "TestValidateHostUsers": pods.whole("spec"),
        "TestValidatePodHostName": pods.whole("spec"),
        "TestValidateOS": pods.whole("podSpec"),
        "TestValidateWindowsHostProcessPod": pods.whole("podSpec"),
        "TestValidateSleepAction": pods.sleep,
        "TestValidateStopSignal": pods.signal,
        "TestValidatePodDNSConfigWithRelaxedSearchDomain": pods.dns,
        "TestValidateResizePolicy": pods.resize,
        "TestValidateContainerRestartPolicy": pods.restart,
        "TestValidateEphemeralVolume": pods.claim,
        "TestValidateLocalVolumes": pods.volume,
        "TestHugePagesIsolation": pods.pod,
    }
    compare("pkg_apis_core_validation", tables, lambda row: _reason(pods.judge, row))


def test_addresses_and_domains_are_read_as_upstream_reads_them() -> None:
    """Name servers and search domains of a Pod."""
    judge = Judge()

    def address(case: Case) -> bool:
        return judge.dns({"dnsConfig": {"Nameservers": [case.get("in", "")]}, "expectedError": "legacyErr" in case})

    def domain(case: Case) -> bool:
        return judge.dns({"dnsConfig": {"Searches": [case.get("value", "")]}, "expectedError": "expected" in case})

    def purpose(row: dict[str, Any]) -> str:
        is_octal = "leading 0s" in row["case"].get("legacyStrictErr", "")
        return "addresses with leading zeros are ambiguous" if is_octal else ""

    tables = {"TestIsValidIP": address, "TestIsDNS1123SubdomainWithUnderscore": domain}
    compare("apimachinery_pkg_util_validation", tables, purpose)


_NAMES = "names of what is referred to are not judged: what is missing is a warning"
_DEFAULTED = "the fault is in a field that defaults fill before the API validates"
_RELAXED = "the strict form of old releases; names of variables are relaxed now"
# Those that are no reasons of the list are what we do not judge as upstream yet.
_WHY: tuple[tuple[str, str], ...] = (
    (r"\.(fieldRef\.apiVersion|httpGet\.path|httpGet\.scheme): ", _DEFAULTED),
    (r"(secretRef|configMapRef)\.name: Invalid", _NAMES),
    (r"must consist of'", _RELAXED),
    (r"MatchLabel(s|Keys)|matchLabelKeys|LabelSelector", "rules of matchLabelKeys are not judged"),
    (r"restart-?[pP]olicy", "policies of containers that are no sidecars are not implemented"),
    (r"field\[0\]: Invalid value: 5", "no manifest is without a time to end in"),
)


def _reason(judge: Judge, row: dict[str, Any]) -> str:
    text = str(row["case"])
    return judge.not_implemented or next((reason for pattern, reason in _WHY if re.search(pattern, text)), "")
