"""Whose logs are meant."""

import click
import pytest

from reconciler.cli.log_sources import sources_of

POD = {
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "initContainers": [{"name": "first"}],
        "containers": [{"name": "app"}, {"name": "proxy"}],
        "ephemeralContainers": [{"name": "look"}],
    },
}


def test_every_container_of_a_pod_has_a_log() -> None:
    """In the order in which they start; one that looks into the Pod is the last."""
    assert [one.container for one in sources_of([POD], every=True)] == ["first", "app", "proxy", "look"]


def test_one_that_looks_into_a_pod_can_be_named() -> None:
    """As any other of its containers; the main one is meant where none is named."""
    assert [one.container for one in sources_of([POD], "look")] == ["look"]
    assert [one.container for one in sources_of([POD])] == ["app"]
    with pytest.raises(click.UsageError, match="look"):
        sources_of([POD], "unknown")
