"""Overrides on a real host: restarts without downtime, rollbacks that hold, cordons, deleted Pods."""

import threading
from pathlib import Path

import pytest

from tests.e2e.host import Host, wait_for
from tests.e2e.kubectl import Kubectl, found
from tests.e2e.manifests import config_map, sleeper, web
from tests.e2e.test_push import page

pytestmark = pytest.mark.real

WEB = "deployment/default/web"


def names(host: Host, app: str) -> set[str]:
    """Return the names of the Pods of an app that are not ending."""
    return {
        pod["metadata"]["name"]
        for pod in host.pods()
        if pod["metadata"].get("labels", {}).get("app") == app and "deletionTimestamp" not in pod["metadata"]
    }


class Visitor:
    """Asks a Service again and again; `bad` are the answers that were none of its pages."""

    def __init__(self, address: str) -> None:
        self.bad: list[str] = []
        self.visits = 0
        self._address = address
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._visit, daemon=True)

    def _visit(self) -> None:
        while not self._stop.wait(0.05):
            answer = page(self._address)
            self.visits += 1
            if not answer.startswith("version-"):
                self.bad.append(answer)

    def __enter__(self) -> "Visitor":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)


def test_a_restart_replaces_every_pod_without_downtime(host: Host) -> None:
    """All Pods are new, and whoever asked meanwhile was served; afterwards nothing is left to do (P09)."""
    assert host.push({"web.yaml": web()}).code == 0
    before = names(host, "web")
    with Visitor(host.address("web")) as visitor:
        assert host.run("rollout", "restart", WEB).code == 0
        done = host.run("rollout", "status", WEB, "--timeout", "60", timeout=70)
        assert done.code == 0, done
    assert not before & names(host, "web")
    assert visitor.visits > 10
    assert not visitor.bad
    host.settle()
    wait_for("the old Pods have ended", lambda: host.run("plan").code == 0, 20, every=0.3)
    assert "restart asked for by" in host.run("history", WEB).out


def test_a_rollback_holds_until_the_declaration_changes(host: Host) -> None:
    """P15: neither a restart of the daemon nor another push ends it; every view says that it holds."""
    host.push({"web.yaml": web("1")})
    assert host.push({"web.yaml": web("2")}).code == 0
    assert page(host.address("web")) == "version-2"
    done = host.run("rollout", "undo", WEB)
    assert done.code == 0, done
    wait_for("the old version serves", lambda: page(host.address("web")) == "version-1", 40, every=0.2)
    host.run("rollout", "status", WEB, timeout=130)
    host.restart()
    pushed = host.push({"web.yaml": web("2"), "more.yaml": config_map("more")}, wait=False)
    wait_for("the other object is there", lambda: bool(host.get("/api/v1/namespaces/default/configmaps/more")), 20)
    assert pushed.code == 0
    assert page(host.address("web")) == "version-1"
    for view in (host.run("plan"), host.run("explain", WEB), host.run("status")):
        assert "rollback to revision 1" in view.out, view
    assert "ROLLED BACK" in host.run("status").out
    wait_for("the Pods of before have ended", lambda: host.run("plan").code == 0, 60, every=0.3)
    assert host.push({"web.yaml": web("3"), "more.yaml": config_map("more")}).code == 0
    host.settle()
    assert page(host.address("web")) == "version-3"
    assert "RollbackEnded" in host.events()


def test_a_deleted_pod_is_replaced(host: Host) -> None:
    """It ends gracefully, is gone when the command returns, and its owner has brought another."""
    host.push({"tools.yaml": sleeper("tools")})
    (name,) = names(host, "tools")
    done = host.run("delete", "pod", name)
    assert done.code == 0, done
    assert host.get(f"/api/v1/namespaces/default/pods/{name}") is None
    host.settle()
    assert names(host, "tools").isdisjoint({name})
    assert len(names(host, "tools")) == 1


def test_a_cordoned_node_takes_no_pods_until_it_is_uncordoned(host: Host) -> None:
    """What runs stays; what is new waits, and says for what."""
    host.push({"tools.yaml": sleeper("tools")})
    host.settle()
    before = host.running()
    assert host.run("cordon", "node-1").code == 0
    host.push({"tools.yaml": sleeper("tools"), "more.yaml": sleeper("more")}, wait=False)
    wait_for("the Pod is there", lambda: bool(names(host, "more")), 20)
    (name,) = names(host, "more")
    wait_for("it waits", lambda: "were unschedulable" in host.run("explain", f"pod/default/{name}").out, 20, every=0.3)
    assert host.running() == before
    assert "node/node-1 is cordoned" in host.run("plan").out
    assert host.run("uncordon", "node-1").code == 0
    host.settle()
    assert len(host.running()) == len(before) + 2


@pytest.mark.skipif(not found(), reason="needs kubectl")
def test_kubectl_drains_a_node(host: Host, tmp_path: Path) -> None:
    """What no budget keeps is evicted; what comes again waits until the node is uncordoned."""
    assert host.push({"tools.yaml": sleeper("tools")}).code == 0
    config = tmp_path / "config"
    config.write_text(host.run("kubeconfig").out)
    programs = found()
    for version in sorted({min(programs), max(programs)}):
        (before,) = names(host, "tools")
        kubectl = Kubectl(programs[version], config, tmp_path / version)
        drained = kubectl.out("drain", "node-1", "--timeout=40s")
        assert "node/node-1 drained" in drained
        (after,) = names(host, "tools")
        assert after != before
        assert not [one for name, one in host.containers().items() if before in name]
        kubectl.out("uncordon", "node-1")
        host.settle()
