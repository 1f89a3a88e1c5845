"""Which images are ours, and what of them is removed, at an Engine of a few lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.executors.container.pulled import ImageGCFailed, PulledImages
from reconciler.executors.transport import Deadline, EngineRefused


class Shelf:
    """The images of an Engine: ids by name, what is made from them, and when they were last named."""

    def __init__(self, **names: str) -> None:
        self.names = {name.replace("_", ":"): id for name, id in names.items()}
        self.users: dict[str, int] = {}
        self.refuses = 0
        self.named = 1

    def list_images(self) -> list[dict[str, Any]]:
        """All of them."""
        return [{"Id": id} for id in sorted(set(self.names.values()))]

    def inspect_image(self, reference: str) -> dict[str, Any] | None:
        """One, by name or id."""
        id = self.names.get(reference, reference)
        tags = [name for name, found in self.names.items() if found == id]
        metadata = {"LastTagTime": str(self.named)}
        return {"Id": id, "RepoTags": tags, "RepoDigests": [], "Metadata": metadata} if tags else None

    def containers_of(self, image_id: str) -> list[dict[str, Any]]:
        """What is made from it."""
        return [{}] * self.users.get(image_id, 0)

    def remove_image(self, reference: str, timeout_s: float) -> None:
        """Remove a name, or refuse."""
        if self.refuses:
            raise EngineRefused(self.refuses, "no")
        del self.names[reference]


class Place:
    """A host's list beside its shelf."""

    def __init__(self, folder: Path, **names: str) -> None:
        self.path = folder / "images.json"
        self.shelf = Shelf(**names)
        self.images = self.opened()

    def opened(self) -> PulledImages:
        """The list as after a restart."""
        return PulledImages(self.shelf, self.path)  # type: ignore[arg-type]

    def pull(self, name: str, id: str) -> None:
        """Pull for a Pod."""
        with self.images.noting(name):
            self.shelf.names[name] = id

    def ours(self) -> list[tuple[str, tuple[str, ...]]]:
        """What is ours, with its names."""
        sizes = dict.fromkeys(self.shelf.names.values(), 7)
        return [(one.id, one.names) for one in self.images.present(sizes)]

    def remove(self, id: str) -> bool:
        """Remove one."""
        return self.images.remove(id, Deadline(5.0))[0]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A host on which a person has an image."""
    return Place(tmp_path, theirs_1="t")


def test_what_was_not_there_before_we_pulled_it_is_ours(place: Place) -> None:
    """Also after a restart, and with each name that we pull it by."""
    place.pull("a:1", "a")
    place.pull("a:latest", "a")
    assert place.ours() == [("a", ("a:1", "a:latest"))]
    place.images = place.opened()
    assert place.ours() == [("a", ("a:1", "a:latest"))]
    assert place.remove("a")
    assert list(place.shelf.names) == ["theirs:1"]
    assert place.ours() == []


def test_what_was_there_before_is_not(place: Place) -> None:
    """Whatever name we pull it by."""
    place.pull("theirs:1", "t")
    place.pull("mine:1", "t")
    assert place.ours() == []
    assert not place.remove("t")
    assert "theirs:1" in place.shelf.names


def test_a_pull_that_fails_makes_nothing_ours(place: Place) -> None:
    """Nor one that brought nothing."""
    with pytest.raises(ImageGCFailed), place.images.noting("a:1"):
        raise ImageGCFailed("no")
    with place.images.noting("a:1"):
        pass
    assert place.ours() == []


def test_what_has_gone_is_ours_no_more(place: Place) -> None:
    """A person who removed it and pulls it again has an image of their own."""
    place.pull("a:1", "a")
    place.path.write_text('{"a": {"names": ["a:1"], "pulledAt": 1000.0, "namedAt": "1"}}')
    place.images = place.opened()
    assert place.ours() == [("a", ("a:1",))]
    del place.shelf.names["a:1"]
    assert place.ours() == []
    place.shelf.names["a:1"] = "a"
    assert place.ours() == []
    assert not place.remove("a")


def test_a_look_from_before_a_pull_makes_nothing_of_it_somebody_elses(place: Place) -> None:
    """What is known of the host may be older than what we just did."""
    place.pull("a:1", "a")
    assert place.images.present({"t": 7}) == ()
    assert place.ours() == [("a", ("a:1",))]


@pytest.mark.parametrize("what", ["name", "again"])
def test_what_somebody_else_named_is_left_alone_for_ever(place: Place, what: str) -> None:
    """By another name, or by pulling it again while we did not look."""
    place.pull("a:1", "a")
    if what == "name":
        place.shelf.names["kept:1"] = "a"
    else:
        place.shelf.named = 2
    assert not place.remove("a")
    assert place.ours() == []
    assert "a:1" in place.shelf.names


def test_a_name_that_was_taken_away_does_no_harm(place: Place) -> None:
    """A newer pull of a tag leaves the image before it with fewer names."""
    place.pull("a:1", "a")
    place.pull("a:latest", "a")
    place.pull("a:latest", "b")
    assert place.remove("a")
    assert place.ours() == [("b", ("a:latest",))]


def test_what_a_container_is_made_from_stays(place: Place) -> None:
    """Anybody's, running or not; it goes once there is none."""
    place.pull("a:1", "a")
    place.shelf.users["a"] = 1
    assert not place.remove("a")
    assert place.ours() == [("a", ("a:1",))]
    place.shelf.users["a"] = 0
    assert place.remove("a")


@pytest.mark.parametrize(("status", "fails"), [(409, True), (500, True), (404, False)])
def test_a_refusal_is_a_failure_unless_it_has_gone(place: Place, status: int, fails: bool) -> None:
    """And it stays ours."""
    place.pull("a:1", "a")
    place.shelf.refuses = status
    if fails:
        with pytest.raises(ImageGCFailed, match="a:1"):
            place.remove("a")
        assert place.ours() == [("a", ("a:1",))]
    else:
        assert place.remove("a")


def test_a_list_that_cannot_be_read_makes_everything_somebody_elses(place: Place) -> None:
    """Nothing is removed that we cannot show to have pulled."""
    place.pull("a:1", "a")
    place.path.write_text("{broken")
    place.images = place.opened()
    assert place.ours() == []
    assert not place.remove("a")


def test_a_list_that_cannot_be_written_stops_no_pull(place: Place) -> None:
    """The image is ours until a restart."""
    place.path.with_suffix(".new").mkdir()
    place.pull("a:1", "a")
    assert place.ours() == [("a", ("a:1",))]
    place.images = place.opened()
    assert place.ours() == []
