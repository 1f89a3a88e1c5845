"""Say why a remote could not be read. Effect: probes it.

Decided by marks, exit codes and probes of its own, never by git's words.
"""

import base64
import hashlib
import shlex
import socket
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from reconciler.git.access import (
    MARK_ASKED,
    MARK_AUTHENTICATED,
    MARK_REFUSED,
    Access,
    Remote,
    has_credentials,
    known_hosts_files,
)
from reconciler.git.command import Deadline
from reconciler.git.errors import (
    AuthFailed,
    GitFailure,
    HostKeyChanged,
    HostKeyUnknown,
    RepositoryMissing,
    SourceUnreachable,
    TrustFailed,
)

_PROBE_S_MAX = 10.0
_PREFERRED_KEYS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp521", "ssh-rsa")


def explain(remote: Remote, access: Access, marks: Path, detail: str, deadline: Deadline) -> GitFailure:
    """Return the failure that fits what an attempt left behind."""
    match remote.scheme:
        case "ssh":
            return _explain_ssh(remote, access, marks, detail, deadline)
        case "http" | "https":
            return _explain_http(remote, access, marks, detail, deadline)
        case "file" if not Path(remote.path).is_dir():
            return RepositoryMissing(f"there is no repository at {remote.path}", hint="correct the url of the source")
    return SourceUnreachable(f"{remote.url} cannot be read", detail=detail)


def _explain_http(remote: Remote, access: Access, marks: Path, detail: str, deadline: Deadline) -> GitFailure:
    if (marks / MARK_REFUSED).exists():
        return AuthFailed(f"{remote.url} refuses the credentials", detail=detail, hint="renew the token of the source")
    if (marks / MARK_ASKED).exists() and not has_credentials(remote, access):
        return AuthFailed(f"{remote.url} wants credentials", detail=detail, hint="give the source a token")
    if remote.scheme == "https":
        distrust = _certificate_fault(remote, access, deadline)
        if distrust is not None:
            return distrust
    return SourceUnreachable(f"{remote.url} cannot be read", detail=detail)


def _certificate_fault(remote: Remote, access: Access, deadline: Deadline) -> TrustFailed | None:
    """Shake hands once, as git did, and return what is wrong with the certificate."""
    timeout_s = min(_PROBE_S_MAX, deadline.left())
    if timeout_s <= 0:
        return None
    try:
        trust = ssl.create_default_context(cafile=str(access.ca_file) if access.ca_file else None)
        with (
            socket.create_connection((remote.host, remote.port or 443), timeout=timeout_s) as connection,
            trust.wrap_socket(connection, server_hostname=remote.host),
        ):
            return None
    except ssl.SSLCertVerificationError as error:
        return TrustFailed(
            f"the certificate of {remote.origin} is not trusted: {error.verify_message}",
            hint="set the source's ca-file to the authority that issued it, or renew the certificate",
        )
    except OSError:
        return None


def _explain_ssh(remote: Remote, access: Access, marks: Path, detail: str, deadline: Deadline) -> GitFailure:
    if (marks / MARK_AUTHENTICATED).exists():
        return RepositoryMissing(
            f"{remote.host} let us in but did not serve {remote.path}",
            detail=detail,
            hint="correct the url of the source",
        )
    offered = _offered_keys(remote, deadline)
    if not offered:
        return SourceUnreachable(f"{remote.url} does not answer", detail=detail)
    known = _known_keys(remote, access, deadline)
    if not known:
        return _distrust(HostKeyUnknown, "is not known", remote, access, offered[0])
    if not any(key.is_same(other) for key in offered for other in known):
        return _distrust(HostKeyChanged, "has changed", remote, access, offered[0])
    return AuthFailed(
        f"{remote.url} refuses our key",
        detail=detail,
        hint=f"allow the public key of the source on {remote.host}",
    )


@dataclass(frozen=True, slots=True)
class _HostKey:
    type: str
    blob: str
    is_authority: bool = False

    def is_same(self, known: "_HostKey") -> bool:
        return known.is_authority or (self.type, self.blob) == (known.type, known.blob)

    @property
    def fingerprint(self) -> str:
        digest = hashlib.sha256(base64.b64decode(self.blob)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _distrust(
    failure: type[HostKeyUnknown], what: str, remote: Remote, access: Access, offered: _HostKey
) -> HostKeyUnknown:
    file = shlex.quote(str(known_hosts_files(access)[0]))
    port = f"-p {remote.port} " if remote.port else ""
    add = f"ssh-keyscan {port}{remote.host} >> {file}"
    forget = f"ssh-keygen -R '{_host_name(remote)}' -f {file}; " if failure is HostKeyChanged else ""
    return failure(
        f"the host key of {_host_name(remote)} {what}; it offers {offered.type} {offered.fingerprint}. "
        "Compare this fingerprint with the one the host's owner publishes",
        fingerprint=offered.fingerprint,
        hint=forget + add,
    )


def _offered_keys(remote: Remote, deadline: Deadline) -> list[_HostKey]:
    timeout_s = min(_PROBE_S_MAX, deadline.left())
    command = [
        "ssh-keyscan",
        "-T",
        str(max(1, int(timeout_s))),
        "-p",
        str(remote.port or 22),
        "--",
        remote.host,
    ]
    keys = _keys(_output(command, timeout_s))
    rank = {name: place for place, name in enumerate(_PREFERRED_KEYS)}
    return sorted(keys, key=lambda key: (rank.get(key.type, len(rank)), key.type))


def _known_keys(remote: Remote, access: Access, deadline: Deadline) -> list[_HostKey]:
    found: list[_HostKey] = []
    for file in known_hosts_files(access):
        command = ["ssh-keygen", "-F", _host_name(remote), "-f", str(file)]
        found += _keys(_output(command, min(_PROBE_S_MAX, deadline.left())))
    return found


def _keys(lines: str) -> list[_HostKey]:
    """Read lines of the known-hosts form: an optional marker, names, type, key."""
    keys = []
    for line in lines.splitlines():
        words = line.split()
        marker = words.pop(0) if words and words[0].startswith("@") else ""
        if len(words) >= 3 and not words[0].startswith("#") and marker != "@revoked":
            keys.append(_HostKey(words[1], words[2], is_authority=marker == "@cert-authority"))
    return keys


def _host_name(remote: Remote) -> str:
    return f"[{remote.host}]:{remote.port}" if remote.port not in (None, 22) else remote.host


def _output(command: list[str], timeout_s: float) -> str:
    """Run a probe; one that does not end or is not installed has found nothing."""
    if timeout_s <= 0:
        return ""
    try:
        ended = subprocess.run(command, capture_output=True, timeout=timeout_s, stdin=subprocess.DEVNULL, check=False)
    except (subprocess.TimeoutExpired, FileNotFoundError):
        return ""
    return ended.stdout.decode("utf-8", "replace")
