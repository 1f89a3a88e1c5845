"""Which ConfigMaps, Secrets, claims and service accounts a Pod reads. Pure."""

from collections.abc import Iterator

from reconciler.model.base import Value
from reconciler.model.kinds import Container, PodSpec, Volume


class Reference(Value, order=True):
    """One object of the Pod's namespace that it reads; `by_environment`: as variables, which never change in place."""

    kind: str
    name: str
    optional: bool = False
    by_environment: bool = False


def references_of(spec: PodSpec) -> tuple[Reference, ...]:
    """Return everything that a Pod reads, each once; required wins over optional, environment over file."""
    merged: dict[tuple[str, str], Reference] = {}
    for one in _all(spec):
        known = merged.get((one.kind, one.name))
        merged[one.kind, one.name] = one if known is None else _both(known, one)
    return tuple(merged[key] for key in sorted(merged))


def claims_of(spec: PodSpec) -> tuple[str, ...]:
    """Return the names of the claims whose volumes a Pod mounts."""
    return tuple(sorted({name for volume in spec.volumes if (name := _claim_of(volume))}))


def _claim_of(volume: Volume) -> str:
    if volume.persistent_volume_claim is not None:
        return volume.persistent_volume_claim.claim_name
    return volume.ephemeral.volume_claim_template.metadata.name if volume.ephemeral is not None else ""


def _both(a: Reference, b: Reference) -> Reference:
    return Reference(
        kind=a.kind,
        name=a.name,
        optional=a.optional and b.optional,
        by_environment=a.by_environment or b.by_environment,
    )


def _all(spec: PodSpec) -> Iterator[Reference]:
    for container in (*spec.init_containers, *spec.containers, *spec.ephemeral_containers):
        yield from _of_container(container)
    for volume in spec.volumes:
        yield from _of_volume(volume)


def _of_container(container: Container) -> Iterator[Reference]:
    for source in container.env_from:
        if source.config_map_ref:
            one = source.config_map_ref
            yield Reference(kind="ConfigMap", name=one.name, optional=one.optional, by_environment=True)
        if source.secret_ref:
            two = source.secret_ref
            yield Reference(kind="Secret", name=two.name, optional=two.optional, by_environment=True)
    for variable in container.env:
        taken = variable.value_from
        if taken and taken.config_map_key_ref:
            key = taken.config_map_key_ref
            yield Reference(kind="ConfigMap", name=key.name, optional=key.optional, by_environment=True)
        if taken and taken.secret_key_ref:
            secret = taken.secret_key_ref
            yield Reference(kind="Secret", name=secret.name, optional=secret.optional, by_environment=True)


def _of_volume(volume: Volume) -> Iterator[Reference]:
    if volume.config_map:
        yield Reference(kind="ConfigMap", name=volume.config_map.name, optional=volume.config_map.optional)
    if volume.secret:
        yield Reference(kind="Secret", name=volume.secret.secret_name, optional=volume.secret.optional)
    for source in volume.projected.sources if volume.projected else ():
        if source.config_map:
            yield Reference(kind="ConfigMap", name=source.config_map.name, optional=source.config_map.optional)
        if source.secret:
            yield Reference(kind="Secret", name=source.secret.name, optional=source.secret.optional)
