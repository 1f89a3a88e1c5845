"""What an Ingress asks for in its annotations, as ingress-nginx spells them.

Pure. A table of names, each with a reader of its value. What is not in the table has no effect and is told of; so is a
value that cannot be read, and then the default holds.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any

from reconciler.model.base import Value

PREFIX = "nginx.ingress.kubernetes.io/"
# ingress-nginx' default, as `proxy-body-size` is compared without a unit.
_SIZES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_HEADER = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_]*\Z")
_COOKIE = re.compile(r"[-A-Za-z0-9_.]+\Z")
_VARIABLE = re.compile(r"\$(\{)?([A-Za-z_]\w*)(?(1)\})")
# What of nginx' variables may stand in a redirect or in the address of an authentication.
VARIABLES = frozenset({"host", "request_uri", "escaped_request_uri", "uri", "scheme", "args", "request_method"})


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

    Networks are in CIDR notation. `auth_secret` is a Secret of htpasswd lines in its key `auth` (`auth_map`: a key for
    each user). `auth_url` is asked whether a request may pass, `auth_signin` where those go that may not.
    """

    body_size: int = 0
    connect_timeout_s: int = 5
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


def read_options(annotations: Mapping[str, str]) -> tuple[IngressOptions, tuple[OptionProblem, ...]]:
    """Return what an Ingress asks for, and what of it has no effect."""
    values: dict[str, Any] = {}
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
            (cors if field.startswith("cors.") else values)[field.removeprefix("cors.")] = read(annotations[key])
        except ValueError as error:
            problems.append(OptionProblem(key=key, message=str(error)))
    if cors.pop("enabled", False):
        values["cors"] = Cors(**cors)
    return IngressOptions(**values), (*problems, *_together(values))


def variables_of(text: str) -> tuple[str, ...]:
    """Return the names of nginx' variables in a text."""
    return tuple(found.group(2) for found in _VARIABLE.finditer(text))


def split_variables(text: str) -> list[tuple[str, str]]:
    """Split a text into (text, variable) pairs; the variable that follows each text is empty at the end."""
    parts, at = [], 0
    for found in _VARIABLE.finditer(text):
        parts.append((text[at : found.start()], found.group(2)))
        at = found.end()
    return [*parts, (text[at:], "")]


def _why_not(name: str) -> str:
    if name.endswith("snippet"):
        return "raw configuration of nginx cannot be carried out: this controller runs HAProxy"
    return "this annotation is not carried out"


def _together(values: Mapping[str, Any]) -> list[OptionProblem]:
    if values.get("auth_type") and not values.get("auth_secret"):
        message = "auth-type needs auth-secret: requests are refused"
        return [OptionProblem(key=f"{PREFIX}auth-type", message=message)]
    return []


# Readers: the value, or ValueError with what is wrong


def _bool(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{_shown(text)} is neither true nor false")
    return text.lower() == "true"


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        digits = text.strip().removesuffix("s")
        if not re.fullmatch(r"[0-9]{1,9}", digits) or not low <= int(digits) <= high:
            raise ValueError(f"{_shown(text)} is no number from {low} to {high}")
        return int(digits)

    return read


def _size(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,12})([kKmMgG]?)", text.strip())
    if found is None:
        raise ValueError(f"{_shown(text)} is no size, such as 8m")
    return int(found.group(1)) * _SIZES[found.group(2).lower()]


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.lower() not in [one.lower() for one in words]:
            raise ValueError(f"{_shown(text)} is not carried out: it must be {', '.join(words)}")
        return next(one for one in words if one.lower() == text.lower())

    return read


def _line(text: str) -> str:
    """A text of one line, of printable ASCII: it ends up in headers."""
    if not text or not re.fullmatch(r"[ -~]+", text):
        raise ValueError(f"{_shown(text)} must be one line of printable ASCII")
    return text


def _target(text: str) -> str:
    """An address, or a path, with variables that we know and without spaces."""
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError(f"{_shown(text)} must be an address without spaces")
    unknown = [name for name in variables_of(text) if name not in VARIABLES]
    if unknown:
        raise ValueError(f"the variable ${unknown[0]} is not known here")
    return text


def _url(text: str) -> str:
    if not re.match(r"https?://[^/?#]", text):
        raise ValueError(f"{_shown(text)} must begin with http:// or https://")
    return _target(text)


def _path(text: str) -> str:
    if not re.fullmatch(r"/[!-~]*", text):
        raise ValueError(f"{_shown(text)} must be a path that begins with /")
    return text


def _rewrite(text: str) -> str:
    if "?" in text:
        raise ValueError(f"{_shown(text)}: a query cannot be rewritten, only the path")
    return _path(text)


def _header(text: str) -> str:
    if not _HEADER.match(text):
        raise ValueError(f"{_shown(text)} is no name of a header")
    return text


def _headers(text: str) -> tuple[str, ...]:
    return tuple(_header(one.strip()) for one in text.split(",") if one.strip())


def _cookie(text: str) -> str:
    if not _COOKIE.match(text):
        raise ValueError(f"{_shown(text)} is no name of a cookie")
    return text


def _secret(text: str) -> str:
    if not re.fullmatch(r"([a-z0-9][-a-z0-9]*/)?[a-z0-9][-.a-z0-9]*", text):
        raise ValueError(f"{_shown(text)} is no name of a Secret")
    return text


