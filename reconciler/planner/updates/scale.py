"""What may be asked for in a scale. Pure.

The rule is Kubernetes' ValidateScale.
"""

from collections.abc import Iterator

from reconciler.model.scale import Scale
from reconciler.planner.updates.fault import REQUIRED, Fault


def scale_faults(scale: Scale) -> Iterator[Fault]:
    """Yield what is wrong with a scale by itself."""
    if not scale.metadata.name:
        yield Fault("metadata.name", "is missing", REQUIRED)
    if scale.spec.replicas < 0:
        yield Fault("spec.replicas", "must not be less than 0")
