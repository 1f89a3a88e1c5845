"""What becomes of Pods when something around them changes, or when they are unusual; on one shared host."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.host import IMAGE, docker
from tests.e2e.manifests import SLEEPER, config_map
from tests.e2e.stage import Stage, container, manifest, pod, pod_spec, stage, workload

pytestmark = pytest.mark.real

HOST = [{"name": "host", "mountPath": "/host"}]
LONG = "a-" * 60 + "name"


HARMS = ("stop", "kill", "rm --force", "sandbox kill", "sandbox rm --force", "network")


def victim(harm: str) -> str:
    """The name of the Pod that suffers this."""
    return "suffers-" + harm.replace(" ", "").replace("-", "")


def noting(name: str) -> str:
    """A script that writes down that it was told to end."""
    return f"trap 'echo {name} >> /host/ends; exit 0' TERM; while true; do sleep 0.1; done"


def scenes(folder: Path) -> dict[str, str]:
    """The manifests; `folder` is on the host."""
    on_host = [{"name": "host", "hostPath": {"path": str(folder)}}]
    order = pod_spec(
        container("app", noting("app"), volumeMounts=HOST),
        initContainers=[
            container("one", noting("one"), restartPolicy="Always", volumeMounts=HOST),
            container("two", noting("two"), restartPolicy="Always", volumeMounts=HOST),
        ],
        volumes=on_host,
        terminationGracePeriodSeconds=10,
    )
    accompanied = {
        "template": {
            "spec": pod_spec(
                container("app", "sleep 1"),
                initContainers=[container("side", restartPolicy="Always")],
                restartPolicy="Never",
            )
        }
    }
    wants = container(
        "app",
        env=[{"name": "V", "valueFrom": {"configMapKeyRef": {"name": "later", "key": "value"}}}],
        volumeMounts=[{"name": "maybe", "mountPath": "/maybe"}],
    )
    odd = container(
        "app",
        SLEEPER,
        env=[
            {"name": "LINES", "value": "one\ntwo"},
            {"name": "QUOTES", "value": 'it\'s "so" $HOME `x`'},
            {"name": "WORD", "value": "grüße"},
            {"name": "NOTHING", "value": ""},
        ],
        workingDir="/not/there/yet",
        envFrom=[{"configMapRef": {"name": "strange"}}],
        tty=True,
        stdin=True,
    )
    return {
        "order": workload("Deployment", "order", order, strategy={"type": "Recreate"}),
        "accompanied": manifest("Job", "accompanied", "batch/v1", spec=accompanied),
        "hooked": pod(
            "hooked",
            container("app", lifecycle={"postStart": {"exec": {"command": ["/bin/sh", "-c", "exit 7"]}}}),
        ),
        "waits": pod("waits", wants, volumes=[{"name": "maybe", "configMap": {"name": "later", "optional": True}}]),
        "odd": pod(LONG, odd),
        "dotted": pod("with.dots", container("app")),
        "strange": manifest("ConfigMap", "strange", data={"a.b-c": "dotted", "PLAIN": "plain"}),
        "first_port": pod("first-port", container("app", ports=[{"containerPort": 80, "hostPort": 18090}])),
        "huge": pod("huge", container("app", resources={"requests": {"cpu": "900"}})),
        "elsewhere": pod("elsewhere", container("app"), nodeSelector={"disk": "ssd"}),
        "arguments": manifest(
            "Pod",
            "arguments",
            spec=pod_spec({"name": "app", "image": IMAGE, "imagePullPolicy": "Never", "args": ["/bin/sleep", "10000"]}),
        ),
        "roll": workload("Deployment", "roll", pod_spec(container("app"))),
        "task": manifest(
            "Job",
            "task",
            "batch/v1",
            spec={"template": {"spec": pod_spec(container("app", "echo one"), restartPolicy="Never")}},
        ),
        "none": workload("Deployment", "none", pod_spec(container("app")), replicas=0),
        **{victim(harm): pod(victim(harm), container("app")) for harm in HARMS},
        **{f"rest_{n}": config_map(f"rest-{n}") for n in range(20)},
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of the host."""
    return tmp_path_factory.mktemp("on-host")


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory, image: str, folder: Path) -> Iterator[Stage]:
    """A host that runs all of the above, pushed at once."""
    with stage(tmp_path_factory.mktemp("pods")) as one:
        one.put(**scenes(folder))
        yield one


