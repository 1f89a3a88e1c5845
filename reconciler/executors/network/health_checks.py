"""Health checks of Services: a port each, on which this node tells whether it has endpoints of its own.

Effect: one thread that waits for all ports and sleeps until somebody asks; whoever asks is answered in a thread of
their own. Answers as kube-proxy does: 200 with endpoints, else 503, and JSON.
"""

import json
import logging
import os
import selectors
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from reconciler.model.errors import TransientError
from reconciler.model.external import HealthCheck

log = logging.getLogger(__name__)

_TIMEOUT_S = 5.0


class HealthChecks:
    """The open ports. Not thread-safe: its owner holds a lock."""

    def __init__(self) -> None:
        self._servers: dict[int, _Server] = {}
        self._listener: _Listener | None = None

    def are_open(self) -> bool:
        """Whether every port still answers."""
        return not self._servers or (self._listener is not None and self._listener.is_alive())

    def open(self, checks: Iterable[HealthCheck]) -> None:
        """Answer exactly these checks; raise TransientError where a port is taken by another program."""
        wanted = {one.port: one for one in checks}
        if not wanted or not self.are_open():
            self._close()
        for port in sorted(self._servers.keys() - wanted.keys()):
            self._listening().remove(self._servers.pop(port))
        for port in sorted(wanted):
            if port in self._servers:
                self._servers[port].check = wanted[port]
                continue
            try:
                self._servers[port] = _Server(wanted[port])
            except OSError as error:
                name = f"{wanted[port].namespace}/{wanted[port].name}"
                message = f"health checks of service/{name} cannot be answered on port {port}: {error.strerror}"
                raise TransientError(message, reason="PortTaken") from error
            self._listening().add(self._servers[port])

    def _listening(self) -> "_Listener":
        if self._listener is None:
            self._listener = _Listener()
        return self._listener

    def _close(self) -> None:
        """Close every port, and end the thread."""
        if self._listener is not None:
            self._listener.close()
        for server in self._servers.values():
            server.server_close()
        self._servers, self._listener = {}, None


class _Listener:
    """The thread that takes connections of every port."""

    def __init__(self) -> None:
        # What is added to it or taken away counts at once, also while the thread waits.
        self._selector = selectors.EpollSelector()
        self._end = os.eventfd(0)
        self._selector.register(self._end, selectors.EVENT_READ)
        self._changing = threading.Lock()
        self._servers: set[_Server] = set()
        self._thread = threading.Thread(target=self._run, name="health-checks", daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether connections are taken."""
        return self._thread.is_alive()

    def add(self, server: "_Server") -> None:
        """Take connections of one more port."""
        with self._changing:
            self._servers.add(server)
            self._selector.register(server, selectors.EVENT_READ, server)

    def remove(self, server: "_Server") -> None:
        """Close a port."""
        with self._changing:
            self._servers.discard(server)
            self._selector.unregister(server)
            server.server_close()

    def close(self) -> None:
        """End; the ports are left to who asks."""
        os.eventfd_write(self._end, 1)
        self._thread.join()
        self._selector.close()
        os.close(self._end)

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fd == self._end:
                    return
                with self._changing:
                    # It may have been closed since.
                    if key.data in self._servers:
                        key.data.handle_request()


class _Server(ThreadingHTTPServer):
    """One port. `check` is replaced as a whole when its numbers change."""

    daemon_threads = True
    allow_reuse_address = True
    # A connection that was given up before it was taken is not waited for.
    timeout = 0

    def __init__(self, check: HealthCheck) -> None:
        super().__init__(("0.0.0.0", check.port), _Handler)
        self.socket.setblocking(False)
        self.check = check

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Somebody who asks and does not wait for the answer is nobody's business."""
        log.debug("a health check was not answered", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    timeout = _TIMEOUT_S
    server: _Server

    def do_GET(self) -> None:
        """Tell how many endpoints there are."""
        check = self.server.check
        body = json.dumps(
            {
                "service": {"namespace": check.namespace, "name": check.name},
                "localEndpoints": check.endpoints,
                "serviceProxyHealthy": True,
            },
            indent=1,
        ).encode()
        self.send_response(200 if check.endpoints else 503)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Load-Balancing-Endpoint-Weight", str(check.endpoints))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Checks come every few seconds: they are not logged."""
