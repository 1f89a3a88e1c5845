"""What may change in a Node: marks, taints, whether it takes Pods, never its networks once it has them. Pure.

The rules are Kubernetes' ValidateNode and ValidateNodeUpdate.
"""

import re
from collections.abc import Iterator, Sequence

from reconciler.model.addresses import cidr_fault, is_dual_stack
from reconciler.model.kinds import Node, Taint
from reconciler.model.quantity import parse_quantity
from reconciler.planner.updates.avoided_pods import avoided_pods_faults
from reconciler.planner.updates.fault import DUPLICATE, FORBIDDEN, INVALID, Fault, fixed

# Kubernetes' names of features, of which one may be a part of another.
_FEATURE = re.compile(r"[A-Z][A-Za-z0-9]*(/[A-Z][A-Za-z0-9]*)*")
_FEATURE_MAX = 253
_FRACTIONS = frozenset({"cpu", "memory", "ephemeral-storage", "pods"})


def node_faults(old: Node, new: Node) -> Iterator[Fault]:
    """Yield what an update changes of a Node although nobody may, and what is no Node."""
    if old.spec.pod_cidrs:
        yield from fixed("spec.podCIDRs", old.spec.pod_cidrs, new.spec.pod_cidrs)
    if old.spec.provider_id and old.spec.provider_id != new.spec.provider_id:
        yield Fault("spec.providerID", "cannot be changed once it is set", FORBIDDEN)
    yield from avoided_pods_faults(new.metadata.annotations)
    yield from network_faults(new.spec.pod_cidrs)
    yield from taint_faults(new.spec.taints)
    swap = new.status.node_info.swap
    if swap is not None and swap.capacity is not None and swap.capacity < 1:
        yield Fault("status.nodeInfo.swap.capacity", "must be greater than 0: a node without swap has none of this")
    seen = set()
    for number, address in enumerate(new.status.addresses):
        if address in seen:
            yield Fault(f"status.addresses[{number}]", "is there twice", DUPLICATE)
        seen.add(address)
    yield from feature_faults(new.status.declared_features)
    for field, amounts in (("capacity", new.status.capacity), ("allocatable", new.status.allocatable)):
        for name in sorted(amounts):
            if name not in _FRACTIONS and parse_quantity(amounts[name]).denominator != 1:
                yield Fault(f"status.{field}.{name}", "must be a whole number", INVALID)


def network_faults(networks: Sequence[str]) -> Iterator[Fault]:
    """Yield what is wrong with the networks of a Node's Pods: one, or one of each family."""
    faults = [(number, cidr_fault(text)) for number, text in enumerate(networks)]
    for number, fault in faults:
        if fault:
            yield Fault(f"spec.podCIDRs[{number}]", fault)
    if len(networks) > 1 and not (any(fault for _, fault in faults) or is_dual_stack(networks)):
        yield Fault("spec.podCIDRs", "can be one network, or one of each family")


def feature_faults(features: Sequence[str]) -> Iterator[Fault]:
    """Yield what is wrong with the features that a Node declares: names of upper and lower case, each once."""
    seen = set()
    for number, name in enumerate(features):
        at = f"status.declaredFeatures[{number}]"
        if not _FEATURE.fullmatch(name) or len(name) > _FEATURE_MAX:
            yield Fault(at, f"must be a name of at most {_FEATURE_MAX} characters, such as InPlaceResize", INVALID)
        elif name in seen:
            yield Fault(at, "is there twice", DUPLICATE)
        seen.add(name)


def taint_faults(taints: Sequence[Taint]) -> Iterator[Fault]:
    """Yield the taints that are there twice: they are told apart by key and effect."""
    seen = set()
    for number, taint in enumerate(taints):
        if (taint.key, taint.effect) in seen:
            yield Fault(f"spec.taints[{number}]", "is there twice: taints differ by key and effect", DUPLICATE)
        seen.add((taint.key, taint.effect))
