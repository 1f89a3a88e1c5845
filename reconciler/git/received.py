"""The received repository: a bare repository on this host that people push to. Effect: disk.

Its hooks are thin clients (`hook_client.py`). They are written anew whenever the daemon starts, so that a
moved socket, interpreter or branch and a newer version of the client take effect.
"""

import contextlib
import os
import shlex
import tempfile
from pathlib import Path

from reconciler.git import hook_client
from reconciler.git.command import Deadline, GitCommand

STAGES = ("pre-receive", "post-receive")
CLIENT = "reconciler_hook.py"
_DEADLINE_S = 30.0

_CONFIG = {
    # A pusher's own setting must not turn the hooks off; the path is relative to the repository.
    "core.hooksPath": "hooks",
    # History may be rewritten (P11); the log of each branch keeps what was pushed before.
    "core.logAllRefUpdates": "true",
    "receive.denyNonFastForwards": "false",
    "receive.fsckObjects": "true",
    "receive.maxInputSize": "512m",
    "receive.advertiseAtomic": "true",
    "transfer.hideRefs": "refs/reconciler",
}


def create_received(
    path: Path, *, branch: str = "main", socket: Path, python: str, data_dir: Path | None = None
) -> None:
    """Make the repository at `path`, or bring an existing one up to date; what was pushed is never touched.

    `socket` is the daemon's, `python` the interpreter of this installation; `data_dir` names the settings for
    the validation in-process when it is not the default one.
    """
    deadline = Deadline(_DEADLINE_S)
    path = path.absolute()
    git = GitCommand(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    git.read("init", "--quiet", "--bare", "--template=", f"--initial-branch={branch}", deadline=deadline)
    for name, value in _CONFIG.items():
        git.read("config", "--local", name, value, deadline=deadline)
    git.read("symbolic-ref", "HEAD", f"refs/heads/{branch}", deadline=deadline)
    install_hooks(path, branch=branch, socket=socket, python=python, data_dir=data_dir)


def install_hooks(path: Path, *, branch: str, socket: Path, python: str, data_dir: Path | None = None) -> None:
    """Write the hooks of the repository at `path`, each in one step: a push in progress meets a whole one."""
    hooks = path / "hooks"
    hooks.mkdir(exist_ok=True)
    _replace(hooks / CLIENT, Path(hook_client.__file__).read_text(encoding="utf-8"), 0o644)
    for stage in STAGES:
        settings = str(data_dir.absolute()) if data_dir else ""
        arguments = shlex.join([stage, branch, str(socket.absolute()), python, settings])
        call = f'exec {shlex.quote(python)} -I -S "${{0%/*}}/{CLIENT}" {arguments}'
        text = f"#!/bin/sh\n# Written by reconciler; changes are overwritten.\n{call}\n"
        _replace(hooks / stage, text, 0o755)


def _replace(file: Path, text: str, mode: int) -> None:
    if file.exists() and file.read_text(encoding="utf-8") == text:
        file.chmod(mode)
        return
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as temporary:
            temporary.write(text)
        Path(name).chmod(mode)
        Path(name).replace(file)
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
