"""Checks of kernel, addresses, ports and clock. Effect: looks at /proc; tries links in a namespace of its own."""

import ctypes
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.checks import Finding, fail, ok, warn
from reconciler.cli.ranges import host_routes, overlaps, read_range
from reconciler.executors.network.rights import missing_rights

if TYPE_CHECKING:
    from reconciler.config import Settings

_PROBE_S = 20.0
_DNS_PORT = 53
_TIME_ERROR = 5
_BUILT_AFTER = 1_767_225_600
_NEEDED = {"veth": "links of Pods", "dummy": "the address of the DNS server", "nftables": "Services"}


def check_kernel(_: "Settings") -> Sequence[Finding]:
    """Whether the kernel has what the network of Pods is made of, tried where it touches nothing."""
    if missing := missing_rights():
        return [warn("kernel", f"cannot be tried without {' and '.join(missing)}", "sudo reconciler doctor")]
    try:
        tried = subprocess.run(
            [sys.executable, "-m", "reconciler.cli.checks.probe"],
            capture_output=True,
            timeout=_PROBE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return [warn("kernel", f"could not be tried: {error}", "run it again")]
    if tried.returncode != 0:
        said = tried.stderr.decode(errors="replace").strip().splitlines() or [f"it ended with {tried.returncode}"]
        return [warn("kernel", f"could not be tried: {said[-1]}", "run it again")]
    return _kernel_findings(json.loads(tried.stdout))


def _kernel_findings(said: dict[str, str]) -> list[Finding]:
    if said.get("namespace"):
        message = f"cannot be tried: there is no network namespace of its own: {said['namespace']}"
        return [warn("kernel", message, "use a kernel with network namespaces (CONFIG_NET_NS)")]
    found = []
    for name, use in _NEEDED.items():
        if said.get(name):
            module = name.replace("nftables", "nf_tables")
            found.append(fail(name, f"needed for {use}: {said[name]}", f"modprobe {module}"))
        else:
            found.append(ok(name, f"for {use}"))
    if said.get("vxlan"):
        message = f"{said['vxlan']}: plain routes are used, which need hosts on one link"
        found.append(warn("vxlan", message, "modprobe vxlan, then restart the daemon or agent"))
    else:
        found.append(ok("vxlan", "for several hosts"))
    return found


def check_libnftables(_: "Settings") -> Sequence[Finding]:
    """Whether the library that programs Services is there."""
    try:
        ctypes.CDLL("libnftables.so.1")
    except OSError:
        return [fail("libnftables", "libnftables.so.1 is not installed", "apt-get install libnftables1")]
    return [ok("libnftables", "libnftables.so.1")]


def check_haproxy(_: "Settings") -> Sequence[Finding]:
    """Whether the program that serves Ingresses is there; a host that serves none does not need it."""
    from reconciler.executors.ingress.process import version

    found = version()
    if not found:
        return [warn("haproxy", "not installed: this host cannot serve Ingresses", "apt-get install haproxy")]
    return [ok("haproxy", found)]


def check_forwarding(_: "Settings") -> Sequence[Finding]:
    """Whether the host forwards packets; the daemon turns it on by itself."""
    path = Path("/proc/sys/net/ipv4/ip_forward")
    if path.read_text(encoding="ascii").strip() == "1":
        return [ok("ip_forward", "on")]
    return [warn("ip_forward", "off; the daemon turns it on when it starts", "sysctl -w net.ipv4.ip_forward=1")]


def check_cgroup(_: "Settings") -> Sequence[Finding]:
    """Whether resource limits can be kept."""
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.controllers").exists():
        return [ok("cgroup", "version 2")]
    if (root / "memory").is_dir():
        return [ok("cgroup", "version 1")]
    return [fail("cgroup", "neither version 1 nor 2 is mounted", "mount -t cgroup2 none /sys/fs/cgroup")]


def check_clock(_: "Settings") -> Sequence[Finding]:
    """Whether the clock is kept right by a time service."""
    if time.time() < _BUILT_AFTER:
        return [fail("clock", "is years behind", "set it: timedatectl set-ntp true")]
    buffer = ctypes.create_string_buffer(512)
    state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    if state in (-1, _TIME_ERROR):
        return [warn("clock", "is not synchronised", "timedatectl set-ntp true")]
    return [ok("clock", "synchronised")]


def check_ports(settings: "Settings") -> Sequence[Finding]:
    """Whether the DNS server can have its port: nobody may listen on it for every address."""
    taken = [name for name in ("udp", "tcp") if _listens_everywhere(Path(f"/proc/net/{name}"), name)]
    address = f"{settings.dns_address}:{_DNS_PORT}"
    if taken:
        return [
            fail(
                "dns-port",
                f"another program holds port {_DNS_PORT} ({', '.join(taken)}) for every address",
                f"let it listen on certain addresses only, so that {address} is free; see: ss -lnup sport = :53",
            )
        ]
    return [ok("dns-port", f"{address} can be had")]


def check_ranges(settings: "Settings") -> Sequence[Finding]:
    """Whether the addresses of Pods and Services are nobody else's."""
    pods = read_range(settings.pod_cidr, "podCidr")
    services = read_range(settings.service_cidr, "serviceCidr")
    found = overlaps(pods, services, host_routes())
    if not found:
        return [ok("addresses", f"pods {pods}, services {services}")]
    fix = "give what has the route another range (docker network ls); or a new cluster: reconciler init --pod-cidr ..."
    return [fail("addresses", sentence, fix) for sentence in found]


def _listens_everywhere(table: Path, protocol: str) -> bool:
    """Whether a socket of the table is bound to our port on every IPv4 address."""
    listening = {"udp": "07", "tcp": "0A"}[protocol]
    try:
        rows = [line.split() for line in table.read_text(encoding="ascii").splitlines()[1:]]
    except OSError:
        return False
    return any(row[1] == f"00000000:{_DNS_PORT:04X}" and row[3] == listening for row in rows)
