"""Resources of a Pod as a whole are judged as Kubernetes judges them, in Pods and in templates."""

import json
from typing import Any

import pytest

from reconciler.schema.validate import SourceFile, validate


def found(whole: Any, *containers: Any, **spec: Any) -> list[str]:
    """Return the pointers of the errors in a Pod with these resources, and in those of its containers."""
    listed = [{"name": f"c{n}", "image": "b", "resources": one} for n, one in enumerate(containers or ({},))]
    pod = {"resources": whole, "containers": listed, **spec}
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": pod}
    problems = validate([SourceFile("a.json", json.dumps(document).encode())]).problems
    return [one.pointer.removeprefix("/spec/") for one in problems if one.is_error]


def of(**amounts: str) -> dict[str, str]:
    """Return amounts; an underscore stands for the dash of huge pages."""
    return {name.replace("_", "-"): amount for name, amount in amounts.items()}


LIMITS, REQUESTS = "resources/limits", "resources/requests"


@pytest.mark.parametrize(
    ("whole", "containers", "pointers"),
    [
        ({"limits": of(cpu="1", memory="1Gi"), "requests": of(cpu="1")}, [], []),
        ({"limits": of(cpu="1", hugepages_2Mi="4Mi")}, [], []),
        ({"limits": {"ephemeral-storage": "1Gi"}}, [], [f"{LIMITS}/ephemeral-storage"]),
        ({"requests": {"example.com/gpu": "1"}}, [], [f"{REQUESTS}/example.com~1gpu"]),
        ({"limits": of(cpu="-1")}, [], [f"{LIMITS}/cpu"]),
        ({"limits": of(cpu="1"), "requests": of(cpu="2")}, [], [f"{REQUESTS}/cpu"]),
        ({"limits": of(hugepages_2Mi="4Mi")}, [], ["resources"]),
        ({"limits": of(cpu="1", hugepages_2Mi="3Mi")}, [], [f"{LIMITS}/hugepages-2Mi"]),
        ({"requests": of(cpu="1", hugepages_2Mi="4Mi")}, [], [f"{REQUESTS}/hugepages-2Mi"]),
        (
            {"requests": of(cpu="1", hugepages_2Mi="2Mi"), "limits": of(hugepages_2Mi="4Mi")},
            [],
            [f"{REQUESTS}/hugepages-2Mi"],
        ),
        ({"requests": of(cpu="1")}, [{"requests": of(cpu="500m")}, {"limits": of(cpu="500m")}], []),
        ({"requests": of(cpu="1")}, [{"requests": of(cpu="600m")}, {"limits": of(cpu="500m")}], [f"{REQUESTS}/cpu"]),
        ({"limits": of(memory="1Gi")}, [{"limits": of(memory="1Gi")}, {"limits": of(memory="1Gi")}], []),
        ({"limits": of(memory="1Gi")}, [{}, {"limits": of(memory="2Gi")}], ["containers/1/resources/limits/memory"]),
    ],
)
def test_what_a_pod_may_ask_for_as_a_whole(whole: Any, containers: list[Any], pointers: list[str]) -> None:
    """At least what its containers ask for together; no container may use more than the Pod."""
    assert found(whole, *containers) == pointers


def test_huge_pages_are_not_promised_twice() -> None:
    """What containers may use of them together is no more than the Pod may."""
    huge = {"limits": of(cpu="1", hugepages_2Mi="4Mi")}
    assert found({"limits": of(cpu="2", hugepages_2Mi="4Mi")}, huge, huge) == [f"{LIMITS}/hugepages-2Mi"]


def test_windows_has_none() -> None:
    """They are control groups of Linux."""
    assert found({"limits": of(cpu="1")}, os={"name": "windows"}) == ["resources"]


def test_templates_are_judged_alike() -> None:
    """In the place where the template says it."""
    spec = {"containers": [{"name": "a", "image": "b"}], "resources": {"limits": of(cpu="1"), "requests": of(cpu="2")}}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": spec}
    body = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    document = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": body}
    problems = validate([SourceFile("a.json", json.dumps(document).encode())]).problems
    assert [one.pointer for one in problems if one.is_error] == ["/spec/template/spec/resources/requests/cpu"]
