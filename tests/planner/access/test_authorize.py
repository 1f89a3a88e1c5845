"""Who may do what by roles and bindings, and by the built-in ones."""

import yaml

from reconciler.model.access import ANONYMOUS, AUTHENTICATED, MASTERS, SOCKET_GROUP, RequestAttributes, User
from reconciler.model.kinds import KINDS, AnyObject, PolicyRule, decode_object
from reconciler.planner.access.authorize import AccessPolicy, authorize, make_policy, rules_for, service_account
from reconciler.planner.access.roles import DEFAULTS

BUILT_IN = make_policy(DEFAULTS)


def objects(text: str) -> list[AnyObject]:
    """Return the objects of a manifest."""
    api = "rbac.authorization.k8s.io/v1"
    return [decode_object({"apiVersion": api, **document}) for document in yaml.safe_load_all(text)]


def policy(text: str) -> AccessPolicy:
    """Return the policy of the built-in roles and of a manifest."""
    return make_policy([*DEFAULTS, *objects(text)])


def user(name: str, *groups: str) -> User:
    """Return a user who has proven who they are."""
    return User(name=name, groups=(*groups, AUTHENTICATED))


def may(who: User, request: str, policy: AccessPolicy = BUILT_IN, namespace: str = "", name: str = "") -> bool:
    """Whether a user may do something, in kubectl's words: `list deployments.apps`, `get pods/log`, `get /metrics`."""
    verb, _, what = request.partition(" ")
    if what.startswith("/"):
        return authorize(who, RequestAttributes(verb=verb, path=what), policy).allowed
    qualified, _, subresource = what.partition("/")
    resource, _, group = qualified.partition(".")
    wanted = RequestAttributes(
        verb=verb, group=group, resource=resource, subresource=subresource, namespace=namespace, name=name
    )
    return authorize(who, wanted, policy).allowed


GRANTS = """
kind: RoleBinding
metadata: {name: ada-edits, namespace: shop}
roleRef: {kind: ClusterRole, name: edit}
subjects: [{kind: User, name: ada}]
---
kind: ClusterRoleBinding
metadata: {name: readers}
roleRef: {kind: ClusterRole, name: view}
subjects: [{kind: Group, name: readers}, {kind: ServiceAccount, name: robot, namespace: shop}]
---
kind: Role
metadata: {name: one-map, namespace: shop}
rules: [{apiGroups: [""], resources: [configmaps], resourceNames: [settings], verbs: [get, update]}]
---
kind: RoleBinding
metadata: {name: one-map, namespace: shop}
roleRef: {kind: Role, name: one-map}
subjects: [{kind: User, name: bob}]
---
kind: RoleBinding
metadata: {name: dangling, namespace: shop}
roleRef: {kind: Role, name: no-such-role}
subjects: [{kind: User, name: bob}]
"""


def test_a_role_binding_grants_in_its_namespace_only() -> None:
    """A ClusterRole that is bound in one namespace means nothing elsewhere."""
    given, ada = policy(GRANTS), user("ada")
    assert may(ada, "create deployments.apps", given, "shop")
    assert may(ada, "get pods/log", given, "shop")
    assert not may(ada, "create deployments.apps", given, "other")
    assert not may(ada, "list pods", given)
    assert not may(ada, "create roles.rbac.authorization.k8s.io", given, "shop")


def test_who_was_granted_a_role_in_a_namespace_sees_nothing_of_all_namespaces() -> None:
    """Our own resources show every namespace: only a grant for the whole cluster reaches them."""
    given = policy(GRANTS)
    assert not may(user("ada"), "get status.reconciler.dev", given)
    assert may(user("eve", "readers"), "get status.reconciler.dev", given)
    assert may(user("eve", "readers"), "list plans.reconciler.dev", given)
    for request in ("create acknowledgements.reconciler.dev", "create sources.reconciler.dev/sync"):
        assert not may(user("eve", "readers"), request, given)
    assert not may(user("eve", "readers"), "list users.reconciler.dev", given)


