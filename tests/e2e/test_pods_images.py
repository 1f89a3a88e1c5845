"""Images from a registry: by tag, by digest, with credentials."""

import base64
import json
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.host import docker, wait_for
from tests.e2e.stage import Stage, container, manifest, pod, stage

pytestmark = pytest.mark.real

OPEN, CLOSED = "127.0.0.1:5000", "127.0.0.1:5001"
USER, PASSWORD = "shop", "hunter2"
# As htpasswd -nbB prints it for the two above.
ACCOUNT = f"{USER}:$2b$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.\n"


def credentials(name: str, password: str) -> str:
    """A Secret to pull with."""
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    config = json.dumps({"auths": {CLOSED: {"auth": auth}}})
    return manifest("Secret", name, type="kubernetes.io/dockerconfigjson", stringData={".dockerconfigjson": config})


def puller(name: str, image: str, policy: str = "IfNotPresent", *secrets: str) -> str:
    """A Pod of this image."""
    of = {**container("app"), "image": image, "imagePullPolicy": policy}
    return pod(name, of, imagePullSecrets=[{"name": secret} for secret in secrets])


def serve(folder: Path, address: str, account: str = "") -> subprocess.Popen[bytes]:
    """Start Debian's registry."""
    lines = [
        "version: 0.1",
        "log: {level: error}",
        f"storage: {{filesystem: {{rootdirectory: {folder}/data-{address}}}}}",
        f"http: {{addr: '{address}'}}",
    ]
    if account:
        (folder / "htpasswd").write_text(account)
        lines.append(f"auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}")
    settings = folder / f"{address}.yml"
    settings.write_text("\n".join(lines) + "\n")
    with (folder / f"{address}.log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(settings)], stdout=log, stderr=log)
    wait_for(f"{address} answers", lambda: answers(address), 20)
    return process


def answers(address: str) -> bool:
    """Whether a registry answers at all."""
    try:
        urllib.request.urlopen(f"http://{address}/v2/", timeout=2).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def registries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Two registries on the host: an open one, and one that asks who is there."""
    if shutil.which("docker-registry") is None:
        pytest.skip("no registry; install Debian's package docker-registry")
    folder = tmp_path_factory.mktemp("registry")
    processes = [serve(folder, OPEN), serve(folder, CLOSED, ACCOUNT)]
    yield
    for process in processes:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def digest(registries: None, image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Push the image to both; return its digest. Nothing of it is left on the host under those names."""
    folder = tmp_path_factory.mktemp("docker-client")
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {CLOSED: {"auth": auth}}}))
    found = ""
    for name in (f"{OPEN}/shop/app:1", f"{OPEN}/shop/pinned:1", f"{CLOSED}/shop/app:1", f"{CLOSED}/shop/locked:1"):
        docker("tag", image, name)
        said = docker("--config", str(folder), "push", name)
        found = said.rpartition("digest: ")[2].split()[0]
        docker("rmi", name)
    return found


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory, digest: str) -> Iterator[Stage]:
    """A host that pulls all of these, pushed at once."""
    with stage(tmp_path_factory.mktemp("pods")) as one:
        one.put(
            tagged=puller("tagged", f"{OPEN}/shop/app:1"),
            again=puller("again", f"{OPEN}/shop/app:1", "Always"),
            pinned=puller("pinned", f"{OPEN}/shop/pinned@{digest}"),
            absent=puller("absent", f"{OPEN}/shop/nothing:1"),
            right=credentials("right", PASSWORD),
            wrong=credentials("wrong", "guess"),
            allowed=puller("allowed", f"{CLOSED}/shop/app:1", "Always", "right"),
            either=puller("either", f"{CLOSED}/shop/locked:1", "Always", "wrong", "right"),
            refused=puller("refused", f"{CLOSED}/shop/app:1", "Always", "wrong"),
            nobody=puller("nobody", f"{CLOSED}/shop/app:1", "Always"),
        )
        yield one


def waiting(pods: Stage, name: str) -> tuple[str, str]:
    """Return why a container waits, and its message."""
    told = pods.container(name).get("state", {}).get("waiting", {})
    return told.get("reason", ""), told.get("message", "")


def test_images_are_pulled_by_tag_and_by_digest(pods: Stage, digest: str) -> None:
    """The Pods run what was pushed, and say which image it is."""
    pods.ready("tagged", "again", "pinned")
    assert pods.engine("pinned")["Config"]["Image"].endswith(digest)
    assert "Pulled" in pods.host.events()


def test_credentials_open_a_registry(pods: Stage) -> None:
    """With the right ones the Pod runs, also where wrong ones come before them."""
    pods.ready("allowed", "either")


@pytest.mark.parametrize("name", ["refused", "nobody", "absent"])
def test_a_pull_that_fails_says_so(pods: Stage, name: str) -> None:
    """ErrImagePull at first, ImagePullBackOff while it waits to try again; no secret in any message (P22)."""
    told = ["", ""]

    def fails() -> bool:
        told[:] = waiting(pods, name)
        return told[0] in ("ErrImagePull", "ImagePullBackOff")

    pods.until(f"{name} fails", fails)
    reason, message = told
    assert message, reason
    assert "guess" not in message
    assert "Failed" in pods.host.events()


def test_a_pull_is_tried_again_with_corrected_credentials(pods: Stage) -> None:
    """P25: nothing is given up; a corrected Secret is used at the next attempt, and nothing restarts for it."""
    pods.until("refused fails", lambda: waiting(pods, "refused")[0] != "")
    pods.put(wrong=credentials("wrong", PASSWORD))
    pods.ready("refused", timeout=90)
    assert pods.container("allowed")["restartCount"] == 0


def test_all_of_it_leaves_nothing_to_do(pods: Stage) -> None:
    """P09: with what can be pulled running, the plan is empty but for what waits."""
    pods.nothing_to_do()
