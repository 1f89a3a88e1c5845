"""Who asks, for what, and what is answered: users, requests and credentials as Kubernetes knows them."""

from enum import StrEnum

from reconciler.model.base import Value

AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"
MASTERS = "system:masters"
# People whom the group of the Unix socket lets in: they look, validate, plan and push, and see no secret values.
SOCKET_GROUP = "reconciler:socket"


class User(Value):
    """Who sent a request.

    `via` says how that is known: certificate, token, socket, or nothing. `account` is the id of the credential.
    `sees_secrets` is false for people whose reads of Secrets show keys without values.
    """

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    via: str = ""
    account: str = ""
    sees_secrets: bool = True


ANONYMOUS = User(name="system:anonymous", groups=(UNAUTHENTICATED,), sees_secrets=False)


class RequestAttributes(Value):
    """What a request wants, in the words of Kubernetes' authorization.

    For a resource `verb` is get, list, watch, create, update, patch, delete or deletecollection; for any other path
    it is the HTTP method in lower case and `path` is set.
    """

    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def is_resource(self) -> bool:
        """Whether a resource is asked for, and not a path such as /version."""
        return not self.path


class AccessDecision(Value):
    """Whether a user may do something, and what says so (or why nothing does)."""

    allowed: bool
    reason: str = ""


class CredentialKind(StrEnum):
    """How an account proves who it is."""

    TOKEN = "token"
    CERTIFICATE = "certificate"


class Account(Value):
    """A credential that was given out. Times are Unix seconds.

    `id` is public and names it in lists; `fingerprint` is the SHA-256, in hex, of the token or of the certificate.
    """

    id: str
    kind: CredentialKind
    name: str
    groups: tuple[str, ...] = ()
    fingerprint: str
    created_at: float
    created_by: str = ""
    expires_at: float | None = None
    revoked_at: float | None = None