def test_a_reader_sees_no_secrets_and_no_roles() -> None:
    """`view` leaves out what would let its holder become somebody else."""
    given, eve = policy(GRANTS), user("eve", "readers")
    assert may(eve, "list pods", given, "shop")
    assert not may(eve, "list secrets", given, "shop")
    assert not may(eve, "get rolebindings.rbac.authorization.k8s.io", given, "shop")
    assert not may(eve, "create pods/exec", given, "shop")
    assert not may(eve, "get pods/exec", given, "shop")


def test_a_service_account_is_a_user_with_groups() -> None:
    """A binding may name the account itself or the accounts of a namespace."""
    given = policy(
        GRANTS
        + """---
kind: RoleBinding
metadata: {name: accounts, namespace: other}
roleRef: {kind: ClusterRole, name: edit}
subjects: [{kind: Group, name: "system:serviceaccounts:shop"}]
"""
    )
    robot = service_account("shop", "robot")
    assert robot.name == "system:serviceaccount:shop:robot"
    assert may(robot, "list pods", given, "anywhere")
    assert may(robot, "delete pods", given, "other")
    assert not may(service_account("other", "robot"), "list pods", given, "shop")


def test_names_narrow_a_rule_to_single_objects() -> None:
    """A list is allowed by a rule with names only when it asks for one of them."""
    given, bob = policy(GRANTS), user("bob")
    assert may(bob, "get configmaps", given, "shop", "settings")
    assert not may(bob, "get configmaps", given, "shop", "other")
    assert not may(bob, "get configmaps", given, "shop")


def test_a_binding_to_a_role_that_does_not_exist_grants_nothing() -> None:
    """Dangling bindings are not an error; the role's arrival makes them count."""
    assert not may(user("bob"), "list pods", policy(GRANTS), "shop")
    role = "\n---\nkind: Role\nmetadata: {name: no-such-role, namespace: shop}\n"
    rules = 'rules: [{apiGroups: [""], resources: [pods], verbs: [list]}]\n'
    assert may(user("bob"), "list pods", policy(GRANTS + role + rules), "shop")


def test_a_subresource_is_not_its_resource() -> None:
    """`pods` covers no log, `pods/log` no Pod, `*/scale` every scale; `pods/*` means nothing, as with Kubernetes."""
    given = policy(
        """
kind: ClusterRole
metadata: {name: parts}
rules:
- {apiGroups: [""], resources: [pods/log, "*/status", "services/*"], verbs: [get]}
- {apiGroups: [apps], resources: ["*/scale"], verbs: [get, patch]}
---
kind: ClusterRoleBinding
metadata: {name: parts}
roleRef: {kind: ClusterRole, name: parts}
subjects: [{kind: User, name: ada}]
"""
    )
    ada = user("ada")
    assert may(ada, "get pods/log", given) and not may(ada, "get pods", given)
    assert may(ada, "patch deployments.apps/scale", given, "shop") and not may(ada, "patch deployments.apps", given)
    assert may(ada, "get nodes/status", given) and not may(ada, "get services/proxy", given)
    assert not may(ada, "get scale", given) and not may(ada, "get deployments.batch/scale", given)


def test_labels_add_a_role_to_the_built_in_ones() -> None:
    """A ClusterRole labelled for `view` widens view, and with it edit and admin, at once."""
    given = policy(
        """
kind: ClusterRole
metadata: {name: nodes, labels: {rbac.authorization.k8s.io/aggregate-to-view: "true"}}
rules: [{apiGroups: [""], resources: [nodes], verbs: [list]}]
---
kind: ClusterRoleBinding
metadata: {name: a}
roleRef: {kind: ClusterRole, name: admin}
subjects: [{kind: User, name: ada}]
"""
    )
    assert may(user("ada"), "list nodes", given)
    assert may(user("ada"), "create rolebindings.rbac.authorization.k8s.io", given, "shop")


