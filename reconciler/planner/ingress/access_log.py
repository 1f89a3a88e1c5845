"""The log of requests: a line for each, in the order that ingress-nginx has by default. Pure.

Times are in milliseconds; behind the request's id stand the host that was asked for and how the session ended. What
clients choose is quoted and escaped, so that nobody forges a part of a line.
"""

from collections.abc import Iterable

from reconciler.model.ingress import IngressRoute

# Of routes only those are logged that say so; of requests without a route, all.
UNLESS_LOGGED = "http-request set-log-level silent if { var(txn.route) -m found }"
LOGGED = "http-request set-log-level info"
_LINES = (
    "log /dev/log len 8192 local0 info info",
    "log-tag reconciler-ingress",
    "option dontlognull",
    "capture request header Referer len 512",
    "capture request header User-Agent len 512",
    "http-request set-var(txn.id) req.hdr(x-request-id)",
)
_FORMAT = (
    "%ci",
    "-",
    "-",
    "[%trl]",
    "%{+Q,+E}r",
    "%ST",
    "%B",
    "%{+Q,+E}[capture.req.hdr(0)]",
    "%{+Q,+E}[capture.req.hdr(1)]",
    "%U",
    "%Ta",
    "[%b]",
    "%si:%sp",
    "%Tr",
    "%{+Q,+E}[var(txn.id)]",
    "%{+Q,+E}[var(txn.host)]",
    "%tsc",
)


def log_lines(routes: Iterable[IngressRoute]) -> tuple[str, ...]:
    """Return what has requests logged; nothing where no route wants it."""
    if not any(route.options.access_log for route in routes):
        return ()
    return (*_LINES, "log-format " + r"\ ".join(_FORMAT))
