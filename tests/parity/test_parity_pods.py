"""Parts of Pods get the verdict that the Kubernetes API gives them, each in a Pod that is otherwise plain."""

import json
import re
from collections.abc import Callable
from typing import Any

from reconciler.planner.updates.ephemeral import ephemeral_faults
from tests.parity.rows import NotTranslated, compare
from tests.parity.test_parity_ephemeral import common
from tests.parity.test_parity_ephemeral import pod as pod_with
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
    "expecterrors",
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
        """Judge a row with refused variables: some rows do not say what the refusal is."""
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

    def host_users(self, case: Case) -> bool:
        """Judge a row with a Pod that shares the host's users or not; what else it needs is filled in."""
        spec = json.loads(json.dumps(case["spec"]).replace('"HostPath": {}', '"HostPath": {"Path": "/data"}'))
        containers = [{**_CONTAINER, **one} for one in spec.pop("Containers", [])]
        return self.spec({**({"Containers": containers} if containers else {}), **spec}, bool(case.get("success")))

    def whole(self, name: str) -> Callable[[Case], bool]:
        """Return a judge of rows with a spec under a name."""

        def judged(case: Case) -> bool:
            return self.spec(case.get(name) or {}, not is_refused(case))

        return judged

    def host_process(self, case: Case) -> bool:
        """Judge a row with processes of the host; images are filled in, and names of init containers of their own."""
        spec = dict(case["podSpec"])
        for field in ("InitContainers", "Containers"):
            found = enumerate(spec.get(field, []))
            spec[field] = [{**_CONTAINER, **one, "Name": f"{field.lower()}-{n}"} for n, one in found]
        # Those that look into a Pod are added to one that is there.
        added = spec.pop("EphemeralContainers", [])
        is_valid = not is_refused(case)
        if not added or not self.spec(spec, True):
            return self.spec(spec, is_valid)
        named = [
            {"EphemeralContainerCommon": {**_CONTAINER, **common(one), "Name": f"added-{n}"}}
            for n, one in enumerate(added)
        ]
        old, new = (pod_with({"Spec": {**spec, "EphemeralContainers": ones}}) for ones in ([], named))
        return (not list(ephemeral_faults(old, new))) == is_valid

    def sleep(self, case: Case) -> bool:
        """Judge a row with a pause before the end."""
        if not (case["action"].get("Seconds") or case.get("zeroValueEnabled")):
            raise NotTranslated  # zero is allowed by now
        hook = {"Lifecycle": {"PreStop": {"Sleep": {"Seconds": 0, **case["action"]}}}}
        grace_s = case.get("gracePeriod", 0)
        return self.container(hook, not is_refused(case), TerminationGracePeriodSeconds=grace_s)

    def signal(self, case: Case) -> bool:
        """Judge a row with a signal that ends a container."""
        life = {"Lifecycle": {"StopSignal": case["stopsignal"]}}
        return self.container(life, not is_refused(case), **({"OS": case["os"]} if "os" in case else {}))

    def dns(self, case: Case) -> bool:
        """Judge a row with search domains; what the newest release allows is what counts."""
        return self.judge.dns({**case, "expectedError": is_refused(case)})

    def resize(self, case: Case) -> bool:
        """Judge a row with what a change of resources restarts."""
        container = {"ResizePolicy": case["PolicyList"]}
        policy = case.get("PodRestartPolicy") or "Always"
        return self.container(container, not is_refused(case), RestartPolicy=policy)

    def restart(self, case: Case) -> bool:
        """Judge a row with a container's own policy; small letters are those of an init container."""
        names = ("RestartPolicy", "RestartPolicyRules")
        policy = {name: case[name] for name in names if name in case}
        first = {name: case[name[0].lower() + name[1:]] for name in names if name[0].lower() + name[1:] in case}
        init = [{**_CONTAINER, "Name": "first", **first}] if first else []
        return self.container(policy, not is_refused(case), InitContainers=init)

    def claim(self, case: Case) -> bool:
        """Judge a row with the claim of a Pod."""
        template = {name: case["claim"][name] for name in ("ObjectMeta", "Spec") if name in case["claim"]}
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
        "TestValidateHostUsers": pods.host_users,
        "TestValidatePodHostName": pods.whole("spec"),
        "TestValidateOS": pods.whole("podSpec"),
        "TestValidateWindowsHostProcessPod": pods.host_process,
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
        """Judge a row about fields of old: each has a verdict with the setting for addresses of old, and one without.

        What newer fields say of it has no field of ours.
        """
        given = {"Nameservers": [case.get("in", "")]}
        return all(
            judge.dns({"dnsConfig": given, "expectedError": refusal in case, "legacyIPs": is_legacy})
            for refusal, is_legacy in (("legacyErr", True), ("legacyStrictErr", False))
        )

    def domain(case: Case) -> bool:
        return judge.dns({"dnsConfig": {"Searches": [case.get("value", "")]}, "expectedError": "expected" in case})

    tables = {"TestIsValidIP": address, "TestIsDNS1123SubdomainWithUnderscore": domain}
    compare("apimachinery_pkg_util_validation", tables)


_DEFAULTED = "the fault is in a field that defaults fill before the API validates"
_RELAXED = "the strict form of old releases; names of variables are relaxed now"
_ALWAYS_ON = "a cluster without a feature that is always on"
# Those that are no reasons of the list are what we do not judge as upstream yet.
_WHY: tuple[tuple[str, str], ...] = (
    (r"\.(fieldRef\.apiVersion|httpGet\.path|httpGet\.scheme): ", _DEFAULTED),
    (r"must consist of'", _RELAXED),
    (r"featuregate disabled|SelectorMerge is false", _ALWAYS_ON),
    (r"SpreadConstraintLabelSelector is true", "no object of ours can be like the one before"),
    (r"allowPrivileged is not set", "a setting of the API server, not a rule"),
    (r"hostUsers=false", "the numbers of users are always the host's"),
    (r"Not supported RestartPolicy: (OnFailure|Never)|policy Always without option", _ALWAYS_ON),
)


def _reason(judge: Judge, row: dict[str, Any]) -> str:
    text = str(row["case"])
    return judge.not_implemented or next((reason for pattern, reason in _WHY if re.search(pattern, text)), "")
