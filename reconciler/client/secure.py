"""HTTPS to the daemon, with the standard library: one connection, kept open; failures say what to do. Effect: sockets.

Trust is the cluster's own authority and nothing else; before a host has joined, the hash of the authority's key.
"""

import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from reconciler.client.errors import DaemonUnreachable
from reconciler.model.errors import ConfigurationError, TransientError

PORT = 6443
CONNECT_S = 10.0
# Codes of OpenSSL's verification.
_NOT_YET_VALID, _EXPIRED = 9, 10
_OTHER_NAME = frozenset({62, 64})
_ALERTS_ABOUT_US = frozenset(
    {"TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_CERTIFICATE_EXPIRED", "SSLV3_ALERT_CERTIFICATE_UNKNOWN"}
)


class TrustFailed(TransientError):
    """The other end could not be trusted, or did not trust us; `reason` says which."""

    reason = "TrustFailed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    code: int
    body: bytes
    headers: Mapping[str, str]


def server_of(text: str) -> str:
    """Return the address of a daemon as `https://HOST:PORT`. Raises ConfigurationError for what is none."""
    whole = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(whole)
        port = parts.port or PORT
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme != "https" or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ConfigurationError(f"{text!r} is no address of a daemon", hint="such as https://10.0.0.1:6443")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"https://{host}:{port}"


def blind_context() -> ssl.SSLContext:
    """Return settings that trust anybody: only to ask who is there, never to tell a secret."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def trusting_context(authority: str) -> ssl.SSLContext:
    """Return settings that trust one authority (PEM), and the name in what it has signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=authority)
    return context


class SecureConnection:
    """One connection to a daemon, made when it is needed and kept. For one thread."""

    def __init__(self, server: str, context: Callable[[], ssl.SSLContext]) -> None:
        self._server = server
        parts = urlsplit(server)
        self._host, self._port = parts.hostname or "", parts.port or PORT
        self._context = context
        self._used: tuple[ssl.SSLContext, http.client.HTTPSConnection] | None = None

    def ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], timeout_s: float) -> Answer:
        """Return the answer to a request. Raises DaemonUnreachable or TrustFailed."""
        context = self._context()
        is_kept = self._used is not None and self._used[0] is context
        if not is_kept:
            self.close()
        try:
            return self._exchange(context, method, path, body, headers, timeout_s)
        except (http.client.HTTPException, OSError) as error:
            self.close()
            if not is_kept or isinstance(error, TimeoutError):
                raise self._failure(error) from error
        try:
            # A connection that was kept may have been closed meanwhile; what is told here may be told twice.
            return self._exchange(context, method, path, body, headers, timeout_s)
        except (http.client.HTTPException, OSError) as error:
            self.close()
            raise self._failure(error) from error

    def abort(self) -> None:
        """Have a request that waits for its answer fail; may come from any thread."""
        used = self._used
        if used is not None and used[1].sock is not None:
            with suppress(OSError):
                used[1].sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection."""
        if self._used is not None:
            with suppress(OSError):
                self._used[1].close()
            self._used = None

    def _exchange(
        self,
        context: ssl.SSLContext,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout_s: float,
    ) -> Answer:
        if self._used is None:
            made = http.client.HTTPSConnection(self._host, self._port, timeout=CONNECT_S, context=context)
            made.connect()
            self._used = (context, made)
        connection = self._used[1]
        if connection.sock is not None:
            connection.sock.settimeout(timeout_s)
        connection.request(method, path, body=body, headers=dict(headers))
        answer = connection.getresponse()
        content = answer.read()
        if answer.will_close:
            self.close()
        return Answer(answer.status, content, {name.lower(): value for name, value in answer.getheaders()})

    def _failure(self, error: Exception) -> TransientError:
        if isinstance(error, ssl.SSLError):
            return trust_failure(self._server, error)
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        hint = f"is the daemon running there, and does a firewall let port {self._port} through?"
        return DaemonUnreachable(f"{self._server} cannot be reached: {why}", hint=hint)


def trust_failure(server: str, error: ssl.SSLError) -> TransientError:
    """Return what a failed handshake means, and what to do."""
    code = error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else 0
    if code in (_NOT_YET_VALID, _EXPIRED):
        word = "not valid yet" if code == _NOT_YET_VALID else "expired"
        return TrustFailed(
            f"the certificate of {server} is {word} by this host's clock",
            reason="Clock",
            hint="compare the clocks of both hosts (date -u), and keep them right with chrony or systemd-timesyncd",
        )
    if code in _OTHER_NAME:
        return TrustFailed(
            f"the certificate of {server} is not for that name",
            reason="OtherName",
            hint="use an address of the daemon's host, or add the name to apiNames in the daemon's settings",
        )
    if code:
        return TrustFailed(
            f"{server} is not of this cluster: its certificate was signed by somebody else",
            reason="OtherAuthority",
            hint="is the address right? If the cluster's authority was made anew, join again",
        )
    if error.reason in _ALERTS_ABOUT_US:
        return TrustFailed(
            f"{server} does not accept this host's certificate", reason="CertificateRefused", hint=join_again()
        )
    return DaemonUnreachable(f"{server}: TLS failed: {error.reason or error}", hint="is it a daemon's HTTPS port?")


def join_again(node: str = "NAME") -> str:
    """Say how a host that is no longer trusted is let in again."""
    return f"on the daemon's host: reconciler token create --node {node}; then run the command that it prints here"
