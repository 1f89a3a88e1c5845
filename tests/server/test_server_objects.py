"""Lists, gets, refusals."""

import os
import subprocess

import pytest
from api_double import Api, namespace, pod, secret

from reconciler.client import ApiRefused, NotFound
from reconciler.client.api import path_of
from reconciler.model.kinds import KINDS

PODS = "/api/v1/namespaces/shop/pods"


def test_an_object_is_served_with_kind_version_and_set_defaults(api: Api) -> None:
    """Clients of Kubernetes find what they expect, also where a value equals its default."""
    api.objects.put(pod("a", phase="Pending"))
    found = api.client.get(f"{PODS}/a")
    assert (found["kind"], found["apiVersion"]) == ("Pod", "v1")
    assert found["spec"]["restartPolicy"] == "Always"
    assert found["status"]["phase"] == "Pending"


@pytest.mark.parametrize("kind", sorted(kind for kind, spec in KINDS.items() if spec.served))
def test_every_kind_can_be_listed(shared_api: Api, kind: str) -> None:
    """Discovery and paths agree for each kind."""
    spec, api = KINDS[kind], shared_api
    found = api.client.objects(spec)
    assert (found["kind"], found["apiVersion"], found["items"]) == (f"{kind}List", spec.api_version, [])
    root = f"/apis/{spec.api_version}" if spec.group else "/api/v1"
    assert spec.plural in [resource["name"] for resource in api.client.get(root)["resources"]]
    if spec.namespaced:
        assert api.client.get(path_of(spec, "shop"))["items"] == []


def test_a_list_is_cut_into_pages(api: Api) -> None:
    """`limit` and `continue` go through everything once, in order of the names."""
    for name in ("e", "a", "d", "b", "c"):
        api.objects.put(pod(name))
    names, token, pages = [], "", 0
    while True:
        page = api.client.get(PODS, {"limit": 2, "continue": token})
        names += [item["metadata"]["name"] for item in page["items"]]
        pages, token = pages + 1, page["metadata"].get("continue", "")
        if not token:
            break
    assert (names, pages) == (["a", "b", "c", "d", "e"], 3)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"labelSelector": "app=web"}, ["a", "b"]),
        ({"labelSelector": "app in (web,db),!canary"}, ["a", "c"]),
        ({"labelSelector": "app notin (web)"}, ["c", "d"]),
        ({"fieldSelector": "spec.nodeName=node-2"}, ["b"]),
        ({"fieldSelector": "metadata.name!=a,status.phase=Running"}, ["b", "c"]),
        ({"fieldSelector": "metadata.namespace=other"}, []),
    ],
)
def test_selectors_choose(api: Api, query: dict[str, str], expected: list[str]) -> None:
    """Set-based label selectors and field selectors choose as Kubernetes' do."""
    api.objects.put(pod("a", app="web"))
    api.objects.put(pod("b", node="node-2", app="web", canary="yes"))
    api.objects.put(pod("c", app="db"))
    api.objects.put(pod("d", phase="Failed"))
    assert [item["metadata"]["name"] for item in api.client.get(PODS, query)["items"]] == expected


@pytest.mark.parametrize(
    ("path", "code", "reason"),
    [
        (f"{PODS}/nope", 404, "NotFound"),
        ("/api/v1/namespaces/shop/widgets", 404, "NotFound"),
        ("/api/v1/namespaces/shop/nodes", 404, "NotFound"),
        ("/apis/nope/v1", 404, "NotFound"),
        ("/nothing", 404, "NotFound"),
        (f"{PODS}?limit=many", 400, "BadRequest"),
        (f"{PODS}?limit=-1", 400, "BadRequest"),
        (f"{PODS}?continue=%25%25", 400, "BadRequest"),
        (f"{PODS}?labelSelector=%28", 400, "BadRequest"),
        (f"{PODS}?fieldSelector=spec.nope%3D1", 400, "BadRequest"),
        (f"{PODS}?fieldSelector=x", 400, "BadRequest"),
        (f"{PODS}?watch=perhaps", 400, "BadRequest"),
        (f"{PODS}?resourceVersion=999999", 504, "Timeout"),
        (f"{PODS}?resourceVersion=1&resourceVersionMatch=Exact", 410, "Expired"),
        (f"{PODS}/nope/log", 404, "NotFound"),
        (f"{PODS}/nope/exec", 404, "NotFound"),
    ],
)
def test_what_cannot_be_answered_is_a_status(shared_api: Api, path: str, code: int, reason: str) -> None:
    """Wrong paths and queries are Kubernetes' Status errors, never a traceback."""
    with pytest.raises(ApiRefused) as refused:
        shared_api.client.get(path)
    assert (refused.value.code, refused.value.reason) == (code, reason)


def test_not_found_names_kind_and_name(api: Api) -> None:
    """The details say what was not found."""
    with pytest.raises(NotFound) as refused:
        api.client.get("/apis/apps/v1/namespaces/shop/deployments/web")
    assert str(refused.value) == 'deployments.apps "web" not found'
    assert refused.value.details == {"name": "web", "kind": "deployments", "group": "apps"}


def test_a_large_body_is_refused(api: Api) -> None:
    """A body beyond the limit is answered with 413, by its declared length."""
    with pytest.raises(ApiRefused) as refused:
        api.client.post("/apis/reconciler.dev/v1/plan", {"revision": "x" * (17 * 1024 * 1024)})
    assert refused.value.code == 413


def test_root_sees_the_values_of_a_secret(api: Api) -> None:
    """The daemon's own user may read what Kubernetes would show."""
    api.objects.put(secret())
    assert api.client.get("/api/v1/namespaces/shop/secrets/token")["data"] == {"password": "aHVudGVyMg=="}


_READ_SECRETS = """
import http.client, socket, sys
for path in ("/api/v1/secrets", "/api/v1/namespaces/shop/secrets/token", "/api/v1/secrets?watch=1&timeoutSeconds=1"):
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(sys.argv[1])
    connection.request("GET", path)
    print(connection.getresponse().read().decode())
connection = http.client.HTTPConnection("localhost")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect(sys.argv[1])
connection.request("POST", "/apis/reconciler.dev/v1/sources/main/suspend", b"{}")
print(connection.getresponse().status)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_others_see_no_value_of_a_secret_and_operate_nothing(api: Api) -> None:
    """P22: a member of the socket's group gets keys without values, in get, list and watch."""
    api.objects.put(secret())
    api.path.parent.chmod(0o755)
    api.path.chmod(0o666)
    command = ["/usr/bin/env", "python3", "-c", _READ_SECRETS, str(api.path)]
    told = subprocess.run(command, user=65534, group=65534, capture_output=True, text=True, timeout=20, check=False)
    assert told.returncode == 0, told.stderr
    assert told.stdout.count('"password":""') == 3
    assert "aHVudGVyMg" not in told.stdout
    assert told.stdout.splitlines()[-1] == "403"


def test_a_namespace_is_served_by_its_own_path(api: Api) -> None:
    """`/api/v1/namespaces/shop` is the Namespace, not a list."""
    api.objects.put(namespace())
    assert api.client.get("/api/v1/namespaces/shop")["kind"] == "Namespace"
