"""Canonical forms and digests: one per meaning, the same for ever."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler.model.base import to_builtins
from reconciler.model.canonical import canonical, digest
from reconciler.model.kinds import (
    Container,
    EmptyDirVolumeSource,
    HTTPGetAction,
    ObjectMeta,
    Pod,
    PodSpec,
    Probe,
    ResourceRequirements,
    Volume,
    decode_object,
)
from tests.model.manifests import manifests

GOLDEN = Path(__file__).parent / "golden" / "digests.txt"
ROOT = Path(__file__).parents[2]


def pod(**container: Any) -> Pod:
    """Return a Pod with one container."""
    return Pod(metadata=ObjectMeta(name="a"), spec=PodSpec(containers=(Container(name="c", image="i", **container),)))


def test_golden_digests_never_change() -> None:
    """The digests of 200 fixed manifests are those of the first release: an upgrade rolls nothing (P09, P10, P26).

    Refreshing only adds lines for new names; a known one that differs is a bug in the code, not in the file.
    """
    found = {name: digest(object) for name, object in manifests()}
    known = dict(line.split() for line in GOLDEN.read_text().splitlines()) if GOLDEN.exists() else {}
    if os.environ.get("RECONCILER_UPDATE_GOLDEN"):
        merged = {**found, **known}
        GOLDEN.write_text("".join(f"{name} {merged[name]}\n" for name in merged))
        known = merged
    assert len(found) >= 200
    assert found == known


def test_digests_differ_where_the_meaning_differs() -> None:
    """No two of the fixed manifests share a digest unless they mean the same."""
    forms: dict[str, Any] = {}
    for name, object in manifests():
        form = canonical(object)
        assert forms.setdefault(digest(object), form) == form, name


def test_digests_do_not_depend_on_the_hash_seed() -> None:
    """Every process gives the same digest, whatever the order of its sets."""
    code = "from tests.model.manifests import manifests; from reconciler.model.canonical import digest; "
    code += "print(digest([digest(o) for _, o in manifests()], frozenset('abc')))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(outputs) == 1


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (pod(), pod(ports=(), lifecycle=Container(name="x", image="y").lifecycle)),
        (
            pod(resources=ResourceRequirements(limits={"cpu": "1000m", "memory": "1Gi"})),
            pod(resources=ResourceRequirements(limits={"memory": "1024Mi", "cpu": 1})),
        ),
        (
            pod(liveness_probe=Probe(http_get=HTTPGetAction(port=80))),
            pod(liveness_probe=Probe(http_get=HTTPGetAction(port=80, path="/", scheme="HTTP"), period_seconds=10)),
        ),
    ],
)
def test_equal_meanings_have_equal_forms(left: Pod, right: Pod) -> None:
    """Defaults written out, other units and empty lists change nothing (P09)."""
    assert canonical(left) == canonical(right)
    assert digest(left) == digest(right)


def test_an_empty_structure_that_means_something_is_kept() -> None:
    """`emptyDir: {}` is not the same as no source."""
    given = Volume(name="a", empty_dir=EmptyDirVolumeSource())
    assert canonical(given) == {"name": "a", "emptyDir": {}}
    assert canonical(Volume(name="a")) == {"name": "a"}


def test_keys_are_sorted_and_nulls_left_out() -> None:
    """Plain values get one form, too."""
    assert list(canonical({"b": 1, "a": None, "c": (1, 2.0)})) == ["b", "c"]
    assert canonical({"c": (1, 2.0)}) == {"c": [1, 2]}
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest("ab", "c") != digest("a", "bc")
    assert digest(True) != digest(1)


def test_what_has_no_form_is_refused() -> None:
    """A value that cannot be compared for ever is a bug, not a digest."""
    with pytest.raises(TypeError):
        canonical(object())


def test_wire_form_and_back_keeps_the_digest() -> None:
    """An object that went through the store or the network is the same object (P09)."""
    for name, object in manifests():
        assert digest(decode_object(to_builtins(object))) == digest(object), name
