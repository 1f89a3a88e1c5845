"""Two people with a role in a namespace each, and the Python client."""

import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config, dynamic, watch
from kubernetes.stream import stream as exec_stream

from reconciler.config import load_settings
from reconciler.service import SystemClock
from reconciler.store.store import Store
from tests.e2e.kubectl import Kubectl, found
from tests.e2e.stage import Stage, container, manifest, pod, stage

pytestmark = pytest.mark.real

RBAC = "rbac.authorization.k8s.io"
PEOPLE = {"ada": "red", "bob": "blue"}
SPEAKER = 'echo mine; trap "exit 0" TERM; while true; do sleep 1 & wait $!; done'


def scenes() -> dict[str, str]:
    """Two namespaces, each with a Pod, a Secret, and one person who may edit there."""
    files: dict[str, str] = {}
    for person, namespace in PEOPLE.items():
        meta = {"namespace": namespace}
        files[f"{namespace}-namespace"] = manifest("Namespace", namespace)
        files[f"{namespace}-pod"] = pod("speaker", container("app", SPEAKER), metadata=meta)
        files[f"{namespace}-secret"] = manifest("Secret", "word", metadata=meta, stringData={"word": namespace})
        files[f"{namespace}-binding"] = manifest(
            "RoleBinding",
            person,
            f"{RBAC}/v1",
            metadata=meta,
            subjects=[{"kind": "User", "name": person, "apiGroup": RBAC}],
            roleRef={"kind": "ClusterRole", "name": "edit", "apiGroup": RBAC},
        )
    return files


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Stage]:
    """A host with both namespaces."""
    with stage(tmp_path_factory.mktemp("access")) as one:
        one.put(**scenes())
        one.host.settle()
        yield one


def kubeconfig(cluster: Stage, path: Path, *options: str) -> Path:
    """Write a kubeconfig, as a person does."""
    done = cluster.host.run("kubeconfig", *options)
    assert done.code == 0, done
    path.write_text(done.out)
    return path


@pytest.mark.skipif(not found(), reason="needs kubectl")
@pytest.mark.parametrize("proof", [(), ("--token",)], ids=["certificate", "token"])
@pytest.mark.parametrize("person", sorted(PEOPLE))
def test_people_see_and_touch_only_their_own(
    cluster: Stage, tmp_path: Path, person: str, proof: tuple[str, ...]
) -> None:
    """Neither can list, read logs of, or exec into the other's Pods, nor read its Secrets."""
    programs = found()
    path = kubeconfig(cluster, tmp_path / person, "--user", person, *proof)
    kubectl = Kubectl(programs[max(programs)], path, tmp_path)
    own = PEOPLE[person]
    (other,) = set(PEOPLE.values()) - {own}
    assert "speaker" in kubectl.out("get", "pods", "-n", own)
    assert kubectl.out("logs", "speaker", "-n", own) == "mine\n"
    assert kubectl.out("exec", "speaker", "-n", own, "--", "/bin/echo", "hi") == "hi\n"
    assert kubectl.out("get", "secret", "word", "-n", own, "-o", "jsonpath={.data.word}")
    for command in (
        ("get", "pods"),
        ("get", "pod", "speaker"),
        ("logs", "speaker"),
        ("exec", "speaker", "--", "/bin/echo", "hi"),
        ("get", "secrets"),
        ("get", "secret", "word"),
        ("delete", "pod", "speaker"),
    ):
        refused = kubectl.run(*command[:1], "-n", other, *command[1:])
        assert refused.code == 1, (command, refused)
        assert "orbidden" in refused.err, (command, refused)
        assert person in refused.err
    assert "orbidden" in kubectl.run("get", "pods", "-A").err
    assert "orbidden" in kubectl.run("get", "nodes").err
    assert kubectl.out("auth", "can-i", "list", "pods", "-n", own) == "yes\n"
    assert kubectl.run("auth", "can-i", "list", "pods", "-n", other).out == "no\n"


@pytest.mark.skipif(not found(), reason="needs kubectl")
def test_a_revoked_user_is_out_at_once(cluster: Stage, tmp_path: Path) -> None:
    """The next request is Unauthorized."""
    programs = found()
    path = kubeconfig(cluster, tmp_path / "eve", "--user", "eve", "--group", "system:masters", "--token")
    kubectl = Kubectl(programs[max(programs)], path, tmp_path)
    assert "speaker" in kubectl.out("get", "pods", "-n", "red")
    assert cluster.host.run("user", "revoke", "eve").code == 0
    refused = kubectl.run("get", "pods", "-n", "red")
    assert refused.code == 1
    assert "nauthorized" in refused.err or "must be logged in" in refused.err


