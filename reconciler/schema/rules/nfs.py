"""Rules on directories of NFS servers, and on classes that make them."""

import re
from collections.abc import Iterator, Sequence

from reconciler.model.kinds import NFSVolumeSource, StorageClass
from reconciler.schema.positions import join_pointer
from reconciler.schema.rules.finding import Finding, error

NFS_PROVISIONERS = ("reconciler.dev/nfs", "nfs.csi.k8s.io")
_PARAMETERS = ("server", "share", "subDir")
# What a template of a directory's name may take in, as with the NFS driver of Kubernetes.
_VARIABLES = ("pvc.metadata.name", "pvc.metadata.namespace", "pv.metadata.name")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_SERVER = re.compile(r"\A[A-Za-z0-9_.:%-]+\Z")


def nfs_findings(at: str, source: NFSVolumeSource) -> Iterator[Finding]:
    """Yield what is wrong with a directory of an NFS server (Kubernetes' validateNFSVolumeSource)."""
    yield from _server_findings(f"{at}/server", source.server)
    yield from _path_findings(f"{at}/path", source.path)


def option_findings(at: str, options: Sequence[str], *, is_mounted: bool) -> Iterator[Finding]:
    """Yield what is wrong with options of a mount; only what is mounted takes any."""
    if options and not is_mounted:
        hint = "only volumes of an NFS server are mounted"
        yield error(at, "mountOptions: this volume is not mounted with options", hint, "not-implemented")
        return
    for number, option in enumerate(options):
        if not option or any(sign in option for sign in ", \t\n\0"):
            yield error(f"{at}/{number}", "each option stands in an item of its own", "for example nfsvers=4.1")


def parameter_findings(storage_class: StorageClass) -> Iterator[Finding]:
    """Yield what is wrong with the parameters of a class that makes directories on a share."""
    found = storage_class.parameters
    for name in sorted(found):
        if name not in _PARAMETERS:
            known = ", ".join(_PARAMETERS)
            message = f"{storage_class.provisioner} takes {known}, and not {name}"
            yield error(join_pointer("parameters", name), message, code="not-implemented")
    for name in ("server", "share"):
        if not found.get(name):
            yield error("/parameters", f"{name} is missing", code="missing-field")
    if found.get("server"):
        yield from _server_findings("/parameters/server", found["server"])
    if found.get("share"):
        yield from _path_findings("/parameters/share", found["share"])
    if "subDir" in found:
        yield from _template_findings(found["subDir"])


def _server_findings(at: str, server: str) -> Iterator[Finding]:
    if not _SERVER.search(server) or server.startswith("-"):
        yield error(at, "server: must be a host name or an address")


def _path_findings(at: str, path: str) -> Iterator[Finding]:
    if not path.startswith("/"):
        yield error(at, "path: must be absolute, as the server exports it")
    elif ".." in path.split("/"):
        yield error(at, "path: must not contain ..")


def _template_findings(template: str) -> Iterator[Finding]:
    at = "/parameters/subDir"
    for name in _VARIABLE.findall(template):
        if name not in _VARIABLES:
            hint = "known: " + ", ".join(f"${{{one}}}" for one in _VARIABLES)
            yield error(at, f"subDir: ${{{name}}} is not known", hint)
    parts = _VARIABLE.sub("x", template).split("/")
    if any(part in ("", ".", "..") or part.startswith(".reconciler") for part in parts):
        yield error(at, "subDir: must be a relative path without empty parts, . and ..")
