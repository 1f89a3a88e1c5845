"""Parts of Pods that the Kubernetes API refuses are refused with their place."""

import json
from typing import Any

import pytest

from reconciler.schema.validate import SourceFile, validate


def problems(container: dict[str, Any], **spec: Any) -> list[str]:
    """Return the pointers of the errors in a Pod with this container."""
    containers = [{"name": "a", "image": "b", **container}]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {"containers": containers, **spec}}
    found = validate([SourceFile("a.json", json.dumps(pod).encode())]).problems
    return [one.pointer for one in found if one.is_error]


@pytest.mark.parametrize(("prefix", "is_good"), [("APP_", True), ("a b-1.", True), ("=a", False), ("a=b", False)])
def test_a_prefix_of_variables_has_no_equals_sign(prefix: str, is_good: bool) -> None:
    """Anything printable else goes."""
    found = problems({"envFrom": [{"prefix": prefix, "configMapRef": {"name": "c"}}]})
    assert found == ([] if is_good else ["/spec/containers/0/envFrom/0/prefix"])


@pytest.mark.parametrize("is_privileged", [True, False])
def test_only_privileged_containers_mount_back_into_the_host(is_privileged: bool) -> None:
    """Bidirectional propagation is for them alone."""
    mount = {"name": "v", "mountPath": "/v", "mountPropagation": "Bidirectional"}
    container = {"volumeMounts": [mount], "securityContext": {"privileged": is_privileged}}
    found = problems(container, volumes=[{"name": "v", "hostPath": {"path": "/v"}}])
    assert found == ([] if is_privileged else ["/spec/containers/0/volumeMounts/0/mountPropagation"])


@pytest.mark.parametrize(("seconds", "is_good"), [(30, True), (31, False)])
def test_a_pause_before_the_end_fits_into_its_time(seconds: int, is_good: bool) -> None:
    """What is longer than the time to end in would be cut off."""
    found = problems({"lifecycle": {"preStop": {"sleep": {"seconds": seconds}}}}, terminationGracePeriodSeconds=30)
    assert found == ([] if is_good else ["/spec/containers/0/lifecycle/preStop/sleep/seconds"])


@pytest.mark.parametrize(
    ("domain", "is_good"),
    [
        (".", True),
        ("_sip._tcp.example.com", True),
        ("example.com.", True),
        ("..", False),
        ("____", False),
        ("Ä", False),
    ],
)
def test_search_domains_are_domains(domain: str, is_good: bool) -> None:
    """With underscores, and the root alone; nothing else."""
    found = problems({}, dnsConfig={"searches": [domain]})
    assert found == ([] if is_good else ["/spec/dnsConfig/searches/0"])


