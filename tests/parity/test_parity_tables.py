"""Tables show what `kubectl get` shows on a cluster of Kubernetes."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from reconciler.model.kinds import KINDS
from reconciler.model.times import unix
from reconciler.server.tables import FORMS, form_of, shown
from tests.parity.loosely import NoSuchField, loosely
from tests.parity.rows import ROOT, note, parity_rows

# The rows' ages count from when they were made.
NOW = unix("2026-11-21T01:28:17.5Z") or 0.0

_KIND_OF: dict[str, str] = {
    **{f"TestPrintPod{rest}": "Pod" for rest in ("", "wide", "Conditions", "WithRestartableInitContainer")},
    **{"TestPrintNonTerminatedPod": "Pod", "TestPrintHPA": "HorizontalPodAutoscaler"},
    **{f"TestPrintNode{what}": "Node" for what in ("Status", "Role", "OSImage", "KernelVersion", "Name", "Arch")},
    **{f"TestPrintNode{what}": "Node" for what in ("ContainerRuntimeVersion", "ExternalIP", "InternalIP")},
    **{"TestPrintServiceLoadBalancer": "Service", "TestPrintEndpoint": "Endpoints"},
}

# Where we differ, and why. In all of them upstream's rows were not made the way its server makes them.
_ON_PURPOSE = {
    "TestPrintHPA": "an absent minReplicas is its default",
    "TestPrintPersistentVolume": "an absent reclaim policy and volume mode are their defaults",
    "TestPrintPersistentVolumeClaim": "an absent volume mode is its default",
    "TestPrintPriorityClass": "the server sends the column of every row",
    "TestPrintServiceLoadBalancer": "the server does not shorten addresses",
}
_ABSENT = ("<unset>", "")


def test_columns_are_those_of_kubernetes() -> None:
    """Name, type, format and priority of every column of every kind we have."""
    folder = Path(os.environ.get("PARITY_DIR", ROOT.parent / "shared" / "parity"))
    if not (folder / "table-columns.json").exists():
        pytest.skip(f"no table-columns.json in {folder}: set PARITY_DIR")
    theirs = json.loads((folder / "table-columns.json").read_text())
    versions = {kind: spec.api_version for kind, spec in KINDS.items()}
    compared = 0
    for kind, form in FORMS.items():
        wanted = [name for name in theirs if name.rpartition("/")[2] == kind]
        named = f"{'' if '/' in versions.get(kind, '/') else '/'}{versions.get(kind, '')}/{kind}"
        key = named if named in theirs else wanted[0]
        assert [[c.name, c.type, c.format, c.priority] for c in form.columns] == theirs[key], key
        compared += 1
    assert compared == len(FORMS)


def test_every_kind_has_columns_of_its_own() -> None:
    """A new kind must say how it stands in a table."""
    assert set(KINDS) - set(FORMS) == set()


def test_every_column_is_described() -> None:
    """The columns explain themselves, and every row has a cell for each."""
    for form in FORMS.values():
        assert all(column.description.endswith(".") for column in form.columns)


def test_cells_agree_with_upstream() -> None:
    """Every row of a kind we have agrees, in wide and in narrow form."""
    tally: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    different = []
    package = "pkg_printers_internalversion"
    for number, row in enumerate(parity_rows(package)):
        kind = _KIND_OF.get(row["test"], row["test"].removeprefix("TestPrint"))
        expected = row["case"].get("expect", row["case"].get("expected"))
        if kind not in FORMS or (kind not in KINDS and kind != "ComponentStatus") or not isinstance(expected, list):
            tally["of kinds we have not"] += 1
            continue
        try:
            cells, conditions = _ours(kind, row["case"])
        except NoSuchField as field:
            missing[str(field)] += 1
            continue
        narrow = [cell for cell, column in zip(cells, form_of(kind).columns, strict=True) if not column.priority]
        wanted = expected[0]
        is_wide = len(wanted["cells"]) == len(cells) != len(narrow)
        ours = cells if is_wide else narrow
        same = ours == wanted["cells"] and [c["type"] for c in wanted.get("conditions", [])] == conditions
        reason = "" if same else _on_purpose(row["test"], ours, wanted["cells"])
        note(package, number, agrees=same, reason=reason)
        if same:
            tally["agree"] += 1
        elif reason:
            tally[f"differ on purpose: {reason}"] += 1
        else:
            different.append((row["test"], ours, wanted["cells"]))
    print(f"\ntables: {dict(tally)}; fields we have not: {dict(missing)}; {len(different)} differ")
    assert not different, "\n".join(map(str, different))
    assert tally["agree"] >= 90


def _ours(kind: str, case: dict[str, Any]) -> tuple[list[Any], list[str]]:
    given = [value for key, value in case.items() if isinstance(value, dict) and key not in ("options",)]
    form = form_of(kind)
    if kind == "ComponentStatus":
        document = {"metadata": given[0]["ObjectMeta"], "conditions": [_lower(c) for c in given[0]["Conditions"]]}
        return shown(form.cells(document), NOW), []
    object = loosely(KINDS[kind].type, _with_wire_names(given[0]) if given else {})
    return shown(form.cells(object), NOW), [one.type for one in form.conditions(object)]


def _with_wire_names(given: dict[str, Any]) -> dict[str, Any]:
    """Spell the entries of a load balancer's status as on the wire, where they are plain mappings of ours."""
    status = given.get("Status", {})
    if "LoadBalancer" not in status:
        return given
    entries = [{key.lower(): text for key, text in one.items()} for one in status["LoadBalancer"]["Ingress"]]
    return {**given, "Status": {**status, "LoadBalancer": {"Ingress": entries}}}


def _lower(document: dict[str, Any]) -> dict[str, Any]:
    return {key[0].lower() + key[1:]: value for key, value in document.items()}


def _on_purpose(test: str, ours: list[Any], wanted: list[Any]) -> str:
    """Return why we differ, where every cell is equal, absent upstream, or cut short there."""
    pairs = list(zip(ours, wanted, strict=False))
    is_known = all(
        one == other or other in _ABSENT or (isinstance(other, str) and other.endswith("...")) for one, other in pairs
    )
    return _ON_PURPOSE.get(test, "") if is_known else ""
