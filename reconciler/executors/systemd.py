"""The service manager of the host: whether it runs a unit of ours, and what it is told.

Effect: asks it by the program that comes with it.
"""

import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

from reconciler.model.errors import TransientError

_RUNS = Path("/run/systemd/system")
_FOLDERS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_SEARCHED = "/usr/local/bin:/usr/bin:/bin"


class SystemdError(TransientError):
    """The service manager did not do what it was asked for."""

    reason = "Systemd"


def has_unit(name: str) -> bool:
    """Return whether the service manager runs here and has a unit of that name installed."""
    return _RUNS.is_dir() and any(file.exists() for file in _files(name))


def systemctl(*words: str, timeout_s: float) -> None:
    """Tell the service manager something; raise SystemdError with its words where it does not do that."""
    program = shutil.which("systemctl", path=_SEARCHED)
    if program is None:
        raise SystemdError(f"there is no systemctl in {_SEARCHED}")
    try:
        done = subprocess.run([program, *words], capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise SystemdError(f"systemctl {words[0]} did not end within {timeout_s:g} s") from error
    if done.returncode != 0:
        said = " ".join(done.stderr.split()) or f"it ended with {done.returncode} and said nothing"
        raise SystemdError(f"systemctl {words[0]}: {said}")


@lru_cache
def _files(name: str) -> tuple[Path, ...]:
    # Asked for with every facts: these are made once.
    return tuple(Path(folder) / name for folder in _FOLDERS)
