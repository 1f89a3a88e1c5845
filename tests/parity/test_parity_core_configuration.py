"""Secrets, Namespaces, Nodes, names of resources and queries of logs get the verdict of the Kubernetes API."""

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import msgspec
from jsonschema import Draft202012Validator
from starlette.requests import Request

from reconciler.model.kinds import KINDS, Container, Node, ObjectMeta, Pod, PodSpec, decode_object
from reconciler.planner.updates.node import node_faults
from reconciler.schema.generate import name_schema
from reconciler.server.errors import ApiError
from reconciler.server.logs import log_request
from tests.parity.rows import compare, parity_rows
from tests.parity.test_parity_validation import Judge, manifest

Case = dict[str, Any]
_PACKAGE = "pkg_apis_core_validation"
_NODE_NAMES = Draft202012Validator(name_schema(KINDS["Node"]))
_POD = Pod(
    metadata=ObjectMeta(name="web", namespace="shop"), spec=PodSpec(containers=(Container(name="a", image="b"),))
)
# Tables that say nothing of their verdicts: how many of their rows, the first ones, are admitted.
_ADMITTED = {"TestValidateNamespace": 1, "TestValidateNode": 3, "TestValidateOrSetClientIPAffinityConfig": 3}


class Configuration:
    """Judges rows of kinds that have no Pods."""

    def __init__(self) -> None:
        self.judge = Judge()

    def secret(self, case: Case) -> bool:
        """Judge a row with a Secret; its values are text in the rows."""
        document = {"apiVersion": "v1", "kind": "Secret", **manifest(case["secret"])}
        given = document.get("data") or {}
        document["data"] = {key: base64.b64encode(text.encode()).decode() for key, text in given.items()}
        return self.judge.verdict(document, bool(case.get("valid")))

    def tls(self, case: Case) -> bool:
        """Judge a row with a refused Secret of a server's key; the rows leave out the type."""
        return self.secret({"secret": {"Type": "kubernetes.io/tls", **case["secrets"]}})

    def namespace(self, case: Case, is_first: bool) -> bool:
        """Judge a row with a Namespace."""
        document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {}, **manifest(case.get("R", case))}
        return self.judge.verdict(document, is_first)

    def node(self, case: Case, is_first: bool) -> bool:
        """Judge a row with a Node, as one that is stored."""
        document = {"apiVersion": "v1", "kind": "Node", **manifest(case)}
        if not _NODE_NAMES.is_valid(document["metadata"].get("name", "")):
            return not is_first
        try:
            node = decode_object(document)
        except msgspec.ValidationError:
            return not is_first
        assert isinstance(node, Node)
        return (not list(node_faults(node, node))) == is_first

    def swap(self, case: Case) -> bool:
        """Judge a row with the swap space of a Node."""
        document = {"apiVersion": "v1", "kind": "Node", **manifest(case["node"])}
        node = decode_object(document)
        assert isinstance(node, Node)
        return (not list(node_faults(node, node))) == (not case.get("expectError"))

    def affinity(self, case: Case | None, is_first: bool) -> bool:
        """Judge a row with how long a client stays with an endpoint."""
        config = {} if case is None else {"sessionAffinityConfig": manifest(case)}
        spec = {"ports": [{"port": 80}], "sessionAffinity": "ClientIP", **config}
        return self.judge.verdict({"apiVersion": "v1", "kind": "Service", "spec": spec}, is_first)

    def resource_name(self, case: Case) -> bool:
        """Judge a row with the name of a resource, in bounds for what is neither a Pod nor a container."""
        item = {"type": "example.com/thing", "max": {case.get("input", ""): "1"}}
        document = {"apiVersion": "v1", "kind": "LimitRange", "spec": {"limits": [item]}}
        return self.judge.verdict(document, bool(case.get("success")))

    def log_options(self, case: Case) -> bool:
        """Judge a row with the query of a log."""
        query = {name[0].lower() + name[1:]: _word(value) for name, value in case.get("opt", {}).items()}
        scope = {
            "type": "http",
            "query_string": urlencode(query).encode(),
            "path_params": {"name": "web", "namespace": "shop"},
            "headers": [],
        }
        try:
            log_request(Request(scope), _POD)
        except ApiError:
            return bool(case.get("errs"))
        return not case.get("errs")


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _leading(test: str, judge: Callable[[Any, bool], bool]) -> Callable[[Any], bool]:
    """Return a judge of a table whose first rows are admitted; rows come in the order of the table."""
    places = iter(range(len(parity_rows(_PACKAGE))))
    return lambda case: judge(case, next(places) < _ADMITTED[test])


_DEFAULTED = "the fault is in a field that defaults fill before the API validates"
_WHY = {
    "empty namespace": _DEFAULTED,
    "empty session affinity config": _DEFAULTED,
    "empty client IP config": _DEFAULTED,
    "empty timeoutSeconds": _DEFAULTED,
    "defined-namespace": "a namespace in what has none is a warning: the API drops it",
}


def test_configuration_is_admitted_as_upstream_admits_it() -> None:
    """Keys, sizes and types of Secrets, taints and networks of Nodes, options of logs."""
    of = Configuration()
    leading: dict[str, Callable[[Any, bool], bool]] = {
        "TestValidateNamespace": of.namespace,
        "TestValidateNode": of.node,
        "TestValidateOrSetClientIPAffinityConfig": of.affinity,
    }
    tables: dict[str, Callable[[Any], bool]] = {
        "TestValidateSecret": of.secret,
        "TestValidateDockerConfigSecret": of.secret,
        "TestValidateBasicAuthSecret": of.secret,
        "TestValidateSSHAuthSecret": of.secret,
        "TestValidateTLSSecret": of.tls,
        "TestValidateResourceNames": of.resource_name,
        "TestValidateNodeSwapStatus": of.swap,
        "TestValidPodLogOptions": of.log_options,
        **{test: _leading(test, judge) for test, judge in leading.items()},
    }

    def purpose(row: dict[str, Any]) -> str:
        is_off = "Stream" in (row["case"] or {}).get("opt", {}) and "allowStreamSelection" not in row["case"]
        return "a cluster without a feature that is always on" if is_off else _WHY.get(row["name"], "")

    compare(_PACKAGE, tables, purpose)
