"""What plugins find in a cluster that has nothing but nodes and Pods."""

from typing import TypeVar

from reconciler.model.kinds import Object
from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef

T = TypeVar("T", bound=Object)


class Nothing:
    """No objects."""

    def get(self, ref: ObjectRef) -> StoredObject | None:
        """Return none."""
        return None

    def typed(self, type_: type[T], namespace: str, name: str) -> T | None:
        """Return none."""
        return None

    def of_kind(self, kind: str) -> list[StoredObject]:
        """Return none."""
        return []


NOTHING = Nothing()