def reason(pods: Stage, name: str) -> str:
    """Return why a container waits."""
    return str(pods.container(name).get("state", {}).get("waiting", {}).get("reason", ""))


def unscheduled(pods: Stage, name: str) -> str:
    """Return why a Pod has no node."""
    conditions = pods.status(name).get("conditions", [])
    found = [one for one in conditions if one["type"] == "PodScheduled" and one["status"] == "False"]
    return str(found[0].get("message", "")) if found else ""


def test_unusual_pods_run(pods: Stage) -> None:
    """Long names, names with dots, values with every character, a working directory that is made, arguments alone."""
    pods.ready(LONG, "with.dots", "arguments")
    assert pods.shell(LONG, 'printf "%s" "$LINES"') == "one\ntwo"
    assert pods.shell(LONG, 'printf "%s" "$QUOTES"') == 'it\'s "so" $HOME `x`'
    assert pods.shell(LONG, 'printf "%s" "$WORD$NOTHING$PLAIN"') == "grüßeplain"
    assert pods.shell(LONG, "pwd") == "/not/there/yet"
    assert pods.shell(LONG, "hostname") == LONG[:63]
    assert pods.shell("with.dots", "hostname") == "with.dots"
    assert pods.engine(LONG)["Config"]["Tty"] is True


def test_a_job_with_a_sidecar_completes(pods: Stage) -> None:
    """The sidecar is ended once the container is done, and the Pod has succeeded."""
    pods.until(
        "the Job is complete",
        lambda: (
            (pods.host.get("/apis/batch/v1/namespaces/default/jobs/accompanied") or {})
            .get("status", {})
            .get("succeeded")
            == 1
        ),
    )


def test_a_failed_hook_restarts_the_container(pods: Stage) -> None:
    """A postStart hook that fails ends the container, which is started again with back-off."""
    pods.until("it backs off", lambda: pods.container("hooked").get("restartCount", 0) > 0)
    told = "postStart of app failed: the command exited with 7"
    pods.until("the events tell it", lambda: told in pods.host.events())


def test_what_a_pod_waits_for_may_come_later(pods: Stage) -> None:
    """P21: the Pod starts when its ConfigMap appears, and an optional volume is filled."""
    pods.until("it says what is missing", lambda: reason(pods, "waits") == "CreateContainerConfigError")
    pods.put(later=config_map("later", "here"))
    pods.ready("waits")
    assert pods.shell("waits", "echo $V; cat /maybe/value").split() == ["here", "here"]


def test_a_pod_without_a_place_says_why_and_gets_it_when_there_is_one(pods: Stage) -> None:
    """Too large, for other nodes, or a port that is taken: Pending; the port comes free, and the Pod runs."""
    for name in ("huge", "elsewhere"):
        pods.until(f"{name} says why", lambda name=name: bool(unscheduled(pods, name)))  # type: ignore[misc]
    pods.ready("first-port")
    pods.put(second_port=pod("second-port", container("app", ports=[{"containerPort": 80, "hostPort": 18090}])))
    pods.until("second-port says why", lambda: "port" in unscheduled(pods, "second-port"))
    pods.drop("first-port")
    pods.ready("second-port")


def test_sidecars_end_after_the_containers_in_reverse_order(pods: Stage, folder: Path) -> None:
    """As Kubernetes does: the containers first, then the sidecars from the last to the first."""
    pods.ready("order")
    first = pods.pod("order")["metadata"]["uid"]
    pods.put(order=pods.files["order.yaml"].replace('"name": "app",', '"name": "app", "workingDir": "/tmp",', 1))
    pods.until("order is another", lambda: pods.pod("order").get("metadata", {}).get("uid", first) != first)
    assert (folder / "ends").read_text().split() == ["app", "two", "one"]


