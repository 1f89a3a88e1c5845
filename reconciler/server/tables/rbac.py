"""Roles and their bindings in tables. Pure."""

from reconciler.model.kinds import ClusterRole, ClusterRoleBinding, Role, RoleBinding
from reconciler.server.tables.columns import AGE, CREATED_AT, NAME, Cells, Form, age, text


def _role(one: Role | ClusterRole) -> Cells:
    return one.metadata.name, one.metadata.creation_timestamp or ""


def _binding(one: RoleBinding | ClusterRoleBinding) -> Cells:
    def named(kind: str) -> str:
        found = (subject for subject in one.subjects if subject.kind == kind)
        return ", ".join(f"{s.namespace}/{s.name}" if kind == "ServiceAccount" else s.name for s in found)

    role = f"{one.role_ref.kind}/{one.role_ref.name}"
    return one.metadata.name, role, age(one.metadata), named("User"), named("Group"), named("ServiceAccount")


ROLE = Form((NAME, CREATED_AT), _role)
BINDING = Form(
    (
        NAME,
        text("Role", "The role it grants."),
        AGE,
        text("Users", "The users it grants it to.", wide=True),
        text("Groups", "The groups it grants it to.", wide=True),
        text("ServiceAccounts", "The service accounts it grants it to.", wide=True),
    ),
    _binding,
)
