"""A Pod's full name."""

import pytest

from reconciler.model.pod_name import pod_full_name, read_full_name


def test_a_full_name_is_read_as_it_is_written() -> None:
    """The namespace stands behind the name."""
    assert pod_full_name("web-1", "shop") == "web-1_shop"
    assert read_full_name("web-1_shop") == ("web-1", "shop")


@pytest.mark.parametrize("text", ["", "web-1", "_", "web-1_", "_shop", "web_1_shop"])
def test_what_lacks_a_part_or_has_too_many_is_none(text: str) -> None:
    """A name alone is not a full one."""
    assert read_full_name(text) is None
