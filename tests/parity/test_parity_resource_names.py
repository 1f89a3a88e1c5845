"""Names with a domain are read as upstream reads them: here those of resources that a cluster does not know itself."""

from typing import Any

from tests.parity.rows import compare
from tests.parity.test_parity_validation import problems_of


def is_domain_prefixed(case: dict[str, Any]) -> bool:
    """Judge a row with a name; a container asks for one of it."""
    resources = {"limits": {case.get("value", ""): "1"}}
    spec = {"containers": [{"name": "a", "image": "b", "resources": resources}]}
    return bool(problems_of({"apiVersion": "v1", "kind": "Pod", "spec": spec})) == bool(case.get("expected"))


def test_names_with_a_domain_are_admitted_as_upstream_admits_them() -> None:
    """A domain, a slash and a name."""
    compare("apimachinery_pkg_util_validation", {"TestIsDomainPrefixedKey": is_domain_prefixed})
