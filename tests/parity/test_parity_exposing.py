"""Services are made for what is there, and rollouts paused, as kubectl does it."""

import json
from collections.abc import Callable
from typing import Any

import click

from reconciler.cli.overriding import pause_patch
from reconciler.render.exposing import EXPOSABLE, NotExposed, ports_of, selector_of
from reconciler.server.merge_keys import shape_of
from reconciler.server.strategic import merge
from tests.parity.rows import compare
from tests.parity.test_parity_polymorphic import kind_of

Case = dict[str, Any]


def can_be_exposed(case: Case) -> bool:
    """Judge a row with a kind; the group in which one was once is none of ours."""
    return case["kind"]["Kind"] in EXPOSABLE


def exposed_kind(given: Case) -> str:
    """Return a row's kind: of those with a size, only ReplicationControllers may leave out the selector."""
    kind = kind_of(given)
    return "ReplicationController" if kind == "ReplicaSet" and "selector" not in given["spec"] else kind


def answered(question: Callable[[str, Case], Any], case: Case) -> Any:
    """Return an answer about a row's object; None where there is none."""
    try:
        return question(exposed_kind(case["object"]), case["object"])
    except NotExposed:
        return None


def selector(case: Case) -> bool:
    """Judge a row about labels."""
    found = answered(selector_of, case)
    text = None if found is None else ",".join(f"{key}={value}" for key, value in sorted(found.items()))
    return text == (None if case.get("expectErr") else case["expectSelector"])


def ports(case: Case) -> bool:
    """Judge a row about the numbers of ports."""
    found = answered(ports_of, case)
    return found is not None and sorted(map(str, found)) == sorted(case["expected"])


def protocols(case: Case) -> bool:
    """Judge a row about the protocols of ports; some say only that there are any."""
    found = answered(ports_of, case)
    if case.get("expectErr") or found is None:
        return found is None and case.get("expectErr", False)
    told = {str(number): list(names) for number, names in found.items()}
    return bool(told) and told == case.get("expected", told)


def paused(case: Case) -> bool:
    """Judge a row with a rollout that is to wait, or to go on: only Deployments do."""
    kind = exposed_kind(case["object"])
    try:
        patch = pause_patch(kind, paused="notHave" not in case)
    except click.UsageError:
        return bool(case.get("expectErr"))
    text = json.dumps(merge(case["object"], patch, shape_of(kind)), separators=(",", ":"))
    return case.get("expect", "") in text and case.get("notHave", "\0") not in text


def test_services_are_made_as_kubectl_makes_them() -> None:
    """Every row about what can be exposed, by which labels, and which ports it has; so with what can be paused."""
    tables = {
        "TestCanBeExposed": can_be_exposed,
        "TestMapBasedSelectorForObject": selector,
        "TestMultiProtocolsForObject": protocols,
        "TestProtocolsForObject": protocols,
        "TestPortsForObject": ports,
        "TestDefaultObjectPauser": paused,
        "TestDefaultObjectResumer": paused,
    }
    compare("kubectl_pkg_polymorphichelpers", tables)
