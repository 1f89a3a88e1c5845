"""Ten thousand manifests in a repository: first read, a read after one change, a poll with nothing new, a hook."""

from __future__ import annotations

import io
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from git import Blob, Repo

from benchmarks.row import Row
from reconciler.git.received import create_received
from reconciler.git.source import Mirror

COUNT = 10_000
FOLDERS = 100
REPEATS = 5
MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: app-{number}, namespace: shop, labels: {{app: app-{number}}}}}
spec:
  replicas: {number}
  selector: {{matchLabels: {{app: app-{number}}}}}
  template:
    metadata: {{labels: {{app: app-{number}}}}}
    spec:
      containers:
      - name: web
        image: example.org/shop/web:{number}
        ports: [{{containerPort: 8080}}]
        resources: {{requests: {{cpu: 100m, memory: 64Mi}}, limits: {{memory: 128Mi}}}}
"""


def run() -> list[Row]:
    """Measure reading and polling against GitPython and bare git, and a hook's start against bare Python."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        remote = root / "remote"
        commits = make_remote(remote)
        mirror = Mirror(root / "data" / "main.git", f"file://{remote}")
        mirror.fetch(300)
        return [*reading(mirror, commits), polling(mirror, remote), hook(root)]


def reading(mirror: Mirror, commits: tuple[str, str]) -> list[Row]:
    """Read all manifests of a commit, then those of the next one."""
    first = median(lambda: Mirror(mirror.directory, "/nowhere").read(commits[0]))
    warm = Mirror(mirror.directory, "/nowhere")
    warm.read(commits[0])
    again = timed(lambda: warm.read(commits[1]))
    others = (
        ("GitPython", median(lambda: walk(mirror, commits[0]))),
        ("git archive", median(lambda: tar(mirror, commits[0]))),
    )
    return [
        Row(f"read {COUNT} manifests at a commit", first, others, "2 s"),
        Row(f"read {COUNT} manifests after one changed", again, others),
    ]


def polling(mirror: Mirror, remote: Path) -> Row:
    """Fetch from a file:// remote that has nothing new."""
    fetch = ["git", f"--git-dir={mirror.directory}", "fetch", "--quiet", f"file://{remote}", "+main:main"]
    bare = median(lambda: subprocess.run(fetch, check=True, timeout=60, capture_output=True))
    return Row("poll a file:// source, nothing new", median(lambda: mirror.fetch(60)), (("git fetch", bare),))


def hook(root: Path) -> Row:
    """Run the pre-receive hook for a branch that is not checked: the interpreter's start and no more."""
    received = root / "received.git"
    create_received(received, socket=root / "none", python=sys.executable)
    line = f"{'0' * 40} {'1' * 40} refs/heads/other\n".encode()
    client = [received / "hooks" / "pre-receive"]
    environment = {**os.environ, "GIT_DIR": str(received)}
    ours = median(
        lambda: subprocess.run(client, input=line, check=True, env=environment, capture_output=True, timeout=60)
    )
    bare = [sys.executable, "-I", "-S", "-c", "import http.client, json"]
    other = median(lambda: subprocess.run(bare, check=True, timeout=60))
    return Row("start of the pre-receive hook", ours, (("python -IS with http.client", other),), "25 ms")


def walk(mirror: Mirror, commit: str) -> int:
    """Read every blob through GitPython's objects."""
    found = Repo(mirror.directory).commit(commit).tree.traverse()
    return sum(len(one.data_stream.read()) for one in found if isinstance(one, Blob))


def tar(mirror: Mirror, commit: str) -> int:
    """Read every file of git's own archive."""
    command = ["git", f"--git-dir={mirror.directory}", "archive", "--format=tar", commit]
    packed = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return sum(member.size for member in archive if archive.extractfile(member))


def make_remote(directory: Path) -> tuple[str, str]:
    """Commit the manifests, then one change; return both commits."""
    for number in range(COUNT):
        file = directory / f"team-{number % FOLDERS}" / f"app-{number}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(MANIFEST.format(number=number))
    git(directory, "init", "--quiet", "--initial-branch=main")
    first = commit(directory)
    (directory / "team-0" / "app-0.yaml").write_text(MANIFEST.format(number=COUNT))
    return first, commit(directory)


def commit(directory: Path) -> str:
    """Commit the work tree and return the commit."""
    git(directory, "add", "--all")
    git(directory, "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit", "--quiet", "-m", "manifests")
    return git(directory, "rev-parse", "HEAD")


def git(directory: Path, *arguments: str) -> str:
    """Run git in a work tree."""
    ended = subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True, timeout=300)
    return ended.stdout.decode().strip()


def timed(work: Callable[[], object]) -> float:
    """Return how long it takes, in seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median(work: Callable[[], object]) -> float:
    """Return the median of several runs, in seconds."""
    return statistics.median(timed(work) for _ in range(REPEATS))
