"""Rules on roles and bindings."""

from collections.abc import Iterator

from reconciler.model.kinds import ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject
from reconciler.schema.rules.finding import Finding, error

_GROUP = "rbac.authorization.k8s.io"


def role_findings(role: Role | ClusterRole) -> Iterator[Finding]:
    """Yield what is wrong with a Role or ClusterRole."""
    for number, rule in enumerate(role.rules):
        yield from _rule_findings(f"/rules/{number}", rule, isinstance(role, Role))


def binding_findings(binding: RoleBinding | ClusterRoleBinding) -> Iterator[Finding]:
    """Yield what is wrong with a RoleBinding or ClusterRoleBinding."""
    if isinstance(binding, ClusterRoleBinding) and binding.role_ref.kind != "ClusterRole":
        yield error("/roleRef/kind", "a ClusterRoleBinding grants a ClusterRole")
    for number, subject in enumerate(binding.subjects):
        yield from _subject_findings(f"/subjects/{number}", subject)


def _rule_findings(at: str, rule: PolicyRule, in_namespace: bool) -> Iterator[Finding]:
    if rule.non_resource_urls:
        if in_namespace:
            yield error(f"{at}/nonResourceURLs", "nonResourceURLs belong to a ClusterRole")
        if rule.api_groups or rule.resources or rule.resource_names:
            yield error(at, "a rule is either about nonResourceURLs or about resources")
        return
    if not rule.api_groups:
        yield error(at, "apiGroups is missing", 'the core group is ""', "missing-field")
    if not rule.resources:
        yield error(at, "resources is missing", code="missing-field")


def _subject_findings(at: str, subject: Subject) -> Iterator[Finding]:
    if subject.kind == "ServiceAccount":
        if not subject.namespace:
            yield error(at, "namespace of the ServiceAccount is missing", code="missing-field")
        if subject.api_group:
            yield error(f"{at}/apiGroup", "apiGroup of a ServiceAccount is empty")
    elif subject.namespace:
        yield error(f"{at}/namespace", f"a {subject.kind} belongs to no namespace")
    elif subject.api_group not in ("", _GROUP):
        yield error(f"{at}/apiGroup", f"apiGroup of a {subject.kind} is {_GROUP}")
