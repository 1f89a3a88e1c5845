"""What may be asked for when a namespace ends: names of those that still have to agree. Pure.

The rule is Kubernetes' ValidateNamespaceFinalizeUpdate, that of the subresource `finalize`.
"""

import re
from collections.abc import Iterator

from reconciler.model.kinds import Namespace
from reconciler.model.kinds.scalars import LABEL_KEY_PATTERN
from reconciler.planner.updates.fault import Fault
from reconciler.planner.updates.metadata import metadata_faults

_QUALIFIED = re.compile(LABEL_KEY_PATTERN)
# The one name without a domain.
_STANDARD = "kubernetes"


def finalize_faults(old: Namespace, new: Namespace) -> Iterator[Fault]:
    """Yield what is wrong with the finalizers of a namespace, and what else differs although it may not."""
    yield from metadata_faults(old.metadata, new.metadata)
    for number, name in enumerate(new.spec.finalizers):
        at = f"spec.finalizers[{number}]"
        if not _QUALIFIED.search(name):
            yield Fault(at, "must be a name such as example.com/cleanup")
        elif "/" not in name and name != _STANDARD:
            yield Fault(at, f"must have a domain, such as example.com/{name}")