def _networks(text: str) -> tuple[str, ...]:
    found = []
    for one in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(str(ipaddress.ip_network(one, strict=False)))
        except ValueError as error:
            raise ValueError(f"{_shown(one)} is no address or network") from error
    return tuple(found)


def _regex(text: str) -> str:
    why = regex_fault(text)
    if why:
        raise ValueError(why)
    return text


def _origins(text: str) -> tuple[str, ...]:
    found = tuple(one.strip() for one in text.split(",") if one.strip())
    wrong = [one for one in found if one != "*" and not re.fullmatch(r"https?://[-A-Za-z0-9.*_]+(:[0-9]{1,5})?", one)]
    if wrong or not found:
        raise ValueError(f"{_shown(wrong[0] if wrong else text)} is no origin, such as https://example.com")
    return found


def regex_fault(text: str) -> str:
    """Return why a text is no regular expression that HAProxy takes, or an empty text."""
    if not re.fullmatch(r"[ -~]{1,500}", text):
        return f"{_shown(text)} must be printable ASCII, of at most 500 characters"
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        return f"{_shown(text)} is no regular expression: {error}"
    return ""


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


_REDIRECTS = ("301", "302", "303", "307", "308")
_SECONDS = _number(1, 86_400)
_AMOUNT = _number(0, 1_000_000)
_READERS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "proxy-body-size": ("body_size", _size),
    "proxy-connect-timeout": ("connect_timeout_s", _SECONDS),
    "proxy-read-timeout": ("read_timeout_s", _SECONDS),
    "proxy-send-timeout": ("send_timeout_s", _SECONDS),
    "ssl-redirect": ("ssl_redirect", _bool),
    "force-ssl-redirect": ("force_ssl_redirect", _bool),
    "permanent-redirect": ("permanent_redirect", _target),
    "permanent-redirect-code": ("permanent_redirect_code", lambda text: int(_one_of(*_REDIRECTS)(text))),
    "temporal-redirect": ("temporal_redirect", _target),
    "temporal-redirect-code": ("temporal_redirect_code", lambda text: int(_one_of(*_REDIRECTS)(text))),
    "rewrite-target": ("rewrite_target", _rewrite),
    "use-regex": ("use_regex", _bool),
    "app-root": ("app_root", _path),
    "auth-type": ("auth_type", _one_of("basic")),
    "auth-secret": ("auth_secret", _secret),
    "auth-secret-type": ("auth_map", lambda text: _one_of("auth-file", "auth-map")(text) == "auth-map"),
    "auth-realm": ("auth_realm", _line),
    "auth-url": ("auth_url", _url),
    "auth-method": ("auth_method", _one_of("GET", "HEAD", "POST")),
    "auth-signin": ("auth_signin", _url),
    "auth-signin-redirect-param": ("auth_signin_param", _cookie),
    "auth-response-headers": ("auth_response_headers", _headers),
    "limit-rps": ("limit_rps", _AMOUNT),
    "limit-rpm": ("limit_rpm", _AMOUNT),
    "limit-connections": ("limit_connections", _AMOUNT),
    "limit-burst-multiplier": ("limit_burst", _number(1, 1000)),
    "limit-whitelist": ("limit_whitelist", _networks),
    "limit-allowlist": ("limit_whitelist", _networks),
    "whitelist-source-range": ("allowed", _networks),
    "allowlist-source-range": ("allowed", _networks),
    "denylist-source-range": ("denied", _networks),
    "canary": ("canary", _bool),
    "canary-weight": ("canary_weight", _AMOUNT),
    "canary-weight-total": ("canary_weight_total", _number(1, 1_000_000)),
    "canary-by-header": ("canary_header", _header),
    "canary-by-header-value": ("canary_header_value", _line),
    "canary-by-header-pattern": ("canary_header_pattern", _regex),
    "canary-by-cookie": ("canary_cookie", _cookie),
    "enable-cors": ("cors.enabled", _bool),
    "cors-allow-origin": ("cors.origins", _origins),
    "cors-allow-methods": ("cors.methods", _line),
    "cors-allow-headers": ("cors.headers", _line),
    "cors-expose-headers": ("cors.expose", _line),
    "cors-allow-credentials": ("cors.credentials", _bool),
    "cors-max-age": ("cors.max_age_s", _number(0, 999_999_999)),
    "backend-protocol": ("backend_protocol", _one_of("HTTP", "HTTPS", "GRPC", "GRPCS")),
    "affinity": ("affinity", lambda text: _one_of("cookie")(text) == "cookie"),
    "affinity-mode": ("affinity", lambda text: bool(_one_of("balanced", "persistent")(text))),
    "session-cookie-name": ("cookie_name", _cookie),
    "session-cookie-max-age": ("cookie_max_age_s", _number(0, 999_999_999)),
    "session-cookie-expires": ("cookie_max_age_s", _number(0, 999_999_999)),
    "session-cookie-secure": ("cookie_secure", _bool),
    "session-cookie-samesite": ("cookie_same_site", _one_of("Strict", "Lax", "None")),
    "upstream-vhost": ("upstream_vhost", lambda text: _one_host(text)),
    "x-forwarded-prefix": ("forwarded_prefix", _path),
}


def _one_host(text: str) -> str:
    if not re.fullmatch(r"[-A-Za-z0-9._]+(:[0-9]{1,5})?", text):
        raise ValueError(f"{_shown(text)} is no name of a host")
    return text
