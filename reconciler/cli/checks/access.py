"""Checks of HTTPS: its port, and the certificates. Effect: looks at /proc and at the files of the authority."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconciler.cli.checks import Finding, fail, ok, warn
from reconciler.cli.common import now
from reconciler.model.errors import ReconcilerError
from reconciler.model.times import rfc3339

if TYPE_CHECKING:
    from reconciler.config import Settings

_DAY_S = 86_400.0
# The certificate is renewed with four months left; with so little left something keeps it from that.
_SERVER_LEFT_S = 60 * _DAY_S
_AUTHORITY_LEFT_S = 365 * _DAY_S


def check_api_port(settings: "Settings") -> Sequence[Finding]:
    """Whether the daemon has the port of HTTPS, or can have it."""
    from reconciler.server.listener import holder_of_port
    from reconciler.server.serve import living_process

    endpoint = settings.api_endpoint
    if endpoint is None:
        return [ok("api-port", "HTTPS is switched off (apiAddress)")]
    holder = holder_of_port(endpoint[1]) if endpoint[1] else None
    if holder is None:
        return [ok("api-port", f"{settings.api_address} can be had")]
    try:
        daemon = living_process(settings.socket_path)
    except ReconcilerError:
        daemon = None
    if daemon in (holder.pid, 0):
        return [ok("api-port", f"https, {settings.api_address}")]
    fix = f'stop it, or set apiAddress to another port than {endpoint[1]} (or to "": no HTTPS at all)'
    return [fail("api-port", f"{holder} listens on port {endpoint[1]}", fix)]


def check_certificates(settings: "Settings") -> Sequence[Finding]:
    """Whether the authority's and the API's certificates last."""
    from reconciler.access.authority import CERTIFICATE
    from reconciler.access.server_certificate import FILE, read_certificate

    found = []
    for name, file, left_min, fix in (
        (
            "authority",
            CERTIFICATE,
            _AUTHORITY_LEFT_S,
            "remove ca.crt and restart the daemon: kubeconfigs need the new one",
        ),
        ("certificate", FILE, _SERVER_LEFT_S, "the daemon renews it by itself; its log says what keeps it from that"),
    ):
        try:
            certificate = read_certificate(settings.pki_path / file)
        except ReconcilerError as error:
            return [warn(name, str(error), "sudo reconciler doctor")]
        if certificate is None:
            found.append(ok(name, "is made when the daemon starts"))
        else:
            found.append(_judge(name, certificate.not_valid_after_utc.timestamp(), left_min, fix))
    return found


def _judge(name: str, ends_at: float, left_min_s: float, fix: str) -> Finding:
    left = ends_at - now()
    if left <= 0:
        return fail(name, f"ended {rfc3339(ends_at)}", fix)
    if left < left_min_s:
        return warn(name, f"ends {rfc3339(ends_at)}", fix)
    return ok(name, f"valid until {rfc3339(ends_at)}")
