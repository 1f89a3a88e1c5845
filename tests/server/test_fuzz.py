"""The API asked by machine: requests made from its own description, and hostile ones made by hand.

Whatever is sent, there is no answer of 5xx, a refusal is a Status, and what is found is of the form that the
description says. `scripts/fuzz` runs the same for longer.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from api_double import Api, served
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kubectl import forwarded
from populated import everything, populate
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance
from web import ask

from reconciler.server.limits import Limits
from reconciler.server.openapi.build import version_3
from reconciler.server.resources import OWN_GROUP, group_versions

EXAMPLES_MAX = int(os.environ.get("RECONCILER_FUZZ", "150"))
PLACES = [
    (group, version) for group, versions in group_versions().items() for version in versions if group != OWN_GROUP
]
# Endless by nature, and tested elsewhere.
_NOT_ASKED = frozenset({"follow"})


@dataclass(frozen=True)
class Target:
    """An API to be asked, with its port and its description."""

    api: Api
    port: int
    operations: list[Any]


def described(api: Api) -> list[Any]:
    """Return every operation of every document; names are mostly those that there are."""
    names = sorted({object.metadata.name for object in everything(api)})
    operations: list[Any] = []
    for group, version in PLACES:
        document = version_3(group, version)
        for path in document["paths"].values():
            for part in path.values():
                parameters = part if isinstance(part, list) else part["parameters"]
                parameters[:] = [_with_names(one, names) for one in parameters if one["name"] not in _NOT_ASKED]
        schema = schemathesis.openapi.from_dict(document)
        operations.extend(found.ok() for found in schema.get_all_operations())
    return operations


def _with_names(parameter: dict[str, Any], names: list[str]) -> dict[str, Any]:
    known = {"name": names, "namespace": ["shop", "default"], "container": ["web", "api"]}.get(parameter["name"])
    if known is None:
        return parameter
    return {**parameter, "schema": {"anyOf": [{"type": "string", "enum": known}, {"type": "string", "minLength": 1}]}}


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    """An API that has something in it and ends every watch at once."""
    with tempfile.TemporaryDirectory(prefix="rc-") as folder:
        path = Path(folder) / "api.sock"
        with served(path, Limits(watch_timeout_s=0)) as api, forwarded(path) as port:
            populate(api)
            yield Target(api, port, described(api))


@settings(
    max_examples=EXAMPLES_MAX,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ],
)
@given(data=st.data())
def test_requests_of_its_own_description_are_answered(target: Target, data: st.DataObject) -> None:
    """Every operation, with parameters and bodies of the described form and any content."""
    operation = data.draw(st.sampled_from(target.operations), label="operation")
    case = data.draw(operation.as_strategy(), label="case")
    response = case.call(base_url=f"http://127.0.0.1:{target.port}", timeout=20)
    not_a_server_error_or_timeout(response)
    if response.status_code >= 400:
        assert_status(response.status_code, response.content)
    elif "watch" not in (case.query or {}) and response.headers["content-type"] == "application/json":
        case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])


def not_a_server_error_or_timeout(response: requests.Response) -> None:
    """Assert that the answer is no fault of ours; 504 tells of a resource version that is yet to come."""
    assert response.status_code < 500 or response.status_code == 504, response.content


def assert_status(code: int, content: bytes) -> None:
    """Assert that a refusal is told as Kubernetes tells it."""
    document = json.loads(content)
    assert (document["kind"], document["apiVersion"], document["status"]) == ("Status", "v1", "Failure")
    assert document["code"] == code
    assert document["message"]
    assert document["reason"]


PODS = "/api/v1/namespaces/shop/pods"
NODE = "/api/v1/nodes/node-1"
_STRATEGIC = "application/strategic-merge-patch+json"
_MERGE = "application/merge-patch+json"
_JSON_PATCH = "application/json-patch+json"
HOSTILE: tuple[tuple[str, str, bytes, str], ...] = (
    # Paths that try to leave, to hide, or to be two things at once.
    ("GET", "/api/v1/namespaces/../../../etc/passwd", b"", ""),
    ("GET", "/api/v1/namespaces/%2e%2e/pods", b"", ""),
    ("GET", "/api/v1/namespaces/shop%2Fpods/pods", b"", ""),
    ("GET", "/api/v1/namespaces/shop/pods/..%2f..%2fsecrets", b"", ""),
    ("GET", "//api//v1//pods", b"", ""),
    ("GET", f"{PODS}/", b"", ""),
    ("GET", f"{PODS}/web/log/log", b"", ""),
    ("GET", f"{PODS}/web%00", b"", ""),
    ("GET", f"{PODS}/%ff%fe", b"", ""),
    ("GET", f"{PODS}/" + "a" * 20_000, b"", ""),
    ("GET", "/apis/apps/v1/namespaces//deployments", b"", ""),
    ("GET", "/openapi/v3/apis/..%2f..%2fv1", b"", ""),
    ("GET", "/openapi/v3/api/v1?hash=%0d%0aX-Injected:%20yes", b"", ""),
    ("GET", "/apis/coordination.k8s.io/v1/namespaces/%00/leases/%00", b"", ""),
    ("GET", "/readyz/%00?exclude=%ff", b"", ""),
    ("GET", "/readyz?verbose=perhaps", b"", ""),
    # Queries that are huge, doubled, or of the wrong type.
    ("GET", f"{PODS}?" + "&".join(f"a{number}=1" for number in range(5000)), b"", ""),
    ("GET", f"{PODS}?labelSelector=" + "a" * 30_000, b"", ""),
    ("GET", f"{PODS}?labelSelector=" + "a,".join("b" for _ in range(5000)), b"", ""),
    ("GET", f"{PODS}?labelSelector=a%20in%20(" + "b," * 5000 + ")", b"", ""),
    ("GET", f"{PODS}?limit=1&limit=-1", b"", ""),
    ("GET", f"{PODS}?limit=-1&limit=1", b"", ""),
    ("GET", f"{PODS}?limit=1e3", b"", ""),
    ("GET", f"{PODS}?limit=%D9%A1", b"", ""),
    ("GET", f"{PODS}?resourceVersion=999999999999999999", b"", ""),
    ("GET", f"{PODS}?continue=%00%ff", b"", ""),
    ("GET", f"{PODS}?continue=W10=", b"", ""),
    ("GET", f"{PODS}?continue=e30=", b"", ""),
    ("GET", f"{PODS}?continue=WzEsW10sW11d", b"", ""),
    ("GET", f"{PODS}?fieldSelector=metadata.name%3D%5C", b"", ""),
    ("GET", f"{PODS}?fieldSelector=__class__.__mro__%3Da", b"", ""),
    ("GET", f"{PODS}?watch=1&watch=0&sendInitialEvents=true", b"", ""),
    ("GET", f"{PODS}/web/log?sinceTime=9999-99-99T99:99:99Z", b"", ""),
    ("GET", f"{PODS}/web/log?sinceSeconds=999999999999999999", b"", ""),
    ("GET", f"{PODS}/web/log?container=%00", b"", ""),
    ("GET", "/api/v1/componentstatuses?fieldSelector=metadata.name%3D%00", b"", ""),
    # Bodies that are not what they say.
    ("PATCH", NODE, b"", _STRATEGIC),
    ("PATCH", NODE, b"\xff\xfe", _STRATEGIC),
    ("PATCH", NODE, b'{"spec":{"taints":"x"}}', _STRATEGIC),
    ("PATCH", NODE, b'{"spec":{"taints":[{"$patch":"replace"}]}}', _STRATEGIC),
    ("PATCH", NODE, b'{"spec":{"taints":[null,1,"a",[]]}}', _STRATEGIC),
    ("PATCH", NODE, b'{"$patch":"delete"}', _STRATEGIC),
    ("PATCH", NODE, b'{"spec":{"$setElementOrder/taints":7}}', _STRATEGIC),
    ("PATCH", NODE, b'{"spec":{"$retainKeys":{}}}', _STRATEGIC),
    ("PATCH", NODE, b"[1]", _STRATEGIC),
    ("PATCH", NODE, b"null", _MERGE),
    ("PATCH", NODE, b'{"metadata":null}', _MERGE),
    ("PATCH", NODE, b'{"kind":"Pod","apiVersion":"apps/v1"}', _MERGE),
    ("PATCH", NODE, b'{"spec":' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}", _MERGE),
    ("PATCH", NODE, b'{"spec":{"unschedulable":1e400}}', _MERGE),
    ("PATCH", NODE, b'{"spec":{"unschedulable":"\\ud800"}}', _MERGE),
    ("PATCH", NODE, b"{}", _JSON_PATCH),
    ("PATCH", NODE, b'[{"op":"replace"}]', _JSON_PATCH),
    ("PATCH", NODE, b'[{"op":"copy","from":"","path":"/spec/a"}]', _JSON_PATCH),
    ("PATCH", NODE, b'[{"op":"test","path":"/spec/~2","value":1}]', _JSON_PATCH),
    ("PATCH", NODE, b'[{"op":"add","path":"/spec/taints/99999999999999999999","value":1}]', _JSON_PATCH),
    ("PATCH", NODE, b'["a",null,1]', _JSON_PATCH),
    ("PATCH", NODE, b"a: &a [*a]", "application/apply-patch+yaml"),
    ("PATCH", NODE, b"{}", "text/plain; charset=\x7f"),
    ("PUT", NODE, b"[]", "application/json"),
    ("PUT", NODE, b'{"metadata":{"name":["node-1"]}}', "application/json"),
    ("PUT", "/apis/apps/v1/namespaces/shop/deployments/api", b'{"spec":{"replicas":-1}}', "application/json"),
    ("POST", PODS, b'{"metadata":{"name":{"a":1}}}', "application/json"),
    ("POST", PODS, b'k8s\x00{"a"', "application/vnd.kubernetes.protobuf"),
    ("POST", PODS, b"k8s\x00" + b"\xff" * 100, "application/vnd.kubernetes.protobuf"),
    ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", b"[]", "application/json"),
    ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", b'{"spec":7}', "application/json"),
    (
        "POST",
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        b"k8s\x00\x12\xff\xff\xff\xff\x7f",
        "application/vnd.kubernetes.protobuf",
    ),
    ("DELETE", f"{PODS}/web", b'{"gracePeriodSeconds":-9}', "application/json"),
    ("DELETE", f"{PODS}/web?gracePeriodSeconds=x", b"", ""),
    ("DELETE", f"{PODS}/web", b'{"preconditions":{"uid":7}}', "application/json"),
    ("DELETE", PODS, b"", ""),
    ("TRACE", PODS, b"", ""),
    ("PROPFIND", "/api", b"", ""),
)


@pytest.mark.parametrize(("method", "path", "body", "media"), HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_requests_are_refused_politely(target: Target, method: str, path: str, body: bytes, media: str) -> None:
    """None of them is a fault of ours, none slips a header in, and every refusal is a Status."""
    headers = {"Content-Type": media} if media else {}
    answer = ask(target.api.path, method, path, body or None, **headers)
    assert answer.code < 500 or answer.code == 504, answer.content
    assert answer.headers["X-Injected"] is None
    if answer.code >= 400 and not _is_of_the_protocol(path):
        assert_status(answer.code, answer.content)


def _is_of_the_protocol(path: str) -> bool:
    """Whether a request is refused before it is one: its head is too long."""
    return len(path) > 60_000


@pytest.mark.parametrize(
    "accept",
    [
        "a" * 10_000,
        "application/json;" * 1000,
        "application/json;as=Table;v=v9;g=meta.k8s.io",
        "application/json;as=Table;g=apidiscovery.k8s.io;v=v2",
        ";;;,,,=;q=,",
        "application/vnd.kubernetes.protobuf",
        "*/*;q=0",
        "text/html",
    ],
)
@pytest.mark.parametrize(
    "path", [PODS, f"{PODS}/web", "/apis", "/openapi/v3", "/openapi/v2", "/api/v1/componentstatuses"]
)
def test_any_accept_header_is_answered(target: Target, path: str, accept: str) -> None:
    """With the nearest form that there is, or with 406 as a Status."""
    answer = ask(target.api.path, "GET", path, Accept=accept)
    assert answer.code in (200, 406), answer.content
    if answer.code == 406:
        assert_status(406, answer.content)
