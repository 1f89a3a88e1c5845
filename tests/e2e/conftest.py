"""The host and the image that the end-to-end tests share."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.host import IMAGE, Host, fresh_host

TIMEOUT_S = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These start hosts and whole clusters; on a machine with much else to do that takes its time."""
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image of busybox alone, imported without a registry."""
    root = tmp_path_factory.mktemp("image")
    (root / "bin").mkdir()
    for folder in ("etc", "tmp", "www", "data"):
        (root / folder).mkdir()
    shutil.copy("/bin/busybox", root / "bin" / "busybox")
    applets = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in applets:
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    (root / "etc" / "passwd").write_text("root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    tar = subprocess.run(["tar", "-C", str(root), "-c", "."], capture_output=True, check=True).stdout
    subprocess.run(
        ["docker", "import", "--change", 'CMD ["/bin/sleep", "1000000"]', "-", IMAGE],
        input=tar,
        check=True,
        capture_output=True,
        env=os.environ,
    )
    return IMAGE


@pytest.fixture
def host(tmp_path: Path, image: str) -> Iterator[Host]:
    """A fresh host with a running daemon."""
    with fresh_host(tmp_path) as one:
        yield one
