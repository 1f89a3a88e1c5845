"""Reading YAML: scalars as Kubernetes sees them, places, limits, hostile content."""

import time
from typing import Any

import pytest
import ruamel.yaml
import yaml
import yaml.events
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.schema.builder import BuildError, build
from reconciler.schema.reader import (
    DOCUMENT_BYTES_MAX,
    FILE_BYTES_MAX,
    build_with_ruamel,
    read_documents,
)
from reconciler.schema.structure import FAULTS_MAX
from reconciler.schema.validate import SourceFile, validate
from tests.schema.test_cases import case_files, case_names

SCALARS = [
    ("y", True), ("Y", True), ("yes", True), ("YES", True), ("On", True), ("true", True), ("TRUE", True),
    ("n", False), ("No", False), ("off", False), ("OFF", False), ("False", False),
    ("tRUE", "tRUE"), ("oN", "oN"), ("nope", "nope"),
    ("0644", 420), ("0o644", 420), ("0x1F", 31), ("0b101", 5), ("-0x1F", -31), ("+12", 12), ("0", 0), ("-0", 0),
    ("08", 8.0), ("1_000", 1000), ("1e3", 1000.0), ("1E-2", 0.01), (".5", 0.5), ("5.", 5.0), ("-1.5", -1.5),
    ("1:30", "1:30"), ("190:20:30", "190:20:30"), ("2001-01-01", "2001-01-01"),
    ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
    ("1.2.3", "1.2.3"), ("1.27", 1.27), ("0.0.0.0", "0.0.0.0"), ("12e", "12e"), ("0o9", "0o9"), ("_1", "_1"),
    ("18446744073709551615", 18446744073709551615), ("99999999999999999999", 1e20),
    ("'0644'", "0644"), ('"yes"', "yes"), ("!!str 12", "12"), ("!!int '12'", 12), ("!!float 3", 3.0),
    ("100m", "100m"), ("1Gi", "1Gi"), ("<<", "<<"), ("=", "="),
]  # fmt: skip


def value_of(text: str) -> Any:
    """Return the value of the key `a` in a document."""
    documents, problems = read_documents("f.yaml", text.encode())
    assert not problems, problems
    return documents[0].value["a"]


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_scalars_are_seen_as_kubernetes_sees_them(text: str, value: Any) -> None:
    """Plain scalars become the types that Kubernetes' own reader gives them."""
    found = value_of(f"a: {text}\n")
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("text", ["~", "null", "Null", "NULL", ""])
def test_nulls_in_mappings_are_left_out(text: str) -> None:
    """A null is the same as an absent field."""
    documents, problems = read_documents("f.yaml", f"a: {text}\nb: 1\n".encode())
    assert not problems
    assert documents[0].value == {"b": 1}


def test_places_are_those_of_keys_and_values() -> None:
    """Every key and value has its line and column, in every document of a file, also in flow style."""
    text = "# head\n---\na:\n  b: 1\n---\nx:\n- {p: 2, z/w~: [3]}\n- q\n"
    first, second = read_documents("f.yaml", text.encode())[0]
    assert first.line == 3
    assert first.positions.value("/a/b") == (4, 6)
    assert first.positions.key("/a/b") == (4, 3)
    assert second.positions.value("/x/0/p") == (7, 7)
    assert second.positions.value("/x/0/z~1w~0/0") == (7, 17)
    assert second.positions.value("/x/1") == (8, 3)
    assert second.positions.value("/x/1/missing/part") == (8, 3)


def test_a_list_is_expanded_with_the_places_of_its_items() -> None:
    """The items of a List are documents of their own."""
    text = "apiVersion: v1\nkind: List\nitems:\n- kind: A\n- kind: B\n  x: 1\n"
    documents, _ = read_documents("f.yaml", text.encode())
    assert [document.value["kind"] for document in documents] == ["A", "B"]
    assert documents[1].positions.value("/x") == (6, 6)


def test_anchors_and_merge_keys_work() -> None:
    """Aliases stand for what they refer to; merged keys yield to those that stand there."""
    text = "base: &b {x: 1, w: 2}\nc: {<<: *b, w: 3}\nd: {<<: [*b, {v: 4}]}\nlist: [*b]\n"
    value = read_documents("f.yaml", text.encode())[0][0].value
    assert value["c"] == {"x": 1, "w": 3}
    assert value["d"] == {"x": 1, "w": 2, "v": 4}
    assert value["list"] == [{"x": 1, "w": 2}]


