"""Deletions that wait for a person, and data that outlives its definition."""

from pathlib import Path

import pytest

from tests.e2e.host import IMAGE, Host, docker, wait_for
from tests.e2e.manifests import config_map, sleeper

pytestmark = pytest.mark.real

CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
"""

WRITER = f"""
apiVersion: v1
kind: Pod
metadata: {{name: writer}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: app
    image: {IMAGE}
    imagePullPolicy: Never
    command: [/bin/sh, -c, "echo kept > /data/file; sleep 100000"]
    volumeMounts: [{{name: data, mountPath: /data}}]
  volumes: [{{name: data, persistentVolumeClaim: {{claimName: data}}}}]
"""


def test_sixty_percent_of_a_repository_is_held_until_acknowledged(host: Host) -> None:
    """P02: 24 of 40 objects vanish: held as a set, the rest is applied, status exits 5, apply --ack releases it."""
    keep = {f"keep/{n}.yaml": config_map(f"keep-{n}") for n in range(16)}
    drop = {f"drop/{n}.yaml": config_map(f"drop-{n}") for n in range(24)}
    assert host.push({**keep, **drop}).code == 0
    host.settle()
    pushed = host.push({**keep, "new.yaml": config_map("new")})
    assert "held" in pushed.err
    assert host.run("status").code == 5
    assert host.run("plan").code == 5
    names = {one["metadata"]["name"] for one in host.get("/api/v1/namespaces/default/configmaps")["items"]}
    assert "new" in names
    assert len([name for name in names if name.startswith("drop-")]) == 24
    released = host.run("apply", "--ack", "--yes")
    assert released.code == 0, released
    host.settle()
    names = {one["metadata"]["name"] for one in host.get("/api/v1/namespaces/default/configmaps")["items"]}
    assert not [name for name in names if name.startswith("drop-")]
    assert host.run("status").code == 0


def test_removing_a_claim_keeps_its_data(host: Host) -> None:
    """P29: held first; once acknowledged the claim goes, the volume is released and the file is still there."""
    rest = {f"{n}.yaml": config_map(f"c-{n}") for n in range(20)}
    assert host.push({"claim.yaml": CLAIM, "pod.yaml": WRITER, **rest}).code == 0
    host.settle()
    (folder,) = list((host.data / "volumes").iterdir())
    wait_for("the Pod has written", lambda: (folder / "file").exists(), 10)
    host.push(rest)
    assert host.run("status").code == 5
    assert host.run("apply", "--ack", "--yes").code == 0
    wait_for(
        "the claim is gone",
        lambda: not host.get("/api/v1/namespaces/default/persistentvolumeclaims")["items"],
        20,
        every=0.2,
    )
    assert (folder / "file").read_text() == "kept\n"
    volumes = host.get("/api/v1/persistentvolumes")["items"]
    assert [one["status"]["phase"] for one in volumes] == ["Released"]
    host.settle()


def test_a_removed_deployment_leaves_nothing_on_the_host(host: Host) -> None:
    """Containers, links and published volumes go with it; what stays declared keeps running."""
    assert host.push({"a.yaml": sleeper("one"), "b.yaml": sleeper("two")}).code == 0
    host.settle()
    assert host.push({"a.yaml": sleeper("one")}).code == 0
    host.settle()
    wait_for("its containers are gone", lambda: not [n for n in host.containers(everything=True) if "two" in n], 20)
    assert [name for name in host.running() if "one" in name]
    pods = [path.name for path in Path(host.data / "pods").glob("*")] if (host.data / "pods").exists() else []
    assert len(pods) <= 1


def test_rollback_holds_until_a_newer_commit(host: Host) -> None:
    """P15: the bad commit is skipped, every view says so, and the next push takes over."""
    assert host.push({"a.yaml": sleeper("one"), "c.yaml": config_map("c", "good")}).code == 0
    host.settle()
    good = host.commit("again")
    host.git("push", "--quiet", "origin", "HEAD:main")
    assert host.push({"a.yaml": sleeper("one"), "c.yaml": config_map("c", "bad")}).code == 0
    host.settle()
    assert host.run("rollback", good).code == 0

    def value() -> str:
        return str(host.get("/api/v1/namespaces/default/configmaps/c")["data"]["value"])

    wait_for("the old value is back", lambda: value() == "good", 20, every=0.2)
    assert "rolled back" in host.run("status").out.lower()
    host.restart()
    wait_for("still the old value", lambda: value() == "good", 10, every=0.2)
    host.push({"a.yaml": sleeper("one"), "c.yaml": config_map("c", "newer")}, wait=False)
    wait_for("the newer commit counts", lambda: value() == "newer", 20, every=0.2)
    host.settle()


def test_an_untouched_image_is_not_removed(host: Host) -> None:
    """What was on the host before stays on it."""
    assert host.push({"a.yaml": sleeper("one")}).code == 0
    assert IMAGE.rpartition(":")[0] in docker("images", "--format", "{{.Repository}}")
