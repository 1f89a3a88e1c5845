"""Health checks of Services: a port each, on which this node tells whether it has endpoints of its own.

Effect: one thread for each open port. Answers as kube-proxy does: 200 with endpoints, else 503, and JSON.
"""

import json
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from reconciler.model.errors import TransientError
from reconciler.model.external import HealthCheck

_TIMEOUT_S = 5.0


class HealthChecks:
    """The open ports. Not thread-safe: its owner holds a lock."""

    def __init__(self) -> None:
        self._servers: dict[int, _Server] = {}

    def are_open(self) -> bool:
        """Whether every server still answers."""
        return all(one.thread.is_alive() for one in self._servers.values())

    def open(self, checks: Iterable[HealthCheck]) -> None:
        """Answer exactly these checks; raise TransientError where a port is taken by another program."""
        wanted = {one.port: one for one in checks}
        for port in sorted(self._servers.keys() - wanted.keys()):
            self._servers.pop(port).stop()
        for port in sorted(wanted):
            server = self._servers.get(port)
            if server is not None and server.thread.is_alive():
                server.check = wanted[port]
                continue
            try:
                self._servers[port] = _Server(wanted[port])
            except OSError as error:
                name = f"{wanted[port].namespace}/{wanted[port].name}"
                message = f"health checks of service/{name} cannot be answered on port {port}: {error.strerror}"
                raise TransientError(message, reason="PortTaken") from error


class _Server(ThreadingHTTPServer):
    """One port. `check` is replaced as a whole when its numbers change."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, check: HealthCheck) -> None:
        super().__init__(("0.0.0.0", check.port), _Handler)
        self.check = check
        self.thread = threading.Thread(target=self.serve_forever, name=f"health-{check.port}", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self.shutdown()
        self.server_close()


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