def test_roles_that_gather_each_other_end() -> None:
    """A circle of aggregation is no fault: each grants what all of them do, but nothing written in a gathering one."""
    given = policy(
        """
kind: ClusterRole
metadata: {name: a, labels: {to-b: "1"}}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {to-a: "1"}}]}
rules: [{apiGroups: [""], resources: [secrets], verbs: ["*"]}]
---
kind: ClusterRole
metadata: {name: b, labels: {to-a: "1"}}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {to-b: "1"}}]}
---
kind: ClusterRole
metadata: {name: c, labels: {to-b: "1"}}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
kind: ClusterRoleBinding
metadata: {name: a}
roleRef: {kind: ClusterRole, name: a}
subjects: [{kind: User, name: ada}]
"""
    )
    assert may(user("ada"), "get pods", given)
    assert not may(user("ada"), "get secrets", given)


def test_masters_may_do_everything_whatever_is_declared() -> None:
    """Nobody can lock the operators out, not even by declaring `cluster-admin` empty."""
    empty = make_policy(objects("kind: ClusterRole\nmetadata: {name: cluster-admin}\nrules: []\n"))
    root = user("root", MASTERS)
    assert may(root, "delete nodes", empty) and may(root, "post /hooks/pre-receive", empty)
    assert rules_for(root, "shop", empty)[0].resources == ("*",)


def test_the_group_of_the_socket_looks_validates_plans_and_pushes() -> None:
    """It reads every kind that there is, and neither writes, nor enters containers, nor operates sources."""
    person = user("uid:1000", SOCKET_GROUP)
    for spec in KINDS.values():
        assert may(person, f"list {spec.plural}.{spec.group}"), spec.kind
        assert not may(person, f"create {spec.plural}.{spec.group}", namespace="shop")
    for request in ("create plan.reconciler.dev", "get status.reconciler.dev", "post /hooks/pre-receive"):
        assert may(person, request)
    for request in (
        "create pods/exec",
        "create acknowledgements.reconciler.dev",
        "create sources.reconciler.dev/rollback",
        "list users.reconciler.dev",
        "post /other",
    ):
        assert not may(person, request)


def test_strangers_learn_that_the_api_lives_and_nothing_else() -> None:
    """Without credentials there are health and version; with them also what kinds there are, and reviews of oneself."""
    assert may(ANONYMOUS, "get /healthz") and may(ANONYMOUS, "get /version")
    for request in ("get /apis", "list pods", "get /metrics", "create selfsubjectaccessreviews.authorization.k8s.io"):
        assert not may(ANONYMOUS, request)
    for request in ("get /apis/apps/v1", "get /openapi/v3", "create selfsubjectreviews.authentication.k8s.io"):
        assert may(user("ada"), request)
    assert may(user("prometheus", "system:monitoring"), "get /metrics")


def test_the_reason_names_the_binding() -> None:
    """Who asks why is told by what and to whom it was granted."""
    wanted = RequestAttributes(verb="get", resource="pods", namespace="shop", name="a")
    decision = authorize(user("ada"), wanted, policy(GRANTS))
    assert decision.reason == 'allowed by RoleBinding "ada-edits/shop" of ClusterRole "edit" to User "ada"'
    assert authorize(user("bob"), wanted, policy(GRANTS)).reason == ""


def test_rules_are_told_once() -> None:
    """Rules about one resource are joined, and a role granted twice is not told twice."""
    given = policy(
        """
kind: ClusterRole
metadata: {name: a}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get]}
- {apiGroups: [""], resources: [pods], verbs: [list, get]}
---
kind: ClusterRoleBinding
metadata: {name: a}
roleRef: {kind: ClusterRole, name: a}
subjects: [{kind: User, name: ada}, {kind: Group, name: team}]
"""
    )
    wanted = PolicyRule(verbs=("get", "list"), api_groups=("",), resources=("pods",))
    assert rules_for(User(name="ada", groups=("team",)), "shop", given) == (wanted,)
