"""What a request wants, as Kubernetes reads it from method, path and query."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from reconciler.model.access import RequestAttributes
from reconciler.server.attributes import attributes_of
from reconciler.server.errors import ApiError


def read(method: str, target: str, raw: str = "") -> RequestAttributes:
    """Return what a request line wants."""
    path, _, query = target.partition("?")
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": []}
    if raw:
        scope["raw_path"] = raw.encode()
    return attributes_of(HTTPConnection(scope))


PODS = "/api/v1/namespaces/shop/pods"


@pytest.mark.parametrize(
    ("method", "target", "wanted"),
    [
        ("GET", "/version", "get path:/version"),
        ("POST", "/hooks/pre-receive", "post path:/hooks/pre-receive"),
        ("GET", "/api", "get path:/api"),
        ("GET", "/api/v1", "get path:/api/v1"),
        ("GET", "/apis/apps/v1", "get path:/apis/apps/v1"),
        ("GET", "/openapi/v3/apis/apps/v1", "get path:/openapi/v3/apis/apps/v1"),
        ("GET", "/", "get path:/"),
        ("GET", "/api/v1/pods", "list v1 pods"),
        ("HEAD", PODS, "list v1 pods ns:shop"),
        ("GET", f"{PODS}/a", "get v1 pods ns:shop name:a"),
        ("GET", f"{PODS}/a/log", "get v1 pods/log ns:shop name:a"),
        ("GET", f"{PODS}?watch=true", "watch v1 pods ns:shop"),
        ("GET", f"{PODS}?watch=1&watch=0", "list v1 pods ns:shop"),
        ("GET", f"{PODS}?watch=0&watch=1", "watch v1 pods ns:shop"),
        ("GET", f"{PODS}?watch", "watch v1 pods ns:shop"),
        ("GET", f"{PODS}?watch=", "watch v1 pods ns:shop"),
        ("GET", f"{PODS}?watch=maybe", "watch v1 pods ns:shop"),
        ("GET", f"{PODS}/a?watch=true", "watch v1 pods ns:shop name:a"),
        ("GET", f"{PODS}?fieldSelector=metadata.name%3Da", "list v1 pods ns:shop name:a"),
        (
            "GET",
            f"{PODS}?watch=true&fieldSelector=metadata.name=a,status.phase=Running",
            "watch v1 pods ns:shop name:a",
        ),
        ("GET", f"{PODS}?fieldSelector=metadata.name!=a", "list v1 pods ns:shop"),
        ("GET", f"{PODS}?fieldSelector=wrong", "list v1 pods ns:shop"),
        ("POST", PODS, "create v1 pods ns:shop"),
        ("PUT", f"{PODS}/a/status", "update v1 pods/status ns:shop name:a"),
        (
            "PATCH",
            "/apis/apps/v1/namespaces/shop/deployments/web/scale",
            "patch apps/v1 deployments/scale ns:shop name:web",
        ),
        ("DELETE", f"{PODS}/a", "delete v1 pods ns:shop name:a"),
        ("DELETE", PODS, "deletecollection v1 pods ns:shop"),
        ("OPTIONS", PODS, " v1 pods ns:shop"),
        ("GET", "/api/v1/namespaces", "list v1 namespaces"),
        ("GET", "/api/v1/namespaces/shop", "get v1 namespaces ns:shop name:shop"),
        ("PUT", "/api/v1/namespaces/shop/finalize", "update v1 namespaces/finalize ns:shop name:shop"),
        ("GET", "/api/v1/namespaces/namespaces/pods", "list v1 pods ns:namespaces"),
        ("GET", f"{PODS}/", "list v1 pods ns:shop"),
        ("GET", "/api/v1/nodes/n/proxy", "create v1 nodes/proxy name:n"),
        ("GET", f"{PODS}/a/exec?command=id", "create v1 pods/exec ns:shop name:a"),
        ("POST", f"{PODS}/a/portforward", "create v1 pods/portforward ns:shop name:a"),
        ("POST", f"{PODS}/a/eviction", "create v1 pods/eviction ns:shop name:a"),
        ("GET", "/apis/reconciler.dev/v1/status", "get reconciler.dev/v1 status"),
        ("POST", "/apis/reconciler.dev/v1/plan", "create reconciler.dev/v1 plan"),
        ("GET", "/apis/reconciler.dev/v1/plans", "list reconciler.dev/v1 plans"),
        ("GET", "/apis/reconciler.dev/v1/plans/abc", "get reconciler.dev/v1 plans name:abc"),
        ("POST", "/apis/reconciler.dev/v1/sources/main/sync", "create reconciler.dev/v1 sources/sync name:main"),
    ],
)
def test_a_request_line_is_read(method: str, target: str, wanted: str) -> None:
    """Verb, group, resource, subresource, namespace, name; or the path."""
    assert told(read(method, target)) == wanted


def told(found: RequestAttributes) -> str:
    """Return attributes in one line."""
    if not found.is_resource:
        return f"{found.verb} path:{found.path}"
    group = f"{found.group}/{found.version}" if found.group else found.version
    what = f"{found.resource}/{found.subresource}" if found.subresource else found.resource
    namespace = f" ns:{found.namespace}" if found.namespace else ""
    return f"{found.verb} {group} {what}{namespace}" + (f" name:{found.name}" if found.name else "")


@pytest.mark.parametrize(
    ("path", "raw", "code"),
    [
        (f"{PODS}/a/../b", "", 400),
        (f"{PODS}/./b", "", 400),
        ("/api/v1//pods", "", 404),
        ("//api/v1/pods", "", 404),
        (f"{PODS}/a//", "", 404),
        (f"{PODS}/a/b", f"{PODS}/a%2Fb", 400),
        (f"{PODS}/a\\b", f"{PODS}/a%5cb", 400),
        (f"{PODS}/a\x00", f"{PODS}/a%00", 400),
        (f"{PODS}/a\nb", "", 400),
        (f"{PODS}/{'a' * 254}", "", 400),
        ("*", "", 404),
        ("", "", 404),
    ],
)
def test_a_path_that_could_be_read_in_two_ways_is_refused(path: str, raw: str, code: int) -> None:
    """What is judged is what is routed: there is no second reading."""
    with pytest.raises(ApiError) as refused:
        read("GET", path, raw)
    assert refused.value.code == code


@given(
    method=st.sampled_from(["GET", "POST", "DELETE", "PATCH", "X"]),
    parts=st.lists(st.one_of(st.sampled_from(["api", "apis", "v1", "namespaces", "pods", ""]), st.text(max_size=5))),
    query=st.text(max_size=20),
)
def test_whatever_is_sent_is_read_or_refused(method: str, parts: list[str], query: str) -> None:
    """Reading never fails in another way."""
    try:
        found = read(method, f"/{'/'.join(parts)}?{query}")
    except ApiError as refused:
        assert refused.code in (400, 404)
    else:
        assert found.is_resource is not bool(found.path)
