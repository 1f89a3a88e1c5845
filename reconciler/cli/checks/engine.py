"""Checks of the Docker Engine. Effect: asks it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.checks import Finding, fail, ok, warn
from reconciler.cli.checks.files import disk_findings
from reconciler.model.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.config import Settings
    from reconciler.executors.engine import EngineInfo

_SLOW_S = 5.0


def check_engine(settings: "Settings") -> Sequence[Finding]:
    """Whether the Engine answers, in a version that we speak, with live-restore on (P10)."""
    from reconciler.executors.engine import Engine

    try:
        engine = Engine(settings.engine, timeout_s=_SLOW_S)
        try:
            info = engine.info()
        finally:
            engine.close()
    except ReconcilerError as error:
        return [fail("docker", str(error), error.hint or "start it: systemctl start docker")]
    spoken = ok("docker", f"{info.version}, API {info.api_version}, cgroup v{info.cgroup_version or '?'}")
    storage = disk_findings("docker-disk", Path(info.root_dir)) if info.root_dir else ()
    return [spoken, _live_restore(info.live_restore), *_groups(info), *storage]


def _groups(info: "EngineInfo") -> Sequence[Finding]:
    """Whether Pods can have resources as a whole: not every driver of control groups lets limits be set."""
    driver, version = info.cgroup_driver, info.cgroup_version
    if driver == "cgroupfs" or (driver == "systemd" and version == "2"):
        return ()
    message = (
        f"driver {driver or 'unknown'}, version {version or '?'}: Pods with resources as a whole do not start here"
    )
    return [warn("cgroup-driver", message, "use control groups of version 2, or the Engine's driver cgroupfs")]


def _live_restore(is_on: bool) -> Finding:
    if is_on:
        return ok("live-restore", "on: containers go on while Docker restarts")
    return fail(
        "live-restore",
        "off: a restart of Docker restarts every container",
        "reconciler init --enable-live-restore",
    )


def check_programs(_: "Settings") -> Sequence[Finding]:
    """Whether the programs that we run are there."""
    import shutil

    found = []
    for name, package in (("git", "git"), ("iptables", "iptables")):
        path = shutil.which(name, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        found.append(ok(name, path) if path else fail(name, "is not installed", f"apt-get install {package}"))
    return found
