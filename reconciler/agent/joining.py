"""How a host joins: whom it trusts, its key, its first certificate. Effect: the daemon's API, key files.

The key is made before the daemon is asked and kept until the answer is on disk: asked again after a lost answer, the
same key may use the same token.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reconciler.access import files
from reconciler.access.requests import make_request, request_for
from reconciler.agent.certificate import AUTHORITY, CERTIFICATE, JOINING_KEY, hash_of_authority
from reconciler.client.agents import AgentClient
from reconciler.client.errors import ApiRefused
from reconciler.client.secure import blind_context, trusting_context
from reconciler.model.agents import SKEW_MAX_S, JoinBody, Joined
from reconciler.model.errors import ConfigurationError, TerminalError

# A daemon shows its authority to everybody.
_NOT_OURS = (401, 403, 404, 405)


@dataclass(frozen=True, slots=True)
class Admission:
    """What a host has when it has joined: whom to trust, its key and certificate (PEM), what it was told."""

    authority: str
    key: bytes
    joined: Joined

    @property
    def skew_s(self) -> float:
        """How far this host's clock is ahead of the daemon's."""
        return time.time() - self.joined.now


def trusted_authority(server: str, ca_hash: str) -> str:
    """Return the authority (PEM) of a daemon, if its key has this hash; nothing is told to the daemon before."""
    wanted = ca_hash.lower()
    if not wanted.startswith("sha256:") or len(wanted) != len("sha256:") + 64:
        raise ConfigurationError(
            f"--ca-cert-hash: {ca_hash!r} is no such hash",
            hint="it is sha256: and 64 digits, as printed by: token create",
        )
    context = blind_context()
    client = AgentClient(server, lambda: context)
    try:
        authority = client.authority()
    except ApiRefused as error:
        if error.code not in _NOT_OURS:
            raise
        raise TerminalError(
            f"what answers at {server} is no daemon of reconciler: it said {error.code}",
            reason="NoDaemon",
            hint="take the address that `reconciler token create` prints; nothing was told to it",
        ) from None
    finally:
        client.close()
    try:
        found = hash_of_authority(authority)
    except ValueError as error:
        raise TerminalError(f"{server} shows no certificate of an authority", reason="TrustFailed") from error
    if found != wanted:
        raise TerminalError(
            f"{server} is not the daemon that the hash is of: its authority's is {found}",
            reason="TrustFailed",
            hint="compare both with what `reconciler token create` prints on the daemon's host; nothing was told to it",
        )
    return authority


def ask_to_join(
    server: str, authority: str, token: str, node: str, folder: Path, now: Callable[[], float] = time.time
) -> Admission:
    """Join under a name; the key is kept in `folder` from before the question on."""
    files.make_private_directory(folder)
    path = folder / JOINING_KEY
    files.create(path, make_request().key)
    key = files.read(path) or b""
    context = trusting_context(authority)
    client = AgentClient(server, lambda: context)
    try:
        request = request_for(key).decode("ascii")
        joined = client.join(JoinBody(token=token, node=node, request=request, sent_at=now()))
    finally:
        client.close()
    return Admission(authority, key, joined)


def keep(admission: Admission, folder: Path) -> None:
    """Write what a node needs to talk to its daemon; the last file makes it a node."""
    files.replace(folder / AUTHORITY, admission.authority.encode("ascii"))
    files.replace(folder / CERTIFICATE, admission.key + admission.joined.certificate.encode("ascii"))


def forget_key(folder: Path) -> None:
    """Forget the key that was kept in case that the answer is lost."""
    (folder / JOINING_KEY).unlink(missing_ok=True)


def clock_warning(skew_s: float) -> str:
    """Say that two clocks differ; empty while they agree well enough."""
    if abs(skew_s) <= SKEW_MAX_S:
        return ""
    word = "ahead of" if skew_s > 0 else "behind"
    return f"the clock of this host is {abs(skew_s):.1f} s {word} the daemon's: keep both right, as with chrony"
