"""Which ConfigMaps, Secrets and claims a Pod needs, and which of them it does not have yet.

Pure.
"""

from collections.abc import Iterator

from reconciler.model.kinds import Container, PodSpec, Volume
from reconciler.model.node import ClaimBinding, PodAssignment

Name = tuple[str, str]


def missing_for_container(pod: PodAssignment, container: Container) -> tuple[str, ...]:
    """Return `kind/name` of what the container's environment needs and does not exist."""
    return _missing(pod, _environment(container))


def missing_for_volumes(pod: PodAssignment) -> tuple[str, ...]:
    """Return `kind/name` of what the Pod's volumes need and does not exist."""
    return _missing(pod, (name for volume in pod.spec.volumes for name in _sources(volume)))


def unbound_claims(pod: PodAssignment) -> tuple[ClaimBinding, ...]:
    """Return the claims of the Pod that lead to no storage yet."""
    bindings = {binding.claim: binding for binding in pod.claims}
    wanted = (bindings.get(claim, ClaimBinding(claim=claim)) for claim in claims_of(pod.spec))
    return tuple(binding for binding in wanted if not binding.path and binding.share is None)


def claims_of(spec: PodSpec) -> tuple[str, ...]:
    """Return the names of the claims that a Pod mounts."""
    sources = (volume.persistent_volume_claim for volume in spec.volumes)
    return tuple(source.claim_name for source in sources if source is not None)


def _missing(pod: PodAssignment, needed: Iterator[Name]) -> tuple[str, ...]:
    if not pod.configuration:
        return ()
    absent = {(one.kind, one.name) for one in pod.configuration if not one.version and not one.optional}
    return tuple(sorted({f"{kind.lower()}/{name}" for kind, name in needed if (kind, name) in absent}))


def _environment(container: Container) -> Iterator[Name]:
    for source in container.env_from:
        if source.config_map_ref is not None:
            yield "ConfigMap", source.config_map_ref.name
        if source.secret_ref is not None:
            yield "Secret", source.secret_ref.name
    for variable in container.env:
        if variable.value_from is None:
            continue
        if variable.value_from.config_map_key_ref is not None:
            yield "ConfigMap", variable.value_from.config_map_key_ref.name
        if variable.value_from.secret_key_ref is not None:
            yield "Secret", variable.value_from.secret_key_ref.name


def _sources(volume: Volume) -> Iterator[Name]:
    if volume.config_map is not None:
        yield "ConfigMap", volume.config_map.name
    if volume.secret is not None:
        yield "Secret", volume.secret.secret_name
    for projection in volume.projected.sources if volume.projected is not None else ():
        if projection.config_map is not None:
            yield "ConfigMap", projection.config_map.name
        if projection.secret is not None:
            yield "Secret", projection.secret.name
