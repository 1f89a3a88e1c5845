"""The subresource `status` of Pods: conditions of other controllers are written, all else is refused with its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from api_double import Api, pod
from msgspec.structs import replace
from web import Answer, ask

from reconciler.model.kinds import Condition, ContainerState, ContainerStateTerminated, ContainerStatus, PodIP
from reconciler.model.overrides import Override

STRATEGIC, MERGE = (f"application/{one}+json" for one in ("strategic-merge-patch", "merge-patch"))
STATUS = "/api/v1/namespaces/shop/pods/web/status"
GATE = "example.com/loaded"


def put(api: Api) -> None:
    """Put a ready Pod of one container that ended and is not started again."""
    found = pod("web")
    ended = ContainerState(terminated=ContainerStateTerminated(exit_code=0))
    status = replace(
        found.status,
        conditions=(Condition(type="Ready", status="False"),),
        pod_ip="10.1.0.5",
        pod_ips=(PodIP(ip="10.1.0.5"),),
        qos_class="BestEffort",
        container_statuses=(ContainerStatus(name="web", state=ended),),
    )
    api.objects.put(replace(found, spec=replace(found.spec, restart_policy="Never"), status=status))

    def obey(change: Override) -> None:
        stored: Any = api.objects.get(change.ref)
        conditions = (*stored.object.status.conditions, *(change.conditions or ()))
        api.objects.put(replace(stored.object, status=replace(stored.object.status, conditions=conditions)))

    api.operations.on_override = obey


def patch(api: Api, status: Any, query: str = "", kind: str = STRATEGIC) -> Answer:
    """Send a patch of the status."""
    return ask(api.path, "PATCH", STATUS + query, json.dumps({"status": status}).encode(), Content_Type=kind)


def opened() -> dict[str, Any]:
    """Return what opens the readiness gate."""
    return {"conditions": [{"type": GATE, "status": "True", "reason": "Loaded"}]}


def test_a_condition_of_another_controller_is_written(api: Api) -> None:
    """It is merged into the conditions by its type, and the answer has both."""
    put(api)
    answer = patch(api, opened())
    assert answer.code == 200
    assert {one["type"] for one in answer.document["status"]["conditions"]} == {"Ready", GATE}
    (call,) = [call[1] for call in api.operations.calls if call[0] == "override"]
    assert isinstance(call, Override)
    assert [(one.type, one.status, one.reason) for one in call.conditions or ()] == [(GATE, "True", "Loaded")]


def test_a_status_is_read_and_dry_runs_write_nothing(api: Api) -> None:
    """What would be is shown."""
    put(api)
    assert ask(api.path, "GET", STATUS).document["status"]["podIP"] == "10.1.0.5"
    assert len(patch(api, opened(), "?dryRun=All").document["status"]["conditions"]) == 2
    assert patch(api, {"conditions": [{"type": "Ready", "status": "False"}]}).code == 200
    assert not api.operations.calls


def test_a_replacement_takes_the_status_alone(api: Api) -> None:
    """As Kubernetes: what else is in the body is passed over."""
    put(api)
    document = ask(api.path, "GET", STATUS).document
    document["metadata"]["labels"] = {"a": "b"}
    document["status"]["conditions"].append({"type": GATE, "status": "True"})
    answer = ask(api.path, "PUT", STATUS, json.dumps(document).encode())
    assert answer.code == 200
    assert "labels" not in answer.document["metadata"]


@pytest.mark.parametrize(
    ("status", "field"),
    [
        ({"podIPs": [{"ip": "10.1.0.05"}]}, "status.podIPs[0]"),
        ({"podIPs": [{"ip": "10.1.0.5"}, {"ip": "10.1.0.6"}]}, "status.podIPs"),
        ({"hostIP": "::1", "hostIPs": [{"ip": "10.0.0.1"}]}, "status.hostIPs[0]"),
        ({"qosClass": "Guaranteed"}, "status.qosClass"),
        ({"nominatedNodeName": "node-2"}, "status.nominatedNodeName"),
        ({"observedGeneration": -1}, "status.observedGeneration"),
        ({"conditions": [{"type": "no name", "status": "True"}]}, "status.conditions[0].type"),
        ({"containerStatuses": [{"name": "web", "state": {"running": {}}}]}, "status.containerStatuses[0].state"),
    ],
)
def test_what_kubernetes_refuses_is_invalid(api: Api, status: Any, field: str) -> None:
    """Each fault with its field."""
    put(api)
    answer = patch(api, status, kind=MERGE)
    assert (answer.code, answer.document["reason"]) == (422, "Invalid")
    assert [cause["field"] for cause in answer.document["details"]["causes"]] == [field]
    assert not api.operations.calls


@pytest.mark.parametrize(
    ("status", "field"),
    [
        ({"phase": "Succeeded"}, "status.phase"),
        ({"conditions": [{"type": "Ready", "status": "True"}]}, "status.conditions"),
    ],
)
def test_what_nodes_report_is_refused(api: Api, status: Any, field: str) -> None:
    """The node and the cluster say it, nobody else."""
    put(api)
    answer = patch(api, status)
    assert (answer.code, answer.document["reason"]) == (405, "MethodNotAllowed")
    assert answer.document["message"].startswith(f"{field} of pod/shop/web cannot be changed here")
    assert not api.operations.calls


def test_an_address_in_a_form_of_old_is_the_same_where_such_are_taken(api: Api) -> None:
    """A controller that sends a status back may have written the address in another form."""
    put(api)
    respelled = {"podIP": "010.001.000.005", "podIPs": [{"ip": "010.001.000.005"}]}
    assert patch(api, respelled, kind=MERGE).code == 422
    api.app.state.legacy_addresses = True
    assert patch(api, respelled, kind=MERGE).code == 200
