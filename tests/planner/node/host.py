"""Builders of the situations that the node's tests put the planner into."""

from __future__ import annotations

from typing import Any

import msgspec

from reconciler.model.kinds import Container, PodSpec, Probe
from reconciler.model.kinds.probe import HTTPGetAction
from reconciler.model.node import Assignment, NetworkView, PodAssignment, ServiceEntry, VolumeAssignment
from reconciler.model.plan import Action
from reconciler.model.ports import NodeDocuments
from reconciler.planner.node.actions import tag_of
from reconciler.simulation.behaviour import Behaviour
from reconciler.simulation.clock import VirtualClock
from reconciler.simulation.node import SimulatedNode
from reconciler.simulation.world import SimulatedWorld

NODE = "node-1"
IMAGE = "shop/web:1"


def container(name: str = "web", image: str = IMAGE, **fields: Any) -> Container:
    """One container; fields as in the model."""
    return Container(name=name, image=image, **fields)


def script(name: str, text: str, **fields: Any) -> Container:
    """One container that runs a script."""
    return container(name, command=("sh", "-c", text), **fields)


def probe(**fields: Any) -> Probe:
    """An HTTP probe."""
    return Probe(http_get=HTTPGetAction(port=80), **fields)


def pod(name: str = "web", *containers: Container, uid: str = "", **fields: Any) -> PodAssignment:
    """One Pod; fields that a spec has go into the spec, others into the assignment."""
    names = set(PodSpec.__struct_fields__)
    spec = PodSpec(containers=containers or (container(name),), **{k: v for k, v in fields.items() if k in names})
    rest = {k: v for k, v in fields.items() if k not in names}
    return PodAssignment(
        uid=uid or f"{name}-uid-0001", namespace="shop", name=name, spec=spec, digest=f"digest-of-{name}", **rest
    )


def assignment(*pods: PodAssignment, generation: int = 1, **fields: Any) -> Assignment:
    """What the node is to run."""
    return Assignment(
        cluster_id="c",
        term=1,
        generation=generation,
        node=NODE,
        pod_cidr=fields.pop("pod_cidr", "10.42.1.0/24"),
        cluster_pod_cidr="10.42.0.0/16",
        service_cidr="10.43.0.0/16",
        domain="cluster.local",
        dns_address="169.254.20.10",
        pods=pods,
        **fields,
    )


def view(*services: ServiceEntry, generation: int = 1) -> NetworkView:
    """The cluster's network."""
    return NetworkView(cluster_id="c", term=1, generation=generation, services=services)


def volume(name: str = "pv-1", **fields: Any) -> VolumeAssignment:
    """One directory of the local provisioner."""
    return VolumeAssignment(name=name, path=f"/volumes/{name}", **fields)


class Host:
    """A simulated node with short words for what tests do to it."""

    def __init__(self, *pods: PodAssignment, images: dict[str, Behaviour] | None = None, **fields: Any) -> None:
        self.clock = VirtualClock()
        registry = {IMAGE: Behaviour(), "busybox:1": Behaviour(), **(images or {})}
        self.world = SimulatedWorld(NODE, self.clock, registry=registry)
        self.world.engine.images.update(registry)
        self.node = SimulatedNode(NODE, self.clock, self.world)
        self.generation = 0
        self.services: tuple[ServiceEntry, ...] = ()
        self.assign(*pods, **fields)

    def assign(self, *pods: PodAssignment, **fields: Any) -> None:
        """Deliver a newer assignment and view."""
        self.generation += 1
        self.pods = pods
        self.node.deliver(
            NodeDocuments(
                assignment=assignment(*pods, generation=self.generation, **fields),
                view=view(*self.services, generation=self.generation),
            )
        )

    def delete(self, name: str, grace_s: float = 30.0) -> None:
        """Ask for the end of a Pod."""
        now = self.clock.now()
        self.assign(
            *(
                msgspec.structs.replace(one, deletion_requested_at=now, grace_s=grace_s) if one.name == name else one
                for one in self.pods
            )
        )

    def settle(self, limit_s: float = 3600.0) -> None:
        """Let the node come to rest."""
        self.node.run_until_quiet(limit_s)

    def names(self, *, state: str = "") -> list[str]:
        """The short names (`container/attempt`) of the containers on the host."""
        return [
            f"{fact.container}/{fact.attempt}" for fact in self.world.engine.facts() if not state or fact.state == state
        ]

    def full_name(self, container: str) -> str:
        """The Engine's name of the newest attempt of a container."""
        facts = [fact for fact in self.world.engine.facts() if fact.container == container]
        return max(facts, key=lambda fact: fact.attempt).name

    def done(self) -> list[str]:
        """What was executed since last asked, as short words."""
        actions, self.world.executed = self.world.executed, []
        return [words(action) for action in actions]

    def waiting(self, name: str, container: str = "") -> str:
        """The waiting reason of a container of a Pod."""
        report = self.node.report(name)
        for status in (*report.init_container_statuses, *report.container_statuses):
            if not container or status.name == container:
                return status.state.waiting.reason if status.state.waiting else ""
        raise AssertionError(f"no container {container}")

    def ready(self, name: str) -> bool:
        """Whether all containers of a Pod are ready."""
        conditions = self.node.report(name).conditions
        return any(one.type == "ContainersReady" and one.status == "True" for one in conditions)


def words(action: Action) -> str:
    """One action as a person reads it."""
    detail = action.detail
    assert detail is not None
    spec = getattr(detail, "spec", None)
    what = spec.name if spec is not None else getattr(detail, "image", "") or action.object.name
    if hasattr(detail, "container_id"):
        what = detail.name.split("_")[1]
    attempt = getattr(detail, "attempt", None)
    return f"{tag_of(detail)} {what}" + (f"/{attempt}" if attempt else "")
