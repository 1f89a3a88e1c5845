"""Stock kubectl, every version that is here, looks at a host and operates it as it does any cluster."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.model.kinds import KINDS
from tests.e2e.host import Host
from tests.e2e.kubectl import Kubectl, found
from tests.e2e.manifests import config_map, web
from tests.e2e.stage import Stage, container, manifest, pod, pod_spec, stage

pytestmark = pytest.mark.real

PROGRAMS = found()
COLUMNS = Path(__file__).parents[3] / "shared" / "parity" / "table-columns.json"
SPEAKER = "echo one; echo two; echo three; " + 'trap "exit 0" TERM; while true; do sleep 1 & wait $!; done'


def scenes() -> dict[str, str]:
    """One object of most kinds."""
    job = {"template": {"spec": pod_spec(container("app", "echo done"), restartPolicy="Never")}}
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]
    role_ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    subjects = [{"kind": "User", "name": "ada", "apiGroup": "rbac.authorization.k8s.io"}]
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    data = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    keeper = container("app", volumeMounts=[{"name": "data", "mountPath": "/data"}])
    return {
        "web": web(),
        "speaker": pod("speaker", container("app", SPEAKER), metadata={"labels": {"app": "speaker", "tier": "back"}}),
        "config": config_map("settings"),
        "secret": manifest("Secret", "password", stringData={"word": "s3cret"}),
        "task": manifest("Job", "task", "batch/v1", spec=job),
        "claim": manifest("PersistentVolumeClaim", "data", spec=claim),
        "keeper": pod("keeper", keeper, volumes=data),
        "role": manifest("Role", "reader", "rbac.authorization.k8s.io/v1", rules=rules),
        "binding": manifest(
            "RoleBinding", "reader", "rbac.authorization.k8s.io/v1", subjects=subjects, roleRef=role_ref
        ),
        "account": manifest("ServiceAccount", "robot"),
    }


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Stage]:
    """A host that runs all of the above."""
    with stage(tmp_path_factory.mktemp("kubectl")) as one:
        one.put(**scenes())
        one.host.settle()
        yield one


@pytest.fixture(scope="module")
def config(cluster: Stage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kubeconfig of an administrator."""
    return kubeconfig(cluster.host, tmp_path_factory.mktemp("config") / "admin")


def kubeconfig(host: Host, path: Path, *options: str) -> Path:
    """Write a kubeconfig, as a person does."""
    done = host.run("kubeconfig", *options)
    assert done.code == 0, done
    path.write_text(done.out)
    return path


