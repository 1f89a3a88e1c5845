"""What the node's proxy of Ingresses must run, and the step towards it.

Pure. A node that is none of those that serve runs none. Endpoints of its own Pods are as the node knows them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.model.details import ProgramIngress, StopIngress
from reconciler.model.ingress import IngressView
from reconciler.model.node import NetworkView, ServiceEntry
from reconciler.model.node_report import NodeEvent
from reconciler.model.plan import Action, Reason
from reconciler.planner.ingress.config import ProxyConfig, proxy_config, with_endpoints
from reconciler.planner.node.actions import make_action, node_ref
from reconciler.planner.node.look import Look
from reconciler.planner.node.network import LocalTruth
from reconciler.planner.node.tasks import Task


@dataclass(frozen=True, slots=True)
class _Made:
    view: IngressView
    services: tuple[ServiceEntry, ...]
    place: tuple[str, int, int]
    config: ProxyConfig


# The last answer for each node: it is large, and mostly the same.
_MADE: dict[str, _Made] = {}
_MADE_MAX = 64


def ingress_tasks(look: Look, services: tuple[ServiceEntry, ...], view: NetworkView) -> tuple[Task, ...]:
    """Return what the node's proxy lacks; `services` are those of the node's own map."""
    fact = look.facts.ingress
    ingress = view.ingress
    if ingress is None or look.node not in ingress.nodes:
        if not fact.structure and not fact.error:
            return ()
        return (Task(make_action(look.node, node_ref(look.node), StopIngress(), Reason.INGRESS_NOT_SERVED)),)
    config = _config(look, ingress, _everywhere(services, view))
    if (fact.structure, fact.endpoints, fact.view) == (config.structure, config.endpoints, ingress.digest):
        return ()
    detail = ProgramIngress(
        structure=config.structure,
        endpoints=config.endpoints,
        view=ingress.digest,
        head=config.head,
        backends=config.backends,
        maps=config.maps,
        certificates=config.certificates,
        users=config.users,
    )
    reason = Reason.INGRESS_CHANGED if fact.structure else Reason.INGRESS_DOWN
    target = f"{config.structure}/{config.endpoints}/{ingress.digest}"
    return (Task(make_action(look.node, node_ref(look.node), detail, reason, target=target)),)


def endpoints_key(look: Look, actions: Iterable[Action]) -> str:
    """Return the key of the step that gives a running proxy its endpoints; empty where none is due, or a reload is."""
    for action in actions:
        detail = action.detail
        if isinstance(detail, ProgramIngress) and detail.structure == look.facts.ingress.structure:
            return action.key
    return ""


def port_events(look: Look, truths: Iterable[LocalTruth], actions: Iterable[Action]) -> tuple[NodeEvent, ...]:
    """Tell, when the proxy is started, of Pods that have its ports: what comes there leads to them.

    Those that come later are told as of any port of the host on which a program listens.
    """
    fact = look.facts.ingress
    if fact.structure or not any(isinstance(one.detail, ProgramIngress) for one in actions):
        return ()
    pods = {pod.uid: pod for pod in look.assignment.pods}
    return tuple(
        NodeEvent(
            at=look.now,
            type="Warning",
            reason="HostPortConflict",
            message=f"This node serves Ingresses: requests to {port.host_ip or '0.0.0.0'}:{port.port} lead to the Pod "
            "and to none of them",
            namespace=pods[truth.uid].namespace,
            pod=pods[truth.uid].name,
            uid=truth.uid,
        )
        for truth in truths
        for port in truth.ports
        if port.protocol == "TCP" and port.port in (fact.http_port, fact.https_port)
    )


def wanted_endpoints(look: Look, services: tuple[ServiceEntry, ...], view: NetworkView) -> str:
    """Return the digest of the endpoints that the node's proxy is to have; empty where it is to have none."""
    ingress = view.ingress
    if ingress is None or look.node not in ingress.nodes:
        return ""
    return _config(look, ingress, _everywhere(services, view)).endpoints


def _config(look: Look, ingress: IngressView, services: tuple[ServiceEntry, ...]) -> ProxyConfig:
    fact = look.facts.ingress
    place = (look.assignment.dns_address, fact.http_port, fact.https_port)
    made = _MADE.get(look.node)
    if made is not None and made.view is ingress and made.place == place and _are_same(made.services, services):
        return made.config
    config = None
    named = _named(services)
    if made is not None and made.view is ingress and made.place == place:
        config = with_endpoints(made.config, ingress, _named(made.services), named, fact.https_port)
    config = config or proxy_config(ingress, named, *place)
    if len(_MADE) >= _MADE_MAX:
        _MADE.clear()
    _MADE[look.node] = _Made(ingress, services, place, config)
    return config


def _named(services: tuple[ServiceEntry, ...]) -> dict[tuple[str, str], ServiceEntry]:
    return {(one.namespace, one.name): one for one in services}


def _are_same(one: tuple[ServiceEntry, ...], other: tuple[ServiceEntry, ...]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def _everywhere(services: tuple[ServiceEntry, ...], view: NetworkView) -> tuple[ServiceEntry, ...]:
    """Return the Services with endpoints on all nodes: internalTrafficPolicy is about clients inside the cluster."""
    whole = {(one.namespace, one.name): one for one in view.services if one.internal_local}
    return tuple(whole.get((one.namespace, one.name), one) for one in services)
