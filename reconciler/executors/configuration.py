"""The values that a Pod reads, among those that have arrived beside its assignment. Pure."""

from reconciler.model.errors import TransientError
from reconciler.model.node import ConfigMaterial, Materials, PodAssignment


def values_of(pod: PodAssignment, materials: Materials, kind: str, name: str) -> ConfigMaterial | None:
    """Return the values of one ConfigMap or Secret, or None when it does not exist.

    Raises TransientError when it exists and its values are not here yet, as after a reboot: what is optional must not
    be taken for absent then.
    """
    found = materials.find(kind, pod.namespace, name)
    if found is None and _exists(pod, kind, name):
        message = f"the values of {kind.lower()} {name!r} have not arrived yet"
        raise TransientError(message, reason="CreateContainerConfigError")
    return found


def _exists(pod: PodAssignment, kind: str, name: str) -> bool:
    return any(one.kind == kind and one.name == name and one.version for one in pod.configuration)
