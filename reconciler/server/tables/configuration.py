"""Namespaces, what Pods are configured with, and a namespace's bounds, in tables. Pure."""

from reconciler.model.kinds import ConfigMap, LimitRange, Namespace, ResourceQuota, Secret, ServiceAccount
from reconciler.server.tables.columns import AGE, CREATED_AT, NAME, Cells, Form, age, text


def _namespace(one: Namespace) -> Cells:
    return one.metadata.name, one.status.phase, age(one.metadata)


def _config_map(one: ConfigMap) -> Cells:
    return one.metadata.name, len(one.data) + len(one.binary_data), age(one.metadata)


def _secret(one: Secret) -> Cells:
    return one.metadata.name, one.type, len(one.data.keys() | one.string_data.keys()), age(one.metadata)


def _service_account(one: ServiceAccount) -> Cells:
    return one.metadata.name, age(one.metadata)


def _limit_range(one: LimitRange) -> Cells:
    return one.metadata.name, one.metadata.creation_timestamp or ""


def _quota(one: ResourceQuota) -> Cells:
    hard, used = one.status.hard, one.status.used
    shares = {name: f"{name}: {used.get(name, '0')}/{hard[name]}" for name in sorted(hard)}
    return (
        one.metadata.name,
        ", ".join(share for name, share in shares.items() if not name.startswith("limits")),
        ", ".join(share for name, share in shares.items() if name.startswith("limits")),
        age(one.metadata),
    )


_DATA = text("Data", "How many keys it has.")

NAMESPACE = Form((NAME, text("Status", "Whether it is in use or ending."), AGE), _namespace)
CONFIG_MAP = Form((NAME, _DATA, AGE), _config_map)
SECRET = Form((NAME, text("Type", "What its values are for."), _DATA, AGE), _secret)
SERVICE_ACCOUNT = Form((NAME, AGE), _service_account)
LIMIT_RANGE = Form((NAME, CREATED_AT), _limit_range)
RESOURCE_QUOTA = Form(
    (
        NAME,
        text("Request", "What is asked for and counted, of what there may be."),
        text("Limit", "The limits in use, of what there may be."),
        AGE,
    ),
    _quota,
)
