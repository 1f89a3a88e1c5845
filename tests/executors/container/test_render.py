"""Whole requests to the Engine, compared as values."""

from typing import Any

import msgspec
import pytest

from reconciler.executors.container import labels
from reconciler.executors.container.dns import Resolver, parse_resolver, pod_resolver
from reconciler.executors.container.environment import ContainerConfigError
from reconciler.executors.container.render import Surroundings, container_body, sandbox_body, sub_path
from reconciler.executors.container.security import user_setting
from reconciler.executors.downward import PodPlace
from reconciler.model.errors import TerminalError
from reconciler.model.kinds import PodSecurityContext, SecurityContext, VolumeMount
from reconciler.model.node import Materials
from tests.executors.container import build

OWNER = labels.Owner(cluster="c1", node="n1")
HOST = Resolver(servers=("192.0.2.53",), searches=("example.net",), options=("rotate",))
LOG = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}


def body(pod: Any, index: int = 0, materials: Materials = build.materials(), **around: Any) -> dict[str, Any]:
    """The request for one container of a Pod."""
    place = PodPlace(node="n1", pod_ip="10.42.0.7", host_ip="192.0.2.1", cpu_millis=4000, memory_bytes=8 << 30)
    spec = pod.spec.containers[index]
    sources = tuple(f"/host/{mount.name}" for mount in spec.volume_mounts)
    surroundings = Surroundings(sandbox="s1", place=place, **{"mount_sources": sources, **around})
    return container_body(build.start(pod, index), OWNER, surroundings, materials)


def test_the_request_for_a_sandbox() -> None:
    """A sandbox has no network of the Engine's, the Pod's names, and nothing it can write to."""
    pod = build.pod(
        hostname="web",
        subdomain="all",
        securityContext={"sysctls": [{"name": "net.core.somaxconn", "value": "1024"}], "fsGroup": 5},
    )
    assert sandbox_body(build.sandbox(pod), OWNER, "pause:1", HOST, -1000) == {
        "Image": "pause:1",
        "Hostname": "web",
        "Labels": {
            "reconciler.dev/cluster": "c1",
            "reconciler.dev/node": "n1",
            "reconciler.dev/namespace": "shop",
            "reconciler.dev/pod": "web-1",
            "reconciler.dev/pod-uid": build.UID,
            "reconciler.dev/container": "POD",
            "reconciler.dev/role": "sandbox",
            "reconciler.dev/spec-digest": "d1",
            "reconciler.dev/revision": "abc",
            "reconciler.dev/attempt": "0",
            "reconciler.dev/pod-ip": "10.42.0.7",
        },
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            "NetworkMode": "none",
            "IpcMode": "shareable",
            "PidMode": "",
            "ExtraHosts": ["web.all.shop.svc.cluster.local\tweb:10.42.0.7"],
            "GroupAdd": ["5"],
            "Sysctls": {"net.core.somaxconn": "1024"},
            "SecurityOpt": ["no-new-privileges"],
            "ReadonlyRootfs": True,
            "RestartPolicy": {"Name": "no"},
            "LogConfig": LOG,
            "Dns": ["169.254.20.10"],
            "DnsSearch": ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "example.net"],
            "DnsOptions": ["ndots:5"],
            "CpuShares": 2,
            "OomScoreAdj": -998,
        },
    }


def test_the_request_for_a_sandbox_on_the_hosts_network() -> None:
    """A Pod on the host's network has the host's name and resolver."""
    made = sandbox_body(build.sandbox(build.pod(hostNetwork=True, hostPID=True, hostIPC=True)), OWNER, "p", HOST, 0)
    settings = made["HostConfig"]
    assert (settings["NetworkMode"], settings["PidMode"], settings["IpcMode"]) == ("host", "host", "host")
    assert (settings["Dns"], settings["DnsSearch"], settings["DnsOptions"]) == (
        ["192.0.2.53"],
        ["example.net"],
        ["rotate"],
    )
    assert "Hostname" not in made and settings["ExtraHosts"] == [] and settings["OomScoreAdj"] == 0


def test_the_request_for_a_plain_container() -> None:
    """What is not said is left to the image; nothing restarts it, checks it, or fills the disk with its log."""
    assert body(build.pod(), termination_file="/data/0.message") == {
        "Image": build.IMAGE,
        "Labels": {
            "reconciler.dev/cluster": "c1",
            "reconciler.dev/node": "n1",
            "reconciler.dev/namespace": "shop",
            "reconciler.dev/pod": "web-1",
            "reconciler.dev/pod-uid": build.UID,
            "reconciler.dev/container": "main",
            "reconciler.dev/role": "app",
            "reconciler.dev/spec-digest": "d1",
            "reconciler.dev/revision": "abc",
            "reconciler.dev/attempt": "0",
            "reconciler.dev/termination-message-policy": "File",
        },
        "Env": [],
        "User": "",
        "WorkingDir": "",
        "Tty": False,
        "OpenStdin": False,
        "StdinOnce": False,
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            "NetworkMode": "container:s1",
            "IpcMode": "container:s1",
            "PidMode": "",
            "Mounts": [
                {
                    "Type": "bind",
                    "Source": "/data/0.message",
                    "Target": "/dev/termination-log",
                    "ReadOnly": False,
                    "BindOptions": {"Propagation": "rprivate"},
                }
            ],
            "OomScoreAdj": 1000,
            "RestartPolicy": {"Name": "no"},
            "LogConfig": LOG,
            "CpuShares": 2,
            "Privileged": False,
            "ReadonlyRootfs": False,
            "CapAdd": [],
            "CapDrop": [],
            "GroupAdd": [],
            "SecurityOpt": [],
        },
    }