def test_a_broken_document_hides_no_other() -> None:
    """Documents before and after a broken one are read; the fault is reported at its line (P23)."""
    text = "a: 1\n---\nb: [1\n---\nc: {\n---\nd: 4\n"
    documents, problems = read_documents("f.yaml", text.encode())
    assert [document.value for document in documents] == [{"a": 1}, {"d": 4}]
    assert [problem.line for problem in problems] == [4, 6]


def test_a_file_that_is_too_large_is_refused() -> None:
    """Files over 10 MiB are not read."""
    documents, problems = read_documents("f.yaml", b"#" * (FILE_BYTES_MAX + 1))
    assert (documents, [problem.code for problem in problems]) == ((), ["too-large"])


def test_a_document_that_is_too_large_is_refused_alone() -> None:
    """A document over 1 MiB is refused, its neighbours are read."""
    large = b"a: " + b"x" * DOCUMENT_BYTES_MAX
    documents, problems = read_documents("f.yaml", b"b: 1\n---\n" + large + b"\n---\nc: 1\n")
    assert [document.value for document in documents] == [{"b": 1}, {"c": 1}]
    assert [(problem.code, problem.line) for problem in problems] == [("too-large", 2)]


def test_directives_and_document_ends_are_understood() -> None:
    """`%YAML` belongs to the document after it; `...` ends one."""
    documents, problems = read_documents("f.yaml", b"%YAML 1.1\n---\na: 1\n...\n---\nb: 2\n")
    assert not problems
    assert [document.value for document in documents] == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize("name", case_names())
def test_ruamel_and_libyaml_agree_on_every_case(name: str) -> None:
    """The fast path and ruamel.yaml build the same values with the same places, or both refuse."""
    for file in case_files(name):
        try:
            text = file.content.decode("utf-8-sig")
        except UnicodeDecodeError:
            continue
        assert _fast(text) == _reference(text)


def _fast(text: str) -> Any:
    try:
        return list(build(yaml.parse(text, Loader=yaml.CSafeLoader), yaml.events))
    except (yaml.YAMLError, BuildError) as error:
        return "refused", isinstance(error, BuildError)


def _reference(text: str) -> Any:
    try:
        return list(build_with_ruamel(text))
    except (ruamel.yaml.YAMLError, BuildError) as error:
        return "refused", isinstance(error, BuildError)


_WORDS = st.sampled_from(["a", "yes", "0644", "1.5", "~", "x y", "'q'", '"d"', "2001-01-01", "#c", "é", "- z"])
# YAML 1.1 (Kubernetes, libyaml) breaks lines at these, YAML 1.2 (ruamel.yaml) does not.
_TEXTS = st.text(st.characters(exclude_characters="\x85\u2028\u2029", codec="utf-8"), max_size=8)
_TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(_TREES, st.booleans())
def test_ruamel_and_libyaml_agree_on_whatever_is_dumped(tree: Any, flow: bool) -> None:
    """Both event streams lead to the same values and places for any YAML that PyYAML writes."""
    text = yaml.safe_dump({"root": tree}, default_flow_style=flow, allow_unicode=True)
    assert _fast(text) == _reference(text)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.lists(_WORDS, max_size=8).map(lambda words: "\n".join(words).encode()))
def test_any_bytes_lead_to_a_result(content: bytes) -> None:
    """Whatever is pushed, the answer is documents and problems, never a traceback."""
    result = validate([SourceFile("f.yaml", content)])
    assert all(problem.file == "f.yaml" for problem in result.problems)


@pytest.mark.parametrize(
    "body",
    [
        "spec: {" + ", ".join(f"fieldd{number}: 1" for number in range(30_000)) + "}",
        "metadata: {name: " + "a-" * 200_000 + "}",
        "metadata: {name: x, labels: {" + ", ".join(f"'{number} ': 1" for number in range(20_000)) + "}}",
        "data: {a: " + "A" * 500_000 + "}",
        "spec: {containers: [" + ", ".join("5" for _ in range(100_000)) + "]}",
    ],
    ids=["unknown fields", "long name", "bad keys", "long text", "wrong items"],
)
def test_a_manifest_full_of_faults_is_judged_in_bounded_time(body: str) -> None:
    """However many faults there are, only so many are looked into, and the answer says so."""
    start = time.process_time()
    result = validate([SourceFile("f.yaml", f"apiVersion: v1\nkind: Pod\n{body}\n".encode())])
    assert not result.is_valid
    assert len(result.problems) <= 2 * FAULTS_MAX + 1
    assert time.process_time() - start < 20
