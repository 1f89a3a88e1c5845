"""One pass over a host whose facts are written by hand, for what no simulated host shows by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from reconciler.model.node import Assignment, NetworkView, PodAssignment
from reconciler.model.node_report import ContainerFact, HostFact, LinkFact, NetworkFact, NodeFacts, ProbeState
from reconciler.model.plan import Action, Blocked
from reconciler.planner.node.memory import NodeMemory, PodMemory
from reconciler.planner.node.network import network_map
from reconciler.planner.node.step import NodeStep, step
from tests.planner.node.host import IMAGE, NODE, assignment, view, words

NOW = 10_000.0
UID = "web-uid-0001"
IP = "10.42.1.2"
EMPTY = network_map("nowhere", "cluster.local", view(), ())


def fact(name: str = "web", attempt: int = 0, **fields: Any) -> ContainerFact:
    """One container of the Pod `web`: it runs since 99 s in the sandbox `POD/0`."""
    defaults: dict[str, Any] = {
        "id": f"id-{name}-{attempt}",
        "name": f"rc_{name}_web_shop_webuid00_{attempt}",
        "role": "app",
        "state": "running",
        "pod_uid": UID,
        "pod_namespace": "shop",
        "pod_name": "web",
        "created_at": NOW - 100,
        "started_at": NOW - 99,
        "sandbox": "id-POD-0",
    }
    return ContainerFact(container=name, attempt=attempt, **(defaults | fields))


def ended(name: str = "web", attempt: int = 0, code: int = 0, **fields: Any) -> ContainerFact:
    """One that ended 50 s ago."""
    return fact(name, attempt, **({"state": "exited", "exit_code": code, "finished_at": NOW - 50} | fields))


def sandbox(attempt: int = 0, **fields: Any) -> ContainerFact:
    """The Pod's sandbox, a second older than its containers."""
    defaults = {"role": "sandbox", "sandbox": "", "created_at": NOW - 101, "started_at": NOW - 100}
    return fact("POD", attempt, **(defaults | fields))


def shows(*containers: ContainerFact, **fields: Any) -> NodeFacts:
    """A host that shows these, whose network is as an empty view wants it; the Pod's link is whole."""
    linked = any(one.role == "sandbox" for one in containers)
    links = (LinkFact(pod_uid=UID, interface="rc-web", ip=IP, whole=True),) if linked else ()
    network = NetworkFact(
        prepared=True,
        dns_running=True,
        services_digest=EMPTY.digest,
        names_digest=EMPTY.names_digest,
        links=fields.pop("links", links),
    )
    defaults: dict[str, Any] = {
        "node": NODE,
        "observed_at": NOW,
        "host": HostFact(boot_id="b", address="192.168.0.1"),
        "images": (IMAGE,),
        "network": replace(network, **fields.pop("network", {})),
    }
    return NodeFacts(containers=containers, **(defaults | fields))


def look(
    facts: NodeFacts,
    *pods: PodAssignment,
    memory: NodeMemory | None = None,
    now: float = NOW,
    probes: Mapping[str, str] | Mapping[str, ProbeState] | None = None,
    assigned: Assignment | None = None,
    network: NetworkView | None = None,
    **fields: Any,
) -> NodeStep:
    """Take one pass; `probes` gives results, or how they stand, by `container id/kind`."""
    given_probes = (probes or {}).items()
    states = {key: ProbeState(key=key, result=one) if isinstance(one, str) else one for key, one in given_probes}
    given: dict[str, Any] = {"probes": states, "outcomes": (), "in_flight": frozenset(), "now": now}
    return step(
        memory or NodeMemory(),
        assigned or assignment(*pods),
        network or view(),
        facts,
        **(given | fields),
    )


def deeds(answer: NodeStep) -> list[str]:
    """What is to be done for Pods, each with what it needs: `startContainer web <- createSandbox web`."""
    names = {action.key: _short(action) for action in answer.plan.actions}
    return [
        _short(action) + "".join(f" <- {names.get(need, need)}" for need in action.needs)
        for action in answer.plan.actions
        if action.object.kind == "Pod"
    ]


def action(answer: NodeStep, short: str) -> Action:
    """The action that reads so."""
    return next(one for one in answer.plan.actions if _short(one) == short)


def waits(answer: NodeStep) -> list[str]:
    """What is not done now: its reason and message, and for how long."""
    return [_wait(one) for one in answer.plan.blocked]


def remembered(**fields: Any) -> NodeMemory:
    """The memory of the Pod `web`, as given."""
    known: dict[str, Any] = {"namespace": "shop", "name": "web", "started_at": 1.0}
    return NodeMemory(pods={UID: PodMemory(**(known | fields))})


def _short(action: Action) -> str:
    return words(action)


def _wait(one: Blocked) -> str:
    until = "" if one.until is None else f" until {one.until - NOW:g}"
    return f"{one.reason.value}: {one.message}{until}"
