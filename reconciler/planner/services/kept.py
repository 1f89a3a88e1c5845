"""What a Service keeps when it is written anew, and what is filled in. Pure.

Semantics of Kubernetes' Service registry: what was given stays while the type still needs it and the writer leaves it
out (`patchAllocatedValues`), and goes when it does not (`dropTypeDependentFields`).
"""

from reconciler.model.external import is_reached_from_outside, needs_health_check, needs_node_ports
from reconciler.model.kinds import Service, ServicePort, ServiceSpec
from reconciler.planner.view import replace


def with_kept(old: Service, new: Service) -> Service:
    """Return what is to be written over a Service: with the addresses and node ports that it keeps."""
    before, spec = old.spec, filled(new.spec)
    if not spec.cluster_ip and _keeps_address(before, spec):
        spec = replace(spec, cluster_ip=before.cluster_ip, cluster_ips=before.cluster_ips)
    if needs_node_ports(before) and needs_node_ports(spec):
        spec = replace(spec, ports=tuple(_with_number(before, port) for port in spec.ports))
    if needs_health_check(before) and needs_health_check(spec) and not spec.health_check_node_port:
        spec = replace(spec, health_check_node_port=before.health_check_node_port)
    return replace(new, spec=spec)


def filled(spec: ServiceSpec) -> ServiceSpec:
    """Return what a Service says with the defaults that depend on its type."""
    if spec.external_traffic_policy is None and is_reached_from_outside(spec):
        spec = replace(spec, external_traffic_policy="Cluster")
    if spec.allocate_load_balancer_node_ports is None and spec.type == "LoadBalancer":
        spec = replace(spec, allocate_load_balancer_node_ports=True)
    return spec


def _keeps_address(before: ServiceSpec, after: ServiceSpec) -> bool:
    """A Service without an address cannot become one that is reached from outside, see the rules of updates."""
    return after.type == "ClusterIP" or (after.type != "ExternalName" and before.cluster_ip != "None")


def _with_number(before: ServiceSpec, port: ServicePort) -> ServicePort:
    if port.node_port:
        return port
    same = (one.node_port for one in before.ports if (one.protocol, one.port) == (port.protocol, port.port))
    return replace(port, node_port=next(same, None))
