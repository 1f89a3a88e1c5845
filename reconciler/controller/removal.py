"""The write that takes the object of a removed node away. Pure."""

from reconciler.model.observed import StoredObject
from reconciler.model.plan import Change, Reason


def removal_of(stored: StoredObject) -> Change:
    """Return the deletion of a Node that a person has declared gone."""
    return Change(
        verb="delete",
        ref=stored.ref,
        object=stored.object,
        manager=stored.manager,
        reason=Reason.STATUS,
        provenance=stored.provenance,
        digest=stored.digest,
        incarnation=stored.incarnation,
        expected_resource_version=stored.object.metadata.resource_version,
    )
