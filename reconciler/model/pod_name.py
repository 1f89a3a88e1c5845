"""A Pod's full name, as the kubelet's messages have it: `web-6d4cf-k2x9p_shop`, the name and then the namespace. Pure.

Neither can have the sign between them.
"""

_BETWEEN = "_"


def pod_full_name(name: str, namespace: str) -> str:
    """Return the full name of a Pod."""
    return f"{name}{_BETWEEN}{namespace}"


def read_full_name(text: str) -> tuple[str, str] | None:
    """Return the name and the namespace that a full name has; None: it is none."""
    parts = text.split(_BETWEEN)
    return (parts[0], parts[1]) if len(parts) == 2 and all(parts) else None
