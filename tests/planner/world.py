"""A small cluster for planner tests: manifests in, ticks, nodes that do at once what they are told."""

from collections.abc import Callable
from typing import Any

import msgspec
import yaml

from reconciler.model import kinds as k
from reconciler.model.canonical import digest
from reconciler.model.desired import DesiredObject, DesiredState, Provenance, RevisionInfo
from reconciler.model.kinds import KINDS, Condition, Pod, decode_object, ref_of
from reconciler.model.node_report import HostFact, NodeFacts, Observation, PodReport
from reconciler.model.observed import Acknowledgement, ClusterInfo, NodeState, ObservedState, SourceState
from reconciler.model.plan import Plan, Reason
from reconciler.model.policy import Policy
from reconciler.model.times import rfc3339
from reconciler.planner.apply import apply_plan
from reconciler.planner.memo import Memo
from reconciler.planner.plan import plan

replace = msgspec.structs.replace


def desired(text: str, source: str = "main", commit: str = "c1", *, prune: bool = True) -> DesiredState:
    """Read manifests as a revision of a source, without validation."""
    objects = []
    for number, document in enumerate(yaml.safe_load_all(text)):
        if not document:
            continue
        kind = KINDS[document["kind"]]
        if kind.namespaced:
            document["metadata"].setdefault("namespace", "default")
        object = decode_object(document)
        provenance = Provenance(source=source, commit=commit, file="all.yaml", line=number + 1)
        objects.append(DesiredObject(ref=ref_of(object), object=object, provenance=provenance, digest=digest(object)))
    return DesiredState(source=source, revision=RevisionInfo(commit=commit), objects=tuple(objects), prune=prune)


class Cluster:
    """Observed state that ticks change and whose nodes obey; `ready` decides which Pods become ready."""

    def __init__(self, nodes: tuple[str, ...] = ("node-1",), sources: tuple[str, ...] = ("main",)) -> None:
        self.now = 1_800_000_000.0
        self.policy = Policy(digest_key="00" * 16)
        self.memo = Memo()
        self.desired: dict[str, DesiredState] = {}
        self.ready: Callable[[Pod], bool] = lambda _: True
        self.phase: Callable[[Pod], str] = lambda _: "Running"
        self.ends: Callable[[Pod], bool] = lambda _: True
        self.addresses: dict[str, str] = {}
        self.observed = ObservedState(
            cluster=ClusterInfo(id="test"),
            sources={name: SourceState(name=name, loaded=True) for name in sources},
            nodes={name: NodeState(name=name) for name in nodes},
        )
        self.report()

    def push(self, text: str, source: str = "main", commit: str = "c1", **options: bool) -> None:
        """Make these manifests the newest revision of a source."""
        self.desired[source] = desired(text, source, commit, **options)

    def plan(self) -> Plan:
        """Plan without applying; what is remembered of earlier passes makes no difference, but to sentences."""
        answer = plan(self.desired, self.observed, self.policy, self.now)
        known = plan(self.desired, self.observed, self.policy, self.now, self.memo)
        if known != answer:
            # What is told of a Pod that no change may have helped may be older than the change.
            assert without_sentences(known, self.observed) == without_sentences(answer, self.observed)
        return answer

    def tick(self) -> Plan:
        """Plan and apply once; the nodes report afterwards."""
        answer = self.plan()
        self.observed = apply_plan(self.observed, answer)
        self.report()
        return answer

    def settle(self, limit: int = 60, step_s: float = 1.0) -> list[Plan]:
        """Tick until nothing changes any more; fails when that takes too long."""
        plans = []
        for _ in range(limit):
            answer = self.tick()
            plans.append(answer)
            self.now += step_s
            if not answer.changes:
                return plans
        raise AssertionError(f"not settled after {limit} ticks: {[c.ref for c in plans[-1].changes]}")

    def acknowledge(self, answer: Plan) -> None:
        """Release everything that a plan holds."""
        words = tuple(Acknowledgement(source=hold.source, objects=hold.objects, at=self.now) for hold in answer.holds)
        self.observed = replace(self.observed, acknowledgements=(*self.observed.acknowledgements, *words))

    def report(self) -> None:
        """Have every node report its Pods."""
        self.observed = replace(self.observed, nodes={name: self._state(name) for name in self.observed.nodes})

    def of(self, kind: str) -> dict[str, k.AnyObject]:
        """Return the objects of a kind by name."""
        return {ref.name: one.object for ref, one in sorted(self.observed.objects.items()) if ref.kind == kind}

    def _state(self, node: str) -> NodeState:
        facts = NodeFacts(
            node=node,
            observed_at=self.now,
            host=HostFact(
                boot_id="b",
                hostname=node,
                address="10.0.0.1",
                cpu_millis=8000,
                memory_bytes=2**34,
                architecture="x86_64",
            ),
            directories=(),
        )
        pods = tuple(self._pod(pod) for pod in self.of("Pod").values() if pod.spec.node_name == node)
        observation = Observation(node=node, boot_id="b", sequence=1, observed_at=self.now, facts=facts, pods=pods)
        return NodeState(name=node, heartbeat_at=self.now, observation=observation)

    def _pod(self, pod: Pod) -> PodReport:
        ending = pod.metadata.deletion_timestamp is not None
        phase = self.phase(pod)
        is_ready = phase == "Running" and self.ready(pod) and not (ending and self.ends(pod))
        address = self.addresses.setdefault(pod.metadata.uid, f"10.42.0.{len(self.addresses) + 2}")
        return PodReport(
            uid=pod.metadata.uid,
            namespace=pod.metadata.namespace,
            name=pod.metadata.name,
            phase=phase,
            pod_ip=address,
            host_ip="10.0.0.1",
            start_time=rfc3339(self.now) if not pod.status.start_time else pod.status.start_time,
            conditions=(Condition(type="ContainersReady", status="True" if is_ready else "False"),),
            gone=ending and self.ends(pod),
        )


def without_sentences(answer: Plan, observed: ObservedState) -> Plan:
    """Return a plan without the words about Pods that wait for a node, and without when to find new ones."""
    changes = [replace(one, object=_without_sentence(one.object)) for one in answer.changes]
    before = {ref: _without_sentence(one.object) for ref, one in observed.objects.items() if ref.kind == "Pod"}
    before.update((one.ref, one.object) for one in changes if one.verb != "status")
    return replace(
        answer,
        look_again_at=None,
        changes=tuple(one for one in changes if one.verb != "status" or one.object != before.get(one.ref)),
        happenings=tuple(one for one in answer.happenings if one.reason != "FailedScheduling"),
        verdicts=tuple(_without_message(one) for one in answer.verdicts),
        blocked=tuple(_without_message(one) for one in answer.blocked),
    )


def _without_message(one: Any) -> Any:
    return replace(one, message="") if one.reason is Reason.UNSCHEDULABLE else one


def _without_sentence(object: Any) -> Any:
    if not isinstance(object, Pod):
        return object
    conditions = tuple(
        replace(one, message="", last_update_time=None) if (one.type, one.status) == ("PodScheduled", "False") else one
        for one in object.status.conditions
    )
    return replace(object, status=replace(object.status, conditions=conditions))
