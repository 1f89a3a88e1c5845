"""What Pods find in their volumes; on one shared host."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.host import Host
from tests.e2e.manifests import SLEEPER
from tests.e2e.stage import Stage, container, manifest, pod, pod_spec, stage, workload

pytestmark = pytest.mark.real

SETTINGS = manifest("ConfigMap", "settings", data={"one": "1", "two": "2"}, binaryData={"raw": "AAEC"})
CHANGED = manifest("ConfigMap", "settings", data={"one": "changed", "two": "2"}, binaryData={"raw": "AAEC"})
KEYS = manifest("Secret", "keys", stringData={"key": "secret"})
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
IMMEDIATE = manifest(
    "StorageClass",
    "immediate",
    "storage.k8s.io/v1",
    provisioner="reconciler.dev/local",
    volumeBindingMode="Immediate",
)


def mounts(**paths: str) -> list[dict[str, object]]:
    """Mounts of volumes by name."""
    return [{"name": name.replace("_", "-"), "mountPath": path} for name, path in paths.items()]


def scenes(folder: Path) -> dict[str, str]:
    """The manifests; `folder` is on the host."""
    memory = pod(
        "memory",
        container("app", volumeMounts=mounts(memory="/memory", disk="/disk")),
        volumes=[
            {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "4Mi"}},
            {"name": "disk", "emptyDir": {}},
        ],
    )
    host = pod(
        "hosted",
        container("app", f"echo hi > /made/file; {SLEEPER}", volumeMounts=mounts(made="/made", file="/f", new="/new")),
        volumes=[
            {"name": "made", "hostPath": {"path": f"{folder}/made", "type": "DirectoryOrCreate"}},
            {"name": "file", "hostPath": {"path": f"{folder}/there", "type": "File"}},
            {"name": "new", "hostPath": {"path": f"{folder}/new", "type": "FileOrCreate"}},
        ],
    )
    wrong = pod(
        "wrong",
        container("app", volumeMounts=mounts(file="/f")),
        volumes=[{"name": "file", "hostPath": {"path": f"{folder}/nothing", "type": "Directory"}}],
    )
    configured = pod(
        "configured",
        container(
            "app",
            volumeMounts=[
                *mounts(all="/all", some="/some", keys="/keys", mixed="/mixed", me="/me"),
                {"name": "all", "mountPath": "/single/one", "subPath": "one"},
                {"name": "work", "mountPath": "/work", "subPathExpr": "of-$(NAME)"},
            ],
            env=[{"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            resources={"limits": {"memory": "64Mi"}},
        ),
        metadata={"labels": {"tier": "front"}, "annotations": {"note": "hello"}},
        volumes=[
            {"name": "all", "configMap": {"name": "settings"}},
            {
                "name": "some",
                "configMap": {
                    "name": "settings",
                    "defaultMode": 0o600,
                    "items": [{"key": "one", "path": "deep/uno"}, {"key": "two", "path": "dos", "mode": 0o440}],
                },
            },
            {"name": "keys", "secret": {"secretName": "keys", "defaultMode": 0o400}},
            {
                "name": "mixed",
                "projected": {
                    "sources": [
                        {"configMap": {"name": "settings", "items": [{"key": "one", "path": "c/one"}]}},
                        {"secret": {"name": "keys"}},
                        {"downwardAPI": {"items": [{"path": "ns", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
                    ]
                },
            },
            {
                "name": "me",
                "downwardAPI": {
                    "items": [
                        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
                        {"path": "note", "fieldRef": {"fieldPath": "metadata.annotations['note']"}},
                        {
                            "path": "memory",
                            "resourceFieldRef": {"containerName": "app", "resource": "limits.memory", "divisor": "1Mi"},
                        },
                    ]
                },
            },
            {"name": "work", "emptyDir": {}},
        ],
    )
    keeper = pod_spec(
        container("app", f"echo line >> /data/lines; {SLEEPER}", volumeMounts=mounts(data="/data")),
        volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    )
    bound = pod(
        "bound",
        container("app", f"echo bound > /data/file; {SLEEPER}", volumeMounts=mounts(data="/data")),
        volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "fixed"}}],
    )
    fixed = manifest(
        "PersistentVolume",
        "fixed",
        spec={
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "by-hand",
            "hostPath": {"path": f"{folder}/fixed", "type": "DirectoryOrCreate"},
        },
    )
    return {
        "memory": memory,
        "hosted": host,
        "wrong": wrong,
        "configured": configured,
        "settings": SETTINGS,
        "keys": KEYS,
        "data": manifest("PersistentVolumeClaim", "data", spec=CLAIM),
        "keeper": workload("Deployment", "keeper", keeper, strategy={"type": "Recreate"}),
        "immediate": IMMEDIATE,
        "early": manifest("PersistentVolumeClaim", "early", spec={**CLAIM, "storageClassName": "immediate"}),
        "fixed": fixed,
        "fixed_claim": manifest("PersistentVolumeClaim", "fixed", spec={**CLAIM, "storageClassName": "by-hand"}),
        "bound": bound,
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of the host."""
    path = tmp_path_factory.mktemp("on-host")
    (path / "there").write_text("was here\n")
    return path


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory, image: str, folder: Path) -> Iterator[Stage]:
    """A host that runs all of the Pods above, pushed at once."""
    with stage(tmp_path_factory.mktemp("pods")) as one:
        one.put(**scenes(folder))
        yield one


