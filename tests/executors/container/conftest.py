"""A real Engine with one small image, and builders of actions."""

import io
import shutil
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.executors.container import ContainerExecutor
from reconciler.executors.engine import Engine
from reconciler.executors.volume import VolumeExecutor

IMAGE = "reconciler-test/box:1"


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The lab host's Engine, with a busybox image."""
    opened = Engine()
    if opened.inspect_image(IMAGE) is None:
        opened.import_image(_busybox(), "reconciler-test/box", "1", ["ENV FROM_IMAGE=yes", 'CMD ["/bin/sleep", "600"]'])
    yield opened
    opened.close()


@pytest.fixture
def volumes(tmp_path: Path) -> VolumeExecutor:
    """A volume executor with directories of its own."""
    return VolumeExecutor(tmp_path / "data", Path("/run/reconciler-test") / uuid.uuid4().hex)


@pytest.fixture
def executor(engine: Engine, volumes: VolumeExecutor, tmp_path: Path) -> Iterator[ContainerExecutor]:
    """An executor of a cluster that no other test shares; its containers are removed in the end."""
    cluster = uuid.uuid4().hex
    made = ContainerExecutor(engine, cluster=cluster, node="n1", volumes=volumes, data_dir=tmp_path / "data")
    yield made
    made.close()
    for container in engine.list_containers(f"reconciler.dev/cluster={cluster}"):
        engine.remove_container(container["Id"], force=True, timeout_s=30)


def _busybox() -> bytes:
    made = io.BytesIO()
    source = shutil.which("busybox")
    assert source is not None, "busybox-static is needed"
    with tarfile.open(fileobj=made, mode="w") as tar:
        tar.add(Path(source).resolve(), "bin/busybox")
        for name in (
            "sh",
            "sleep",
            "cat",
            "echo",
            "httpd",
            "nc",
            "ls",
            "id",
            "hostname",
            "kill",
            "seq",
            "true",
            "stat",
        ):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        temporary = tarfile.TarInfo("tmp")
        temporary.type, temporary.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(temporary)
    return made.getvalue()
