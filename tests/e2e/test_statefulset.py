"""A StatefulSet on a real host: numbered Pods with names and data of their own, through a rollout and a deletion."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.kubectl import Kubectl, found
from tests.e2e.stage import Stage, container, manifest, pod, pod_spec, stage

pytestmark = pytest.mark.real

SCRIPT = (
    "echo VERSION >> /data/lines; cat /etc/hostname > /www/index.html;"
    " trap 'exit 0' TERM; httpd -f -p 8080 -h /www & wait $!"
)
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
NAMES = ("db-0", "db-1", "db-2")


def db(version: str = "one", replicas: int = 3) -> str:
    """The set; each Pod writes its version down when it starts."""
    probe = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    main = container(
        "app",
        SCRIPT.replace("VERSION", version),
        readinessProbe=probe,
        volumeMounts=[{"name": "data", "mountPath": "/data"}],
    )
    return manifest(
        "StatefulSet",
        "db",
        "apps/v1",
        spec={
            "serviceName": "db",
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "db"}},
            "template": {"metadata": {"labels": {"app": "db"}}, "spec": pod_spec(main)},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": CLAIM}],
        },
    )


SERVICE = manifest("Service", "db", spec={"clusterIP": "None", "selector": {"app": "db"}, "ports": [{"port": 8080}]})


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Stage]:
    """A host with the set, its Service and somebody who asks."""
    with stage(tmp_path_factory.mktemp("set")) as one:
        one.put(db=db(), service=SERVICE, client=pod("client", container("app")))
        one.ready("client", *NAMES, timeout=60)
        yield one


@pytest.fixture
def rolled(pods: Stage) -> Stage:
    """The set after a rollout, whichever test comes first."""
    if status(pods)["updateRevision"] == status(pods)["currentRevision"] and len(revisions(pods)) == 1:
        pods.put(db=db("two"))
        pods.until("the rollout has begun", lambda: len(revisions(pods)) == 2)
    pods.until("the rollout is over", lambda: status(pods)["currentRevision"] == status(pods)["updateRevision"])
    pods.ready(*NAMES)
    return pods


def revisions(pods: Stage) -> list[int]:
    """Return the numbers of the set's revisions."""
    found = pods.host.get("/apis/apps/v1/namespaces/default/controllerrevisions")["items"]
    return sorted(one["revision"] for one in found)


def members(pods: Stage) -> dict[str, dict[str, Any]]:
    """Return the Pods of the set by name."""
    found = {one["metadata"]["name"]: one for one in pods.host.pods()}
    return {name: one for name, one in found.items() if name.startswith("db-")}


def uids(pods: Stage) -> dict[str, str]:
    """Return the uids of the Pods of the set by name."""
    return {name: one["metadata"]["uid"] for name, one in members(pods).items()}


def lines(pods: Stage) -> dict[str, list[str]]:
    """Return what each Pod finds in its volume."""
    return {name: pods.shell(name, "cat /data/lines").split() for name in members(pods)}


def volumes(pods: Stage) -> dict[str, str]:
    """Return the volumes of the claims by name."""
    claims = pods.host.get("/api/v1/namespaces/default/persistentvolumeclaims")["items"]
    return {one["metadata"]["name"]: one["spec"]["volumeName"] for one in claims}


def status(pods: Stage) -> dict[str, Any]:
    """Return the status of the set."""
    return dict(pods.host.get("/apis/apps/v1/namespaces/default/statefulsets/db")["status"])


def answers_by_its_name(pods: Stage, name: str) -> bool:
    """Whether the name of a Pod leads to that Pod."""
    return pods.shell("client", f"timeout 5 wget -q -O- http://{name}.db:8080/") == name


