"""RFC 3339 times and Unix seconds."""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=1024)
def rfc3339(at: float) -> str:
    """Return Unix seconds as RFC 3339 in UTC, whole seconds, as Kubernetes writes times."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"


def seconds(text: str | None) -> float:
    """Return an RFC 3339 time as Unix seconds, for comparing; what has no time is from before all others."""
    return unix(text) or 0.0


@lru_cache(maxsize=4096)
def unix(text: str | None) -> float | None:
    """Return an RFC 3339 time as Unix seconds; None stays None."""
    return None if not text else datetime.fromisoformat(text).timestamp()