@pytest.fixture(scope="module")
def api(cluster: Stage, tmp_path_factory: pytest.TempPathFactory) -> client.ApiClient:
    """The Python client as an administrator."""
    path = kubeconfig(cluster, tmp_path_factory.mktemp("python") / "config")
    return config.new_client_from_config(str(path))


def test_the_python_client_lists_and_reads_logs(api: client.ApiClient) -> None:
    """Typed objects, as from any cluster."""
    core = client.CoreV1Api(api)
    pods = core.list_pod_for_all_namespaces(label_selector="").items
    assert {one.metadata.namespace for one in pods} == {"red", "blue"}
    assert core.read_namespaced_pod_log("speaker", "red") == "mine\n"
    assert core.list_node().items[0].status.node_info.container_runtime_version.startswith("docker://")
    assert client.VersionApi(api).get_code().major == "1"
    page = core.list_pod_for_all_namespaces(limit=1)
    assert page.metadata._continue
    rest = core.list_pod_for_all_namespaces(limit=1, _continue=page.metadata._continue)
    assert {page.items[0].metadata.uid, rest.items[0].metadata.uid} == {one.metadata.uid for one in pods}


def test_the_python_client_watches(api: client.ApiClient, cluster: Stage) -> None:
    """It is told of what happens."""
    core = client.CoreV1Api(api)
    seen: list[dict[str, Any]] = []
    arrived = threading.Event()
    follower = watch.Watch()

    def follow() -> None:
        for event in follower.stream(core.list_namespaced_config_map, "red", timeout_seconds=60):
            seen.append(event)
            if event["object"].metadata.name == "told":
                arrived.set()
                follower.stop()

    thread = threading.Thread(target=follow)
    thread.start()
    cluster.put(told=manifest("ConfigMap", "told", metadata={"namespace": "red"}, data={"a": "b"}))
    assert arrived.wait(60)
    thread.join(60)


def forget_the_log(cluster: Stage) -> None:
    """Drop the log of changes, as the daemon does with what is old."""
    cluster.host.stop()
    settings = load_settings(str(cluster.host.data))
    clock = SystemClock()
    store = Store.open(settings.database_url, key=settings.key_path.read_bytes(), clock=clock)
    store.prune_history(clock.now())
    store.close()
    cluster.host.start()


def test_the_python_client_runs_commands(api: client.ApiClient) -> None:
    """exec over WebSocket."""
    core = client.CoreV1Api(api)
    told = exec_stream(
        core.connect_get_namespaced_pod_exec,
        "speaker",
        "red",
        command=["/bin/sh", "-c", "echo out; echo problem >&2"],
        stdout=True,
        stderr=True,
        stdin=False,
        tty=False,
    )
    assert sorted(told.split()) == ["out", "problem"]


def test_the_dynamic_client_finds_kinds(api: client.ApiClient) -> None:
    """By legacy discovery."""
    kinds = dynamic.DynamicClient(api)
    deployments = kinds.resources.get(api_version="apps/v1", kind="Deployment")
    assert deployments.namespaced
    assert (
        kinds.resources.get(api_version="v1", kind="Pod").get(name="speaker", namespace="red").status.phase == "Running"
    )


def test_a_foreign_authority_is_not_trusted(cluster: Stage, tmp_path: Path) -> None:
    """The server's certificate is of the cluster's own authority, and says the names it is reached by."""
    path = kubeconfig(cluster, tmp_path / "config")
    settings = client.Configuration()
    config.load_kube_config(str(path), client_configuration=settings)
    settings.ssl_ca_cert = ssl.get_default_verify_paths().cafile
    with pytest.raises(Exception, match=r"(?i)certificate.verify.failed"):
        client.CoreV1Api(client.ApiClient(settings)).list_namespace(_request_timeout=30)


def test_a_watch_from_before_the_log_begins_anew(cluster: Stage, tmp_path: Path) -> None:
    """410 tells the client that its version is no longer kept; listing again, it goes on."""
    forget_the_log(cluster)
    api = config.new_client_from_config(str(kubeconfig(cluster, tmp_path / "config")))
    core = client.CoreV1Api(api)
    with pytest.raises(client.ApiException) as refused:
        for _ in watch.Watch().stream(core.list_namespaced_config_map, "red", resource_version="1", timeout_seconds=5):
            pass
    assert refused.value.status == 410
    fresh = core.list_namespaced_config_map("red").metadata.resource_version
    events = watch.Watch().stream(core.list_namespaced_config_map, "red", resource_version=fresh, timeout_seconds=1)
    assert list(events) == []
