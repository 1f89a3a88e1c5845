"""Access rules behave as those of the Kubernetes API."""

from collections.abc import Iterator
from typing import Any

import msgspec

from reconciler.model.access import MASTERS, RequestAttributes, User
from reconciler.model.kinds import AnyObject, ClusterRoleBinding, PolicyRule, RoleBinding, Subject, decode_object
from reconciler.planner.access.authorize import AccessPolicy, authorize, granted_rules, make_policy
from reconciler.planner.access.rules import compact, rule_allows, subject_of_simple_rule
from tests.parity.rows import compare

_KINDS = {
    "roles": "Role",
    "clusterRoles": "ClusterRole",
    "roleBindings": "RoleBinding",
    "clusterRoleBindings": "ClusterRoleBinding",
}


def _policy(case: dict[str, Any]) -> AccessPolicy:
    return make_policy(_objects(case))


def _objects(case: dict[str, Any]) -> Iterator[AnyObject]:
    for field, kind in _KINDS.items():
        for number, one in enumerate(case.get(field, ())):
            metadata = {"name": f"unnamed-{number}", **one["metadata"]}
            document = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, **one, "metadata": metadata}
            yield decode_object(document)


def _rule(case: dict[str, Any]) -> PolicyRule:
    return msgspec.convert({**case, "verbs": tuple(case.get("verbs") or ("",))}, PolicyRule)


def _rules(case: list[dict[str, Any]]) -> list[PolicyRule]:
    """Rules as rows have them: a rule without verbs does not pass validation with us."""
    return [msgspec.structs.replace(_rule(one), verbs=tuple(one["verbs"] or ())) for one in case]


def _user(case: dict[str, Any]) -> User:
    return User(name=case.get("Name", ""), groups=tuple(case.get("Groups", ())))


def _request(case: dict[str, Any]) -> tuple[User, RequestAttributes]:
    """Read both spellings that the rows have of a request."""
    if "Path" in case:
        return _user(case.get("User", {})), RequestAttributes(verb=case["Verb"], path=case["Path"])
    groups = tuple(group for group in case.get("groups", "").split(",") if group)
    wanted = RequestAttributes(
        verb=case.get("verb") or case.get("Verb", ""),
        group=case.get("APIGroup", ""),
        namespace=case.get("namespace", ""),
        resource=case.get("resource") or case.get("Resource", ""),
        subresource=case.get("subresource") or case.get("Subresource", ""),
    )
    return User(name=case.get("user", ""), groups=groups), wanted


def _authorizes(case: dict[str, Any]) -> bool:
    policy = _policy(case)
    passes = all(authorize(*_request(one), policy).allowed for one in case["shouldPass"])
    return passes and not any(authorize(*_request(one), policy).allowed for one in case["shouldFail"])


def _matches(case: dict[str, Any]) -> bool:
    rule = _rule(case["rule"])
    return all(
        rule_allows(rule, _request(one["request"])[1]) is one.get("expected", False)
        for one in case["requestsToExpected"]
    )


def _locates(case: dict[str, Any]) -> bool:
    """Who may do something, asked of everybody that any binding names."""
    policy = _policy(case)
    named = {
        (subject.kind, subject.name)
        for one in _objects(case)
        if isinstance(one, RoleBinding | ClusterRoleBinding)
        for subject in one.subjects
    }
    for row in case["actionsToSubjects"]:
        wanted = _request(row["action"])[1]
        allowed = {who for who in {*named, ("Group", MASTERS)} if authorize(_alone(*who), wanted, policy).allowed}
        if allowed != {(subject["kind"], subject["name"]) for subject in row["subjects"]}:
            return False
    return True


def _alone(kind: str, name: str) -> User:
    return User(name=name) if kind == "User" else User(name="somebody", groups=(name,))


def _compacts(case: dict[str, Any]) -> bool:
    found = compact(_rules(case["Rules"]))
    wanted = _rules(case["Expected"])
    return sorted(map(repr, found)) == sorted(map(repr, wanted))


def _is_simple(case: dict[str, Any]) -> bool:
    rule = _rule(case.get("Rule", {}))
    return (subject_of_simple_rule(rule) is not None) is case.get("Simple", False)


def _resolves(case: dict[str, Any]) -> bool:
    found = granted_rules(_user(case["user"]), case.get("namespace", ""), _policy(case["StaticRoles"]))
    return list(found) == [_rule(one) for one in case.get("effectiveRules", ())]


def _applies(case: dict[str, Any]) -> bool:
    """Bind a role that allows everything to the subjects: the user has it or not."""
    subjects = tuple(msgspec.convert(subject, Subject) for subject in case["subjects"])
    namespace = case.get("namespace", "anywhere")
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    binding = {
        "metadata": {"name": "a", "namespace": namespace},
        "roleRef": {"kind": "ClusterRole", "name": "a"},
        "subjects": msgspec.to_builtins(subjects),
    }
    role = {"metadata": {"name": "a"}, "rules": [everything]}
    policy = _policy({"clusterRoles": [role], "roleBindings": [binding]})
    wanted = RequestAttributes(verb="get", resource="pods", namespace=namespace)
    return authorize(_user(case["user"]), wanted, policy).allowed is case.get("appliesTo", False)


def test_requests_are_authorized_as_upstream_authorizes_them() -> None:
    """Every row about rules, bindings and who may do something agrees."""
    compare(
        "plugin_pkg_auth_authorizer_rbac",
        {"TestAuthorizer": _authorizes, "TestRuleMatches": _matches, "TestSubjectLocator": _locates},
        lambda row: "there is no super user besides system:masters" if row["case"].get("superUser") else "",
    )


def test_rules_are_resolved_as_upstream_resolves_them() -> None:
    """Every row about who a binding applies to, and about joining rules, agrees."""
    compare(
        "pkg_registry_rbac_validation",
        {
            "TestCompactRules": _compacts,
            "TestIsSimpleResourceRule": _is_simple,
            "TestDefaultRuleResolver": _resolves,
            "TestAppliesTo": _applies,
        },
    )
