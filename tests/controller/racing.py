"""A store, what a tick has seen of it, and somebody else who writes before the tick does."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from reconciler.controller.tick import observe, tick
from reconciler.model.kinds import AnyObject, ref_of
from reconciler.model.node_report import HostFact, NodeFacts, Observation
from reconciler.model.observed import ClusterInfo, NodeState, ObservedState, StoredObject
from reconciler.model.plan import Plan
from reconciler.model.policy import Policy
from reconciler.model.refs import ObjectRef
from reconciler.store import Commit, Store
from reconciler.store.index import Index
from tests.store.samples import KEY, FakeClock, Leader, change

_CLUSTER = ClusterInfo(id="test")


class Race:
    """One leader, which looks at once and ticks when it is told to."""

    def __init__(self, leader: Leader, nodes: Mapping[str, NodeState]) -> None:
        self._leader = leader
        self._index = Index(leader.store)
        self._nodes = nodes
        self.look()

    def look(self) -> ObservedState:
        """Have the next tick know what there is by now."""
        self._index.poll()
        self.seen = observe(_CLUSTER, self._index.view, self._nodes, self._leader.lease.term, {})
        return self.seen

    @property
    def objects(self) -> Mapping[ObjectRef, StoredObject]:
        """What is stored."""
        return self._leader.store.snapshot().objects

    def write(self, object: AnyObject) -> None:
        """Write as somebody else does: to what is there now."""
        present = self.objects[ref_of(object)].object.metadata
        metadata = replace(object.metadata, uid=present.uid)
        update = change("update", replace(object, metadata=metadata), manager="api", expected=present.resource_version)
        self._leader.store.commit(Commit(changes=(update,)), term=None)

    def remove(self, object: AnyObject) -> None:
        """Delete as somebody else does."""
        present = self.objects[ref_of(object)].object
        removal = change("delete", present, manager="api", expected=present.metadata.resource_version)
        self._leader.store.commit(Commit(changes=(removal,)), term=None)

    def tick(self) -> Plan:
        """Plan from what was seen, and write."""
        clock = self._leader.clock
        return tick(self._leader.store, {}, self.seen, Policy(digest_key="00" * 16), clock.now(), ())


def _heard(name: str, now: float) -> NodeState:
    host = HostFact(boot_id="b", address="10.0.0.1", cpu_millis=4000, memory_bytes=2**33)
    facts = NodeFacts(node=name, observed_at=now, host=host)
    report = Observation(node=name, boot_id="b", sequence=1, observed_at=now, facts=facts)
    return NodeState(name=name, heartbeat_at=now, observation=report)


@contextmanager
def race(path: Path, *objects: AnyObject) -> Iterator[Race]:
    """Yield a race over a store with these objects; the nodes among them are heard."""
    clock = FakeClock()
    store = Store.open(f"sqlite:///{path}", key=KEY, clock=clock)
    try:
        store.set_cluster(_CLUSTER)
        leader = Leader(store, clock)
        leader.create(*objects, manager="api")
        heard = (one.metadata.name for one in objects if one.kind == "Node")
        yield Race(leader, {name: _heard(name, clock.now()) for name in heard})
    finally:
        store.close()
