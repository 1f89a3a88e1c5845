"""NetworkPolicies are admitted, and their updates refused, as upstream does."""

from typing import Any

from reconciler.model.kinds import KINDS, NetworkPolicy
from reconciler.model.problem import Severity
from reconciler.planner.updates.rules import update_faults
from reconciler.schema.decode import decode
from reconciler.schema.rules.objects import findings
from reconciler.schema.structure import faults
from tests.parity.loosely import loosely
from tests.parity.rows import compare, parity_rows

PACKAGE = "pkg_apis_networking_validation"
# Words that upstream's internal types write in capitals.
_WORDS = {"CIDR": "cidr", "IPBlock": "ipBlock"}


def spelled(value: Any) -> Any:
    """Return upstream's spelling of fields as manifests have it; labels keep their keys."""
    if isinstance(value, list):
        return [spelled(one) for one in value]
    if isinstance(value, dict):
        return {_word(key): one if key == "matchLabels" else spelled(one) for key, one in value.items()}
    return value


def _word(key: str) -> str:
    if key == "ObjectMeta":
        return "metadata"
    return _WORDS.get(key, key[:1].lower() + key[1:])


def is_admitted(case: dict[str, Any]) -> bool:
    """Whether we admit a policy: by its schema, and by the rules of its kind."""
    spec = KINDS["NetworkPolicy"]
    document = {"apiVersion": spec.api_version, "kind": spec.kind, **spelled(case)}
    if list(faults(spec.kind, document)):
        return False
    return not any(one.severity is Severity.ERROR for one in findings(decode(spec, document), document))


def test_policies_are_admitted_as_upstream_admits_them() -> None:
    """The rows that upstream admits have no names, but for those that tell one strictness from the other."""
    rows = parity_rows(PACKAGE)
    refused = {id(row) for row in rows if row["name"]}
    wanted = iter([id(row) not in refused for row in rows if row["test"] == "TestValidateNetworkPolicy"])

    def policy(case: dict[str, Any]) -> bool:
        return is_admitted(case) == next(wanted)

    def why(row: dict[str, Any]) -> str:
        return "addresses with leading zeros are ambiguous" if "001.002" in str(row["case"]) else ""

    compare(PACKAGE, {"TestValidateNetworkPolicy": policy}, why)


def test_policies_change_as_upstream_lets_them() -> None:
    """Everything but the name; a network with bits behind its prefix may stay as it was."""

    def update(case: dict[str, Any]) -> bool:
        old, new = (loosely(NetworkPolicy, case[one]) for one in ("old", "update"))
        changed = not update_faults(old, new) and is_admitted(case["update"])
        return changed == (old.metadata.name == new.metadata.name)

    compare(PACKAGE, {"TestValidateNetworkPolicyUpdate": update})
