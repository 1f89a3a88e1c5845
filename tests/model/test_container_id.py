"""How a container's id is shown, and what of it is the Engine's."""

import pytest

from reconciler.model.container_id import ContainerID, read_id, shown_id


def test_an_id_is_read_as_it_is_shown() -> None:
    """The runtime stands before it."""
    assert shown_id("4f2c1e9") == "docker://4f2c1e9"
    assert read_id(shown_id("4f2c1e9")) == ContainerID("docker", "4f2c1e9")


@pytest.mark.parametrize("shown", ["", "4f2c1e9", "docker://a://b"])
def test_what_has_no_runtime_names_no_container(shown: str) -> None:
    """Nothing was made yet, or somebody wrote another form."""
    assert read_id(shown) is None
