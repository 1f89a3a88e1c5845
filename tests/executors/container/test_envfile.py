"""Variables that files of a Pod's volumes hold: the format, what is missing, and that no file leads out."""

import os
from pathlib import Path
from typing import Any

import pytest

from reconciler.executors.container.envfile import EnvFileError, EnvFiles, value_of
from reconciler.executors.container.environment import ContainerConfigError, environment
from reconciler.executors.downward import PodPlace
from reconciler.executors.volume.paths import MountError
from reconciler.executors.volume.reading import BYTES_MAX, read_inside
from reconciler.model.node import Materials
from tests.executors.container import build

TEXT = """
# what the first container found out
A='a'
  B='two  words' # said so
C='over
two lines, $A and \\n as they are'
D=
E= 'dropped'
A='again'
"""


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("A", "a"),
        ("B", "two  words"),
        ("C", "over\ntwo lines, $A and \\n as they are"),
        ("D", ""),
        ("E", ""),
        ("F", None),
        ("#", None),
    ],
)
def test_values_of_a_file(key: str, value: str | None) -> None:
    """In single quotes, as they are; the first line of a name counts."""
    assert value_of(TEXT, key) == value
    assert value_of(TEXT.replace("\n", "\r\n"), key) == (value.replace("\n", "\r\n") if value else value)


@pytest.mark.parametrize("line", ["A", "A = 'a'", "A=a", 'A="a"', "A='a", "A='a'b", "='a'", "A='a'#b"])
def test_a_line_that_is_no_variable(line: str) -> None:
    """It is told by its number, and nothing after it is read."""
    with pytest.raises(EnvFileError, match=r"^line 3 "):
        value_of(f"X='x'\n\n{line}\nY='y'\n", "Y")


def variables(files: EnvFiles, **reference: Any) -> dict[str, str]:
    """The environment of a container with one variable of a file, and one that refers to it."""
    source = {"fileKeyRef": {"volumeName": "v", "path": "env", "key": "KEY", **reference}}
    env = [{"name": "ONE", "valueFrom": source}, {"name": "TWO", "value": "<$(ONE)>"}]
    pod = build.pod(containers=[build.container(env=env)])
    return environment(pod, pod.spec.containers[0], PodPlace(), Materials(), files)


def test_a_variable_of_a_file_is_one_like_others() -> None:
    """Later ones may refer to it."""
    assert variables({("v", "env"): b"KEY='value'\n"}) == {"ONE": "value", "TWO": "<value>"}


@pytest.mark.parametrize("content", [None, b"OTHER='x'\n"])
def test_what_is_missing_keeps_the_container_waiting(content: bytes | None) -> None:
    """Unless it is optional: then the variable is not set."""
    with pytest.raises(ContainerConfigError, match="file 'env' of volume 'v'"):
        variables({("v", "env"): content})
    assert variables({("v", "env"): content}, optional=True) == {"TWO": "<$(ONE)>"}


def test_a_file_that_is_none_of_variables_keeps_the_container_waiting() -> None:
    """Also where it is optional, and without its content being told."""
    with pytest.raises(ContainerConfigError, match="line 1 is not") as error:
        variables({("v", "env"): b"secret\n"}, optional=True)
    assert "secret" not in str(error.value)


def test_files_are_read_inside_their_volume(tmp_path: Path) -> None:
    """Links within it are followed, and none out of it; what is no plain file, or too large, is refused."""
    volume = tmp_path / "volume"
    (volume / "sub").mkdir(parents=True)
    (volume / "sub" / "env").write_bytes(b"A='a'")
    (tmp_path / "host").write_bytes(b"secret")
    (volume / "inside").symlink_to("sub/env")
    (volume / "outside").symlink_to("../host")
    (volume / "absolute").symlink_to(tmp_path / "host")
    os.mkfifo(volume / "pipe")
    (volume / "large").write_bytes(b"x" * (BYTES_MAX + 1))
    assert read_inside(volume, "sub/env") == read_inside(volume, "inside") == b"A='a'"
    assert read_inside(volume, "none") is None
    for path in ("outside", "absolute", "pipe", "sub", "large"):
        with pytest.raises(MountError):
            read_inside(volume, path)
