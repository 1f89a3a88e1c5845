"""Validation as a whole: places, cache, namespaces, normalisation, unknown kinds."""

import base64
from pathlib import Path
from typing import Any

import pytest

from reconciler.model.kinds import ConfigMap, Deployment, Pod, Secret
from reconciler.model.problem import Severity
from reconciler.schema.cache import Cache
from reconciler.schema.validate import FileResult, SourceFile, validate

CASES = Path(__file__).parent / "cases"


def one(text: str) -> Any:
    """Return the only object of a text."""
    result = validate([SourceFile("a.yaml", text.encode())])
    assert result.is_valid, result.problems
    return result.objects[0]


def test_an_object_without_namespace_is_in_default() -> None:
    """A namespaced object without namespace is in `default`, a cluster-wide one in none."""
    config = one("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    assert (config.ref.namespace, config.object.metadata.namespace) == ("default", "default")
    space = one("apiVersion: v1\nkind: Namespace\nmetadata: {name: a, namespace: b}\n")
    assert (space.ref.namespace, space.object.metadata.namespace) == ("", "")


def test_provenance_names_file_and_line() -> None:
    """An object knows the file and line of its first key."""
    text = "# comment\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"
    assert (one(text).provenance.file, one(text).provenance.line) == ("a.yaml", 3)


def test_string_data_is_merged_into_data() -> None:
    """A Secret's stringData wins over data and is stored as base64 only."""
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: eA==, b: eQ==}\nstringData: {a: new}\n"
    secret = one(text).object
    assert isinstance(secret, Secret)
    assert secret.data == {"a": base64.b64encode(b"new").decode(), "b": "eQ=="}
    assert not secret.string_data


def test_the_digest_ignores_how_a_thing_is_written() -> None:
    """Null, absent and default are the same; quantities are compared by value (P09, P26)."""
    head = "apiVersion: v1\nkind: Pod\nmetadata: {name: a"
    short = head + "}\nspec: {containers: [{name: c, image: i, resources: {limits: {cpu: 500m}}}]}\n"
    long = (
        head + ", labels: null, creationTimestamp: null}\nspec:\n  restartPolicy: Always\n  serviceAccount: ''\n"
        "  terminationGracePeriodSeconds: 3e1\n  containers:\n  - image: i\n    name: c\n    ports: []\n"
        "    resources: {limits: {cpu: 0.5}, requests: {}}\nstatus: {phase: Running}\n"
    )
    assert one(short).digest == one(long).digest


def test_whole_numbers_may_be_written_as_floats() -> None:
    """`3.0` and `1e1` are whole numbers, as for Kubernetes."""
    text = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  replicas: 3.0\n"
        "  selector: {matchLabels: {a: b}}\n  template: {metadata: {labels: {a: b}}, "
        "spec: {terminationGracePeriodSeconds: 1e1, containers: [{name: c, image: i}]}}\n"
    )
    deployment = one(text).object
    assert isinstance(deployment, Deployment)
    assert (deployment.spec.replicas, deployment.spec.template.spec.termination_grace_period_seconds) == (3, 10)


def test_the_old_name_of_the_service_account_is_understood() -> None:
    """`serviceAccount` is taken for `serviceAccountName`."""
    text = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {serviceAccount: x, containers: [{name: c, image: i}]}"
    )
    pod = validate([SourceFile("a.yaml", text.encode())]).objects[0].object
    assert isinstance(pod, Pod)
    assert (pod.spec.service_account_name, pod.spec.service_account) == ("x", "")


def test_unknown_kinds_can_be_skipped_with_a_warning() -> None:
    """With `unknownKinds: warn` foreign objects are skipped and listed; ours are still judged."""
    foreign = b"apiVersion: a.b/v1\nkind: Widget\nmetadata: {name: a}\n"
    text = foreign + b"---\napiVersion: v1\nkind: Namespace\nmetadata: {name: b}\n"
    assert not validate([SourceFile("a.yaml", text)]).is_valid
    result = validate([SourceFile("a.yaml", text)], unknown_kinds=Severity.WARNING)
    assert result.is_valid
    assert len(result.objects) == 1
    assert [problem.code for problem in result.problems] == ["unknown-kind"]


def test_only_manifests_below_the_source_path_are_read() -> None:
    """Files outside the path and files of other types are passed over."""
    space = b"apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"
    files = [SourceFile("apps/a.yaml", space), SourceFile("other/b.yaml", b"x"), SourceFile("apps/README.md", b"x")]
    result = validate(files, source_path="apps")
    assert (len(result.objects), result.problems) == (1, ())


def test_an_unchanged_file_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same blob at the same path is answered from the cache."""
    cache: Cache[FileResult] = Cache()
    content = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    first = validate([SourceFile("a.yaml", content, "blob-1")], cache=cache)
    monkeypatch.setattr("reconciler.schema.validate.read_documents", None)
    assert validate([SourceFile("a.yaml", content, "blob-1")], cache=cache) == first
    assert isinstance(first.objects[0].object, ConfigMap)
    assert len(cache) == 1


def test_the_cache_forgets_the_least_recently_used() -> None:
    """A full cache drops what was not asked for longest."""
    cache: Cache[int] = Cache(size=2)
    cache.put(("a",), 1)
    cache.put(("b",), 2)
    cache.get(("a",))
    cache.put(("c",), 3)
    assert (cache.get(("a",)), cache.get(("b",)), cache.get(("c",))) == (1, None, 3)


def test_no_confidential_value_appears_in_a_problem() -> None:
    """Whatever is wrong with a Secret, its values are in no message, hint or pointer (P22)."""
    for text in (CASES / "secrets").glob("expected.txt"):
        assert "hunter2" not in text.read_text()
    problems = validate([SourceFile("a.yaml", (CASES / "secrets" / "a.yaml").read_bytes())]).problems
    assert problems
    assert "hunter2" not in repr(problems)


def test_digests_of_secrets_are_keyed() -> None:
    """With a key, a Secret's digest says nothing to whoever lacks it; other kinds are not keyed (P22)."""
    secret = SourceFile("a.yaml", b"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {a: b}\n")
    config = SourceFile("a.yaml", b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")

    def digest(file: SourceFile, key: bytes) -> str:
        return validate([file], digest_key=key).objects[0].digest

    assert len({digest(secret, b""), digest(secret, b"x"), digest(secret, b"y")}) == 3
    assert digest(config, b"x") == digest(config, b"")


def test_a_refused_list_or_map_that_is_empty_says_nothing() -> None:
    """Templates write such; what has something in it is refused."""
    text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, finalizers: FINALIZERS}\n"
    text += "spec: {containers: [{name: a, image: b}], overhead: {}, ephemeralContainers: []}\n"
    assert validate([SourceFile("a.yaml", text.replace("FINALIZERS", "[]").encode())]).is_valid
    (found,) = validate([SourceFile("a.yaml", text.replace("FINALIZERS", "[a.example/b]").encode())]).problems
    assert (found.pointer, found.code) == ("/metadata/finalizers", "not-implemented")


def test_a_quantity_of_any_length_is_judged() -> None:
    """P23: one that is longer than what is read as a number is a problem with its place."""
    text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
    text += "spec: {containers: [{name: a, image: b, resources: {limits: {cpu: '%s'}}}]}\n"
    assert validate([SourceFile("a.yaml", (text % ("1" * 400)).encode())]).is_valid
    (found,) = validate([SourceFile("a.yaml", (text % ("1" * 401)).encode())]).problems
    assert (found.line, found.message) == (4, "cpu: longer than 400 characters")
