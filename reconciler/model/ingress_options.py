"""What an Ingress asks for in its annotations, as ingress-nginx spells them.

Pure. A table of names, each with a reader of its value. What is not in the table has no effect and is told of; so is a
value that cannot be read, and then the default holds.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from reconciler.model import ingress_values as values
from reconciler.model.base import Value
from reconciler.model.policy import IngressPolicy

PREFIX = "nginx.ingress.kubernetes.io/"


class Cors(Value):
    """Which pages of other sites may ask. `max_age_s` is how long a browser remembers the answer."""

    origins: tuple[str, ...] = ("*",)
    methods: str = "GET, PUT, POST, DELETE, PATCH, OPTIONS"
    headers: str = (
        "DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range,Authorization"
    )
    expose: str = ""
    credentials: bool = True
    max_age_s: int = 1728000


class IngressOptions(Value):
    """What an Ingress asks for besides hosts and paths. Sizes in bytes, 0: no limit; times in seconds.

    `body_size` holds for bodies sent in chunks, too, unless it is the default (`told_lengths_only`): counting costs.
    Networks are in CIDR notation. `auth_secret` is a Secret of htpasswd lines in its key `auth` (`auth_map`: a key for
    each user). `auth_url` is asked whether a request may pass, `auth_signin` where those go that may not.
    """

    body_size: int = 0
    told_lengths_only: bool = False
    access_log: bool = False
    connect_timeout_s: int = 1
    read_timeout_s: int = 60
    send_timeout_s: int = 60
    ssl_redirect: bool = True
    force_ssl_redirect: bool = False
    permanent_redirect: str = ""
    permanent_redirect_code: int = 301
    temporal_redirect: str = ""
    temporal_redirect_code: int = 302
    rewrite_target: str = ""
    use_regex: bool = False
    app_root: str = ""
    auth_type: str = ""
    auth_secret: str = ""
    auth_map: bool = False
    auth_realm: str = "Authentication Required"
    auth_url: str = ""
    auth_method: str = ""
    auth_signin: str = ""
    auth_signin_param: str = "rd"
    auth_response_headers: tuple[str, ...] = ()
    limit_rps: int = 0
    limit_rpm: int = 0
    limit_connections: int = 0
    limit_burst: int = 5
    limit_whitelist: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    canary: bool = False
    canary_weight: int = 0
    canary_weight_total: int = 100
    canary_header: str = ""
    canary_header_value: str = ""
    canary_header_pattern: str = ""
    canary_cookie: str = ""
    cors: Cors | None = None
    backend_protocol: str = "HTTP"
    affinity: bool = False
    cookie_name: str = "INGRESSCOOKIE"
    cookie_max_age_s: int = 0
    cookie_secure: bool = False
    cookie_same_site: str = ""
    upstream_vhost: str = ""
    forwarded_prefix: str = ""


class OptionProblem(Value):
    """An annotation that has no effect, and why. `unknown`: it is none of those that are carried out."""

    key: str
    message: str
    unknown: bool = False


def default_options(policy: IngressPolicy) -> IngressOptions:
    """Return what holds for an Ingress without annotations."""
    body_size = values.size(str(policy.body_size))
    return IngressOptions(body_size=body_size, told_lengths_only=True, access_log=policy.access_log)


def read_options(
    annotations: Mapping[str, str], default: IngressOptions = IngressOptions()
) -> tuple[IngressOptions, tuple[OptionProblem, ...]]:
    """Return what an Ingress asks for, and what of it has no effect; what it says nothing of is as by default."""
    options: dict[str, Any] = {}
    cors: dict[str, Any] = {}
    problems: list[OptionProblem] = []
    for key in sorted(annotations):
        name = key.removeprefix(PREFIX)
        if name == key:
            continue
        if name not in _READERS:
            problems.append(OptionProblem(key=key, message=_why_not(name), unknown=True))
            continue
        field, read = _READERS[name]
        try:
            (cors if field.startswith("cors.") else options)[field.removeprefix("cors.")] = read(annotations[key])
        except ValueError as error:
            problems.append(OptionProblem(key=key, message=str(error)))
    if cors.pop("enabled", False):
        options["cors"] = Cors(**cors)
    if "body_size" in options:
        options["told_lengths_only"] = False
    return replace(default, **options), (*problems, *_together(options))


def _why_not(name: str) -> str:
    if name.endswith("snippet"):
        return "raw configuration of nginx cannot be carried out: this controller runs HAProxy"
    return "this annotation is not carried out"


def _together(options: Mapping[str, Any]) -> list[OptionProblem]:
    if options.get("auth_type") and not options.get("auth_secret"):
        message = "auth-type needs auth-secret: requests are refused"
        return [OptionProblem(key=f"{PREFIX}auth-type", message=message)]
    return []


_REDIRECTS = ("301", "302", "303", "307", "308")
_SECONDS = values.number(1, 86_400)
_AMOUNT = values.number(0, 1_000_000)
_READERS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "proxy-body-size": ("body_size", values.size),
    "enable-access-log": ("access_log", values.boolean),
    "proxy-connect-timeout": ("connect_timeout_s", _SECONDS),
    "proxy-read-timeout": ("read_timeout_s", _SECONDS),
    "proxy-send-timeout": ("send_timeout_s", _SECONDS),
    "ssl-redirect": ("ssl_redirect", values.boolean),
    "force-ssl-redirect": ("force_ssl_redirect", values.boolean),
    "permanent-redirect": ("permanent_redirect", values.target),
    "permanent-redirect-code": ("permanent_redirect_code", lambda text: int(values.one_of(*_REDIRECTS)(text))),
    "temporal-redirect": ("temporal_redirect", values.target),
    "temporal-redirect-code": ("temporal_redirect_code", lambda text: int(values.one_of(*_REDIRECTS)(text))),
    "rewrite-target": ("rewrite_target", values.rewrite),
    "use-regex": ("use_regex", values.boolean),
    "app-root": ("app_root", values.path),
    "auth-type": ("auth_type", values.one_of("basic")),
    "auth-secret": ("auth_secret", values.secret),
    "auth-secret-type": ("auth_map", lambda text: values.one_of("auth-file", "auth-map")(text) == "auth-map"),
    "auth-realm": ("auth_realm", values.line),
    "auth-url": ("auth_url", values.url),
    "auth-method": ("auth_method", values.one_of("GET", "HEAD", "POST")),
    "auth-signin": ("auth_signin", values.url),
    "auth-signin-redirect-param": ("auth_signin_param", values.cookie),
    "auth-response-headers": ("auth_response_headers", values.headers),
    "limit-rps": ("limit_rps", _AMOUNT),
    "limit-rpm": ("limit_rpm", _AMOUNT),
    "limit-connections": ("limit_connections", _AMOUNT),
    "limit-burst-multiplier": ("limit_burst", values.number(1, 1000)),
    "limit-whitelist": ("limit_whitelist", values.networks),
    "limit-allowlist": ("limit_whitelist", values.networks),
    "whitelist-source-range": ("allowed", values.networks),
    "allowlist-source-range": ("allowed", values.networks),
    "denylist-source-range": ("denied", values.networks),
    "canary": ("canary", values.boolean),
    "canary-weight": ("canary_weight", _AMOUNT),
    "canary-weight-total": ("canary_weight_total", values.number(1, 1_000_000)),
    "canary-by-header": ("canary_header", values.header),
    "canary-by-header-value": ("canary_header_value", values.line),
    "canary-by-header-pattern": ("canary_header_pattern", values.regex),
    "canary-by-cookie": ("canary_cookie", values.cookie),
    "enable-cors": ("cors.enabled", values.boolean),
    "cors-allow-origin": ("cors.origins", values.origins),
    "cors-allow-methods": ("cors.methods", values.line),
    "cors-allow-headers": ("cors.headers", values.line),
    "cors-expose-headers": ("cors.expose", values.line),
    "cors-allow-credentials": ("cors.credentials", values.boolean),
    "cors-max-age": ("cors.max_age_s", values.number(0, 999_999_999)),
    "backend-protocol": ("backend_protocol", values.one_of("HTTP", "HTTPS", "GRPC", "GRPCS")),
    "affinity": ("affinity", lambda text: values.one_of("cookie")(text) == "cookie"),
    "affinity-mode": ("affinity", lambda text: bool(values.one_of("balanced", "persistent")(text))),
    "session-cookie-name": ("cookie_name", values.cookie),
    "session-cookie-max-age": ("cookie_max_age_s", values.number(0, 999_999_999)),
    "session-cookie-expires": ("cookie_max_age_s", values.number(0, 999_999_999)),
    "session-cookie-secure": ("cookie_secure", values.boolean),
    "session-cookie-samesite": ("cookie_same_site", values.one_of("Strict", "Lax", "None")),
    "upstream-vhost": ("upstream_vhost", values.one_host),
    "x-forwarded-prefix": ("forwarded_prefix", values.path),
}