@pytest.fixture(scope="module", params=sorted(PROGRAMS) or [pytest.param("none", marks=pytest.mark.skip)])
def kubectl(request: pytest.FixtureRequest, config: Path, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """Each kubectl that is here."""
    return Kubectl(PROGRAMS[request.param], config, tmp_path_factory.mktemp("cache"))


def test_get_shows_tables(kubectl: Kubectl) -> None:
    """As on any cluster: columns, wide columns, several kinds, all namespaces, selectors."""
    pods = kubectl.out("get", "pods").splitlines()
    assert pods[0].split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert any(line.startswith("speaker ") and "1/1" in line and "Running" in line for line in pods)
    assert any(line.startswith("task-") and "Completed" in line for line in pods)
    assert "NOMINATED NODE" in kubectl.out("get", "pods", "-o", "wide")
    assert "10.42." in kubectl.out("get", "pod", "speaker", "-o", "wide")
    everything = kubectl.out("get", "deploy,svc,cm,secret,job,pvc,sa,role,rolebinding")
    for name in ("deployment.apps/web", "service/web", "configmap/settings", "secret/password", "job.batch/task"):
        assert name in everything
    assert "NAMESPACE" in kubectl.out("get", "pods", "--all-namespaces")
    assert kubectl.out("get", "pods", "-l", "tier=back", "-o", "name") == "pod/speaker\n"
    assert kubectl.out("get", "pods", "-l", "app in (speaker),tier!=front", "-o", "name") == "pod/speaker\n"
    assert "speaker" in kubectl.out("get", "pods", "--field-selector=status.phase=Running,metadata.name=speaker")
    assert "No resources found" in kubectl.run("get", "pods", "-l", "app=absent").err
    assert "replicaset.apps/web-" in kubectl.out("get", "all")


def test_get_prints_documents(kubectl: Kubectl) -> None:
    """YAML, JSON, a JSON path, names, chosen columns, sorted."""
    assert "restartPolicy: Always" in kubectl.out("get", "pod", "speaker", "-o", "yaml")
    document = json.loads(kubectl.out("get", "deployment", "web", "-o", "json"))
    assert (document["kind"], document["apiVersion"], document["status"]["readyReplicas"]) == (
        "Deployment",
        "apps/v1",
        2,
    )
    assert json.loads(kubectl.out("get", "pods", "-o", "json"))["kind"] == "List"
    assert kubectl.out("get", "pod", "speaker", "-o", "jsonpath={.status.phase}") == "Running"
    assert kubectl.out("get", "pod/speaker", "-o", "name") == "pod/speaker\n"
    chosen = kubectl.out("get", "pods", "-o", "custom-columns=N:.metadata.name", "--sort-by=.metadata.name")
    assert "speaker" in chosen
    missing = kubectl.run("get", "pod", "absent")
    assert missing.code == 1
    assert 'pods "absent" not found' in missing.err
    unknown = kubectl.run("get", "unicorns")
    assert "doesn't have a resource type" in unknown.err


def test_get_watches(kubectl: Kubectl) -> None:
    """`-w` prints what there is, then goes on."""
    with kubectl.following("get", "pods", "-w", "-l", "app=speaker") as watching:
        assert watching.stdout is not None
        assert "NAME" in watching.stdout.readline()
        assert "speaker" in watching.stdout.readline()
        assert watching.poll() is None


@pytest.mark.parametrize(
    "object",
    [
        "pod/speaker",
        "deployment/web",
        "service/web",
        "configmap/settings",
        "secret/password",
        "job/task",
        "pvc/data",
        "sa/robot",
        "role/reader",
        "rolebinding/reader",
        "node/node-1",
        "namespace/default",
        "storageclass/local",
        "clusterrole/view",
    ],
)
def test_describe(kubectl: Kubectl, object: str) -> None:
    """Every kind, without a complaint."""
    done = kubectl.run("describe", object)
    assert done.code == 0, done
    assert not done.err, done.err
    assert object.split("/")[1] in done.out
    if object == "pod/speaker":
        assert "Started" in done.out


def test_logs(kubectl: Kubectl) -> None:
    """Whole, the last lines, with times, followed, of a workload."""
    assert kubectl.out("logs", "speaker") == "one\ntwo\nthree\n"
    assert kubectl.out("logs", "speaker", "--tail=1") == "three\n"
    assert re.match(r"20\d\d-\d\d-\d\dT[\d:.]+Z one\n", kubectl.out("logs", "speaker", "--timestamps"))
    assert kubectl.out("logs", "job/task") == "done\n"
    assert kubectl.out("logs", "speaker", "--limit-bytes=3") == "one"
    assert kubectl.out("logs", "speaker", "--since=1h").startswith("one")
    with kubectl.following("logs", "-f", "speaker") as following:
        assert following.stdout is not None
        assert [following.stdout.readline() for _ in range(3)] == ["one\n", "two\n", "three\n"]
        assert following.poll() is None
    assert "absent" in kubectl.run("logs", "speaker", "-c", "absent").err


def test_explain_and_discovery(kubectl: Kubectl) -> None:
    """What kinds and fields there are."""
    assert "replicas" in kubectl.out("explain", "deployment.spec")
    assert "readinessProbe" in kubectl.out("explain", "pod.spec.containers", "--recursive")
    resources = kubectl.out("api-resources")
    for kind in ("Deployment", "Pod", "RoleBinding", "Node", "ComponentStatus"):
        assert f" {kind}\n" in resources
    assert "apps/v1" in kubectl.out("api-versions")
    assert "Server Version" in kubectl.out("version")


def test_nodes_and_components(kubectl: Kubectl) -> None:
    """The host as a Node with all its columns, and the parts of the control plane."""
    head, line = kubectl.out("get", "nodes", "-o", "wide").splitlines()
    assert head.split()[:5] == ["NAME", "STATUS", "ROLES", "AGE", "VERSION"]
    assert line.startswith("node-1 ")
    assert " Ready " in line
    assert "docker://" in line
    assert "<unknown>" not in line
    components = kubectl.out("get", "componentstatuses")
    for name in ("scheduler", "controller-manager", "store"):
        assert re.search(rf"^{name}\s+Healthy", components, re.MULTILINE)


def test_rollouts(kubectl: Kubectl, cluster: Stage) -> None:
    """Pause, resume, restart, status, history and undo; undo holds."""
    assert "successfully rolled out" in kubectl.out("rollout", "status", "deployment/web", "--timeout=60s")
    before = staying(kubectl)
    assert "paused" in kubectl.out("rollout", "pause", "deployment/web")
    assert kubectl.out("get", "deployment", "web", "-o", "jsonpath={.spec.paused}") == "true"
    assert "resumed" in kubectl.out("rollout", "resume", "deployment/web")
    assert "restarted" in kubectl.out("rollout", "restart", "deployment/web")
    assert "successfully rolled out" in kubectl.out("rollout", "status", "deployment/web", "--timeout=60s")
    after = staying(kubectl)
    assert after
    assert not before & after
    revisions = re.findall(r"^(\d+)\s", kubectl.out("rollout", "history", "deployment/web"), re.MULTILINE)
    assert len(revisions) >= 2
    assert "rolled back" in kubectl.out("rollout", "undo", "deployment/web")
    assert "successfully rolled out" in kubectl.out("rollout", "status", "deployment/web", "--timeout=60s")
    newest = re.findall(r"^(\d+)\s", kubectl.out("rollout", "history", "deployment/web"), re.MULTILINE)[-1]
    assert int(newest) == int(revisions[-1]) + 1
    assert kubectl.out("wait", "--for=condition=Available", "deployment/web", "--timeout=30s")
    cluster.nothing_to_do()


def staying(kubectl: Kubectl) -> set[str]:
    """Return the Pods of the Deployment that are not on their way out."""
    pods = json.loads(kubectl.out("get", "pods", "-l", "app=web", "-o", "json"))["items"]
    return {one["metadata"]["name"] for one in pods if "deletionTimestamp" not in one["metadata"]}


def test_exec(kubectl: Kubectl) -> None:
    """Output, input, exit codes."""
    assert kubectl.out("exec", "speaker", "--", "/bin/echo", "hello") == "hello\n"
    assert kubectl.out("exec", "-i", "speaker", "--", "/bin/cat", input="to and fro\n") == "to and fro\n"
    failed = kubectl.run("exec", "speaker", "--", "/bin/sh", "-c", "echo problem >&2; exit 7")
    assert failed.code == 7
    assert "problem" in failed.err


def test_a_node_is_cordoned_and_a_pod_deleted(kubectl: Kubectl, cluster: Stage) -> None:
    """What may be operated through the API; a deleted Pod of Git returns."""
    kubectl.out("cordon", "node-1")
    assert "SchedulingDisabled" in kubectl.out("get", "nodes")
    kubectl.out("uncordon", "node-1")
    assert "SchedulingDisabled" not in kubectl.out("get", "nodes")
    kubectl.out("taint", "node", "node-1", "key=value:NoSchedule")
    assert "key=value:NoSchedule" in kubectl.out("describe", "node", "node-1")
    kubectl.out("taint", "node", "node-1", "key:NoSchedule-")
    before = cluster.pod("keeper")["metadata"]["uid"]
    assert "deleted" in kubectl.out("delete", "pod", "keeper")
    cluster.until("keeper is another", lambda: cluster.pod("keeper").get("metadata", {}).get("uid", before) != before)
    cluster.ready("keeper")
    assert kubectl.out("wait", "--for=condition=Ready", "pod/keeper", "--timeout=30s")


def test_other_writes_are_refused_with_the_place_to_edit(kubectl: Kubectl) -> None:
    """P05: what Git declares is changed in Git, and the refusal says where."""
    for command in (
        ("scale", "deployment/web", "--replicas=5"),
        ("label", "deployment/web", "a=b"),
        ("delete", "deployment/web"),
        ("set", "image", "deployment/web", "web=other:1"),
    ):
        refused = kubectl.run(*command)
        assert refused.code == 1, (command, refused)
        assert "web.yaml:" in refused.err, (command, refused)
    created = kubectl.run("create", "configmap", "mine", "--from-literal=a=b")
    assert created.code == 1
    assert "repository" in created.err


def test_who_may_do_what(kubectl: Kubectl) -> None:
    """`auth can-i` and `auth whoami`."""
    assert kubectl.out("auth", "can-i", "get", "pods") == "yes\n"
    assert kubectl.out("auth", "can-i", "create", "pods/exec") == "yes\n"
    assert "Resources" in kubectl.out("auth", "can-i", "--list")


@pytest.mark.skipif(not PROGRAMS or not COLUMNS.exists(), reason="needs kubectl and the list of columns")
def test_columns_are_those_of_kubernetes(cluster: Stage, config: Path, tmp_path: Path) -> None:
    """For every kind that is served, as `kubectl get KIND -o wide` prints them."""
    kubectl = Kubectl(PROGRAMS[max(PROGRAMS)], config, tmp_path)
    wanted = json.loads(COLUMNS.read_text())
    told = kubectl.out("api-resources", "--no-headers", "--verbs=list", "-o", "wide")
    served = {line.split()[0] for line in told.splitlines()}
    compared = 0
    for spec in KINDS.values():
        columns = wanted.get(f"{spec.group}/{spec.version}/{spec.kind}")
        if spec.plural not in served or columns is None:
            continue
        shown = kubectl.run("get", f"{spec.plural}.{spec.group}" if spec.group else spec.plural, "-A", "-o", "wide")
        if not shown.out:
            continue
        head = re.split(r"\s{2,}|(?<=\S) (?=AGE$)", shown.out.splitlines()[0].strip())
        names = [name.upper() for name, *_ in columns]
        assert [name for name in head if name != "NAMESPACE"] == names, spec.kind
        compared += 1
    assert compared >= 15
