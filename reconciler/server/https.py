"""HTTPS of one daemon: the cluster's authority, the API's certificate, the port. Effect: key files, a socket."""

import logging

from reconciler.access import Authority, ServerCertificate
from reconciler.access.addresses import host_addresses, primary_address, server_names
from reconciler.config import Settings
from reconciler.model.ports import Clock
from reconciler.server.authentication import Accounts
from reconciler.server.listener import listen
from reconciler.server.tls import SecureListener
from reconciler.server.users import Access

log = logging.getLogger(__name__)

RENEW_EVERY_S = 60.0


class Https:
    """What the daemon needs to serve over TLS; making it takes the port, or says who has it."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._authority = Authority.open(settings.pki_path, settings.cluster_id, clock)
        self._certificate = ServerCertificate(settings.pki_path, self._authority, self._names, clock)
        self._certificate.ensure()
        endpoint = settings.api_endpoint
        self.listener = None if endpoint is None else SecureListener(listen(*endpoint), self._certificate)

    @property
    def place(self) -> str:
        """Where HTTPS is served, for people; empty where it is not."""
        if self.listener is None:
            return ""
        host, port = self.listener.address
        return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"

    @property
    def authority(self) -> Authority:
        """The cluster's certificate authority."""
        return self._authority

    def access(self, accounts: Accounts) -> Access:
        """Return what the API makes credentials with."""
        port = 0 if self.listener is None else self.listener.address[1]
        return Access(accounts, self._authority, port, self._clock.now, primary_address)

    def renew(self) -> None:
        """Renew the certificate if that is due; the next connection is shown the new one."""
        if self._certificate.renew_if_due() and self.listener is not None:
            self.listener.reload()

    def warnings(self) -> tuple[str, ...]:
        """Return what a person should know of the certificate."""
        return (self._certificate.problem,) if self._certificate.problem else ()

    def _names(self) -> tuple[str, ...]:
        settings = self._settings
        extra = (*host_addresses(), *settings.api_names)
        return server_names(settings.node_name, settings.cluster_domain, settings.service_cidr, extra)
