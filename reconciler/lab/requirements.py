"""What a machine needs for a lab, and the fix for what is missing. Effect: looks at the machine."""

import os
import shutil
import subprocess

from reconciler.lab.cgroups import cgroup_hierarchies
from reconciler.lab.node import NAMESPACES
from reconciler.model.errors import ConfigurationError

# Command and the package of Debian and Ubuntu that has it.
COMMANDS = {
    "dockerd": "docker.io",
    "iptables": "iptables",
    "nft": "nftables",
    "ip": "iproute2",
    "tc": "iproute2",
    "git": "git",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "mount": "mount",
    "losetup": "mount",
    "sysctl": "procps",
    "hostname": "hostname",
}
_SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def require_root(command: str) -> None:
    """Raise ConfigurationError unless this is root; find what only root uses."""
    if os.geteuid() != 0:
        raise ConfigurationError(
            "a lab needs root, because it makes namespaces, mounts and links",
            reason="NotRoot",
            hint=f"sudo {command}",
        )
    path = os.environ.get("PATH", "/usr/bin:/bin").split(":")
    os.environ["PATH"] = ":".join([*path, *(one for one in _SBIN if one not in path)])


def require_machine() -> None:
    """Raise ConfigurationError with the fix for what this machine lacks."""
    missing = [name for name in COMMANDS if shutil.which(name) is None]
    if missing:
        packages = " ".join(dict.fromkeys(COMMANDS[name] for name in missing))
        raise ConfigurationError(
            f"this machine lacks {', '.join(missing)}",
            reason="MissingPackages",
            hint=f"apt-get install --no-install-recommends {packages}",
        )
    if not cgroup_hierarchies():
        raise ConfigurationError(
            "no cgroups are mounted here", reason="MissingKernelFeature", hint="mount -t cgroup2 cgroup2 /sys/fs/cgroup"
        )
    tried = subprocess.run(
        ["unshare", *NAMESPACES, "--fork", "--mount-proc", "true"], capture_output=True, text=True, check=False
    )
    if tried.returncode != 0:
        raise ConfigurationError(
            f"this machine lets nobody make namespaces: {tried.stderr.strip()}",
            reason="MissingKernelFeature",
            hint="inside a container this needs docker run --privileged; elsewhere a kernel with namespaces",
        )
