"""Values that have not arrived are not values that do not exist."""

import pytest

from reconciler.executors.configuration import values_of
from reconciler.model.errors import TransientError
from reconciler.model.kinds import Container, PodSpec
from reconciler.model.node import ConfigMaterial, ConfigReference, Materials, PodAssignment

SPEC = PodSpec(containers=(Container(name="c", image="i"),))


def pod(version: str) -> PodAssignment:
    """A Pod that reads an optional Secret of some version; an empty one does not exist."""
    reference = ConfigReference(kind="Secret", namespace="shop", name="token", version=version, optional=True)
    return PodAssignment(uid="u", namespace="shop", name="p", spec=SPEC, configuration=(reference,))


def test_an_optional_secret_that_exists_is_waited_for() -> None:
    """After a reboot its values come later: the container must not start without them."""
    with pytest.raises(TransientError) as told:
        values_of(pod("v1"), Materials(), "Secret", "token")
    assert "token" in str(told.value)


def test_an_optional_secret_that_does_not_exist_is_absent() -> None:
    """Without a version there is nothing to wait for; with values they are returned."""
    assert values_of(pod(""), Materials(), "Secret", "token") is None
    material = ConfigMaterial(kind="Secret", namespace="shop", name="token", version="v1", data={"a": b"b"})
    assert values_of(pod("v1"), Materials(configuration=(material,)), "Secret", "token") == material
