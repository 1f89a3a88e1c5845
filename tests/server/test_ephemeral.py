"""The subresource `ephemeralcontainers` of Pods: what `kubectl debug` sends is done, by Kubernetes' rules."""

from __future__ import annotations

import json
from typing import Any

import pytest
from api_double import Api, pod
from msgspec.structs import replace
from web import Answer, ask

from reconciler.model.overrides import Override

STRATEGIC = "application/strategic-merge-patch+json"
PLACE = "/api/v1/namespaces/shop/pods/web/ephemeralcontainers"
DEBUGGER = {"name": "debugger-abcde", "image": "busybox", "stdin": True, "tty": True, "targetContainerName": "web"}


def put(api: Api) -> None:
    """Put a Pod that has what is asked for."""
    api.objects.put(pod("web"))

    def obey(change: Override) -> None:
        stored: Any = api.objects.get(change.ref)
        spec = stored.object.spec
        spec = replace(spec, ephemeral_containers=(*spec.ephemeral_containers, *(change.ephemeral or ())))
        api.objects.put(replace(stored.object, spec=spec))

    api.operations.on_override = obey


def patch(api: Api, *containers: dict[str, Any], query: str = "") -> Answer:
    """Add containers as kubectl does."""
    body = json.dumps({"spec": {"ephemeralContainers": list(containers)}}).encode()
    return ask(api.path, "PATCH", PLACE + query, body, Content_Type=STRATEGIC)


def test_a_container_is_added(api: Api) -> None:
    """Also to a Pod that Git declares: nothing of what is declared changes."""
    put(api)
    answer = patch(api, DEBUGGER)
    assert answer.code == 200, answer.document
    (found,) = answer.document["spec"]["ephemeralContainers"]
    assert (found["name"], found["targetContainerName"]) == ("debugger-abcde", "web")
    (change,) = [call[1] for call in api.operations.calls if call[0] == "override"]
    assert [one.name for one in change.ephemeral] == ["debugger-abcde"]
    assert ask(api.path, "GET", PLACE).document["spec"]["ephemeralContainers"] == [found]


def test_the_next_one_stands_beside_the_first(api: Api) -> None:
    """A patch names the new one alone; only that is asked for."""
    put(api)
    patch(api, DEBUGGER)
    answer = patch(api, {"name": "second", "image": "busybox"})
    assert {one["name"] for one in answer.document["spec"]["ephemeralContainers"]} == {"second", "debugger-abcde"}
    assert [one.name for one in api.operations.calls[-1][1].ephemeral] == ["second"]


def test_a_dry_run_adds_nothing(api: Api) -> None:
    """What would be is shown."""
    put(api)
    assert len(patch(api, DEBUGGER, query="?dryRun=All").document["spec"]["ephemeralContainers"]) == 1
    assert not api.operations.calls


@pytest.mark.parametrize(
    ("container", "field"),
    [
        ({"name": "web", "image": "busybox"}, "spec.ephemeralContainers[0].name"),
        ({"name": "a", "image": "b", "ports": [{"containerPort": 80}]}, "spec.ephemeralContainers[0].ports"),
        ({"name": "a", "image": "b", "targetContainerName": "c"}, "spec.ephemeralContainers[0].targetContainerName"),
        (
            {"name": "a", "image": "b", "volumeMounts": [{"name": "none", "mountPath": "/d"}]},
            "spec.ephemeralContainers.a.volumeMounts.0.name",
        ),
    ],
)
def test_what_no_pod_may_have_is_invalid(api: Api, container: dict[str, Any], field: str) -> None:
    """The field is named."""
    put(api)
    answer = patch(api, container)
    assert answer.code == 422
    assert [cause["field"] for cause in answer.document["details"]["causes"]] == [field]
    assert not api.operations.calls


def test_all_else_of_a_replacement_is_passed_over(api: Api) -> None:
    """As Kubernetes; a container that is there cannot be taken away."""
    put(api)
    document = ask(api.path, "GET", PLACE).document
    document["spec"]["containers"][0]["image"] = "evil:1"
    assert ask(api.path, "PUT", PLACE, json.dumps(document).encode()).code == 200
    assert not api.operations.calls
    patch(api, DEBUGGER)
    document = ask(api.path, "GET", PLACE).document
    document["spec"].pop("ephemeralContainers")
    assert ask(api.path, "PUT", PLACE, json.dumps(document).encode()).code == 422
    assert ask(api.path, "DELETE", PLACE).code == 405
