"""Fixtures of the command line's tests: a data directory, a served API in it, and a way to run commands."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "server"))

from api_double import Api, served

from reconciler.cli.main import main


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def data_dir(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short path for a data directory, and an environment without settings of the developer."""
    for name in ("RECONCILER_DATA_DIR", "RECONCILER_CONFIG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    with tempfile.TemporaryDirectory(prefix="rc-") as folder:
        yield Path(folder) / "data"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process."""

    def run_command(*arguments: object) -> Ran:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Ran(code, captured.out, captured.err)

    return run_command


@pytest.fixture
def api(data_dir: Path) -> Iterator[Api]:
    """An API at the socket of the data directory."""
    with served(data_dir / "run" / "reconciler.sock") as running:
        yield running


@pytest.fixture
def ask(run: Run, api: Api, data_dir: Path) -> Run:
    """Run a command against the served API."""
    return lambda *arguments: run(*arguments, "--data-dir", data_dir)
