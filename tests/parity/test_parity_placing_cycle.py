"""One Pod after the other gets the node that upstream's scheduler would give it, or says in the same words why not."""

import json
from collections.abc import Hashable, Mapping
from typing import Any, ClassVar, cast

from reconciler.model.kinds import Node, NodeSpec, NodeStatus, ObjectMeta, PersistentVolume, Pod
from reconciler.planner.admission.admit import with_named_claims
from reconciler.planner.scheduling.bind import place_pods
from reconciler.planner.scheduling.choice import Choice
from reconciler.planner.scheduling.fit import Candidate, candidate_of
from reconciler.planner.scheduling.framework import AnyPlugin, Misfit, Plugin
from reconciler.planner.scheduling.noderules import NodeAffinity, NodeName, NodePorts
from reconciler.planner.scheduling.resources import NodeResourcesFit
from tests.parity.placing import REFUSED, Objects
from tests.parity.rows import NotTranslated, compare
from tests.parity.spelling import spelled_candidates, spelled_node, spelled_pod
from tests.parity.volumes import claim_of, class_named, stored, view_of, volume_of

Case = dict[str, Any]
_ROOM = {"cpu": "8", "memory": "16Gi", "pods": "100"}
# What upstream's tests of volumes call their Pod, its claim and their node.
_POD = {"name": "foo", "namespace": "foo-ns", "uid": "foo"}
_CLAIM = "testPVC".lower()


def _node(name: str, **spec: Any) -> Node:
    return Node(metadata=ObjectMeta(name=name), spec=NodeSpec(**spec), status=NodeStatus(allocatable=_ROOM))


