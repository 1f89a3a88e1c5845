"""A real host that is tainted: Pods that do not bear it end, those that bear it run on."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.host import Host, wait_for
from tests.e2e.kubectl import Kubectl, found
from tests.e2e.manifests import sleeper

pytestmark = pytest.mark.real

BEARS = """      tolerations:
      - {key: maintenance, operator: Exists}
"""


def pods(host: Host, app: str) -> list[dict[str, Any]]:
    """Return the Pods of an app that are not ending."""
    return [
        pod
        for pod in host.pods()
        if pod["metadata"].get("labels", {}).get("app") == app and "deletionTimestamp" not in pod["metadata"]
    ]


def running(host: Host, app: str) -> set[str]:
    """Return the uids of an app's Pods that run."""
    return {pod["metadata"]["uid"] for pod in pods(host, app) if pod["status"].get("phase") == "Running"}


@pytest.mark.skipif(not found(), reason="needs kubectl")
def test_a_taint_ends_what_does_not_bear_it(host: Host, tmp_path: Path) -> None:
    """P27: at once, in kubernetes' words; the next Pod waits until the taint is gone, what bears it never notices."""
    tolerant = sleeper("tolerant").replace(
        "      terminationGracePeriodSeconds", BEARS + "      terminationGracePeriodSeconds"
    )
    assert host.push({"plain.yaml": sleeper("plain"), "tolerant.yaml": tolerant}).code == 0
    before = {app: running(host, app) for app in ("plain", "tolerant")}
    config = tmp_path / "kubeconfig"
    config.write_text(host.run("kubeconfig").out)
    kubectl = Kubectl(next(iter(found().values())), config, tmp_path / "cache")
    (node,) = json.loads(kubectl.out("get", "nodes", "-o", "json"))["items"]
    conditions = {one["type"]: (one["status"], one["reason"]) for one in node["status"]["conditions"]}
    assert conditions["Ready"] == ("True", "KubeletReady")
    assert {"MemoryPressure", "DiskPressure", "PIDPressure"} <= conditions.keys()
    name = node["metadata"]["name"]

    kubectl.out("taint", "node", name, "maintenance=now:NoExecute")
    wait_for("the Pod has ended", lambda: not before["plain"] & running(host, "plain"), 30)
    wait_for("the next one waits", lambda: any("untolerated" in json.dumps(one) for one in pods(host, "plain")), 30)
    assert running(host, "tolerant") == before["tolerant"]
    assert "TaintManagerEviction" in kubectl.out("get", "events")

    kubectl.out("taint", "node", name, "maintenance-")
    wait_for("it runs again", lambda: bool(running(host, "plain")), 30)
    assert running(host, "tolerant") == before["tolerant"]
