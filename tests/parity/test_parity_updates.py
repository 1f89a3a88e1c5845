"""What may become of Pods, claims, volumes, configuration, namespaces and nodes is what upstream lets it be."""

import re
from typing import Any

from tests.parity.rows import NotTranslated, compare
from tests.parity.updating import Case, Updates, both, spelled


def pod(updates: Updates, case: Case) -> bool:
    """Judge a row with a Pod."""
    return updates.verdict("Pod", *both("Pod", case["old"], case["new"]), "err" not in case)


def claim(updates: Updates, case: Case) -> bool:
    """Judge a row with a claim; gates that are open in every release count as open."""
    old, new = both("PersistentVolumeClaim", case["oldClaim"], case["newClaim"])
    return updates.verdict("PersistentVolumeClaim", old, new, not case.get("isExpectedFailure"))


def volume(updates: Updates, case: Case) -> bool:
    """Judge a row with a volume."""
    old, new = both("PersistentVolume", case["oldVolume"], case["newVolume"])
    return updates.verdict("PersistentVolume", old, new, not case.get("isExpectedFailure"))


def reserved(updates: Updates, case: Case) -> bool:
    """Judge a row with a volume's nodes or mode."""
    return volume(updates, {**case, "oldVolume": case["oldPV"], "newVolume": case["newPV"]})


def configured(kind: str, old: str, new: str) -> Any:
    """Return a judge of rows with a ConfigMap or Secret; their values are text in the rows, of a Secret Base64."""

    def judged(updates: Updates, case: Case) -> bool:
        before, after = both(kind, case[old], case[new])
        for document in (before, after):
            if kind == "Secret":
                document["data"] = dict.fromkeys(document.get("data") or {}, "") | _encoded(document)
        return updates.verdict(kind, before, after, bool(case.get("valid")))

    return judged


def _encoded(document: Case) -> dict[str, str]:
    import base64

    return {key: base64.b64encode(text.encode()).decode() for key, text in (document.get("data") or {}).items()}


def openshift(updates: Updates, case: Case) -> bool:
    """Judge a row with a Secret's type."""
    row = {**case, "valid": "errExpected" not in case}
    return bool(configured("Secret", "oldSecret", "newSecret")(updates, row))


def namespace(updates: Updates, case: Case) -> bool:
    """Judge a row with a namespace."""
    old, new = both("Namespace", case.get("oldNamespace") or {}, case.get("namespace") or {})
    return updates.verdict("Namespace", old, new, bool(case.get("valid")))


def node(updates: Updates, case: Case) -> bool:
    """Judge a row with a Node."""
    old, new = both("Node", case.get("oldNode") or {}, case.get("node") or {})
    return updates.verdict("Node", old, new, bool(case.get("valid")))


def networks(updates: Updates, case: Case) -> bool:
    """Judge a row with the networks of a Node, which it gets in an update."""
    bare = {name: value for name, value in case["node"].items() if name != "Spec"}
    old, new = spelled("Node", bare), spelled("Node", case["node"])
    return updates.verdict("Node", old, new, not case.get("expectError"))


def controller(updates: Updates, case: Case) -> bool:
    """Judge a row with a ReplicationController, whose selector is of labels alone."""
    given = []
    for one in (case["old"], case["update"]):
        selector = one["Spec"].get("Selector")
        rest = {name: value for name, value in one["Spec"].items() if name != "Selector"}
        document = spelled("ReplicationController", {**one, "Spec": rest}, "abc")
        given.append({**document, "spec": {**document["spec"], "selector": selector}})
    return updates.verdict("ReplicationController", given[0], given[1], "expectedErrs" not in case)


_CORE = {
    "TestValidatePodUpdate": pod,
    "TestValidatePersistentVolumeClaimUpdate": claim,
    "TestAlphaPVVolumeModeUpdate": reserved,
    "TestValidatePersistentVolumeSourceUpdate": volume,
    "TestValidateVolumeNodeAffinityUpdate": reserved,
    "TestValidateSecretUpdate": configured("Secret", "oldSecret", "newSecret"),
    "TestOpenShiftValidateSecretUpdate": openshift,
    "TestValidateConfigMapUpdate": configured("ConfigMap", "oldCfg", "newCfg"),
    "TestValidateNamespaceUpdate": namespace,
    "TestValidateNodeUpdate": node,
    "TestValidateNodeCIDRs": networks,
    "TestValidateReplicationControllerUpdate": controller,
}


_REASONS = (
    (r"recover-disabled|invalid-size-update", "a cluster without a feature that is always on"),
    (r"volume-mode-file-to-nil", "an absent volume mode is its default"),
    (r"nil replicas", "the fault is in a field that defaults fill before the API validates"),
    (r"data-source-ref-used|missingname-to-invalid", "no object of ours can be like the one before"),
)


def test_updates_of_core_kinds_are_judged_as_upstream_judges_them() -> None:
    """Pods, storage, configuration, nodes."""
    updates = Updates()

    def reason(row: dict[str, Any]) -> str:
        text = str(row)
        return next((why for pattern, why in _REASONS if re.search(pattern, text)), "")

    judges = {table: _judge(updates, judge) for table, judge in _CORE.items()}
    compare("pkg_apis_core_validation", judges, reason)


def _judge(updates: Updates, judge: Any) -> Any:
    def judged(case: Case) -> bool:
        try:
            return bool(judge(updates, case))
        except (KeyError, TypeError, ValueError) as error:
            raise NotTranslated from error

    return judged