def claim(host: Host, name: str) -> dict[str, object]:
    """Return a claim."""
    return dict(host.get(f"/api/v1/namespaces/default/persistentvolumeclaims/{name}"))


def is_written(file: Path, text: str) -> bool:
    """Whether a file is there with a text."""
    return file.exists() and file.read_text() == text


def test_an_empty_directory_in_memory_has_its_size(pods: Stage) -> None:
    """A memory medium is a tmpfs with the limit as its size; a disk medium is none."""
    pods.ready("memory")
    assert pods.shell("memory", "grep ' /memory ' /proc/mounts").split()[2] == "tmpfs"
    assert pods.shell("memory", "grep ' /disk ' /proc/mounts").split()[2] != "tmpfs"
    assert pods.shell("memory", "df -k /memory | tail -1").split()[1] == "4096"
    pods.shell("memory", "echo x > /memory/x; echo y > /disk/y")
    assert pods.shell("memory", "cat /memory/x /disk/y").split() == ["x", "y"]


def test_host_paths_are_checked_and_made(pods: Stage, folder: Path) -> None:
    """Types that create do, types that check hold the Pod back and say why."""
    pods.ready("hosted")
    pods.until("it has written", lambda: is_written(folder / "made" / "file", "hi\n"))
    assert (folder / "new").is_file()
    assert pods.shell("hosted", "cat /f") == "was here"
    assert pods.phase("wrong") == "Pending"
    pods.until("an event says why", lambda: "FailedMount" in pods.host.events())


def test_configuration_becomes_files(pods: Stage) -> None:
    """ConfigMap, Secret, downward and projected volumes with items, paths and modes; single files by subPath."""
    pods.ready("configured")
    shell = pods.shell
    assert shell("configured", "ls /all").split() == ["one", "raw", "two"]
    assert shell("configured", "cat /some/deep/uno /some/dos") == "12"
    assert shell("configured", "stat -L -c %a /some/deep/uno /some/dos /keys/key /all/one").split() == [
        "600",
        "440",
        "400",
        "644",
    ]
    assert shell("configured", "cat /mixed/c/one /mixed/key /mixed/ns") == "1secretdefault"
    assert shell("configured", "cat /me/labels") == 'tier="front"'
    assert shell("configured", "cat /me/note /me/memory") == "hello64"
    assert shell("configured", "cat /single/one") == "1"
    assert shell("configured", "touch /all/x 2>/dev/null || echo refused") == "refused"
    assert shell("configured", "hexdump -C /all/raw | head -1").split()[1:4] == ["00", "01", "02"]


def test_a_changed_config_map_reaches_its_files_in_place(pods: Stage) -> None:
    """P21: whole volumes follow, single files by subPath stay, as in Kubernetes; nothing restarts."""
    pods.ready("configured")
    before = pods.host.running()
    pods.put(settings=CHANGED)
    pods.until("the file follows", lambda: pods.shell("configured", "cat /all/one") == "changed")
    pods.until("so does the projected one", lambda: pods.shell("configured", "cat /mixed/c/one") == "changed")
    assert pods.shell("configured", "cat /single/one") == "1"
    after = pods.host.running()
    assert {name: one for name, one in after.items() if "keeper" not in name} == {
        name: one for name, one in before.items() if "keeper" not in name
    }


def test_a_claim_survives_its_pod(pods: Stage) -> None:
    """A Deployment of kind Recreate: the old Pod has ended before the new one begins, and finds the data."""
    pods.ready("keeper")
    first = pods.pod("keeper")["metadata"]["uid"]
    pods.until("it has written", lambda: pods.shell("keeper", "cat /data/lines").split() == ["line"])
    pods.put(keeper=pods.files["keeper.yaml"].replace("echo line", "echo other"))
    pods.until("keeper is another", lambda: pods.pod("keeper").get("metadata", {}).get("uid", first) != first)
    pods.ready("keeper")
    both = ["line", "other"]
    pods.until("the other one has, too", lambda: pods.shell("keeper", "cat /data/lines").split() == both)


def test_claims_are_bound_as_their_class_says(pods: Stage, folder: Path) -> None:
    """Immediate needs no Pod; a PersistentVolume of Git is taken by the claim that fits."""
    pods.until("early is bound", lambda: claim(pods.host, "early").get("status", {}).get("phase") == "Bound")  # type: ignore[attr-defined]
    pods.ready("bound")
    assert claim(pods.host, "fixed")["spec"]["volumeName"] == "fixed"  # type: ignore[index]
    pods.until("it has written", lambda: is_written(folder / "fixed" / "file", "bound\n"))


def test_all_of_it_leaves_nothing_to_do(pods: Stage) -> None:
    """P09: with every volume above in place, the plan is empty."""
    pods.nothing_to_do()
