"""What `kubeconfig` and `user` share: asking the daemon for a credential. The key of a certificate is made here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.model.errors import ConfigurationError

if TYPE_CHECKING:
    from reconciler.access.kubeconfig import Credential
    from reconciler.client import ApiClient
    from reconciler.config import Settings

TOKEN, CERTIFICATE = "token", "certificate"


@dataclass(frozen=True, slots=True)
class Given:
    """A new credential, and the document that tells it."""

    credential: "Credential"
    document: dict[str, Any]


def ask_for(client: "ApiClient", kind: str, name: str, groups: Sequence[str], expires_s: float | None) -> Given:
    """Have the daemon give out a credential; what is secret of it is nowhere but in the result."""
    from reconciler.access.kubeconfig import Credential
    from reconciler.access.requests import make_request
    from reconciler.client.api import OWN

    body = {"name": name, "groups": list(groups), "credential": kind, "expiresSeconds": expires_s}
    if kind == TOKEN:
        document = client.post(f"{OWN}/users", body)
        return Given(Credential(token=document["token"]), document)
    made = make_request()
    document = client.post(f"{OWN}/users", {**body, "request": made.request.decode("ascii")})
    credential = Credential(certificate=document["certificate"].encode("ascii"), key=made.key)
    return Given(credential, {**document, "key": made.key.decode("ascii")})


def server_url(settings: "Settings", port: int, own_address: str = "") -> str:
    """Return where others reach the API: its address, else the first of its names, else that of the daemon's host.

    `own_address` is what the daemon says; whoever asks it through its socket may sit in another network namespace.
    """
    from ipaddress import ip_address

    from reconciler.access.addresses import primary_address

    endpoint = settings.api_endpoint
    if endpoint is None:
        raise ConfigurationError(
            "HTTPS is switched off", hint='set apiAddress, such as "0.0.0.0:6443", and restart the daemon'
        )
    host = endpoint[0]
    if ip_address(host).is_unspecified:
        host = settings.api_names[0] if settings.api_names else own_address or primary_address()
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
