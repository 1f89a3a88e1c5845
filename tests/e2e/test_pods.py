"""What containers of a Pod are given, in which order they run, and how they end; on one shared host."""

from collections.abc import Iterator

import pytest

from tests.e2e.manifests import SLEEPER
from tests.e2e.stage import Stage, container, manifest, pod, stage

pytestmark = pytest.mark.real

SHARED = [{"name": "shared", "mountPath": "/shared"}]
HTTPD = "trap 'exit 0' TERM; httpd -f -p {port} -h {folder} & wait $!"


def quick(script: str, **more: object) -> dict[str, object]:
    """A probe that runs a script every second and believes it at once."""
    return {"exec": {"command": ["/bin/sh", "-c", script]}, "periodSeconds": 1, "failureThreshold": 1, **more}


TALK = pod(
    "talk",
    container("server", HTTPD.format(port=8080, folder="/shared"), volumeMounts=SHARED),
    container("writer", f"echo from-writer > /shared/index.html; {SLEEPER}", volumeMounts=SHARED),
    volumes=[{"name": "shared", "emptyDir": {}}],
)

INITS = pod(
    "inits",
    container("app", f"cat /shared/order > /shared/seen; {SLEEPER}", volumeMounts=SHARED),
    initContainers=[
        container("one", "sleep 1; echo one >> /shared/order", volumeMounts=SHARED),
        container(
            "side",
            f"sleep 1; echo side >> /shared/order; touch /tmp/up; {SLEEPER}",
            restartPolicy="Always",
            startupProbe=quick("test -f /tmp/up", failureThreshold=30),
            volumeMounts=SHARED,
        ),
        container("two", "echo two >> /shared/order", volumeMounts=SHARED),
    ],
    volumes=[{"name": "shared", "emptyDir": {}}],
)

REFUSED = pod("refused", container("app"), initContainers=[container("bad", "echo no; exit 3")], restartPolicy="Never")
STUCK = pod("stuck", container("app"), initContainers=[container("bad", "exit 4")])

SETTINGS = manifest("ConfigMap", "settings", data={"COLOUR": "blue", "SHAPE": "round"})
PASSWORDS = manifest("Secret", "passwords", stringData={"TOKEN": "t0ken"})
ENVIRONMENT = pod(
    "environment",
    container(
        "app",
        args=["ignored"],
        resources={"requests": {"cpu": "100m"}, "limits": {"memory": "64Mi", "cpu": "500m"}},
        envFrom=[
            {"configMapRef": {"name": "settings"}, "prefix": "S_"},
            {"secretRef": {"name": "passwords"}},
            {"configMapRef": {"name": "absent", "optional": True}},
        ],
        env=[
            {"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "COLOUR"}}},
            {"name": "OPTIONAL", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "no", "optional": True}}},
            {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "passwords", "key": "TOKEN"}}},
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            {"name": "TIER", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['tier']"}}},
            {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
            {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
            {"name": "BOTH", "value": "$(COLOUR)-$(S_SHAPE)-$$(COLOUR)-$(NOBODY)"},
        ],
    ),
    metadata={"labels": {"tier": "front"}},
)

FLIP = pod(
    "flip",
    container("app", readinessProbe=quick("test -f /tmp/ready"), ports=[{"containerPort": 8080}]),
    metadata={"labels": {"app": "flip"}},
)
FLIP_SERVICE = manifest("Service", "flip", spec={"selector": {"app": "flip"}, "ports": [{"port": 80}]})
LIVE = pod("live", container("app", f"echo begun; {SLEEPER}", livenessProbe=quick("test ! -f /tmp/dead")))
GATED = pod(
    "gated",
    container(
        "app",
        f"echo hello > /www/index.html; sleep 2; {HTTPD.format(port=8081, folder='/www')}",
        startupProbe={"tcpSocket": {"port": 8081}, "periodSeconds": 1, "failureThreshold": 30},
        # Would kill it at once, were it not held back by the startup probe.
        livenessProbe={"tcpSocket": {"port": 8081}, "periodSeconds": 1, "failureThreshold": 1},
        readinessProbe={"httpGet": {"port": 8081, "path": "/"}, "periodSeconds": 1},
    ),
)

