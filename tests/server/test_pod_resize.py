"""The subresource `resize` of Pods: other CPU and memory, by Kubernetes' rules and only where Git does not decide."""

from __future__ import annotations

import json
from typing import Any

from api_double import Api, pod
from msgspec.structs import replace
from web import Answer, ask

from reconciler.model.kinds import ResourceRequirements
from reconciler.model.overrides import Override

STRATEGIC = "application/strategic-merge-patch+json"
PLACE = "/api/v1/namespaces/shop/pods/web/resize"


def put(api: Api, manager: str = "uid-of-a-set") -> None:
    """Put a Pod whose container asks for some CPU; it is given what is asked for."""
    found = pod("web")
    asked = ResourceRequirements(requests={"cpu": "100m", "memory": "64Mi"})
    containers = (replace(found.spec.containers[0], resources=asked),)
    api.objects.put(replace(found, spec=replace(found.spec, containers=containers)), manager=manager)

    def obey(change: Override) -> None:
        stored: Any = api.objects.get(change.ref)
        spec = stored.object.spec
        given = tuple(replace(one, resources=(change.resources or {})[one.name]) for one in spec.containers)
        api.objects.put(replace(stored.object, spec=replace(spec, containers=given)), manager=manager)

    api.operations.on_override = obey


def patch(api: Api, resources: Any, **rest: Any) -> Answer:
    """Send a patch of the one container."""
    container = {"name": pod("web").spec.containers[0].name, "resources": resources, **rest}
    body = json.dumps({"spec": {"containers": [container]}}).encode()
    return ask(api.path, "PATCH", PLACE, body, Content_Type=STRATEGIC)


def test_a_pod_is_given_more(api: Api) -> None:
    """The answer shows it, and one override asks for it."""
    put(api)
    answer = patch(api, {"requests": {"cpu": "200m"}})
    assert answer.code == 200, answer.document
    resources = answer.document["spec"]["containers"][0]["resources"]
    assert resources == {"requests": {"cpu": "200m", "memory": "64Mi"}}
    assert [call[0] for call in api.operations.calls] == ["override"]
    assert ask(api.path, "GET", PLACE).document["kind"] == "Pod"


def test_what_cannot_be_resized_is_refused_with_its_place(api: Api) -> None:
    """Another class of service, another image, a request above the limit."""
    put(api)
    for answer, field in (
        (patch(api, {"limits": {"cpu": "100m", "memory": "64Mi"}}), "spec"),
        (patch(api, {}, image="other:1"), "spec"),
        (patch(api, {"limits": {"cpu": "50m"}}), "spec.containers[0].resources.requests.cpu"),
    ):
        assert answer.code == 422
        assert [one["field"] for one in answer.document["details"]["causes"]] == [field]
    assert not api.operations.calls


def test_what_git_declares_is_resized_in_git(api: Api) -> None:
    """The answer names the place."""
    put(api, manager="source/main")
    answer = patch(api, {"requests": {"cpu": "200m"}})
    assert answer.code == 409
    assert not api.operations.calls
