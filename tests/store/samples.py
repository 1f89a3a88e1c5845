"""Objects, changes and reports for the tests of the store."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from reconciler.model.kinds import (
    AnyObject,
    ConfigMap,
    Container,
    Deployment,
    DeploymentSpec,
    LabelSelector,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
    PodTemplateSpec,
    Secret,
    ref_of,
)
from reconciler.model.node_report import ContainerFact, HostFact, NodeFacts, Observation, PodReport
from reconciler.model.plan import Action, Change, Executor, Happening, Outcome, OutcomeStatus, Plan, Reason, Verb
from reconciler.model.refs import ObjectRef
from reconciler.store import LEADER, Commit, Committed, Store

KEY = bytes(range(32))


class FakeClock:
    """A clock that a test moves."""

    def __init__(self, at: float = 1_700_000_000.0) -> None:
        self.at = at

    def now(self) -> float:
        """Return the time that was set."""
        return self.at


class Leader:
    """A store with the leader's lease, and shorthands for what a leader does."""

    def __init__(self, store: Store, clock: FakeClock, holder: str = "daemon-1") -> None:
        self.store, self.clock = store, clock
        lease = store.acquire(LEADER, holder, 15.0)
        assert lease is not None
        self.lease = lease

    def commit(self, *changes: Change, **parts: Any) -> Committed:
        """Commit in this leader's term."""
        return self.store.commit(Commit(changes=changes, **parts), term=self.lease.term)

    def create(self, *objects: AnyObject, manager: str = "source/main") -> Committed:
        """Create objects."""
        return self.commit(*(change("create", one, manager=manager) for one in objects))

    def get(self, object: AnyObject | ObjectRef) -> Any:
        """Return the stored object, or None."""
        ref = object if isinstance(object, ObjectRef) else ref_of(object)
        return self.store.snapshot().objects.get(ref)


def change(verb: str, object: AnyObject, *, manager: str = "source/main", expected: str = "", **more: Any) -> Change:
    """Make a change of an object."""
    return Change(
        verb=verb,
        ref=ref_of(object),
        object=object,
        manager=manager,
        reason=Reason.DECLARED,
        expected_resource_version=expected,
        **more,
    )


def config_map(name: str = "settings", value: str = "1", namespace: str = "shop") -> ConfigMap:
    """Make a ConfigMap with one key."""
    return ConfigMap(metadata=ObjectMeta(name=name, namespace=namespace), data={"key": value})


def pod(name: str = "web-1", image: str = "nginx:1.27", uid: str = "") -> Pod:
    """Make a Pod with one container."""
    spec = PodSpec(containers=(Container(name="web", image=image),))
    return Pod(metadata=ObjectMeta(name=name, namespace="shop", uid=uid or f"uid-{name}"), spec=spec)


def running(object: Pod) -> Pod:
    """Give a Pod the status of a running one."""
    return replace(object, status=PodStatus(phase="Running"))


def deployment(name: str = "web", replicas: int = 1) -> Deployment:
    """Make a Deployment of one container."""
    template = PodTemplateSpec(metadata=ObjectMeta(labels={"app": name}), spec=pod().spec)
    spec = DeploymentSpec(replicas=replicas, selector=LabelSelector(match_labels={"app": name}), template=template)
    return Deployment(metadata=ObjectMeta(name=name, namespace="shop"), spec=spec)


def secret(value: str, name: str = "password") -> Secret:
    """Make a Secret; the value is used as it stands, without base64."""
    return Secret(metadata=ObjectMeta(name=name, namespace="shop"), data={"password": value})


def happening(message: str = "it happened", *, object: ObjectRef | None = None) -> Happening:
    """Make a happening about the Deployment web."""
    about = object or ref_of(deployment())
    return Happening(object=about, uid="u1", reason="Happened", message=message)


def action(key: str = "a1", node: str = "node-1", object: ObjectRef | None = None) -> Action:
    """Make an action on a Pod."""
    return Action(
        key=key,
        executor=Executor.CONTAINER,
        verb=Verb.START,
        object=object or ref_of(pod()),
        node=node,
        reason=Reason.CONTAINER_MISSING,
    )


def outcome(key: str = "a1", at: float = 0.0) -> Outcome:
    """Make the outcome of an action that was done."""
    return Outcome(key=key, status=OutcomeStatus.DONE, finished_at=at)


def plan(id: str = "p1", **more: Any) -> Plan:
    """Make a plan with one action."""
    return Plan(id=id, actions=(action(),), **more)


def observation(sequence: int = 1, at: float = 100.0, **more: Any) -> Observation:
    """Make a report of node-1 with one running Pod."""
    name = more.pop("name", "web-1")
    image = more.pop("image", "nginx:1.27")
    complete = more.pop("complete", True)
    report = PodReport(uid=f"uid-{name}", namespace="shop", name=name, phase=more.pop("phase", "Running"))
    container = ContainerFact(
        id=f"c-{name}", name=f"rc_{name}", role="app", pod_uid=report.uid, state="running", image=image
    )
    pods = more.pop("pods", (report,))
    facts = NodeFacts(
        node="node-1",
        observed_at=at,
        complete=complete,
        host=HostFact(boot_id="boot-1", disk_free_bytes=int(at)),
        containers=(container,),
    )
    values = {"boot_id": "boot-1", "observed_at": at, "pods": pods, "facts": facts, **more}
    return Observation(node="node-1", sequence=sequence, **values)
