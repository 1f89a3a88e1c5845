"""What the cache makes of what the Engine tells."""

from pathlib import Path
from typing import Any, cast

import pytest

from reconciler.executors.container import labels
from reconciler.executors.container.cache import Cache
from reconciler.executors.container.files import ContainerFiles
from reconciler.executors.engine import Engine
from reconciler.executors.volume.paths import VolumePaths


class OneContainer:
    """An Engine with one container that has ended."""

    def __init__(self, exit_code: int) -> None:
        self.state = {"Status": "exited", "ExitCode": exit_code, "OOMKilled": False}

    def list_containers(self, label: str) -> list[dict[str, Any]]:
        """Leave it out."""
        return []

    def inspect_container(self, identity: str) -> dict[str, Any]:
        """Return the container."""
        config = {"Labels": {labels.CLUSTER: "c"}}
        return {"Id": identity, "Name": "/rc_one", "State": self.state, "Config": config, "HostConfig": {}}


@pytest.mark.parametrize(("exit_code", "is_killed"), [(137, True), (0, False)])
def test_that_memory_ran_out_is_kept_from_the_event(tmp_path: Path, exit_code: int, is_killed: bool) -> None:
    """Told after the end, the Engine itself forgets it; one that ended otherwise was not killed by it."""
    files = ContainerFiles(VolumePaths(tmp_path, tmp_path))
    cache = Cache(cast(Engine, OneContainer(exit_code)), labels.Owner(cluster="c", node="n"), files)
    cache.look_at("x")
    assert [fact.oom_killed for fact in cache.containers()] == [False]
    cache.note_out_of_memory("x")
    cache.look_at("x")
    assert [fact.oom_killed for fact in cache.containers()] == [is_killed]


def test_what_a_list_lacks_is_asked_for_before_it_counts_as_gone(tmp_path: Path) -> None:
    """P20: also what was known before a restart only; Pods are not started beside themselves."""
    files = ContainerFiles(VolumePaths(tmp_path, tmp_path))
    engine, owner = cast(Engine, OneContainer(0)), labels.Owner(cluster="c", node="n")
    cache = Cache(engine, owner, files, remembered=["x"])
    for _ in range(2):
        cache.load()
        assert [fact.id for fact in cache.containers()] == ["x"]
    nothing = Cache(engine, owner, files)
    nothing.load()
    assert nothing.containers() == ()
