"""Which fields of a changed object are listed, under which names, and how long a value may be."""

from typing import Any

import pytest

from reconciler.planner.diff import field_changes
from tests.planner.reading import read


def listed(old: Any, new: Any) -> list[tuple[str, str, str]]:
    """Return the changes of two objects."""
    return [(one.path, one.old, one.new) for one in field_changes(old, new)]


def pod(containers: str, rest: str = "", metadata: str = "", status: str = "") -> Any:
    """Return a Pod."""
    return read("Pod", spec=f"containers: [{containers}], {rest}", metadata=metadata, status=status)


ONE, OTHER = "{name: a, image: i}", "{name: b, image: i}"


def test_entries_with_names_are_compared_by_name() -> None:
    """In another order they are the same; what comes or goes is listed field by field."""
    assert listed(pod(f"{ONE}, {OTHER}"), pod(f"{OTHER}, {ONE}")) == []
    found = listed(pod(ONE), pod("{name: b, image: j, tty: true}"))
    assert found == [
        ("spec.containers[a].image", "i", ""),
        ("spec.containers[a].name", "a", ""),
        ("spec.containers[b].image", "", "j"),
        ("spec.containers[b].name", "", "b"),
        ("spec.containers[b].tty", "", "true"),
    ]


def test_entries_without_names_are_shown_as_a_whole() -> None:
    """Also where only some have one, or two have the same."""
    ports = "{name: a, image: i, ports: [PORTS]}"
    plain = [pod(ports.replace("PORTS", one)) for one in ("{containerPort: 1}", "{containerPort: 2}")]
    assert [path for path, _, _ in listed(*plain)] == ["spec.containers[a].ports"]
    mixed = [pod(ports.replace("PORTS", f"{{name: x, containerPort: 1}}, {{containerPort: {n}}}")) for n in (2, 3)]
    assert [path for path, _, _ in listed(*mixed)] == ["spec.containers[a].ports"]
    twice = [
        pod(ports.replace("PORTS", f"{{name: x, containerPort: 1}}, {{name: x, containerPort: {n}}}")) for n in (2, 3)
    ]
    assert [path for path, _, _ in listed(*twice)] == ["spec.containers[a].ports"]


def test_what_was_absent_is_listed_by_its_fields() -> None:
    """A structure and entries with names; a plain list as a whole."""
    before = pod(ONE)
    after = pod("{name: a, image: i, env: [{name: A, value: b}], resources: {limits: {cpu: 1}}, args: [x]}")
    paths = ["args", "env[A].name", "env[A].value", "resources.limits.cpu"]
    assert [path for path, _, _ in listed(before, after)] == [f"spec.containers[a].{path}" for path in paths]
    assert [path for path, _, _ in listed(after, before)] == [f"spec.containers[a].{path}" for path in paths]


def test_only_labels_and_annotations_of_metadata_are_shown_and_no_status() -> None:
    """The rest is the cluster's."""
    before = pod(ONE, metadata="uid: a, generation: 1")
    after = pod(ONE, metadata="uid: b, generation: 2, labels: {x: y}, annotations: {p: q}", status="phase: Running")
    assert listed(before, after) == [("metadata.annotations.p", "", "q"), ("metadata.labels.x", "", "y")]


@pytest.mark.parametrize(("length", "shown"), [(80, "a" * 80), (81, "a" * 79 + "…")])
def test_a_long_value_is_cut_to_eighty_letters(length: int, shown: str) -> None:
    """The last of them says so."""
    before, after = (read("ConfigMap", rest=f"data: {{k: {value}}}") for value in ("b", "a" * length))
    assert listed(before, after) == [("data.k", "b", shown)]


def test_of_a_secret_only_values_are_hidden() -> None:
    """What came or went is told; and a ConfigMap hides nothing."""
    empty, full = (
        read("Secret", rest=f"data: {data}\ntype: {type_}") for data, type_ in (("{}", "a/b"), ("{k: dg==}", "c/d"))
    )
    assert listed(empty, full) == [("data.k", "", "(secret)"), ("type", "a/b", "c/d")]
    labelled = [read("Secret", metadata=f"labels: {{a: {value}}}") for value in ("b", "c")]
    assert listed(*labelled) == [("metadata.labels.a", "b", "c")]
    assert listed(*(read("ConfigMap", rest=f"data: {{k: {value}}}") for value in ("b", "c"))) == [("data.k", "b", "c")]
