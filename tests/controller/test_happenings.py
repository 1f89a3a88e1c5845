"""What nodes tell becomes Events about Pods, the parts of them that are meant, or the node itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from reconciler.controller.embedded import EmbeddedLink
from reconciler.controller.remote import NodeLinks
from reconciler.controller.tick import happenings_of
from reconciler.model.kinds import ContainerStatus
from reconciler.model.node_report import NodeEvent, NodeFacts, Observation, PodReport
from tests.controller.test_loop import Clock

FACTS = NodeFacts(node="n", observed_at=1.0)


def status(name: str) -> tuple[ContainerStatus, ...]:
    """The status of one container."""
    return (ContainerStatus(name=name, image="i", image_id=""),)


REPORT = PodReport(
    uid="u",
    namespace="ns",
    name="p",
    init_container_statuses=status("first"),
    container_statuses=status("web"),
    ephemeral_container_statuses=status("debug"),
)


@pytest.mark.parametrize(
    ("container", "path"),
    [
        ("", ""),
        ("web", "spec.containers{web}"),
        ("first", "spec.initContainers{first}"),
        ("debug", "spec.ephemeralContainers{debug}"),
    ],
)
def test_an_event_names_the_container_that_it_is_about(container: str, path: str) -> None:
    """With the list that it stands in."""
    event = NodeEvent(at=1.0, reason="Started", message="m", namespace="ns", pod="p", uid="u", container=container)
    told = Observation(node="n", boot_id="b", sequence=1, observed_at=1.0, facts=FACTS, pods=(REPORT,), events=(event,))
    (found,) = happenings_of(told)
    assert (found.object.kind, found.object.name, found.uid, found.field_path, found.host) == (
        "Pod",
        "p",
        "u",
        path,
        "n",
    )


def test_an_event_of_a_node_goes_by_its_name() -> None:
    """It is about no Pod."""
    event = NodeEvent(at=1.0, reason="Rebooted", message="m")
    told = Observation(node="n", boot_id="b", sequence=1, observed_at=1.0, facts=FACTS, events=(event,))
    (found,) = happenings_of(told)
    assert (found.object.kind, found.object.name, found.uid, found.field_path) == ("Node", "n", "n", "")


def test_an_event_is_dated_by_the_daemons_clock() -> None:
    """Also one of a host whose clock is wrong, and that could not tell it at once."""
    clock, heard = Clock(), list[Observation]()
    links = NodeLinks(cast(EmbeddedLink, SimpleNamespace(on_report=lambda _: None)), clock)
    links.on_report(heard.append)
    event = NodeEvent(at=900.0, reason="Started", message="m")
    told = Observation(node="n", boot_id="b", sequence=1, observed_at=1.0, facts=FACTS, events=(event,))
    links.report(told, clock.now() + 500.0)
    assert [one.at for one in happenings_of(heard[0])] == [400.0]