def test_a_label_that_a_variable_reads_has_the_key_of_a_label() -> None:
    """Prefixes of labels have small letters; annotations are read more kindly."""
    path = "metadata.labels['Www.k8s.io/test']"
    variable = {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": path}}}
    assert problems({"env": [variable]}) == ["/spec/containers/0/env/0/valueFrom/fieldRef/fieldPath"]


def test_a_name_server_has_no_zone() -> None:
    """What is after the per cent sign is a link of one host."""
    assert problems({}, dnsConfig={"nameservers": ["fe80::1%eth0"]}) == ["/spec/dnsConfig/nameservers/0"]


LINUX = {"os": {"name": "linux"}}


@pytest.mark.parametrize(
    ("signal", "os", "pointers"),
    [
        ("SIGHUP", LINUX, []),
        ("SIGRTMIN+15", LINUX, []),
        ("SIGRTMIN+16", LINUX, ["/spec/containers/0/lifecycle/stopSignal"]),
        ("HUP", LINUX, ["/spec/containers/0/lifecycle/stopSignal"]),
        ("SIGHUP", {}, ["/spec/containers/0/lifecycle/stopSignal"]),
        ("SIGHUP", {"os": {"name": "windows"}}, ["/spec/containers/0/lifecycle/stopSignal"]),
        ("SIGTERM", {"os": {"name": "windows"}}, []),
    ],
)
def test_a_stop_signal_is_one_of_the_pods_system(signal: str, os: dict[str, Any], pointers: list[str]) -> None:
    """Its name is checked, and the Pod says for which system it is meant; no host runs another one."""
    assert problems({"lifecycle": {"stopSignal": signal}}, **os) == pointers


@pytest.mark.parametrize(
    ("policies", "pod", "pointers"),
    [
        ([("cpu", "NotRequired"), ("memory", "RestartContainer")], {}, []),
        ([("cpu", "RestartContainer")], {"restartPolicy": "Never"}, ["0/restartPolicy"]),
        ([("cpu", "NotRequired"), ("cpu", "NotRequired")], {}, ["1/resourceName"]),
        ([("disk", "NotRequired")], {}, ["0/resourceName"]),
    ],
)
def test_policies_of_resizing_are_judged(
    policies: list[tuple[str, str]], pod: dict[str, Any], pointers: list[str]
) -> None:
    """One for each resource, and none that restarts what is never to run again."""
    given = [{"resourceName": resource, "restartPolicy": policy} for resource, policy in policies]
    at = "/spec/containers/0/resizePolicy"
    assert problems({"resizePolicy": given}, **pod) == [f"{at}/{one}" for one in pointers]


@pytest.mark.parametrize(
    ("spec", "pointers"),
    [
        ({"hostnameOverride": "db.example.org"}, []),
        ({"hostnameOverride": "a" * 64}, []),
        ({"hostnameOverride": "a" * 65}, ["/spec/hostnameOverride"]),
        ({"hostnameOverride": "db", "setHostnameAsFQDN": True}, ["/spec/hostnameOverride"]),
        ({"hostnameOverride": "db", "hostNetwork": True}, ["/spec/hostnameOverride"]),
        ({"hostUsers": True}, []),
        ({"hostUsers": False}, ["/spec/hostUsers"]),
        ({"schedulingGates": [{"name": "a/b"}, {"name": "c"}]}, []),
        ({"schedulingGates": [{"name": "a"}, {"name": "a"}]}, ["/spec/schedulingGates/1/name"]),
    ],
)
def test_fields_of_the_whole_pod_are_judged(spec: dict[str, Any], pointers: list[str]) -> None:
    """With the place of what is wrong."""
    assert problems({}, **spec) == pointers


def test_a_key_is_matched_or_selected_not_both() -> None:
    """Twice in the selector is what the API refuses; a spread without selector has no keys."""
    twice = [{"key": "app", "operator": "NotIn", "values": [value]} for value in ("a", "b")]
    term = {"topologyKey": "zone", "matchLabelKeys": ["app"], "labelSelector": {"matchExpressions": twice}}
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    at = "/spec/affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution/0"
    assert problems({}, affinity=affinity) == [f"{at}/matchLabelKeys/0"]
    spread = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "matchLabelKeys": ["app"]}
    at = "/spec/topologySpreadConstraints/0/matchLabelKeys"
    assert problems({}, topologySpreadConstraints=[spread]) == [at]
    spread["labelSelector"] = {"matchExpressions": twice}
    assert problems({}, topologySpreadConstraints=[spread]) == [f"{at}/0"]
    term = {"topologyKey": "zone", "namespaces": ["Shop"]}
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    at = "/spec/affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution/0"
    assert problems({}, affinity=affinity) == [f"{at}/namespaces/0"]


RESTART = {"action": "Restart", "exitCodes": {"operator": "In", "values": [3]}}


@pytest.mark.parametrize(
    ("container", "pointers"),
    [
        ({"restartPolicy": "Never"}, []),
        ({"restartPolicy": "Never", "restartPolicyRules": [RESTART]}, []),
        ({"restartPolicyRules": [RESTART]}, ["/spec/containers/0"]),
        (
            {"restartPolicy": "Never", "restartPolicyRules": [RESTART] * 21},
            ["/spec/containers/0/restartPolicyRules"],
        ),
        ({"restartPolicy": "Never", "restartPolicyRules": [{**RESTART, "action": "RestartAllContainers"}]}, []),
        (
            {"restartPolicy": "Never", "restartPolicyRules": [{**RESTART, "action": "Terminate"}]},
            ["/spec/containers/0/restartPolicyRules/0/action"],
        ),
    ],
)
def test_rules_of_restarting_are_judged(container: dict[str, Any], pointers: list[str]) -> None:
    """They are exceptions from a policy, which is there."""
    assert problems(container) == pointers


def test_a_sidecar_may_have_its_whole_pod_start_anew() -> None:
    """It is always started again itself; its rules are about the others."""
    rule = {**RESTART, "action": "RestartAllContainers"}
    sidecar = {"name": "watcher", "image": "i", "restartPolicy": "Always", "restartPolicyRules": [rule]}
    assert problems({}, initContainers=[sidecar]) == []


def test_an_address_in_another_form_is_warned_of() -> None:
    """It stands for the same, and others write it otherwise; what is no address is told what may be meant."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "x"},
        "spec": {
            "containers": [{"name": "a", "image": "b"}],
            "dnsConfig": {"nameservers": ["fd00:0::1", "010.0.0.1"]},
        },
    }
    found = validate([SourceFile("a.json", json.dumps(pod).encode())]).problems
    said = {one.pointer: (one.is_error, one.message, one.hint) for one in found}
    at = "/spec/dnsConfig/nameservers"
    assert said[f"{at}/0"] == (False, "fd00:0::1 is written fd00::1 elsewhere: write it like that", "")
    assert (said[f"{at}/1"][0], "write 10.0.0.1" in said[f"{at}/1"][2]) == (True, True)
