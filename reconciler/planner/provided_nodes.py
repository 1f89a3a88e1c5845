"""What a provider says of the machines of nodes: their names, zones and types. Pure."""

from reconciler.planner.view import View


def provided_labels(view: View, node: str) -> dict[str, str]:
    """Return the labels that a node has from its provider, under Kubernetes' names."""
    provider = view.observed.provider
    instance = provider.instance(node) if provider is not None else None
    if instance is None:
        return {}
    said = {
        "topology.kubernetes.io/zone": instance.zone,
        "topology.kubernetes.io/region": instance.region,
        "node.kubernetes.io/instance-type": instance.type,
    }
    return {label: value for label, value in said.items() if value}


def provided_id(view: View, node: str) -> str:
    """Return the name of a node's machine at its provider."""
    provider = view.observed.provider
    instance = provider.instance(node) if provider is not None else None
    return instance.provider_id if instance is not None else ""
