"""The API's client over the Unix socket. Effect: one connection per call."""

from reconciler.client.api import ApiClient
from reconciler.client.errors import ApiRefused, DaemonUnreachable, NotFound, WatchExpired

__all__ = ["ApiClient", "ApiRefused", "DaemonUnreachable", "NotFound", "WatchExpired"]
