"""Ingresses and their classes are admitted, and changed, as upstream does it."""

from collections.abc import Mapping
from typing import Any, cast

from reconciler.model.kinds import KINDS, IngressClass
from reconciler.planner.updates.rules import update_faults
from reconciler.schema.decode import decode
from tests.parity.rows import compare, note, parity_rows
from tests.parity.test_parity_validation import manifest, problems_of

_PACKAGE = "pkg_apis_networking_validation"
_SPECIAL = {"hTTP": "http", "tLS": "tls", "aPIGroup": "apiGroup", "iP": "ip"}


def spelled(value: Any) -> Any:
    """Return a row's structure as a manifest; parts of Go that are embedded stand in what embeds them."""
    if isinstance(value, list):
        return [spelled(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    flat: dict[str, Any] = {}
    for key, one in manifest(dict(value)).items():
        if key == "ingressRuleValue":
            flat.update(spelled(one))
        elif one is not None:
            flat[_SPECIAL.get(key, key)] = spelled(one)
    return flat


def document(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row's object as a document."""
    return {"metadata": {"name": "foo"}, **spelled(row), "apiVersion": KINDS[kind].api_version, "kind": kind}


def admitted(kind: str, row: Mapping[str, Any]) -> bool:
    """Whether we admit a row's object."""
    return not problems_of(document(kind, row))


def path(case: dict[str, Any]) -> bool:
    """Judge a row with one path of a rule."""
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    paths = [{"path": case["path"], "pathType": case["pathType"], "backend": backend}]
    return admitted("Ingress", {"spec": {"rules": [{"http": {"paths": paths}}]}}) != bool(case["expectedErrs"])


def tls(is_valid: bool, case: dict[str, Any]) -> bool:
    """Judge a row with certificates; a status is the server's own."""
    return admitted("Ingress", {key: part for key, part in case.items() if key != "Status"}) == is_valid


def relaxed(case: dict[str, Any]) -> bool:
    """Judge whether an Ingress names a Service in the relaxed form, which is refused while that is not switched on."""
    spelled_out = document("Ingress", case.get("ingress", {}))
    for rule in spelled_out.get("spec", {}).get("rules", ()):
        for one in rule["http"]["paths"]:
            # The rows leave out what has nothing to do with names, and is needed for an Ingress as a whole.
            one.update({"pathType": "Prefix", "path": "/"})
            one["backend"]["service"]["port"] = {"number": 80}
    found = problems_of(spelled_out)
    names = [one for one in found if one.pointer.endswith("/service/name")]
    return bool(names) == bool(case.get("expect"))


def ingress_class(case: dict[str, Any]) -> bool:
    """Judge a row with a class."""
    return admitted("IngressClass", case["ingressClass"]) != bool(case["expectedErrs"])


def changed_class(case: dict[str, Any]) -> bool:
    """Judge a row with a class before and after a change."""
    old, new = (_class(case[name]) for name in ("oldIngressClass", "newIngressClass"))
    return bool(update_faults(old, new)) == bool(case["expectedErrs"])


def _class(row: dict[str, Any]) -> IngressClass:
    found = document("IngressClass", row)
    found["metadata"].pop("resourceVersion", None)
    assert not problems_of(found)
    return cast(IngressClass, decode(KINDS["IngressClass"], found))


def test_ingresses_are_admitted_as_upstream_admits_them() -> None:
    """Paths, certificates, names of Services and classes get upstream's verdict."""
    tables = {
        "TestValidateIngressRuleValue": path,
        "TestValidateEmptyIngressTLS": lambda case: tls(True, case),
        "TestAllowRelaxedServiceNameValidation": relaxed,
        "TestValidateIngressClass": ingress_class,
        "TestValidateIngressClassUpdate": changed_class,
    }
    compare(_PACKAGE, tables)


def test_certificates_are_for_whole_names_or_wildcards() -> None:
    """A wildcard stands for the first label only; the rows say in their name whether they are valid."""
    different = []
    for number, row in enumerate(parity_rows(_PACKAGE)):
        if row["test"] == "TestValidateIngressTLS" and "case" in row:
            agrees = tls("Invalid value" not in row["name"], row["case"])
            note(_PACKAGE, number, agrees=agrees)
            different += [] if agrees else [row]
    assert not different