def test_a_bad_image_leaves_the_old_pod_running(pods: Stage) -> None:
    """P06: the rollout does not go on, the old Pod serves; the next push goes on at once (P01)."""
    pods.ready("roll")
    old = pods.pod("roll")["metadata"]["name"]
    good = pods.files["roll.yaml"]
    pods.put(roll=good.replace(IMAGE, "reconciler-e2e/absent:2"))
    pods.until("it says why", lambda: "ErrImageNeverPull" in str(pods.host.pods()))
    assert pods.is_ready(old)
    pods.nothing_to_do()
    pods.put(roll=good.replace('"name": "app",', '"name": "app", "workingDir": "/tmp",', 1))
    pods.until("the old one is gone", lambda: not pods.pod(old))
    pods.ready("roll")


def test_what_cannot_change_in_place_waits_for_a_word(pods: Stage) -> None:
    """A Job's template and a Deployment's selector cannot change: blocked, until an annotation says replace."""
    pods.until("task is done", lambda: pods.phase("task") == "Succeeded")
    first = uid_of_task(pods)
    changed = {
        "task": pods.files["task.yaml"].replace("echo one", "echo two"),
        "none": pods.files["none.yaml"].replace('"app": "none"', '"app": "other"'),
    }
    pods.put(**changed)
    verdicts = {one["object"]: one["verdict"] for one in pods.host.json("plan")["verdicts"]}
    assert verdicts["job/default/task"] == verdicts["deployment/default/none"] == "blocked"
    assert uid_of_task(pods) == first
    told = '"annotations": {"reconciler.dev/on-immutable-change": "replace"}, "name"'
    pods.put(**{name: text.replace('"name"', told, 1) for name, text in changed.items()})
    pods.until("task is another", lambda: uid_of_task(pods) not in (first, ""))
    pods.until("task is done again", lambda: pods.phase("task") == "Succeeded" and "two" in pods.log("task"))


def uid_of_task(pods: Stage) -> str:
    """Return which Job there is, or nothing."""
    found = pods.host.get("/apis/batch/v1/namespaces/default/jobs/task") or {}
    return str(found.get("metadata", {}).get("uid", ""))


@pytest.mark.parametrize("harm", HARMS)
def test_what_somebody_breaks_is_healed(pods: Stage, harm: str) -> None:
    """Containers, sandboxes and links that are taken away come back, and the Pod is ready again."""
    name = victim(harm)
    pods.ready(name)
    part = f"rc_POD_{name}_" if "sandbox" in harm else f"rc_app_{name}_"
    found, identity = next((one, identity) for one, identity in pods.host.running().items() if part in one)
    if harm == "network":
        pid = docker("inspect", "--format", "{{.State.Pid}}", found).strip()
        subprocess.run(["nsenter", "--target", pid, "--net", "ip", "link", "delete", "eth0"], check=True, timeout=10)
        pods.until("it has its network", lambda: is_whole(pods, name))
        return
    docker(*harm.removeprefix("sandbox ").split(), found)
    pods.until("another one runs", lambda: identity not in pods.host.running().values() and is_whole(pods, name))


def is_whole(pods: Stage, name: str) -> bool:
    """Whether a Pod is ready, has its address, and both of its containers run."""
    running = [one for one in pods.host.running() if f"_{name}_" in one]
    if len(running) != 2 or not pods.is_ready(name):
        return False
    return f"inet {pods.status(name).get('podIP', 'none')}/" in pods.shell(name, "ip address")


def test_all_of_it_leaves_nothing_to_do(pods: Stage) -> None:
    """P09: with all of the above done, the plan is empty."""
    pods.nothing_to_do()
