"""Annotations of ingress-nginx, as they are read."""

from typing import Any

import pytest

from reconciler.model.ingress_options import PREFIX, IngressOptions, read_options
from reconciler.model.ingress_values import regex_fault, split_variables


def read(**annotations: str) -> IngressOptions:
    """Read annotations that all have an effect."""
    found, problems = read_options({f"{PREFIX}{name.replace('_', '-')}": text for name, text in annotations.items()})
    assert problems == ()
    return found


@pytest.mark.parametrize(
    ("name", "text", "field", "expected"),
    [
        ("proxy_body_size", "8m", "body_size", 8 << 20),
        ("proxy_body_size", "0", "body_size", 0),
        ("proxy_body_size", "10", "body_size", 10),
        ("proxy_body_size", "2G", "body_size", 2 << 30),
        ("proxy_read_timeout", "3600", "read_timeout_s", 3600),
        ("proxy_read_timeout", "30s", "read_timeout_s", 30),
        ("ssl_redirect", "False", "ssl_redirect", False),
        ("permanent_redirect_code", "308", "permanent_redirect_code", 308),
        ("rewrite_target", "/$1/x", "rewrite_target", "/$1/x"),
        ("auth_secret", "shop/users", "auth_secret", "shop/users"),
        ("auth_secret_type", "auth-map", "auth_map", True),
        ("auth_response_headers", "X-User, X-Mail,", "auth_response_headers", ("X-User", "X-Mail")),
        ("whitelist_source_range", "10.1.2.3/8, 192.0.2.1,2001:db8::/32", "allowed",
         ("10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32")),
        ("backend_protocol", "grpcs", "backend_protocol", "GRPCS"),
        ("affinity", "cookie", "affinity", True),
        ("canary_weight", "0", "canary_weight", 0),
        ("canary_by_header_pattern", "^a|b$", "canary_header_pattern", "^a|b$"),
    ],
)  # fmt: skip
def test_a_value_is_read(name: str, text: str, field: str, expected: Any) -> None:
    """In the forms that ingress-nginx takes."""
    assert getattr(read(**{name: text}), field) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("proxy-body-size", "-1"),
        ("proxy-body-size", "8mb"),
        ("proxy-read-timeout", "0"),
        ("proxy-read-timeout", "86401"),
        ("ssl-redirect", "yes"),
        ("permanent-redirect-code", "200"),
        ("permanent-redirect", "https://x\ny"),
        ("permanent-redirect", "https://x/ y"),
        ("permanent-redirect", "https://$remote_addr/"),
        ("rewrite-target", "no/slash"),
        ("rewrite-target", "/x?y=1"),
        ("auth-url", "//auth/"),
        ("auth-realm", "a\rb"),
        ("auth-response-headers", "X User"),
        ("whitelist-source-range", "10.0.0.0/33"),
        ("session-cookie-name", "a;b"),
        ("canary-by-header-pattern", "("),
        ("upstream-vhost", "a b"),
        ("cors-allow-origin", "example.com"),
        ("affinity", "ip"),
        ("auth-type", "digest"),
    ],
)
def test_a_value_with_a_fault_has_no_effect_and_is_told(name: str, text: str) -> None:
    """Everything else holds; the sentence shows the value."""
    found, problems = read_options({f"{PREFIX}{name}": text, f"{PREFIX}limit-rps": "7"})
    assert (found.limit_rps, problems[0].key) == (7, f"{PREFIX}{name}")
    assert not problems[0].unknown
    assert "\n" not in problems[0].message and "\r" not in problems[0].message


def test_what_is_not_known_is_told() -> None:
    """Of others' annotations nothing is said."""
    found, problems = read_options({f"{PREFIX}server-snippet": "x", f"{PREFIX}magic": "1", "example.com/x": "y"})
    assert found == IngressOptions()
    assert [(one.key.removeprefix(PREFIX), one.unknown) for one in problems] == [
        ("magic", True),
        ("server-snippet", True),
    ]
    assert "HAProxy" in problems[1].message


def test_a_password_without_a_list_is_told() -> None:
    """Nobody could be let in."""
    assert [one.key for one in read_options({f"{PREFIX}auth-type": "basic"})[1]] == [f"{PREFIX}auth-type"]


def test_cors_is_off_until_it_is_enabled() -> None:
    """Its other annotations alone do nothing."""
    assert read(cors_allow_origin="https://a.example").cors is None
    found = read(enable_cors="true", cors_allow_origin="https://a.example, https://*.b:8443", cors_max_age="5").cors
    assert found is not None
    assert (found.origins, found.max_age_s, found.credentials) == (
        ("https://a.example", "https://*.b:8443"),
        5,
        True,
    )


def test_variables_are_found_in_both_spellings() -> None:
    """With braces and without; a lone sign is none."""
    assert split_variables("a$host/b${uri}c$") == [("a", "host"), ("/b", "uri"), ("c$", "")]


@pytest.mark.parametrize(("text", "is_good"), [("^/a(b|c)$", True), ("(", False), ("", False), ("ä", False)])
def test_regular_expressions_are_looked_at(text: str, is_good: bool) -> None:
    """Before one with a fault can stop the configuration of others."""
    assert (regex_fault(text) == "") == is_good
    assert regex_fault("a" * 501)