def with_volumes(case: Case) -> bool:
    """Judge a row with a Pod whose claim is bound when it is placed; what the binder fails with cannot be spelled."""
    asked = case["volumeBinderConfig"]
    if any(one.get("error") for one in asked.values() if isinstance(one, dict)):
        raise NotTranslated
    claim = claim_of({"metadata": {"name": _CLAIM, "namespace": _POD["namespace"]}, "spec": {"storageClassName": "c"}})
    volumes: tuple[PersistentVolume, ...] = ()
    if not asked.get("FindReasons"):
        row = {"metadata": {"name": "pv"}, "spec": {"storageClassName": "c"}, "status": {"phase": "Available"}}
        volumes = (volume_of(row),)
    spec = {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": _CLAIM}}]}
    pod = with_named_claims(spelled_pod({"metadata": _POD, "spec": spec}))
    delayed = class_named("c", "kubernetes.io/no-provisioner", delayed=True)
    view = view_of(_node("node1"), pod, claim, delayed, *volumes)
    place_pods(view)
    told = [(one.reason, one.message) for one in view.happenings if one.object.kind == "Pod"]
    node = case.get("expectPodBind", {}).get("target", {}).get("name", "")
    is_told = [reason for reason, _ in told] == [case["eventReason"]]
    # Upstream's test has no plugin that makes room, so that nothing is said of it.
    is_why = told[0][1].startswith(case.get("expectError", {}).get("error", ""))
    return is_told and is_why and stored(view, pod).spec.node_name == node


def turn(case: Case) -> bool:
    """Judge a row with one Pod's turn; an error of the algorithm is spelled as a node that takes no Pods."""
    sent, is_ending = case["sendPod"], "deletionTimestamp" in case["sendPod"]["metadata"]
    if "injectSchedulingError" not in case and not is_ending:
        raise NotTranslated
    scheduled = case.get("mockScheduleResult", {}).get("SuggestedHost", "node1")
    spec = {name: value for name, value in sent["spec"].items() if name != "schedulerName"}
    pod = spelled_pod({**sent, "spec": spec})
    view = view_of(_node(scheduled, unschedulable=not is_ending), pod)
    place_pods(view)
    found = stored(view, pod)
    is_waiting = not found.spec.node_name and bool(view.blocked)
    is_told = [one.reason for one in view.happenings] == [case["eventReason"]]
    is_nominated = found.status.nominated_node_name == case.get("expectNominatedNodeName", "")
    return is_told and is_nominated and is_waiting is ("expectPodInBackoffQ" in case)


class Scored(Plugin[Mapping[str, int]]):
    """Gives nodes the scores of a row."""

    name = "Scored"
    weight = 1

    def prepare(self, pod: Pod) -> Mapping[str, int]:
        """Return the scores, which the Pod carries."""
        return {name: int(score) for name, score in pod.metadata.annotations.items()}

    def score(self, state: Mapping[str, int], pod: Pod, node: Candidate) -> int:
        """Return the node's score."""
        return state[node.name]


class Counting(Plugin[list[str]]):
    """Notes which nodes it is asked about."""

    name = "Counting"

    def prepare(self, pod: Pod) -> list[str]:
        """Return what it notes in."""
        return cast(list[str], self.cluster.kept.setdefault("asked", []))

    def why_not(self, state: list[str], pod: Pod, node: Candidate) -> Misfit | None:
        """Note the node."""
        state.append(node.name)
        return None


def _choice(names: list[str], plugin: type[AnyPlugin], kept: dict[str, Any] | None = None) -> Choice:
    return Choice({name: candidate_of(_node(name), ()) for name in names}, Objects(), plugins=(plugin,), kept=kept)


def best(case: Case) -> bool:
    """Judge a row with the scores of nodes; among equals upstream throws a die, and we take the first by name."""
    scores = {one["Name"]: one["TotalScore"] for one in case["list"]}
    if len(set(scores.values())) < len(scores):
        raise NotTranslated
    pod = spelled_pod({"metadata": {"name": "p", "annotations": {name: str(one) for name, one in scores.items()}}})
    return _choice(list(scores), Scored).best(pod) == case["expectedNodeList"][0]["Name"]


def asked(nodes: int) -> Any:
    """Return a judge of rows about how often nodes are looked at."""

    def judged(case: Case) -> bool:
        pod = spelled_pod(case["pod"])
        kept: dict[str, Any] = {}
        _choice([f"node{number}" for number in range(nodes)], Counting, kept).best(pod)
        return len(kept["asked"]) == case["expectedCount"]

    return judged


def how_many(case: Case) -> bool:
    """Judge a row about how many nodes are looked at: all. No setting of ours has only a part looked at."""
    if case["wantNumNodes"] < case["numAllNodes"]:
        raise NotTranslated
    pod = spelled_pod({"metadata": {"name": "p"}, "spec": {}})
    kept: dict[str, Any] = {}
    _choice([f"node{number}" for number in range(case["numAllNodes"])], Counting, kept).best(pod)
    return len(kept["asked"]) == case["wantNumNodes"]


class Looking(Plugin[None]):
    """Looks at some annotations of Pods."""

    name = "Looking"
    keys: ClassVar[tuple[str, ...]] = ()

    def prepare(self, pod: Pod) -> None:
        """Be left out of everything else."""

    def likeness(self, pod: Pod) -> Hashable:
        """Return what it looks at."""
        return tuple(pod.metadata.annotations[key] for key in self.keys)


class Single(Looking):
    """Knows of no two Pods whether they are alike, as the plugin about volumes of some claims."""

    def likeness(self, pod: Pod) -> Hashable:
        """Return who it is."""
        return pod.metadata.namespace, pod.metadata.name


def alike(case: Case) -> bool:
    """Judge a row about what of a Pod decides where it goes: what its plugins look at, and nothing else."""
    plugins = case.get("plugins", ())
    codes = {one["status"].get("code", 0) for one in plugins}
    if REFUSED in codes:
        choice = Choice({"n": candidate_of(_node("n"), ())}, Objects(), plugins=(Single,))
        one, other = (spelled_pod({"metadata": {"name": name}, "spec": {}}) for name in ("one", "other"))
        return (choice.alike(one) is choice.alike(other)) is ("expectedSignature" in case)
    if any(codes):
        raise NotTranslated  # no plugin of ours fails to say what it looks at
    shown = [{one["Key"]: str(one["Value"]) for one in each["signature"]} for each in plugins]
    made = [type("Looking", (Looking,), {"keys": tuple(each)}) for each in shown]
    choice = Choice({"n": candidate_of(_node("n"), ())}, Objects(), plugins=made)
    wanted = {key for key in json.loads(case["expectedSignature"]) if not key.startswith("v1.Pod.")}
    every = {key: value for each in shown for key, value in each.items()} | {"other": "0"}

    def found(**changed: str) -> object:
        return choice.alike(spelled_pod({"metadata": {"name": "p", "annotations": {**every, **changed}}, "spec": {}}))

    return wanted == {key for key in every if found(**{key: "another"}) is not found()}


def against(case: Case) -> bool:
    """Judge a row with everything that one node has against a Pod, and with the first of it."""
    pod = spelled_pod(case["pod"])
    (node,) = spelled_candidates([case["node"]], case.get("existingPods"))
    found = []
    for plugin in (NodeResourcesFit, NodeAffinity, NodeName, NodePorts):
        misfit = Choice({node.name: node}, Objects(), plugins=(plugin,)).alike(pod).misfit(node.name)
        found += [(reason, misfit.is_final) for reason in misfit.reasons] if misfit is not None else []
    every, first = ([_said(one) for one in results] for results in case["wantAdmissionResults"])
    return [found, found[:1]] == [every, first]


def _said(result: Case) -> tuple[str, bool]:
    lack = result.get("InsufficientResource")
    return (lack["Reason"], lack.get("Unresolvable", False)) if lack else (result["Reason"], True)


def nominated(case: Case) -> bool:
    """Judge a row with a Pod for which room is made on a node that may be none of those it may have."""
    names = [spelled_node(one).metadata.name for one in case["allNodes"]]
    pod = spelled_pod(case["pod"])
    there = [name for name in reversed(names) if name in case["placementNodes"]]
    is_taken = _choice(there, Counting).best(pod) == pod.status.nominated_node_name
    return is_taken is bool(case.get("wantNodeList"))


def test_one_pod_after_the_other_is_placed_as_upstream_does() -> None:
    """Events, nominations, the best of several, and how many are looked at."""
    tables = {
        "TestSchedulerWithVolumeBinding": with_volumes,
        "TestSchedulerScheduleOne": turn,
        "TestScheduleOneMarksPodAsProcessedBeforePreBind": turn,
        "Test_SelectHost": best,
        "TestFindFitPredicateCallCounts": asked(1),
        "TestPreferNominatedNodeFilterCallCounts": asked(3),
        "TestEvaluateNominatedNode": nominated,
        "TestNumFeasibleNodesToFind": how_many,
        "TestSignatures": alike,
        "TestAdmissionCheck": against,
    }
    compare("pkg_scheduler", tables)
