"""A kubeconfig: where a cluster is, whom to trust, and who one is. Pure."""

import base64
from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Credential:
    """How a user proves who it is: a token, or a certificate with its key (PEM)."""

    token: str = ""
    certificate: bytes = b""
    key: bytes = b""


def kubeconfig(cluster: str, server: str, authority: bytes, user: str, credential: Credential) -> dict[str, Any]:
    """Return a kubeconfig with everything embedded, whose only context is `USER@CLUSTER`."""
    context = f"{user}@{cluster}"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": {"server": server, "certificate-authority-data": _data(authority)}}],
        "users": [{"name": context, "user": _user(credential)}],
        "contexts": [{"name": context, "context": {"cluster": cluster, "user": context}}],
        "current-context": context,
    }


def kubeconfig_text(document: dict[str, Any]) -> str:
    """Return a kubeconfig as the YAML that kubectl reads."""
    return yaml.safe_dump(document, sort_keys=False, width=1_000_000)


def _user(credential: Credential) -> dict[str, str]:
    if credential.token:
        return {"token": credential.token}
    return {
        "client-certificate-data": _data(credential.certificate),
        "client-key-data": _data(credential.key),
    }


def _data(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
