"""Names of images, when one is pulled, and who shares a pull."""

from __future__ import annotations

import pytest

from reconciler.model.kinds import LocalObjectReference
from reconciler.planner.node.holding import image_key
from reconciler.planner.node.images import full_name, full_names, pull_policy
from tests.planner.node.host import container, pod

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("busybox:1.36", "docker.io/library/busybox:1.36"),
        ("shop/web:1", "docker.io/shop/web:1"),
        ("index.docker.io/busybox", "docker.io/library/busybox:latest"),
        ("index.docker.io/shop/web", "docker.io/shop/web:latest"),
        ("docker.io/shop/web:1", "docker.io/shop/web:1"),
        ("localhost/web", "localhost/web:latest"),
        ("localhost:5000/web:2", "localhost:5000/web:2"),
        ("registry.example.com/team/web", "registry.example.com/team/web:latest"),
        ("registry:5000/web", "registry:5000/web:latest"),
        ("Registry.example.com/web", "Registry.example.com/web:latest"),
        ("Shop/web", ""),
        ("shop/Web", ""),
        ("web:", ""),
        ("", ""),
        (f"web@{DIGEST}", f"docker.io/library/web@{DIGEST}"),
        (f"web:1@{DIGEST}", f"docker.io/library/web@{DIGEST}"),
        (DIGEST, DIGEST),
        ("a" * 64, DIGEST),
    ],
)
def test_an_image_has_one_full_name(image: str, expected: str) -> None:
    """As the Engine reads it: a first part without a dot or a colon is no host, but localhost is."""
    assert full_name(image) == expected


def test_images_without_a_name_are_not_counted() -> None:
    """The Engine lists dangling ones too."""
    assert full_names(("busybox", "", "<none>:<none>", "shop/web@<none>")) == {"docker.io/library/busybox:latest"}


@pytest.mark.parametrize(
    ("image", "given", "expected"),
    [
        ("web", None, "Always"),
        ("web:latest", None, "Always"),
        ("web:1", None, "IfNotPresent"),
        (f"web@{DIGEST}", None, "IfNotPresent"),
        (f"web:latest@{DIGEST}", None, "IfNotPresent"),
        ("web", "Never", "Never"),
        ("web:1", "Always", "Always"),
    ],
)
def test_the_default_of_the_pull_policy_follows_the_tag(image: str, given: str | None, expected: str) -> None:
    """Always for latest, else IfNotPresent; what is written counts."""
    assert pull_policy(container(image=image, image_pull_policy=given)) == expected


def test_pods_share_a_pull_when_they_agree_on_image_and_credentials() -> None:
    """The order of their secrets says nothing; without any, the namespace says nothing either."""
    one, two = LocalObjectReference(name="a"), LocalObjectReference(name="b")
    keys = {image_key(pod("x", image_pull_secrets=secrets), container()) for secrets in ((one, two), (two, one))}
    assert keys == {"docker.io/shop/web:1 shop/a,b"}
    assert image_key(pod("x"), container()) == "docker.io/shop/web:1"
