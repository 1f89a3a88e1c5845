"""`reconciler drain`: which Pods go, which stop it, and how budgets are waited for."""

from typing import Any

import pytest

from reconciler.cli import draining
from reconciler.cli.draining import Drain
from reconciler.client.errors import ApiRefused, NotFound
from reconciler.model.errors import TerminalError, TransientError

Document = dict[str, Any]


def pod(name: str, owner: str = "ReplicaSet", phase: str = "Running", **spec: Any) -> Document:
    """A Pod on the node, owned by an object of this kind (empty: by nothing)."""
    owners = [{"kind": owner, "name": "web", "controller": True}] if owner else []
    metadata = {"name": name, "namespace": "shop", "uid": f"uid-{name}", "ownerReferences": owners}
    return {"metadata": metadata, "spec": spec, "status": {"phase": phase}}


class Api:
    """An API with Pods on one node; `budget` is how often each eviction is refused first."""

    def __init__(self, *pods: Document, budget: int = 0) -> None:
        self.pods = {one["metadata"]["name"]: one for one in pods}
        self.refusals = dict.fromkeys(self.pods, budget)
        self.cordoned = False
        self.evicted: list[str] = []
        self.volumes: list[Document] = []

    def object(self, kind: Any, namespace: str, name: str) -> Document:
        if name != "node-1":
            raise NotFound(404, f'nodes "{name}" not found')
        return {}

    def objects(self, kind: Any) -> Document:
        assert kind.kind == "PersistentVolume"
        return {"items": self.volumes}

    def get(self, path: str, query: Any = None) -> Document:
        if path == "/api/v1/pods":
            assert query == {"fieldSelector": "spec.nodeName=node-1"}
            return {"items": list(self.pods.values())}
        name = path.rpartition("/")[2]
        if name not in self.pods:
            raise NotFound(404, "gone")
        return self.pods[name]

    def patch(self, path: str, body: Document, content_type: str) -> Document:
        self.cordoned = body["spec"]["unschedulable"]
        return {}

    def post(self, path: str, body: Document) -> Document:
        name = path.split("/")[-2]
        assert self.cordoned, "the node is cordoned first, or Pods would come back"
        assert body["deleteOptions"]["preconditions"]["uid"] == f"uid-{name}"
        if self.refusals[name]:
            self.refusals[name] -= 1
            causes = [{"reason": "DisruptionBudget", "message": "needs 2 healthy and has 2"}]
            raise ApiRefused(429, "Cannot evict", details={"causes": causes})
        self.evicted.append(name)
        del self.pods[name]
        return {}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again at once."""
    monkeypatch.setattr(draining, "_AGAIN_S", 0.0)


def drain(api: Any) -> tuple[Drain, list[str]]:
    """Return a drain of node-1 and what it says."""
    said: list[str] = []
    return Drain(api, "node-1", said.append), said


def test_pods_go_and_those_of_daemon_sets_stay() -> None:
    """What brings a Pod to every node would bring it back."""
    api = Api(pod("web"), pod("agent", owner="DaemonSet"), pod("done", owner="Job", phase="Succeeded"))
    one, said = drain(api)
    one.evict_all(one.choose(force=False, empty_dirs=False), None)
    assert sorted(api.evicted) == ["done", "web"]
    assert "stays   pod/shop/agent: of a DaemonSet" in said
    assert "evicted pod/shop/web" in said


def test_a_budget_is_waited_for_and_told_once() -> None:
    """Each Pod goes as soon as its own lets it."""
    api = Api(pod("web"), budget=3)
    one, said = drain(api)
    one.evict_all(one.choose(force=False, empty_dirs=False), None)
    assert api.evicted == ["web"]
    assert [line for line in said if line.startswith("waits")] == ["waits   pod/shop/web: needs 2 healthy and has 2"]


def test_a_drain_gives_up_in_time_and_says_what_is_left() -> None:
    """The node stays cordoned: running it again goes on."""
    api = Api(pod("web"), budget=10**9)
    one, _ = drain(api)
    with pytest.raises(TransientError, match="left: pod/shop/web") as told:
        one.evict_all(one.choose(force=False, empty_dirs=False), 0.05)
    assert "uncordon" in told.value.hint
    assert api.cordoned


def test_pods_that_would_be_lost_stop_a_drain_before_it_begins() -> None:
    """Nothing makes them anew, or their data goes with them; their options let them go."""
    api = Api(pod("bare", owner=""), pod("cache", volumes=[{"name": "c", "emptyDir": {}}]))
    one, _ = drain(api)
    with pytest.raises(TerminalError, match="pod/shop/bare") as alone:
        one.choose(force=False, empty_dirs=False)
    assert "--force" in alone.value.hint
    with pytest.raises(TerminalError, match="pod/shop/cache") as data:
        one.choose(force=True, empty_dirs=False)
    assert "--delete-emptydir-data" in data.value.hint
    assert not api.cordoned
    assert len(one.choose(force=True, empty_dirs=True)) == 2


def test_a_node_that_is_not_there_is_said() -> None:
    """A typing error cordons nothing."""
    with pytest.raises(NotFound):
        Drain(Api(), "node-9", lambda _: None).choose(force=False, empty_dirs=False)  # type: ignore[arg-type]


def volume(claim: str, node: str, phase: str = "Bound") -> Document:
    """A volume on the disk of a node."""
    label = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"pv-{claim}"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "local": {"path": "/mnt"},
            "claimRef": {"kind": "PersistentVolumeClaim", "namespace": "shop", "name": claim},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [label]}]}},
        },
        "status": {"phase": phase},
    }


def test_pods_whose_data_is_on_the_node_alone_are_named_before_they_go() -> None:
    """Claims that a Pod brings along count; those on other nodes, and released volumes, do not."""
    volumes = [
        {"name": "a", "persistentVolumeClaim": {"claimName": "here"}},
        {"name": "b", "persistentVolumeClaim": {"claimName": "there"}},
        {"name": "c", "persistentVolumeClaim": {"claimName": "old"}},
        {"name": "d", "ephemeral": {}},
    ]
    api = Api(pod("db", volumes=volumes), pod("web"))
    api.volumes = [
        volume("here", "node-1"),
        volume("there", "node-2"),
        volume("old", "node-1", phase="Released"),
        volume("db-d", "node-1"),
    ]
    one, said = drain(api)
    one.choose(force=False, empty_dirs=False)
    rest = "is on this node alone; its Pod waits until `reconciler uncordon node-1`"
    assert said == [
        f"pinned  pod/shop/db: the data of claim shop/here {rest}",
        f"pinned  pod/shop/db: the data of claim shop/db-d {rest}",
    ]
    assert not api.cordoned