def test_the_request_for_a_container_that_says_everything() -> None:
    """Command, environment, mounts, resources and confinement, each in the Engine's words."""
    pod = build.pod(
        shareProcessNamespace=True,
        securityContext={
            "runAsUser": 1,
            "runAsGroup": 2,
            "fsGroup": 3,
            "supplementalGroups": [4, 3],
            "seccompProfile": {"type": "Unconfined"},
        },
        volumes=[{"name": "d", "emptyDir": {}}, {"name": "c", "configMap": {"name": "x"}}],
        containers=[
            build.container(
                command=["/bin/$(WHO)", "$$(WHO)", "$(NOBODY)"],
                args=["--cpu=$(CPU)", "$(BOTH)"],
                workingDir="/work",
                tty=True,
                stdin=True,
                env=[
                    {"name": "WHO", "value": "app"},
                    {"name": "BOTH", "value": "$(WHO)-$(P_a)"},
                    {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
                    {
                        "name": "MEM",
                        "valueFrom": {"resourceFieldRef": {"resource": "requests.memory", "divisor": "1Mi"}},
                    },
                    {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                    {"name": "APP", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
                    {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k"}}},
                    {
                        "name": "NONE",
                        "valueFrom": {"secretKeyRef": {"name": "no", "key": "k", "optional": True}},
                    },
                ],
                envFrom=[
                    {"prefix": "P_", "configMapRef": {"name": "all"}},
                    {"secretRef": {"name": "no", "optional": True}},
                ],
                resources={"limits": {"cpu": "1500m", "memory": "64Mi"}, "requests": {"cpu": "250m"}},
                volumeMounts=[
                    {"name": "d", "mountPath": "/d", "mountPropagation": "Bidirectional"},
                    {"name": "c", "mountPath": "c", "readOnly": False},
                ],
                securityContext={
                    "runAsUser": 7,
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]},
                    "appArmorProfile": {"type": "Localhost", "localhostProfile": "mine"},
                    "seLinuxOptions": {"level": "s0:c1"},
                },
            )
        ],
    )
    materials = build.materials(
        build.material("ConfigMap", "all", a="1", b="$(WHO)"), build.material("Secret", "keys", k="v")
    )
    made = body(pod, materials=materials, read_only_volumes=("c",))
    assert made["Env"] == [
        "P_a=1", "P_b=$(WHO)", "WHO=app", "BOTH=app-1", "CPU=2", "MEM=64", "IP=10.42.0.7", "APP=web", "KEY=v",
    ]  # fmt: skip
    assert made["Entrypoint"] == ["/bin/app", "$(WHO)", "$(NOBODY)"]
    assert made["Cmd"] == ["--cpu=2", "app-1"]
    assert (made["User"], made["WorkingDir"], made["Tty"], made["OpenStdin"]) == ("7:2", "/work", True, True)
    settings = made["HostConfig"]
    assert settings["Mounts"] == [
        {
            "Type": "bind", "Source": "/host/d", "Target": "/d", "ReadOnly": False,
            "BindOptions": {"Propagation": "rshared"},
        },
        {
            "Type": "bind", "Source": "/host/c", "Target": "/c", "ReadOnly": True,
            "BindOptions": {"Propagation": "rprivate"},
        },
    ]  # fmt: skip
    del settings["Mounts"]
    assert settings == {
        "NetworkMode": "container:s1",
        "IpcMode": "container:s1",
        "PidMode": "container:s1",
        "OomScoreAdj": 1000 - 1000 * (64 << 20) // (8 << 30),
        "RestartPolicy": {"Name": "no"},
        "LogConfig": LOG,
        "CpuShares": 256,
        "CpuPeriod": 100_000,
        "CpuQuota": 150_000,
        "Memory": 64 << 20,
        "MemorySwap": 64 << 20,
        "Privileged": False,
        "ReadonlyRootfs": True,
        "CapAdd": ["NET_ADMIN"],
        "CapDrop": ["ALL"],
        "GroupAdd": ["4", "3"],
        "SecurityOpt": ["seccomp=unconfined", "apparmor=mine", "label=level:s0:c1", "no-new-privileges"],
    }


@pytest.mark.parametrize(
    ("own", "of_pod", "image", "expected"),
    [
        ({}, {}, "", ""),
        ({}, {"runAsUser": 5}, "", "5"),
        ({"runAsUser": 0}, {"runAsUser": 5}, "", "0"),
        ({}, {"runAsGroup": 6}, "app:app", "app:6"),
        ({}, {"runAsGroup": 6}, "", "0:6"),
        ({}, {"supplementalGroupsPolicy": "Strict"}, "", "0:0"),
        ({}, {"supplementalGroupsPolicy": "Strict"}, "root", "0:0"),
        ({}, {"supplementalGroupsPolicy": "Strict"}, "app:app", "app:app"),
        ({"runAsUser": 0}, {"supplementalGroupsPolicy": "Strict"}, "app:app", "0:0"),
        ({"runAsGroup": 6}, {"supplementalGroupsPolicy": "Strict"}, "app", "app:6"),
        ({"runAsUser": 5}, {"supplementalGroupsPolicy": "Strict", "runAsGroup": 6}, "app", "5:6"),
        ({}, {"supplementalGroupsPolicy": "Strict"}, "app", None),
        ({"runAsUser": 5}, {"supplementalGroupsPolicy": "Strict"}, "5:5", None),
        ({}, {"runAsNonRoot": True}, "1000", ""),
        ({"runAsNonRoot": False}, {"runAsNonRoot": True}, "", ""),
        ({"runAsUser": 3}, {"runAsNonRoot": True}, "root", "3"),
        ({}, {"runAsNonRoot": True}, "", None),
        ({}, {"runAsNonRoot": True}, "0:5", None),
        ({}, {"runAsNonRoot": True}, "app", None),
        ({"runAsUser": 0}, {"runAsNonRoot": True}, "1000", None),
    ],
)
def test_as_whom_a_container_runs(
    own: dict[str, Any], of_pod: dict[str, Any], image: str, expected: str | None
) -> None:
    """The container's own word wins over the Pod's; root is refused where it must not be."""
    context = msgspec.convert(of_pod, PodSecurityContext), msgspec.convert(own, SecurityContext)
    if expected is None:
        with pytest.raises(ContainerConfigError):
            user_setting(*context, image)
    else:
        assert user_setting(*context, image) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"dnsPolicy": "Default"}, HOST),
        (
            {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1"]}},
            Resolver(servers=("1.1.1.1",)),
        ),
        (
            {"dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": True},
            Resolver(
                servers=("169.254.20.10",),
                searches=("shop.svc.x", "svc.x", "x", "example.net"),
                options=("ndots:5",),
            ),
        ),
        (
            {"dnsConfig": {"options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]}},
            Resolver(
                servers=("169.254.20.10",),
                searches=("shop.svc.x", "svc.x", "x", "example.net"),
                options=("ndots:2", "edns0"),
            ),
        ),
    ],
)
def test_how_a_pod_resolves_names(spec: dict[str, Any], expected: Resolver) -> None:
    """Each dnsPolicy, with dnsConfig added."""
    assert pod_resolver(build.pod(**spec), "x", "169.254.20.10", HOST) == expected


def test_a_resolver_file_is_read() -> None:
    """Name servers in order, the last search line, options."""
    text = "# c\nnameserver 1.1.1.1\nsearch a b\nnameserver ::1\nsearch c\noptions ndots:2 rotate\n"
    assert parse_resolver(text) == Resolver(servers=("1.1.1.1", "::1"), searches=("c",), options=("ndots:2", "rotate"))


@pytest.mark.parametrize(
    ("mount", "expected"),
    [
        ({}, ""),
        ({"subPath": "a//b/"}, "a/b"),
        ({"subPathExpr": "$(POD)/x"}, "web/x"),
        ({"subPath": "$(POD)"}, "$(POD)"),
        ({"subPath": "../x"}, None),
        ({"subPathExpr": "$(UP)"}, None),
        ({"subPath": "/etc"}, None),
    ],
)
def test_parts_of_volumes(mount: dict[str, str], expected: str | None) -> None:
    """A part may be made of variables and never leads out, whatever they hold."""
    asked = msgspec.convert({"name": "v", "mountPath": "/v", **mount}, VolumeMount)
    variables = {"POD": "web", "UP": "a/../../b"}
    if expected is None:
        with pytest.raises(TerminalError):
            sub_path(asked, variables)
    else:
        assert sub_path(asked, variables) == expected


@pytest.mark.parametrize(
    ("fields", "mode"),
    [({}, "container:t1"), ({"shareProcessNamespace": True}, "container:s1"), ({"hostPID": True}, "host")],
)
def test_the_processes_that_a_container_sees_which_looks_into_another(fields: dict[str, Any], mode: str) -> None:
    """Those of the one it is aimed at; where all see the same processes, these."""
    pod = build.pod(**fields)
    detail = msgspec.structs.replace(build.start(pod), processes_of="t1")
    made = container_body(detail, OWNER, Surroundings(sandbox="s1"), build.materials())
    assert made["HostConfig"]["PidMode"] == mode
