"""The example repository is complete, commented, and uses only what is made for it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.git.worktree import read_directory
from reconciler.model.ports import ManifestFile
from reconciler.schema.validate import validate

EXAMPLES = Path(__file__).parents[2] / "examples"
MANIFESTS = sorted((EXAMPLES / "repo").rglob("*.yaml"))
MARKET = sorted((EXAMPLES / "many-workloads").glob("*.yaml"))
WORKLOADS = {"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob"}


def documents() -> list[dict[str, Any]]:
    """Every document of the example repository."""
    return [document for path in MANIFESTS for document in yaml.safe_load_all(path.read_text())]


def test_every_image_is_one_that_we_make() -> None:
    """Nothing has to be pulled, and no foreign name stands on our content."""
    made = set(re.findall(r"^image (\w+) ([\d.]+)", (EXAMPLES / "images" / "make").read_text(), re.MULTILINE))
    used = {
        tuple(image.removeprefix("reconciler-example/").split(":"))
        for path in MANIFESTS
        for image in re.findall(r"image: (\S+)", path.read_text())
    }
    assert used <= made


def test_the_demo_can_update_to_the_other_version() -> None:
    """The images that the demo switches between are both made."""
    script = (EXAMPLES / "images" / "make").read_text()
    assert "image web 1.0" in script and "image web 1.1" in script


@pytest.mark.parametrize("path", [*MANIFESTS, *MARKET], ids=lambda path: path.name)
def test_a_manifest_begins_by_saying_what_it_is(path: Path) -> None:
    """A newcomer can read any file first."""
    assert path.read_text().startswith("# ")


def test_the_shop_has_what_someone_would_recognise() -> None:
    """Configuration, a secret, a web, a worker, a database with a claim, a migration, a Pod of two containers."""
    kinds = {(document["kind"], document["metadata"]["name"]) for document in documents()}
    assert kinds == {
        ("Namespace", "shop"),
        ("ConfigMap", "settings"),
        ("Secret", "worker-token"),
        ("PersistentVolumeClaim", "database"),
        ("Deployment", "database"),
        ("Service", "database"),
        ("Job", "migrate-1"),
        ("Deployment", "web"),
        ("Service", "web"),
        ("Deployment", "worker"),
        ("Pod", "clock"),
    }


def test_the_table_of_the_readme_names_every_file() -> None:
    """The repository's own README is complete."""
    text = (EXAMPLES / "repo" / "README.md").read_text()
    assert set(re.findall(r"`(shop/\w+\.yaml)`", text)) == {
        str(path.relative_to(EXAMPLES / "repo")) for path in MANIFESTS
    }


def test_the_shop_has_no_problems() -> None:
    """P30: not even a warning, so every field that the example uses is one that we implement."""
    files = read_directory(EXAMPLES / "repo").files
    result = validate([ManifestFile(path=each.path, blob_id=each.blob_id, content=each.content) for each in files])
    assert [f"{each.file}:{each.line}: {each.message}" for each in result.problems] == []
    assert len(result.objects) == len(documents())


def test_the_market_has_twelve_workloads_of_every_kind_and_no_problems() -> None:
    """It is pushed to a lab; one image is all that has to be loaded there."""
    found = [document for path in MARKET for document in yaml.safe_load_all(path.read_text())]
    workloads = [document["kind"] for document in found if document["kind"] in WORKLOADS]
    assert (len(workloads), set(workloads)) == (12, WORKLOADS)
    images = {image for path in MARKET for image in re.findall(r"image: (\S+)", path.read_text())}
    text = (EXAMPLES / "many-workloads" / "README.md").read_text()
    assert [image for image in images if f"reconciler lab load {image}" in text] == list(images)
    assert set(re.findall(r"`(\S+\.yaml)`", text)) == {path.name for path in MARKET if path.name != "market.yaml"}
    files = read_directory(EXAMPLES / "many-workloads").files
    result = validate([ManifestFile(path=each.path, blob_id=each.blob_id, content=each.content) for each in files])
    assert [f"{each.file}:{each.line}: {each.message}" for each in result.problems] == []
