"""What actions do to a simulated host: to its containers, volumes, network, kernel and proxy.

Pure apart from its own state. Effects are idempotent, as those of the real executors, and raise what those raise.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from reconciler.model.details import (
    AttachDevice,
    AttachPod,
    CreateSandbox,
    DetachDevice,
    DetachPod,
    Detail,
    MountShare,
    PrepareHost,
    ProgramExternal,
    ProgramIngress,
    ProgramPeers,
    ProgramPolicies,
    ProgramServices,
    ProvisionVolume,
    PublishNames,
    PublishVolumes,
    PullImage,
    RemoveContainer,
    RemoveImage,
    RemoveSandbox,
    ResizeContainer,
    StartContainer,
    StopContainer,
    StopIngress,
    TrashVolume,
    UnmountShare,
    UnpublishVolumes,
    WatchRooms,
)
from reconciler.model.errors import StaleError, TerminalError
from reconciler.model.ingress import IngressFact
from reconciler.model.networkpolicy import IsolatedPod
from reconciler.model.node_report import LinkFact, NetworkFact, VolumeFact
from reconciler.model.plan import Action
from reconciler.simulation.behaviour import Behaviour
from reconciler.simulation.clock import VirtualClock
from reconciler.simulation.engine import SimulatedEngine
from reconciler.simulation.storage import SimulatedStorage


class SimulatedEffects:
    """One host as actions change it."""

    def __init__(self, node: str, clock: VirtualClock, registry: Mapping[str, Behaviour]) -> None:
        self.node = node
        self.clock = clock
        self.engine = SimulatedEngine(clock, node, registry=dict(registry))
        self.links: dict[str, LinkFact] = {}
        self.volumes: dict[str, VolumeFact] = {}
        self.directories: set[str] = set()
        self.storage = SimulatedStorage()
        self.trash: list[str] = []
        self.network = NetworkFact()
        self.programmed: ProgramServices | None = None
        self.names: PublishNames | None = None
        self.ingress = IngressFact(program="simulated")
        self.proxy: ProgramIngress | None = None
        self.peers: ProgramPeers | None = None
        self.external: ProgramExternal | None = None
        self.policies: ProgramPolicies | None = None
        # Why this kernel makes no tunnels; empty: it does.
        self.tunnel_error = ""

    def carry_out(self, detail: Detail | None) -> tuple[bool, str]:
        """Do what an action says; return whether anything changed, and what came of it."""
        match detail:
            case PullImage() | CreateSandbox() | StartContainer() | ResizeContainer() | StopContainer():
                return self._on_engine(detail)
            case RemoveContainer() | RemoveSandbox():
                return self.engine.remove(detail)
            case RemoveImage():
                return self.engine.remove_image(detail)
            case MountShare() | UnmountShare() | AttachDevice() | DetachDevice() | WatchRooms():
                return self.storage.execute(detail)
            case PublishVolumes() | UnpublishVolumes() | ProvisionVolume() | TrashVolume():
                return self._on_disk(detail)
            case AttachPod() | DetachPod() | PrepareHost() | ProgramExternal() | PublishNames():
                return self._on_network(detail)
            case ProgramServices() | ProgramPeers() | ProgramPolicies():
                return self._on_kernel(detail)
            case ProgramIngress() | StopIngress():
                return self._on_ingress(detail)
            case _:
                raise TerminalError("this action is not for a host", reason="UnknownAction")

    def execute_half(self, action: Action) -> None:
        """Do what a process that is killed in the middle of an action leaves behind."""
        match action.detail:
            case CreateSandbox() as detail:
                self.engine.create_sandbox(detail, start=False)
            case StartContainer() as detail:
                sandbox = self.engine.find(detail.sandbox)
                if sandbox is not None and sandbox.is_running:
                    self.engine.start_container(detail, start=False)
            case AttachPod() as detail:
                self.links[detail.pod_uid] = _link(detail, whole=False)

    def _on_engine(
        self, detail: PullImage | CreateSandbox | StartContainer | ResizeContainer | StopContainer
    ) -> tuple[bool, str]:
        match detail:
            case PullImage():
                return self.engine.pull(detail)
            case CreateSandbox():
                return self.engine.create_sandbox(detail)
            case StartContainer():
                return self.engine.start_container(detail)
            case ResizeContainer():
                return self.engine.resize_container(detail)
            case StopContainer():
                self.engine.begin_stop(detail)
                return self.engine.finish_stop(detail)

    def _on_disk(self, detail: PublishVolumes | UnpublishVolumes | ProvisionVolume | TrashVolume) -> tuple[bool, str]:
        match detail:
            case PublishVolumes():
                uses = self.storage.used_by(detail.pod)
                fact = VolumeFact(pod_uid=detail.pod.uid, version=detail.version, uses=uses)
                changed = self.volumes.get(detail.pod.uid) != fact
                self.volumes[detail.pod.uid] = fact
                return changed, detail.version
            case UnpublishVolumes():
                return self.volumes.pop(detail.pod_uid, None) is not None, ""
            case ProvisionVolume():
                changed = detail.path not in self.directories
                self.directories.add(detail.path)
                changed = self.storage.provision(detail) or changed
                return changed, detail.path
            case TrashVolume() if detail.share is not None:
                return self.storage.trash(detail), ""
            case TrashVolume():
                changed = detail.path in self.directories
                self.directories.discard(detail.path)
                self.trash.extend((detail.path,) if changed else ())
                return changed, ""

    def _on_network(
        self, detail: AttachPod | DetachPod | PrepareHost | ProgramExternal | PublishNames
    ) -> tuple[bool, str]:
        match detail:
            case ProgramExternal():
                changed = self.network.external_digest != detail.digest
                self.network = replace(self.network, external_digest=detail.digest)
                self.external = detail
                return changed, detail.digest
            case AttachPod():
                return self._attach(detail)
            case DetachPod():
                return self.links.pop(detail.pod_uid, None) is not None, ""
            case PrepareHost():
                changed = not (self.network.prepared and self.network.dns_running)
                self.network = replace(self.network, prepared=True, dns_running=True)
                return changed, ""
            case PublishNames():
                changed = self.network.names_digest != detail.digest
                self.network = replace(self.network, names_digest=detail.digest)
                self.names = detail
                return changed, detail.digest

    def _on_ingress(self, detail: ProgramIngress | StopIngress) -> tuple[bool, str]:
        before, self.ingress = self.ingress, IngressFact(program="simulated")
        self.proxy = detail if isinstance(detail, ProgramIngress) else None
        if isinstance(detail, ProgramIngress):
            self.ingress = replace(
                self.ingress, structure=detail.structure, endpoints=detail.endpoints, view=detail.view
            )
        return self.ingress != before, ""

    def _on_kernel(self, detail: ProgramServices | ProgramPeers | ProgramPolicies) -> tuple[bool, str]:
        match detail:
            case ProgramServices():
                changed = self.network.services_digest != detail.digest
                self.network = replace(self.network, services_digest=detail.digest)
                self.programmed = detail
            case ProgramPolicies():
                changed = self.network.policies_digest != detail.digest or self.network.policies_damaged
                self.network = replace(self.network, policies_digest=detail.digest, policies_damaged=False)
                self.policies = detail if detail.rules.pods else None
            case ProgramPeers():
                return self._on_peers(detail)
        return changed, detail.digest

    def _on_peers(self, detail: ProgramPeers) -> tuple[bool, str]:
        if self.tunnel_error and any(one.backend == "vxlan" for one in detail.peers):
            self.network = replace(self.network, tunnel_error=self.tunnel_error)
            raise TerminalError(self.tunnel_error, reason="NoTunnel")
        changed = self.network.peers_digest != detail.digest
        self.network = replace(self.network, peers_digest=detail.digest, peers_damaged=False)
        self.peers = detail
        return changed, detail.digest

    def _attach(self, detail: AttachPod) -> tuple[bool, str]:
        sandbox = self.engine.find(detail.sandbox)
        if sandbox is None or not sandbox.is_running:
            raise StaleError(f"the sandbox {detail.sandbox} does not run", reason="SandboxGone")
        if lacking := self._lacks_rules(detail):
            message = f"the rules of network policies for {detail.pod_ip} ({lacking}) are not in place"
            raise StaleError(message, reason="RulesMissing")
        link = _link(detail, whole=True)
        changed = self.links.get(detail.pod_uid) != link
        self.links[detail.pod_uid] = link
        return changed, link.interface

    def _lacks_rules(self, detail: AttachPod) -> str:
        rules = self.policies.rules.pods if self.policies is not None else ()
        found = next((one for one in rules if one.ip == detail.pod_ip), IsolatedPod(ip=detail.pod_ip))
        return ", ".join(one for one in detail.isolated if not getattr(found, one))


def _link(detail: AttachPod, *, whole: bool) -> LinkFact:
    return LinkFact(pod_uid=detail.pod_uid, interface=f"rc{detail.pod_uid[:8]}", ip=detail.pod_ip, whole=whole)
