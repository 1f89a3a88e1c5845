"""Which rules a role gathers, and how rules that say the same are joined."""

from typing import cast

import pytest
import yaml

from reconciler.model.access import RequestAttributes
from reconciler.model.kinds import ClusterRole, PolicyRule, decode_object
from reconciler.planner.access.aggregate import effective_rules
from reconciler.planner.access.rules import compact, path_matches, rule_allows


def role(name: str, labels: str = "", gathers: str = "", rules: str = "") -> ClusterRole:
    """Return a ClusterRole; `gathers` are selectors."""
    rule = f"aggregationRule: {{clusterRoleSelectors: [{gathers}]}}" if gathers else ""
    text = f"metadata: {{name: {name}, labels: {{{labels}}}}}\nrules: [{rules}]\n{rule}"
    document = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", **yaml.safe_load(text)}
    return cast(ClusterRole, decode_object(document))


def read(resource: str) -> str:
    """Return a rule that lets one read something."""
    return f"{{verbs: [get], apiGroups: [''], resources: [{resource}]}}"


def gathered(one: ClusterRole, *others: ClusterRole) -> list[str]:
    """Return the resources that a role grants."""
    rules = effective_rules(one, {other.metadata.name: other for other in (one, *others)})
    return [resource for rule in rules for resource in rule.resources]


PARTS = (
    role("pods", "a: x", rules=read("pods")),
    role("nodes", "b: x", rules=read("nodes")),
    role("both", "'a': x, 'b': x", rules=f"{read('pods')}, {read('secrets')}"),
    role("neither", "c: x", rules=read("events")),
)


@pytest.mark.parametrize(
    ("selectors", "resources"),
    [
        ("{matchLabels: {a: x}}", ["pods", "secrets"]),
        ("{matchLabels: {a: x}}, {matchLabels: {b: x}}", ["pods", "secrets", "nodes"]),
        ("{matchLabels: {a: x, b: x}}", ["pods", "secrets"]),
        ("{matchLabels: {a: y}}", []),
    ],
)
def test_a_role_gathers_whatever_one_of_its_selectors_chooses(selectors: str, resources: list[str]) -> None:
    """Each rule once, in the order of the roles' names; what it says itself counts for nothing."""
    assert gathered(role("all", gathers=selectors, rules=read("own")), *PARTS) == resources


def test_a_role_that_gathers_nothing_grants_its_own() -> None:
    """As it is written."""
    assert gathered(PARTS[2], *PARTS) == ["pods", "secrets"]


def test_roles_are_gathered_at_one_remove() -> None:
    """What a gathered role gathers; its own rules count for nothing there either."""
    middle = role("middle", "m: x", gathers="{matchLabels: {b: x}}", rules=read("own"))
    assert gathered(role("top", gathers="{matchLabels: {m: x}}"), middle, PARTS[0], PARTS[1]) == ["nodes"]


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*", "/anything", True),
        ("/a", "/a", True),
        ("/a", "/a/b", False),
        ("/a/*", "/a/b", True),
        ("/a/*", "/b", False),
        ("/a/*", "/a", False),
        ("/a/**", "/a/b", True),
    ],
)
def test_a_path_may_end_in_anything(pattern: str, path: str, matches: bool) -> None:
    """A closing asterisk stands for the rest."""
    assert path_matches(pattern, path) == matches
    rule = PolicyRule(verbs=("get",), non_resource_urls=(pattern,))
    assert rule_allows(rule, RequestAttributes(verb="get", path=path)) == matches
    assert not rule_allows(rule, RequestAttributes(verb="post", path=path))


@pytest.mark.parametrize(
    ("wanted", "allowed"),
    [
        ({"verb": "get", "resource": "pods"}, True),
        ({"verb": "list", "resource": "pods"}, False),
        ({"verb": "get", "resource": "pods", "group": "apps"}, False),
        ({"verb": "get", "resource": "nodes"}, False),
        ({"verb": "get", "resource": "pods", "subresource": "log"}, False),
        ({"verb": "get", "resource": "services", "subresource": "status"}, True),
    ],
)
def test_a_rule_allows_its_verbs_on_its_resources(wanted: dict[str, str], allowed: bool) -> None:
    """In its group; a subresource is named by itself, or for all."""
    rule = PolicyRule(verbs=("get",), api_groups=("",), resources=("pods", "*/status"))
    assert rule_allows(rule, RequestAttributes(**wanted)) == allowed  # type: ignore[arg-type]


def test_verbs_on_one_resource_are_joined_and_nothing_else() -> None:
    """Rules on several resources, names or paths stay as they are."""

    def rule(
        verb: str,
        *resources: str,
        names: tuple[str, ...] = (),
        urls: tuple[str, ...] = (),
        groups: tuple[str, ...] = ("",),
    ) -> PolicyRule:
        return PolicyRule(
            verbs=(verb,), api_groups=groups, resources=resources, resource_names=names, non_resource_urls=urls
        )

    joined = [rule("get", "pods"), rule("list", "pods"), rule("get", "pods")]
    assert [one.verbs for one in compact(joined)] == [("get", "list")]
    named = [rule("get", "pods", names=("a",)), rule("list", "pods", names=("a",)), rule("list", "pods", names=("b",))]
    assert [(one.verbs, one.resource_names) for one in compact(named)] == [
        (("get", "list"), ("a",)),
        (("list",), ("b",)),
    ]
    apart = [
        *(rule(verb, "pods", "nodes") for verb in ("get", "list")),
        *(rule(verb, "pods", names=("a", "b")) for verb in ("get", "list")),
        *(rule(verb, "pods", urls=("/a",)) for verb in ("get", "list")),
        *(rule(verb, "pods", groups=("", "apps")) for verb in ("get", "list")),
        *(rule(verb, urls=("/a",), groups=()) for verb in ("get", "list")),
        rule("get", "secrets"),
        rule("get", "secrets", groups=("apps",)),
    ]
    assert compact(apart) == tuple(apart)
