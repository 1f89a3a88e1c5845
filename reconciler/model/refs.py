"""How objects, containers and nodes are named throughout."""

from typing import Self

from reconciler.model.base import Value


class ObjectRef(Value, order=True, cache_hash=True):
    """Names one object: kind, namespace (empty for cluster-scoped kinds) and name.

    Printed as `deployment/shop/web`, or `namespace/shop` without a namespace.
    """

    kind: str
    namespace: str = ""
    name: str

    def __str__(self) -> str:
        parts = (self.kind.lower(), self.namespace, self.name)
        return "/".join(part for part in parts if part)

    @classmethod
    def of(cls, kind: str, namespace: str, name: str) -> Self:
        """Build a reference from positional parts."""
        return cls(kind=kind, namespace=namespace, name=name)
