"""What may be said of where something is reached from outside: addresses that are some, names that are none. Pure.

The rules are those of Kubernetes' ValidateLoadBalancerStatus and ValidateIngressLoadBalancerStatus. An address that
was there before stays, however it is written.
"""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from reconciler.model.addresses import address_fault
from reconciler.model.kinds import IngressLoadBalancerIngress, IngressStatus, LoadBalancerIngress, ServiceStatus
from reconciler.planner.updates.fault import FORBIDDEN, Fault

Entries: TypeAlias = Sequence[LoadBalancerIngress | IngressLoadBalancerIngress]


def balancer_faults(before: IngressStatus | ServiceStatus, after: IngressStatus | ServiceStatus) -> Iterator[Fault]:
    """Yield what is wrong with the new addresses and names."""
    old: Entries = before.load_balancer.ingress
    new: Entries = after.load_balancer.ingress
    known = {one.ip for one in old}
    for number, one in enumerate(new):
        at = f"status.loadBalancer.ingress[{number}]"
        if one.ip and one.ip not in known and (fault := address_fault(one.ip)):
            yield Fault(f"{at}.ip", fault)
        if one.hostname and not address_fault(one.hostname):
            yield Fault(f"{at}.hostname", "must be a name, not an address")
        if not one.ip and getattr(one, "ip_mode", None):
            yield Fault(f"{at}.ipMode", "is of an address, and there is none", FORBIDDEN)
