"""What a provider is asked for, and what its answer means for what was asked. Pure."""

from collections.abc import Iterator
from typing import cast

from reconciler.model.kinds import Node, Service
from reconciler.model.observed import ObservedState
from reconciler.model.provider import (
    PROVIDER_CLASS,
    Balancer,
    BalancerPort,
    ProviderAnswer,
    ProviderNode,
    ProviderRequest,
    ProviderState,
    Route,
)
from reconciler.model.refs import ObjectRef
from reconciler.planner.services.announce import is_fit
from reconciler.planner.services.balancers import source_ranges
from reconciler.planner.services.records import wanted_records
from reconciler.planner.storage.provided import deleted_volumes, wanted_volumes
from reconciler.planner.view import View


def request_of(observed: ObservedState) -> ProviderRequest:
    """Return everything that is wanted of the provider, in the order of names."""
    return ProviderRequest(
        cluster_id=observed.cluster.id,
        nodes=tuple(_nodes(observed)),
        load_balancers=tuple(_balancers(observed)),
        records=wanted_records(observed).wanted,
        routes=tuple(_routes(observed)),
        volumes=tuple(wanted_volumes(observed)),
    )


def state_of(observed: ObservedState, answer: ProviderAnswer) -> ProviderState:
    """Return what is known once the provider has answered the question that was made of `observed`."""
    return ProviderState(
        answer=answer,
        faults=wanted_records(observed).told(answer),
        deleted=deleted_volumes(wanted_volumes(observed), answer),
    )


def warn_of_provider(view: View) -> None:
    """Warn while the provider gives no answer, and of nodes to which it has no route; what waits tells of the rest."""
    provider = view.observed.provider
    if provider is None:
        return
    if provider.error:
        since = "what it answered before holds" if provider.answer is not None else "it has not answered yet"
        view.warnings.append(f"{provider.error}; {since}")
    for one in provider.answer.routes if provider.answer is not None and provider.does("routes") else ():
        if one.error and view.typed(Node, "", one.node) is not None:
            said = " ".join(one.error.split())
            view.warnings.append(f"node/{one.node} gets no Pods: the provider has no route to them: {said}")


def _nodes(observed: ObservedState) -> Iterator[ProviderNode]:
    for node, address in _reported(observed):
        provider_id = node.spec.provider_id
        yield ProviderNode(name=node.metadata.name, address=address, provider_id=provider_id, is_fit=is_fit(node))


def _routes(observed: ObservedState) -> Iterator[Route]:
    for node, address in _reported(observed):
        if node.spec.pod_cidr and address:
            yield Route(
                node=node.metadata.name,
                pod_cidr=node.spec.pod_cidr,
                node_address=address,
                provider_id=node.spec.provider_id,
            )


def _reported(observed: ObservedState) -> Iterator[tuple[Node, str]]:
    """Yield every node that has reported, with its address."""
    for name in sorted(observed.nodes):
        observation = observed.nodes[name].observation
        stored = observed.objects.get(ObjectRef(kind="Node", name=name))
        if observation is not None and stored is not None:
            yield cast(Node, stored.object), observation.facts.host.address


def _balancers(observed: ObservedState) -> Iterator[Balancer]:
    for ref in sorted(ref for ref in observed.objects if ref.kind == "Service"):
        service = cast(Service, observed.objects[ref].object)
        spec = service.spec
        if spec.type != "LoadBalancer" or spec.load_balancer_class != PROVIDER_CLASS:
            continue
        yield Balancer(
            namespace=ref.namespace,
            name=ref.name,
            uid=service.metadata.uid,
            ports=tuple(
                BalancerPort(name=one.name or "", protocol=one.protocol, port=one.port, node_port=one.node_port or 0)
                for one in spec.ports
            ),
            ip=spec.load_balancer_ip or "",
            source_ranges=source_ranges(spec),
            external_traffic_policy=spec.external_traffic_policy or "Cluster",
            health_check_node_port=spec.health_check_node_port,
        )
