"""Small files of the runtime directory, on a file system that takes no more."""

import errno
import resource
from pathlib import Path

import pytest

from reconciler.executors.network.state import replace_file


def test_a_file_that_does_not_fit_leaves_the_old_one(tmp_path: Path) -> None:
    """A part of it is nowhere to be seen: the kernel takes what fits, and says so only when asked again."""
    path = tmp_path / "below" / "state.json"
    replace_file(path, b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(OSError) as told:
            replace_file(path, b"a new and longer one")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert told.value.errno == errno.EFBIG
    assert path.read_bytes() == b"old"
    assert [one.name for one in path.parent.iterdir()] == ["state.json"]
    replace_file(path, b"a new and longer one")
    assert path.read_bytes() == b"a new and longer one"
