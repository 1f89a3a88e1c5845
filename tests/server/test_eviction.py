"""Evictions of Pods through the API."""

import json

import pytest
from api_double import Api, pod
from web import Answer, ask
from writing import PODS, obey

from reconciler.model.errors import AmbiguousBudget, DisruptionForbidden

JSON = "application/json"
PROTOBUF = "application/vnd.kubernetes.protobuf"
EVICTION = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a", "namespace": "shop"}}


def evict(api: Api, query: str = "", **parts: object) -> Answer:
    """Ask for the eviction of the Pod."""
    body = json.dumps({**EVICTION, **parts}).encode()
    return ask(api.path, "POST", f"{PODS}/a/eviction{query}", body, Content_Type=JSON)


def test_an_eviction_deletes_the_pod(api: Api) -> None:
    """The answer is a success as clients of Kubernetes know it; the grace is the asked one, else the Pod's own."""
    for options, grace in (({}, 30), ({"deleteOptions": {"gracePeriodSeconds": 4, "preconditions": None}}, 4)):
        obey(api)
        api.objects.put(pod("a"))
        api.operations.calls.clear()
        answer = evict(api, **options)
        assert (answer.code, answer.document["status"]) == (201, "Success")
        name, change, is_dry = api.operations.calls[0]
        assert (name, change.grace_s, change.uid, is_dry) == ("evict", grace, "u-1", False)
        assert api.objects.get(change.ref).object.metadata.deletion_timestamp


def test_an_eviction_in_protobuf(api: Api) -> None:
    """As newer clients send it."""
    obey(api)
    api.objects.put(pod("a"))
    metadata, options = b"\x0a\x01a\x1a\x04shop", b"\x08\x07"
    message = b"\x0a" + bytes([len(metadata)]) + metadata + b"\x12" + bytes([len(options)]) + options
    envelope = b"\x0a\x15\x0a\x09policy/v1\x12\x08Eviction" + b"\x12" + bytes([len(message)]) + message
    answer = ask(api.path, "POST", f"{PODS}/a/eviction", b"k8s\x00" + envelope, Content_Type=PROTOBUF)
    assert answer.code == 201
    assert api.operations.calls[0][1].grace_s == 7


def test_what_the_budget_forbids_is_429(api: Api) -> None:
    """In Kubernetes' words, with the cause, and without a time to wait: kubectl has its own."""
    api.objects.put(pod("a"))
    words = "Cannot evict pod as it would violate the pod's disruption budget."
    api.operations.failure = DisruptionForbidden(words, hint="The disruption budget b needs 2 healthy pods and has 2")
    answer = evict(api)
    assert (answer.code, answer.document["reason"], answer.document["message"]) == (429, "TooManyRequests", words)
    (cause,) = answer.document["details"]["causes"]
    assert cause == {
        "reason": "DisruptionBudget",
        "message": "The disruption budget b needs 2 healthy pods and has 2",
    }
    assert "retry-after" not in {name.lower() for name in answer.headers}
    api.operations.failure = AmbiguousBudget("This pod has more than one PodDisruptionBudget")
    assert evict(api).code == 500


def test_a_dry_eviction_only_asks(api: Api) -> None:
    """Whether it would be allowed; nothing goes."""
    obey(api)
    api.objects.put(pod("a"))
    for answer in (evict(api, "?dryRun=All"), evict(api, deleteOptions={"dryRun": ["All"]})):
        assert answer.code == 201
    assert [call[2] for call in api.operations.calls] == [True, True]
    assert api.objects.by_kind("Pod")[0].object.metadata.deletion_timestamp is None


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ({"metadata": {"name": "other"}}, 400),
        ({"metadata": {"name": "a", "namespace": "other"}}, 400),
        ({"kind": "Pod"}, 400),
        ({"apiVersion": "v1"}, 400),
        ({"deleteOptions": []}, 400),
        ({"deleteOptions": {"gracePeriodSeconds": -1}}, 422),
        ({"deleteOptions": {"preconditions": {"uid": "other"}}}, 409),
    ],
)
def test_an_eviction_that_does_not_fit_is_refused(api: Api, parts: dict[str, object], code: int) -> None:
    """Nonsense and preconditions that do not hold."""
    api.objects.put(pod("a"))
    assert evict(api, **parts).code == code
    assert not api.operations.calls


def test_evictions_of_nothing(api: Api) -> None:
    """A Pod that is not there, another verb, no JSON."""
    assert evict(api).code == 404
    api.objects.put(pod("a"))
    assert ask(api.path, "GET", f"{PODS}/a/eviction").code == 405
    for body in (b"", b"[]", b"\xff", b'"a"'):
        assert ask(api.path, "POST", f"{PODS}/a/eviction", body, Content_Type=JSON).code == 400
