"""Whether a user may do something, by the roles that bindings grant. Pure.

policy = make_policy(objects)
authorize(user, RequestAttributes(verb="list", resource="pods", namespace="shop"), policy)
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from reconciler.model.access import AUTHENTICATED, MASTERS, AccessDecision, RequestAttributes, User
from reconciler.model.kinds import AnyObject, ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject
from reconciler.planner.access.aggregate import effective_rules
from reconciler.planner.access.rules import ALL, CompiledRules, Rules, compact

SERVICE_ACCOUNT = "system:serviceaccount:"
_SERVICE_ACCOUNTS = "system:serviceaccounts"
_EVERYTHING: Rules = (
    PolicyRule(verbs=(ALL,), api_groups=(ALL,), resources=(ALL,)),
    PolicyRule(verbs=(ALL,), non_resource_urls=(ALL,)),
)
# A user or a group: ("User", name), ("Group", name).
Who: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Grant:
    """A role that a binding gives to somebody; `origin` says both in words."""

    rules: CompiledRules
    origin: str


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Every binding, by whom it is for and by its namespace (empty: the whole cluster). Dangling ones are left out."""

    grants: Mapping[Who, Mapping[str, tuple[Grant, ...]]] = field(default_factory=dict)
    cluster_roles: Mapping[str, ClusterRole] = field(default_factory=dict)

    def granted(self, user: User, namespace: str) -> Iterator[tuple[Who, Grant]]:
        """Yield what a user was granted for the whole cluster, and in one namespace."""
        for who in _identities(user):
            found = self.grants.get(who)
            if found is None:
                continue
            for scope in ("", namespace) if namespace else ("",):
                for grant in found.get(scope, ()):
                    yield who, grant


def make_policy(objects: Iterable[AnyObject]) -> AccessPolicy:
    """Return the policy that roles and bindings make; objects of other kinds are not looked at."""
    ordered = sorted(objects, key=lambda one: (one.kind, one.metadata.namespace, one.metadata.name))
    cluster_roles = {one.metadata.name: one for one in ordered if isinstance(one, ClusterRole)}
    compiled = {
        ("ClusterRole", "", name): CompiledRules(effective_rules(role, cluster_roles))
        for name, role in cluster_roles.items()
    }
    for one in ordered:
        if isinstance(one, Role):
            compiled["Role", one.metadata.namespace, one.metadata.name] = CompiledRules(one.rules)
    grants: dict[Who, dict[str, list[Grant]]] = {}
    for one in ordered:
        if not isinstance(one, RoleBinding | ClusterRoleBinding):
            continue
        scope = one.metadata.namespace if isinstance(one, RoleBinding) else ""
        rules = compiled.get((one.role_ref.kind, scope if one.role_ref.kind == "Role" else "", one.role_ref.name))
        if rules is None:
            continue
        grant = Grant(rules, f"{one.kind} {_quoted(one)} of {one.role_ref.kind} {_quote(one.role_ref.name)}")
        for subject in one.subjects:
            grants.setdefault(_who(subject, scope), {}).setdefault(scope, []).append(grant)
    return AccessPolicy(
        grants={who: {scope: tuple(found) for scope, found in scopes.items()} for who, scopes in grants.items()},
        cluster_roles=cluster_roles,
    )


def authorize(user: User, attributes: RequestAttributes, policy: AccessPolicy) -> AccessDecision:
    """Decide whether a user may do something; the reason names the binding, and is empty where there is none."""
    if MASTERS in user.groups:
        return AccessDecision(allowed=True, reason=f"a member of {MASTERS} may do everything")
    for (kind, name), grant in policy.granted(user, attributes.namespace):
        if grant.rules.allow(attributes):
            return AccessDecision(allowed=True, reason=f"allowed by {grant.origin} to {kind} {_quote(name)}")
    return AccessDecision(allowed=False)


def rules_for(user: User, namespace: str, policy: AccessPolicy) -> Rules:
    """Return everything that a user may do in a namespace and in the whole cluster."""
    return compact(granted_rules(user, namespace, policy))


def granted_rules(user: User, namespace: str, policy: AccessPolicy) -> Rules:
    """Return the rules of every role that a user was granted, as they are written."""
    found: dict[PolicyRule, None] = dict.fromkeys(_EVERYTHING if MASTERS in user.groups else ())
    for _, grant in policy.granted(user, namespace):
        found |= dict.fromkeys(grant.rules.rules)
    return tuple(found)


def service_account(namespace: str, name: str, uid: str = "") -> User:
    """Return the user that a service account is, with the groups that it belongs to."""
    groups = (_SERVICE_ACCOUNTS, f"{_SERVICE_ACCOUNTS}:{namespace}", AUTHENTICATED)
    return User(name=f"{SERVICE_ACCOUNT}{namespace}:{name}", groups=groups, uid=uid)


def _identities(user: User) -> Iterator[Who]:
    yield "User", user.name
    for group in user.groups:
        yield "Group", group


def _who(subject: Subject, namespace: str) -> Who:
    """Return the user or group that a subject is; a service account is a user with a name of its own."""
    if subject.kind == "ServiceAccount":
        return "User", f"{SERVICE_ACCOUNT}{subject.namespace or namespace}:{subject.name}"
    return subject.kind, subject.name


def _quoted(binding: RoleBinding | ClusterRoleBinding) -> str:
    metadata = binding.metadata
    return _quote(f"{metadata.name}/{metadata.namespace}" if metadata.namespace else metadata.name)


def _quote(text: str) -> str:
    return f'"{text}"'
