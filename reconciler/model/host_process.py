"""Which containers of a Pod are processes of a Windows host itself: by their own word, or the Pod's. Pure.

The field is `securityContext.windowsOptions.hostProcess`; a container's own holds.
"""

from collections.abc import Iterator

from reconciler.model.kinds import PodSecurityContext, PodSpec, SecurityContext


def host_process_of(context: PodSecurityContext | SecurityContext) -> bool | None:
    """Return what one security context says of it; None: nothing."""
    return context.windows_options.host_process if context.windows_options is not None else None


def has_host_process(spec: PodSpec) -> bool:
    """Whether a container of a Pod is one of the host itself."""
    return any(_effective(spec))


def is_all_host_process(spec: PodSpec) -> bool:
    """Whether every container of a Pod is one of the host itself."""
    return all(_effective(spec))


def _effective(spec: PodSpec) -> Iterator[bool | None]:
    of_pod = host_process_of(spec.security_context)
    for container in (*spec.init_containers, *spec.containers, *spec.ephemeral_containers):
        mine = host_process_of(container.security_context)
        yield of_pod if mine is None else mine