def test_pods_start_in_order_with_names_and_volumes(pods: Stage) -> None:
    """Each begins when the one before is ready, has a volume of its own, and is found under its own name."""
    created = [members(pods)[name]["metadata"]["creationTimestamp"] for name in NAMES]
    assert created == sorted(created)
    assert sorted(volumes(pods)) == [f"data-{name}" for name in NAMES]
    assert len(set(volumes(pods).values())) == 3
    for name in NAMES:
        pods.until(f"{name} answers by its name", lambda name=name: answers_by_its_name(pods, name))  # type: ignore[misc]
        told = pods.shell("client", f"nslookup {name}.db.default.svc.cluster.local")
        assert members(pods)[name]["status"]["podIP"] in told
    assert pods.shell("db-1", "hostname -f") == "db-1.db.default.svc.cluster.local"
    assert lines(pods) == {name: ["one"] for name in NAMES}


def test_a_rollout_keeps_names_and_data(pods: Stage) -> None:
    """P13, P29: every Pod is replaced by one of its name, from the highest number down, and finds its data."""
    before, kept = uids(pods), volumes(pods)
    pods.put(db=db("two"))
    pods.until("all Pods are new", lambda: not set(before.values()) & set(uids(pods).values()), 60)
    pods.ready(*NAMES, timeout=60)
    created = [members(pods)[name]["metadata"]["creationTimestamp"] for name in reversed(NAMES)]
    assert created == sorted(created)
    assert lines(pods) == {name: ["one", "two"] for name in NAMES}
    assert volumes(pods) == kept
    pods.until("the rollout is over", lambda: status(pods)["currentRevision"] == status(pods)["updateRevision"])
    assert status(pods)["updatedReplicas"] == 3
    assert revisions(pods) == [1, 2]


def test_kubectl_follows_the_rollout(rolled: Stage, tmp_path: Path) -> None:
    """`rollout status` and `history`, `get` and `describe` know the set as on any cluster."""
    programs = found()
    if not programs:
        pytest.skip("no kubectl is here")
    config = tmp_path / "config"
    config.write_text(rolled.host.run("kubeconfig").out)
    for version in (min(programs), max(programs)):
        kubectl = Kubectl(programs[version], config, tmp_path / version)
        assert "3 new pods have been updated" in kubectl.out("rollout", "status", "statefulset/db", "--timeout=60s")
        assert [line.split()[0] for line in kubectl.out("rollout", "history", "sts/db").split("\n")[2:] if line] == [
            "1",
            "2",
        ]
        assert "3/3" in kubectl.out("get", "sts")
        assert "3 Running" in kubectl.out("describe", "statefulset", "db")


def test_a_deleted_pod_comes_back_with_its_data(pods: Stage) -> None:
    """P27, P29: under its name, with its volume, found by its name; the others are not touched."""
    before, written = uids(pods), lines(pods)["db-1"]
    done = pods.host.run("delete", "pod", "db-1")
    assert done.code == 0, done
    pods.until("db-1 is another", lambda: uids(pods).get("db-1", before["db-1"]) != before["db-1"])
    pods.ready("db-1")
    after = uids(pods)
    assert {name: after[name] for name in ("db-0", "db-2")} == {name: before[name] for name in ("db-0", "db-2")}
    assert lines(pods)["db-1"] == [*written, written[-1]]
    pods.until("db-1 answers by its name", lambda: answers_by_its_name(pods, "db-1"))


def test_shrinking_keeps_the_data_of_those_that_go(rolled: Stage) -> None:
    """P29: claims and volumes stay while nobody uses them, and serve again when the set grows."""
    kept, written = volumes(rolled), lines(rolled)["db-2"]
    rolled.put(db=db("two", 1))
    rolled.until("one Pod is left", lambda: list(members(rolled)) == ["db-0"])
    assert volumes(rolled) == kept
    rolled.put(db=db("two", 3))
    rolled.ready("db-2")
    assert volumes(rolled) == kept
    assert lines(rolled)["db-2"] == [*written, "two"]


def test_restarting_the_daemon_touches_nothing(pods: Stage) -> None:
    """P10: the Pods keep running, ready and found; and there is nothing left to do (P09)."""
    pods.ready(*NAMES)
    pods.nothing_to_do()
    before = pods.host.running()
    pods.host.restart()
    pods.nothing_to_do()
    assert pods.host.running() == before
    assert pods.host.run("status").code == 0
