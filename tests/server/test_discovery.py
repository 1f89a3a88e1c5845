"""Discovery: what the API says it serves, in each form that clients ask for, and that it is true."""

from typing import Any

import pytest
from api_double import Api
from web import ask

from reconciler.server.resources import METRICS_GROUP, OWN_GROUP, READ, Resource, resources
from tests.parity.rows import parity_file

# What Kubernetes' own server does not serve: its metrics come from a server beside it.
BESIDE = (METRICS_GROUP, OWN_GROUP)
FORM = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
ACCEPT = f"{FORM.format('v2')},{FORM.format('v2beta1')},application/json"


def aggregated(api: Api, path: str) -> list[dict[str, Any]]:
    """Return the groups of one aggregated document."""
    items: list[dict[str, Any]] = ask(api.path, "GET", path, Accept=ACCEPT).document["items"]
    return items


def parts(one: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the subresources of an entry by name."""
    return {below["subresource"]: below for below in one.get("subresources", ())}


def without(one: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return an entry without what may differ."""
    return {name: value for name, value in one.items() if name not in names}


def test_aggregated_entries_are_upstreams(shared_api: Api) -> None:
    """Every kind of Kubernetes that we serve is described as its own server does; we may do less with it."""
    upstream = parity_file("discovery.json")
    for path in ("/api", "/apis"):
        wanted = {
            (group["metadata"].get("name", ""), version["version"], one["resource"]): one
            for group in upstream[path]["items"]
            for version in group["versions"]
            for one in version["resources"]
        }
        for group in aggregated(shared_api, path):
            name = group["metadata"].get("name", "")
            for version in group["versions"] if name not in BESIDE else ():
                for one in version["resources"]:
                    _assert_less(one, wanted[name, version["version"], one["resource"]])


def _assert_less(ours: dict[str, Any], upstream: dict[str, Any]) -> None:
    assert without(ours, "verbs", "subresources") == without(upstream, "verbs", "subresources")
    assert set(ours["verbs"]) <= set(upstream["verbs"]), ours["resource"]
    below = parts(upstream)
    for name, one in parts(ours).items():
        assert without(one, "verbs") == without(below[name], "verbs")
        assert set(one["verbs"]) <= set(below[name]["verbs"]), (ours["resource"], name)


def test_lists_of_group_versions_are_upstreams(shared_api: Api) -> None:
    """The same, for clients that ask for one group and version after the other."""
    upstream = parity_file("discovery.json")
    groups = ask(shared_api.path, "GET", "/apis").document["groups"]
    paths = ["/api/v1", *(f"/apis/{g['preferredVersion']['groupVersion']}" for g in groups if g["name"] not in BESIDE)]
    for path in paths:
        ours = ask(shared_api.path, "GET", path).document
        assert without(ours, "resources") == without(upstream[path], "resources")
        wanted = {one["name"]: one for one in upstream[path]["resources"]}
        for one in ours["resources"]:
            assert without(one, "verbs") == without(wanted[one["name"]], "verbs", "storageVersionHash")


def test_groups_stand_in_upstreams_order(shared_api: Api) -> None:
    """Clients take the first group that has a name: it must be the one that they mean. Ours comes last."""
    groups = ask(shared_api.path, "GET", "/apis").document["groups"]
    names = [group["name"] for group in groups]
    assert names == [group["metadata"]["name"] for group in aggregated(shared_api, "/apis")]
    assert names[-1] == OWN_GROUP
    upstream = [group["name"] for group in parity_file("discovery.json")["/apis#legacy"]["groups"]]
    assert [name for name in names if name not in BESIDE] == [name for name in upstream if name in names]
    for group in groups:
        assert ask(shared_api.path, "GET", f"/apis/{group['name']}").document == {
            "kind": "APIGroup",
            "apiVersion": "v1",
            **group,
        }


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (ACCEPT, "v2"),
        (f"{FORM.format('v2beta1')},application/json", "v2beta1"),
        (f"{FORM.format('v3')},application/json", ""),
        ("application/json", ""),
        ("*/*", ""),
        ("", ""),
        (";;=;g=apidiscovery.k8s.io,,", ""),
    ],
)
def test_the_form_is_the_first_that_client_and_server_know(shared_api: Api, accept: str, form: str) -> None:
    """kubectl of every version finds its form; the content type names it."""
    for path in ("/api", "/apis"):
        answer = ask(shared_api.path, "GET", path, Accept=accept)
        kind = "APIGroupDiscoveryList" if form else {"/api": "APIVersions", "/apis": "APIGroupList"}[path]
        assert answer.document["kind"] == kind
        assert answer.headers["content-type"] == (FORM.format(form) if form else "application/json")


def test_what_a_client_has_is_not_sent_again(shared_api: Api) -> None:
    """The digest names the content; whoever shows it gets an empty 304."""
    for path, accept in (("/apis", ACCEPT), ("/api", ACCEPT), ("/apis", "*/*"), ("/apis/apps/v1", "*/*")):
        first = ask(shared_api.path, "GET", path, Accept=accept)
        again = ask(shared_api.path, "GET", path, Accept=accept, If_None_Match=first.headers["etag"])
        assert (again.code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        other = ask(shared_api.path, "GET", path, Accept=accept, If_None_Match='"other"')
        assert (other.code, other.content) == (200, first.content)


def test_unknown_groups_and_versions_are_not_found(shared_api: Api) -> None:
    """Also the empty ones."""
    for path in ("/apis/none", "/apis/apps/v9", "/api/v2", "/apis//v1"):
        answer = ask(shared_api.path, "GET", path)
        assert (answer.code, answer.document["reason"]) == (404, "NotFound"), path


METHODS = {"create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE", "deletecollection": "DELETE"}


@pytest.mark.parametrize("one", [one for one in resources() if one.group != OWN_GROUP], ids=lambda r: r.plural)
def test_what_is_offered_is_served(shared_api: Api, one: Resource) -> None:
    """A verb that discovery names is understood; reads answer with the kind they promise."""
    place = f"/apis/{one.api_version}" if one.group else f"/api/{one.version}"
    for verb in one.verbs:
        inside = "/namespaces/shop" if one.namespaced and verb != "list" else ""
        target = f"{place}{inside}/{one.plural}"
        target += "/absent" if verb in ("get", "update", "patch", "delete") else ""
        target += "?watch=true&timeoutSeconds=1&resourceVersion=100" if verb == "watch" else ""
        if verb in READ:
            answer = ask(shared_api.path, "GET", target)
            assert answer.code == (404 if verb == "get" else 200), (verb, answer.content)
            if verb == "get":
                assert answer.document["details"]["kind"] == one.plural
            if verb == "list":
                assert answer.document["kind"] == f"{one.kind}List"
        else:
            answer = ask(shared_api.path, METHODS[verb], target, b"{}", Content_Type="application/json")
            assert answer.code != 405, (verb, answer.content)
            is_known = answer.code != 404 or "details" in answer.document
            assert is_known, (verb, answer.content)


def test_a_network_client_is_told_where_the_server_is(shared_api: Api) -> None:
    """On the Unix socket there is no address to tell."""
    document = ask(shared_api.path, "GET", "/api").document
    assert document == {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def test_a_client_that_only_looks_at_the_headers_gets_them(shared_api: Api) -> None:
    """HEAD is GET without the document."""
    answer = ask(shared_api.path, "HEAD", "/apis", Accept=ACCEPT)
    assert (answer.code, answer.content, answer.headers["content-type"]) == (200, b"", FORM.format("v2"))
