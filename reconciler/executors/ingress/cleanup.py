"""Stops the HAProxy that serves a cluster's Ingresses on this host, and removes its files. Effect."""

from pathlib import Path

from reconciler.executors.ingress.files import ConfigFolders
from reconciler.executors.ingress.process import Proxy


def stop_proxy(runtime_dir: Path) -> tuple[str, ...]:
    """Stop the proxy of a runtime directory; return what was removed."""
    folder = runtime_dir / "ingress"
    folders = ConfigFolders(folder)
    stopped = Proxy(folder, folders.config).stop()
    folders.remove()
    return ("HAProxy of the ingresses",) if stopped else ()