LIMITED = pod(
    "limited",
    container(
        "app",
        resources={"requests": {"cpu": "100m", "memory": "16Mi"}, "limits": {"cpu": "250m", "memory": "64Mi"}},
    ),
)
HUNGRY = pod(
    "hungry",
    container("app", "sleep 1; x=a; while true; do x=$x$x; done", resources={"limits": {"memory": "16Mi"}}),
    restartPolicy="Never",
)
DONE = pod("done", container("app", "echo well; echo last words > /dev/termination-log"), restartPolicy="OnFailure")
FAILED = pod(
    "failed",
    container("app", "echo the reason is in the log; exit 5", terminationMessagePolicy="FallbackToLogsOnError"),
    restartPolicy="Never",
)
AGAIN = pod(
    "again",
    container("app", "if test -f /shared/x; then exit 0; fi; touch /shared/x; echo first; exit 1", volumeMounts=SHARED),
    restartPolicy="OnFailure",
    volumes=[{"name": "shared", "emptyDir": {}}],
)
LATE = pod("late", container("app"), activeDeadlineSeconds=6)
NOWHERE = pod("nowhere", {**container("app"), "image": "reconciler-e2e/absent:1"})
NAMELESS = pod(
    "nameless", container("app", env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "q", "key": "k"}}}])
)


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Stage]:
    """A host that runs all of the Pods above, pushed at once."""
    with stage(tmp_path_factory.mktemp("pods")) as one:
        one.put(
            talk=TALK,
            inits=INITS,
            refused=REFUSED,
            stuck=STUCK,
            settings=SETTINGS,
            passwords=PASSWORDS,
            environment=ENVIRONMENT,
            flip=FLIP,
            flip_service=FLIP_SERVICE,
            live=LIVE,
            gated=GATED,
            limited=LIMITED,
            hungry=HUNGRY,
            done=DONE,
            failed=FAILED,
            again=AGAIN,
            late=LATE,
            nowhere=NOWHERE,
            nameless=NAMELESS,
        )
        yield one


def test_containers_share_localhost_and_a_volume(pods: Stage) -> None:
    """One container serves on localhost what the other wrote into their emptyDir."""
    pods.ready("talk")
    ask = "wget -q -O- http://127.0.0.1:8080/"
    pods.until("one serves what the other wrote", lambda: pods.shell("talk", ask, "writer") == "from-writer")


def test_init_containers_run_in_order_and_a_sidecar_stays(pods: Stage) -> None:
    """Each waits for the one before; a restartable one counts as done once its startup probe says so."""
    pods.ready("inits")
    order = ["one", "side", "two"]
    pods.until("all were seen in order", lambda: pods.shell("inits", "cat /shared/seen").split() == order)
    side = pods.container("inits", "side", init=True)
    assert side["state"].get("running")
    assert side["started"] is True
    assert pods.container("inits", "one", init=True)["state"]["terminated"]["exitCode"] == 0


def test_a_failing_init_container_keeps_the_others_from_starting(pods: Stage) -> None:
    """With restartPolicy Never the Pod fails; with Always the init container is tried again with back-off."""
    pods.until("refused failed", lambda: pods.phase("refused") == "Failed")
    assert pods.container("refused", "bad", init=True)["state"]["terminated"]["exitCode"] == 3
    assert "containerID" not in pods.container("refused", "app")
    pods.until(
        "stuck backs off",
        lambda: (
            pods.container("stuck", "bad", init=True).get("state", {}).get("waiting", {}).get("reason")
            == "CrashLoopBackOff"
        ),
    )
    assert pods.phase("stuck") == "Pending"
    assert pods.container("stuck", "app")["state"]["waiting"]["reason"] == "PodInitializing"


def test_the_environment_comes_from_every_source(pods: Stage) -> None:
    """ConfigMap, Secret, fields, resources, prefixes and references to other variables."""
    pods.ready("environment")
    lines = pods.shell("environment", "env").splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    expected = {
        "S_COLOUR": "blue",
        "S_SHAPE": "round",
        "COLOUR": "blue",
        "SECRET": "t0ken",
        "TOKEN": "t0ken",
        "NAME": "environment",
        "IP": pods.status("environment")["podIP"],
        "NODE": "node-1",
        "TIER": "front",
        "MEMORY": "64",
        "CPU": "500",
        "BOTH": "blue-round-$(COLOUR)-$(NOBODY)",
    }
    assert {name: found.get(name) for name in expected} == expected
    assert "OPTIONAL" not in found


def test_an_unready_container_is_no_endpoint(pods: Stage) -> None:
    """The address joins the Service's endpoints with readiness and leaves with it; nothing restarts."""

    def endpoints() -> list[str]:
        found = pods.host.get("/api/v1/namespaces/default/endpoints/flip") or {}
        return [one["ip"] for part in found.get("subsets", ()) for one in part.get("addresses", ())]

    def unhealthy() -> list[str]:
        found = pods.host.get("/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=flip")["items"]
        return [f"{one['type']} {one['message'].strip()}" for one in found if one["reason"] == "Unhealthy"]

    pods.until("flip runs", lambda: pods.phase("flip") == "Running")
    assert not pods.is_ready("flip")
    pods.until("flip's probe is told of", lambda: unhealthy() == ["Warning Readiness probe failed:"])
    assert "Readiness probe failed" in pods.host.run("status").out
    assert endpoints() == []
    pods.shell("flip", "touch /tmp/ready")
    pods.until("flip is an endpoint", lambda: endpoints() == [pods.status("flip")["podIP"]])
    pods.shell("flip", "rm /tmp/ready")
    pods.until("flip is no endpoint", lambda: endpoints() == [])
    assert pods.container("flip")["restartCount"] == 0


