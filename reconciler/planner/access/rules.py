"""What one rule of a role allows, with Kubernetes' wildcards, and rules gathered from several roles. Pure."""

from collections.abc import Iterable, Mapping

import msgspec

from reconciler.model.access import RequestAttributes
from reconciler.model.kinds import PolicyRule

ALL = "*"
Rules = tuple[PolicyRule, ...]


class CompiledRules:
    """The rules of one role, indexed by the resources that they name. Never changes."""

    __slots__ = ("_by_resource", "_of_paths", "rules")

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._of_paths = tuple(rule for rule in rules if rule.non_resource_urls)
        self._by_resource = _by_resource(rules)

    def allow(self, wanted: RequestAttributes) -> bool:
        """Whether any rule allows what is wanted."""
        if not wanted.is_resource:
            return any(_allows_path(rule, wanted) for rule in self._of_paths)
        index = self._by_resource
        return any(_allows_resource(rule, wanted) for key in _resource_keys(wanted) for rule in index.get(key, ()))


def _by_resource(rules: Rules) -> Mapping[str, Rules]:
    found: dict[str, list[PolicyRule]] = {}
    for rule in rules:
        for resource in dict.fromkeys(rule.resources):
            found.setdefault(resource, []).append(rule)
    return {resource: tuple(named) for resource, named in found.items()}


def rule_allows(rule: PolicyRule, wanted: RequestAttributes) -> bool:
    """Whether a rule allows what is wanted."""
    return CompiledRules((rule,)).allow(wanted)


def path_matches(pattern: str, path: str) -> bool:
    """Whether a path is that of a rule: equal, or begins with what stands before a closing `*`."""
    if pattern in (ALL, path):
        return True
    return pattern.endswith(ALL) and path.startswith(pattern.rstrip(ALL))


def compact(rules: Iterable[PolicyRule]) -> Rules:
    """Return rules with the verbs of those joined that are about one and the same resource (and name)."""
    joined: dict[tuple[str, str, tuple[str, ...]] | int, PolicyRule] = {}
    for number, rule in enumerate(rules):
        key = subject_of_simple_rule(rule) or number
        earlier = joined.get(key)
        if earlier is not None:
            verbs = tuple(dict.fromkeys((*earlier.verbs, *rule.verbs)))
            rule = msgspec.structs.replace(earlier, verbs=verbs)
        joined[key] = rule
    return tuple(joined.values())


def subject_of_simple_rule(rule: PolicyRule) -> tuple[str, str, tuple[str, ...]] | None:
    """Return group, resource and name of a rule that is about exactly one resource, else None."""
    is_simple = len(rule.api_groups) == len(rule.resources) == 1
    if not is_simple or len(rule.resource_names) > 1 or rule.non_resource_urls:
        return None
    return rule.api_groups[0], rule.resources[0], rule.resource_names


def _resource_keys(wanted: RequestAttributes) -> tuple[str, ...]:
    """Return the words for a resource that a rule may use: itself, everything, a subresource of everything.

    As with Kubernetes `pods` does not cover `pods/log`, and `pods/*` covers nothing.
    """
    if not wanted.subresource:
        return (wanted.resource, ALL)
    return (f"{wanted.resource}/{wanted.subresource}", ALL, f"{ALL}/{wanted.subresource}")


def _allows_resource(rule: PolicyRule, wanted: RequestAttributes) -> bool:
    return (
        _includes(rule.verbs, wanted.verb)
        and _includes(rule.api_groups, wanted.group)
        and (not rule.resource_names or wanted.name in rule.resource_names)
    )


def _allows_path(rule: PolicyRule, wanted: RequestAttributes) -> bool:
    urls = rule.non_resource_urls
    return _includes(rule.verbs, wanted.verb) and any(path_matches(url, wanted.path) for url in urls)


def _includes(words: tuple[str, ...], word: str) -> bool:
    return word in words or ALL in words
