"""What a step does, in a few words: one row for each type of detail. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.model import details
from reconciler.render.words import count


def detail_text(detail: details.Detail | None) -> str:
    """Return the few words that tell this step from others on the same object."""
    describe = _DESCRIBE.get(type(detail))
    return describe(detail) if describe else ""


def _forecast(address: str) -> str:
    return f"~{address}" if address else ""


def _sandbox(detail: details.CreateSandbox) -> str:
    return "sandbox" if detail.attempt == 0 else f"sandbox, attempt {detail.attempt}"


def _container(detail: details.StartContainer) -> str:
    role = "" if detail.role == "app" else f"{detail.role} "
    return f"{role}{detail.spec.name} ({detail.spec.image})"


def _stop(detail: details.StopContainer) -> str:
    name = detail.spec.name if detail.spec else detail.name
    return f"{name}, {detail.grace_s:.0f} s to end"


def _services(detail: details.ProgramServices) -> str:
    services = count(len(detail.services), "service")
    return f"{services}, {count(len(detail.host_ports), 'host port')}" if detail.host_ports else services


def _external(detail: details.ProgramExternal) -> str:
    checks = count(len(detail.checks), "health check")
    held = ", ".join(detail.addresses) or "no address"
    return f"announce {held}, {checks}" if detail.checks else f"announce {held}"


_DESCRIBE: Mapping[type, Callable[[Any], str]] = {
    details.PullImage: lambda detail: f"pull {detail.image}",
    details.CreateSandbox: _sandbox,
    details.RemoveSandbox: lambda _: "sandbox",
    details.AttachPod: lambda detail: _forecast(detail.pod_ip),
    details.DetachPod: lambda detail: detail.pod_ip,
    details.StartContainer: _container,
    details.StopContainer: _stop,
    details.ResizeContainer: lambda detail: f"{detail.spec.name}, resized in place",
    details.RemoveContainer: lambda detail: detail.name,
    details.PublishVolumes: lambda detail: count(len(detail.pod.spec.volumes), "volume"),
    details.UnpublishVolumes: lambda _: "its published volumes",
    details.ProvisionVolume: lambda detail: detail.path,
    details.TrashVolume: lambda detail: f"{detail.path}, to the trash",
    details.MountShare: lambda detail: f"{detail.share.source}, mounted",
    details.UnmountShare: lambda _: "a share, unmounted",
    details.AttachDevice: lambda detail: f"{detail.path}, attached",
    details.DetachDevice: lambda detail: f"{detail.path}, detached",
    details.WatchRooms: lambda detail: f"room of {', '.join(detail.paths)}",
    details.PrepareHost: lambda detail: f"pods {detail.pod_cidr}, services {detail.service_cidr}",
    details.ProgramServices: _services,
    details.ProgramPolicies: lambda detail: f"policies for {count(len(detail.rules.pods), 'Pod')}",
    details.ProgramPeers: lambda detail: f"ways to {count(len(detail.peers), 'node')}",
    details.ProgramExternal: _external,
    details.PublishNames: lambda detail: count(len(detail.records), "name"),
    details.ProgramIngress: lambda detail: f"HAProxy with {count(len(detail.backends), 'backend')}",
    details.StopIngress: lambda _: "HAProxy, stopped",
    details.Bind: lambda detail: f"→ {detail.node}",
}
