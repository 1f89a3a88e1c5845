"""Times as Kubernetes writes them. Pure."""

from datetime import UTC, datetime


def rfc3339(at: float) -> str:
    """Return Unix seconds as RFC 3339 in UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
