"""P16 on a real host: a rollout that misses its deadline returns to the last healthy commit by itself."""

from pathlib import Path

import pytest
import yaml

from tests.e2e.host import Host, wait_for
from tests.e2e.manifests import web
from tests.e2e.test_push import page

pytestmark = pytest.mark.real


def returning(host: Host) -> None:
    """Have the source return to the last healthy commit when a rollout fails."""
    host.stop()
    file = Path(host.data) / "config.yaml"
    settings = yaml.safe_load(file.read_text())
    settings["sources"][0]["onFailure"] = "rollback"
    file.write_text(yaml.safe_dump(settings))
    host.start()


def impatient(version: str) -> str:
    """Return the web Deployment; the version `bad` never becomes ready, for which it has a short time only."""
    if version != "bad":
        return web(version)
    text = web(version).replace("  replicas: 2\n", "  replicas: 2\n  progressDeadlineSeconds: 8\n", 1)
    return text.replace("path: /,", "path: /missing,")


def test_a_failed_rollout_returns_to_the_last_healthy_commit(host: Host) -> None:
    """The pusher is told, the old version serves all the time, every view says why; the next commit goes on (P15)."""
    returning(host)
    assert host.push({"web.yaml": impatient("1")}).code == 0
    host.settle()
    wait_for("the commit counts as healthy", lambda: host.run("plan").code == 0, 60, every=0.3)
    good = host.json("status")["sources"][0]["applied"]["commit"]
    pushed = host.push({"web.yaml": impatient("bad")})
    assert "rolled back: deployment/default/web missed its deadline" in pushed.err, pushed
    assert page(host.address("web")) == "version-1"
    wait_for("the old version is whole", lambda: host.run("plan").code == 0, 60, every=0.3)
    status = host.json("status")
    source = status["sources"][0]
    assert (source["health"], source["applied"]["commit"]) == ("rolled back", good)
    assert source["held"] == source["newest"]["commit"]
    assert "missed its deadline" in source["heldBecause"]
    assert "rolled back" in host.run("history").out
    assert "RolledBack" in host.events()
    host.restart()
    wait_for("it still holds", lambda: host.json("status")["sources"][0]["health"] == "rolled back", 20, every=0.3)
    assert page(host.address("web")) == "version-1"
    assert host.push({"web.yaml": impatient("3")}).code == 0
    host.settle()
    assert page(host.address("web")) == "version-3"