def test_a_failed_liveness_probe_restarts_the_container(pods: Stage) -> None:
    """The container alone is restarted, counted, and its last end and log can be read."""
    pods.ready("live")
    sandbox = pods.engine("live")["HostConfig"]["NetworkMode"]
    pods.shell("live", "touch /tmp/dead")
    pods.until("live restarts", lambda: pods.container("live").get("restartCount") == 1 and pods.is_ready("live"))
    assert pods.engine("live")["HostConfig"]["NetworkMode"] == sandbox
    assert pods.container("live")["lastState"]["terminated"]
    assert pods.log("live", "--previous").split() == ["begun"]


def test_a_startup_probe_holds_back_the_others(pods: Stage) -> None:
    """A container that is slow to start is not killed by its liveness probe."""
    pods.ready("gated")
    assert pods.container("gated")["restartCount"] == 0


def test_limits_reach_the_engine(pods: Stage) -> None:
    """Memory, CPU time and CPU share are what the manifest says."""
    pods.ready("limited")
    told = pods.engine("limited")["HostConfig"]
    assert told["Memory"] == 64 * 2**20
    quota = told["NanoCpus"] / 1e9 if told["NanoCpus"] else told["CpuQuota"] / told["CpuPeriod"]
    assert quota == 0.25
    assert told["CpuShares"] == 102
    assert pods.status("limited")["qosClass"] == "Burstable"


def test_a_container_out_of_memory_says_so(pods: Stage) -> None:
    """OOMKilled, and with restartPolicy Never the Pod has failed."""
    pods.until("hungry failed", lambda: pods.phase("hungry") == "Failed")
    ended = pods.container("hungry")["state"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)


def test_pods_that_end_keep_their_phase(pods: Stage) -> None:
    """Succeeded and Failed Pods stay, with their last words, and are not run again."""
    pods.until("done", lambda: pods.phase("done") == "Succeeded")
    pods.until("failed", lambda: pods.phase("failed") == "Failed")
    pods.until("again", lambda: pods.phase("again") == "Succeeded")
    assert pods.container("done")["state"]["terminated"]["message"].strip() == "last words"
    ended = pods.container("failed")["state"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("Error", 5)
    assert ended["message"].strip() == "the reason is in the log"
    assert pods.container("again")["restartCount"] == 1
    assert pods.log("done").strip() == "well"


def test_a_pod_ends_at_its_deadline(pods: Stage) -> None:
    """activeDeadlineSeconds: the Pod fails for that reason, its containers are stopped."""
    pods.until("late failed", lambda: pods.phase("late") == "Failed")
    assert pods.status("late")["reason"] == "DeadlineExceeded"
    pods.until("nothing of it runs", lambda: not [name for name in pods.host.running() if "_late_" in name])


def test_what_keeps_a_container_from_starting_is_told(pods: Stage) -> None:
    """An image that is absent and never pulled, and a Secret that does not exist."""
    pods.until(
        "nowhere says why",
        lambda: pods.container("nowhere").get("state", {}).get("waiting", {}).get("reason") == "ErrImageNeverPull",
    )
    pods.until(
        "nameless says why",
        lambda: (
            pods.container("nameless").get("state", {}).get("waiting", {}).get("reason") == "CreateContainerConfigError"
        ),
    )
    assert "q" in pods.container("nameless")["state"]["waiting"]["message"]


def test_all_of_it_leaves_nothing_to_do(pods: Stage) -> None:
    """P09: with every Pod above where it ends up, the plan is empty."""
    pods.nothing_to_do()


def test_a_changed_pod_is_replaced_and_a_deleted_one_returns(pods: Stage) -> None:
    """A Pod of Git without an owner: another uid after a change; made again when somebody removes its containers."""
    pods.put(bare=pod("bare", container("app", env=[{"name": "A", "value": "1"}])))
    pods.ready("bare")
    first = pods.pod("bare")["metadata"]["uid"]
    pods.put(bare=pod("bare", container("app", env=[{"name": "A", "value": "2"}])))
    pods.until("bare is another", lambda: pods.pod("bare").get("metadata", {}).get("uid", first) != first)
    pods.ready("bare")
    assert pods.shell("bare", "echo $A") == "2"
    pods.nothing_to_do()
