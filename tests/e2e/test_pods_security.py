"""As whom containers run and what they may do; on one shared host."""

from collections.abc import Iterator

import pytest

from tests.e2e.stage import Stage, container, pod, stage

pytestmark = pytest.mark.real

DATA = [{"name": "data", "mountPath": "/data"}, {"name": "settings", "mountPath": "/settings"}]

USER = pod(
    "user",
    container("app", volumeMounts=DATA),
    container("other", volumeMounts=DATA, securityContext={"runAsUser": 3000, "runAsNonRoot": True}),
    securityContext={"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 2000, "supplementalGroups": [2500]},
    volumes=[
        {"name": "data", "emptyDir": {}},
        {
            "name": "settings",
            "downwardAPI": {
                "defaultMode": 0o400,
                "items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}],
            },
        },
    ],
)
CONFINED = pod(
    "confined",
    container(
        "app",
        securityContext={
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        volumeMounts=[{"name": "data", "mountPath": "/data"}],
    ),
    volumes=[{"name": "data", "emptyDir": {}}],
)
PRIVILEGED = pod("privileged", container("app", securityContext={"privileged": True}))
ROOT = pod("root", container("app"), securityContext={"runAsNonRoot": True})
ZERO = pod("zero", container("app", securityContext={"runAsNonRoot": True, "runAsUser": 0}))
TOGETHER = pod("together", container("app"), container("other"), shareProcessNamespace=True)
TUNED = pod(
    "tuned",
    container("app"),
    securityContext={"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "81"}]},
)


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Stage]:
    """A host that runs all of the Pods above, pushed at once."""
    with stage(tmp_path_factory.mktemp("pods")) as one:
        one.put(
            user=USER,
            confined=CONFINED,
            privileged=PRIVILEGED,
            root=ROOT,
            zero=ZERO,
            together=TOGETHER,
            tuned=TUNED,
        )
        yield one


def test_containers_run_as_the_user_they_are_given(pods: Stage) -> None:
    """User and groups of the Pod, overridden by the container; volumes belong to fsGroup and are writable by it."""
    pods.ready("user")
    identity = pods.shell("user", "id -u; id -g; id -G", "app").splitlines()
    assert identity[:2] == ["1000", "1000"]
    assert set(identity[2].split()) == {"1000", "2000", "2500"}
    assert pods.shell("user", "id -u", "other") == "3000"
    assert pods.shell("user", "stat -c %g:%a /data", "app") == "2000:2777"
    pods.shell("user", "umask 002; echo shared > /data/file", "app")
    assert pods.shell("user", "stat -c %u:%g /data/file; echo more >> /data/file; cat /data/file", "other").split() == [
        "1000:2000",
        "shared",
        "more",
    ]
    assert pods.shell("user", "cat /settings/name", "other") == "user"


def test_a_confined_container_can_write_only_its_volumes(pods: Stage) -> None:
    """A read-only root, one capability, no new privileges, a filter of system calls."""
    pods.ready("confined")
    assert "Read-only" in pods.shell("confined", "touch /x")
    assert pods.shell("confined", "touch /data/x && echo written") == "written"
    status = dict(line.split(":\t", 1) for line in pods.shell("confined", "cat /proc/1/status").splitlines())
    assert int(status["CapBnd"], 16) == 1 << 10
    assert int(status["CapEff"], 16) == 1 << 10
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"


def test_a_privileged_container_is_asked_for(pods: Stage) -> None:
    """The Engine is told; whether it starts depends on what the host itself was given."""
    pods.until("privileged was made", lambda: bool(pods.container("privileged").get("containerID")))
    assert pods.engine("privileged")["HostConfig"]["Privileged"] is True
    pods.ready("user")
    assert pods.engine("user")["HostConfig"]["Privileged"] is False


@pytest.mark.parametrize("name", ["root", "zero"])
def test_root_is_refused_where_it_was_ruled_out(pods: Stage, name: str) -> None:
    """runAsNonRoot with an image of root, or with user 0: CreateContainerConfigError, and nothing was started."""
    pods.until(
        f"{name} says why",
        lambda: pods.container(name).get("state", {}).get("waiting", {}).get("reason") == "CreateContainerConfigError",
    )
    assert "root" in pods.container(name)["state"]["waiting"]["message"].lower()
    assert not [one for one in pods.host.running() if f"rc_app_{name}_" in one]


def test_containers_can_share_their_processes(pods: Stage) -> None:
    """One sees the other's processes; parameters of the kernel are those of the Pod."""
    pods.ready("together", "tuned")
    assert pods.shell("together", "ps | grep -c '[t]rap'") == "2"
    assert pods.shell("tuned", "cat /proc/sys/net/ipv4/ip_unprivileged_port_start") == "81"


def test_all_of_it_leaves_nothing_to_do(pods: Stage) -> None:
    """P09: with every Pod above where it ends up, the plan is empty."""
    pods.nothing_to_do()
