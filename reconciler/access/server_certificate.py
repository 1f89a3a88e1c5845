"""The certificate that the API shows: kept in one file, renewed by itself. Effect: one file.

Key and certificate are in one file, so that no crash leaves one without the other.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from cryptography import x509

from reconciler.access import files
from reconciler.access.authority import DAY_S, Authority
from reconciler.access.certificates import names_of
from reconciler.model.errors import ReconcilerError
from reconciler.model.ports import Clock

log = logging.getLogger(__name__)

FILE = "server.pem"
LIFETIME_S = 365 * DAY_S
# Renewed when less than this part of its lifetime is left.
_LEFT_MIN = 1 / 3


class ServerCertificate:
    """The API's certificate. `names` tells what it has to be for now. Thread-safe."""

    def __init__(self, folder: Path, authority: Authority, names: Callable[[], tuple[str, ...]], clock: Clock) -> None:
        self.path = folder / FILE
        self._authority = authority
        self._names = names
        self._clock = clock
        self._lock = threading.Lock()
        self._current: x509.Certificate | None = None
        self.problem = ""
        """Why it could not be renewed when that was last tried; empty when all is well."""

    @property
    def authority_pem(self) -> bytes:
        """The certificate of the authority that clients trust, and that signs theirs."""
        return self._authority.certificate_pem

    @property
    def expires_at(self) -> float:
        """When it ends, in Unix seconds; 0 before there is one."""
        return 0.0 if self._current is None else self._current.not_valid_after_utc.timestamp()

    def ensure(self) -> bool:
        """Make or renew it if that is due; return whether there is a new one. Raises when it cannot be done."""
        with self._lock:
            names = self._names()
            if self._current is None:
                self._current = _read(self.path)
            if self._current is not None and not self._is_due(self._current, names):
                return False
            content = self._authority.issue_server(names, LIFETIME_S)
            files.replace(self.path, content)
            self._current = x509.load_pem_x509_certificate(content)
            log.info("made the certificate of the API", extra={"names": " ".join(names)})
            return True

    def renew_if_due(self) -> bool:
        """Do as `ensure`; a failure is kept in `problem` and the present certificate stays in use."""
        try:
            renewed = self.ensure()
        except ReconcilerError as error:
            self.problem = f"the certificate of the API cannot be renewed: {error}"
            log.warning("cannot renew the certificate of the API", extra={"error": str(error)})
            return False
        self.problem = ""
        return renewed

    def _is_due(self, certificate: x509.Certificate, names: tuple[str, ...]) -> bool:
        begins, ends = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
        left = ends - self._clock.now()
        # Made while the clock was ahead: nobody would believe it yet.
        is_early = begins > self._clock.now()
        # A certificate that ends with its authority cannot be renewed to last longer.
        is_old = left < (ends - begins) * _LEFT_MIN and ends < self._authority.expires_at
        is_ours = self._authority.has_signed(certificate)
        return is_old or is_early or not is_ours or not names_of(certificate).issuperset(names)


def read_certificate(path: Path) -> x509.Certificate | None:
    """Return the API's certificate of a folder's file, for those who only look; None without one."""
    return _read(path)


def _read(path: Path) -> x509.Certificate | None:
    content = files.read(path)
    try:
        return None if content is None else x509.load_pem_x509_certificate(content)
    except ValueError:
        log.warning("the certificate of the API cannot be read; a new one is made", extra={"file": str(path)})
        return None
