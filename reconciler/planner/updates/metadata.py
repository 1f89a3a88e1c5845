"""What may not change in any object's metadata. Pure.

The rule is Kubernetes' ValidateObjectMetaUpdate.
"""

from collections.abc import Iterator

from reconciler.model.kinds import ObjectMeta
from reconciler.planner.updates.fault import Fault, fixed

_NEVER = (
    ("name", "name"),
    ("namespace", "namespace"),
    ("uid", "uid"),
    ("creationTimestamp", "creation_timestamp"),
    ("deletionTimestamp", "deletion_timestamp"),
    ("deletionGracePeriodSeconds", "deletion_grace_period_seconds"),
)


def metadata_faults(old: ObjectMeta, new: ObjectMeta) -> Iterator[Fault]:
    """Yield what an update changes of an object's identity and life."""
    for wire, name in _NEVER:
        yield from fixed(f"metadata.{wire}", getattr(old, name), getattr(new, name))
