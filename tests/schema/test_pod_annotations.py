"""Annotations of Pods to which Kubernetes gives a meaning are judged, in Pods and in templates."""

import json
from typing import Any

import pytest

from reconciler.model.problem import Problem
from reconciler.schema.validate import SourceFile, validate

SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP = "container.seccomp.security.alpha.kubernetes.io/a"
APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/a"
COST = "controller.kubernetes.io/pod-deletion-cost"


def found(annotations: dict[str, str], context: dict[str, Any] | None = None, **spec: Any) -> list[Problem]:
    """Return the problems of a Pod with these annotations."""
    container = {"name": "a", "image": "b", **({"securityContext": context} if context else {})}
    metadata = {"name": "x", "annotations": annotations}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container], **spec}}
    return list(validate([SourceFile("a.json", json.dumps(pod).encode())]).problems)


def is_refused(*given: Any, **spec: Any) -> bool:
    """Whether such a Pod is refused."""
    return any(problem.is_error for problem in found(*given, **spec))


@pytest.mark.parametrize(
    ("cost", "is_good"),
    [("0", True), ("-7", True), ("100", True), ("08", False), ("+1", False), ("dear", False), (str(2**31), False)],
)
def test_the_cost_of_a_deletion_is_a_number(cost: str, is_good: bool) -> None:
    """What is no number would silently count as nothing."""
    assert is_refused({COST: cost}) != is_good


def test_a_mirror_is_bound_to_its_node() -> None:
    """A Pod of the repository is none."""
    mirror = {"kubernetes.io/config.mirror": "1"}
    assert is_refused(mirror)
    assert not is_refused(mirror, nodeName="node-a")


@pytest.mark.parametrize(
    ("annotation", "value", "profile", "is_good"),
    [
        (SECCOMP, "runtime/default", None, True),
        (SECCOMP, "localhost/../a", None, False),
        (SECCOMP, "anything", None, False),
        (SECCOMP, "unconfined", {"type": "Unconfined"}, True),
        (SECCOMP, "unconfined", {"type": "RuntimeDefault"}, False),
        (SECCOMP, "localhost/a.json", {"type": "Localhost", "localhostProfile": "a.json"}, True),
        (SECCOMP, "localhost/a.json", {"type": "Localhost", "localhostProfile": "b.json"}, False),
        (APP_ARMOR, "localhost/web", None, True),
        (APP_ARMOR, "bad", None, False),
        (APP_ARMOR, "runtime/default", {"type": "RuntimeDefault"}, True),
        (APP_ARMOR, "runtime/default", {"type": "Unconfined"}, False),
    ],
)
def test_old_annotations_do_not_contradict_the_fields(
    annotation: str, value: str, profile: dict[str, Any] | None, is_good: bool
) -> None:
    """Both say the same, or one of them is not there."""
    field = "seccompProfile" if annotation == SECCOMP else "appArmorProfile"
    assert is_refused({annotation: value}, {field: profile} if profile else None) != is_good


def test_an_old_annotation_alone_confines_nothing() -> None:
    """That is said, with the field to write."""
    (problem,) = found({SECCOMP_POD: "runtime/default"})
    assert not problem.is_error
    assert problem.pointer == "/metadata/annotations/seccomp.security.alpha.kubernetes.io~1pod"
    assert problem.hint == "write securityContext.seccompProfile"


def test_an_annotation_is_about_a_container_that_is_there() -> None:
    """A name that is none of them is a slip."""
    assert is_refused({"container.apparmor.security.beta.kubernetes.io/other": "unconfined"})


@pytest.mark.parametrize(
    ("profile", "is_good"),
    [
        ({"seccompProfile": {"type": "Localhost", "localhostProfile": "../a.json"}}, False),
        ({"seccompProfile": {"type": "Localhost", "localhostProfile": "a/b.json"}}, True),
        ({"appArmorProfile": {"type": "Localhost", "localhostProfile": " web"}}, False),
        ({"appArmorProfile": {"type": "Localhost"}}, False),
    ],
)
def test_profiles_of_the_whole_pod_are_judged(profile: dict[str, Any], is_good: bool) -> None:
    """As those of a container."""
    assert is_refused({}, securityContext=profile) != is_good


def test_a_template_has_the_annotations_of_its_pods() -> None:
    """With the place in the template."""
    spec = {"containers": [{"name": "a", "image": "b"}]}
    template = {"metadata": {"labels": {"app": "a"}, "annotations": {COST: "dear"}}, "spec": spec}
    body = {"selector": {"matchLabels": {"app": "a"}}, "template": template}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": body}
    (problem,) = validate([SourceFile("a.json", json.dumps(deployment).encode())]).problems
    assert problem.pointer == "/spec/template/metadata/annotations/controller.kubernetes.io~1pod-deletion-cost"
