"""Which of a DaemonSet's Pods an update ends and where it starts another: tables of nodes and what runs there."""

from typing import Any

import pytest

from reconciler.model.kinds import Pod, decode_object, ref_of
from reconciler.model.observed import StoredObject
from reconciler.model.times import rfc3339
from reconciler.planner.workloads.daemonset_pods import FAILURES, DaemonPods, back_off_until, by_age, target_node
from reconciler.planner.workloads.daemonset_update import Update, old_pods_to_end, surge

NOW = 1_800_000_000.0


def pod(name: str, **more: Any) -> Pod:
    """Return a Pod from the parts of its document; `seconds` in times are before now."""
    spec = {"containers": [{"name": "a", "image": "a"}], **more.pop("spec", {})}
    metadata = {"name": name, "namespace": "default", "uid": name, **more.pop("metadata", {})}
    found = decode_object({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, **more})
    assert isinstance(found, Pod)
    return found


def stored(found: Pod) -> StoredObject:
    """Return it as it is stored."""
    return StoredObject(ref=ref_of(found), object=found, manager="set")


def on(node: str, number: int, code: str) -> StoredObject:
    """Return a Pod of a node: `new` or `old`, available `+` or not `-`, and ending where a `!` follows."""
    metadata: dict[str, Any] = {"labels": {"controller-revision-hash": code[:3]}}
    if code.endswith("!"):
        metadata["deletionTimestamp"] = rfc3339(NOW)
    since = rfc3339(NOW - (10 if code[3] == "+" else 9))
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": since}
    status = {"phase": "Running", "conditions": [ready]}
    return stored(pod(f"{node}{number}", metadata=metadata, spec={"nodeName": node}, status=status))


def update(nodes: dict[str, str], silent: str = "") -> tuple[Update, list[str]]:
    """Return an update of these nodes, each with the Pods that it has, and their names."""
    pods = {node: [on(node, *one) for one in enumerate(codes.split())] for node, codes in nodes.items()}
    found = DaemonPods(pods=pods, silent=frozenset(silent.split()), revision="new")
    return Update(found=found, min_ready_s=10, now=NOW), sorted(nodes)


@pytest.mark.parametrize(
    ("nodes", "most", "ended"),
    [
        ({"a": "old+", "b": "old+", "c": "old+"}, 1, "a0"),
        ({"a": "old+", "b": "old+", "c": "old+"}, 2, "a0 b0"),
        ({"a": "old+", "b": "old-", "c": "old+"}, 1, "b0"),
        ({"a": "old+", "b": "old-", "c": "old+"}, 2, "b0 a0"),
        ({"a": "old-", "b": "old-", "c": "old+"}, 1, "a0 b0"),
        ({"a": "new-", "b": "old+"}, 1, ""),
        ({"a": "new-", "b": "old+"}, 2, "b0"),
        ({"a": "new+", "b": "old+"}, 1, "b0"),
        ({"a": "", "b": "old+"}, 1, ""),
        ({"a": "", "b": "old+"}, 2, "b0"),
        ({"a": "old+!", "b": "old+"}, 1, ""),
        ({"a": "new+ old+", "b": "old+"}, 1, ""),
        ({"a": "old+ old+", "b": "old+"}, 1, ""),
        ({"a": "old+ old+", "b": "old+"}, 2, "b0"),
        ({"a": "new+ new+", "b": "old+"}, 1, ""),
    ],
)
def test_old_pods_end_as_far_as_enough_are_available(nodes: dict[str, str], most: int, ended: str) -> None:
    """Those that serve nobody go anyhow; whatever is not in order on a node counts as unavailable."""
    assert [one.ref.name for one in old_pods_to_end(*update(nodes), most)] == ended.split()


@pytest.mark.parametrize(
    ("nodes", "most", "ended", "beside"),
    [
        ({"a": "old+", "b": "old+"}, 1, "", "a"),
        ({"a": "old+", "b": "old+", "c": "old+"}, 2, "", "a b"),
        ({"a": "old+", "b": "old-"}, 1, "", "b a"),
        ({"a": "old+", "b": "new+ old+"}, 1, "b1", "a"),
        ({"a": "new- old+", "b": "old+"}, 1, "", ""),
        ({"a": "new- old+", "b": "old+"}, 2, "", "b"),
        ({"a": "new- old+", "b": "new- old+", "c": "old+"}, 1, "", ""),
        ({"a": "new+", "b": "old+"}, 1, "", "b"),
        ({"a": "", "b": "old+"}, 1, "", "b"),
        ({"a": "old+ old+", "b": "old+"}, 1, "", ""),
        ({"a": "old+ old+", "b": "old+"}, 2, "", "b"),
        ({"a": "new+ new+ old+", "b": "old+"}, 1, "", ""),
        ({"a": "new+! old+", "b": "old+"}, 1, "", "a"),
    ],
)
def test_a_surge_starts_beside_and_ends_behind(nodes: dict[str, str], most: int, ended: str, beside: str) -> None:
    """An old Pod ends once the new one of its node is available; so many nodes have two at a time."""
    ending, names = surge(*update(nodes), most)
    assert ([one.ref.name for one in ending], names) == (ended.split(), beside.split())


def test_a_silent_node_counts_against_both_limits() -> None:
    """Nothing ends or starts there, whatever it said last."""
    nodes = {"a": "old-", "b": "old+", "c": "old+"}
    assert [old_pods_to_end(*update(nodes, silent="a"), most) for most in (0, 1)] == [[], []]
    assert [one.ref.name for one in old_pods_to_end(*update(nodes, silent="a"), 2)] == ["b0"]
    assert surge(*update(nodes, silent="a"), 1) == ([], [])
    assert surge(*update(nodes, silent="a"), 2) == ([], ["b"])


# The Pods


def ended_pod(failures: str | None, *, ran_s: float, started: bool = True) -> Pod:
    """Return a Pod that failed just now after so long."""
    end = {"name": "a", "state": {"terminated": {"exitCode": 1, "finishedAt": rfc3339(NOW)}}}
    status: dict[str, Any] = {"phase": "Failed", "containerStatuses": [end]}
    began = rfc3339(NOW - ran_s)
    if started:
        status["startTime"] = began
    made = rfc3339(NOW - 9000) if started else began
    annotations = {} if failures is None else {FAILURES: failures}
    return pod("p", metadata={"creationTimestamp": made, "annotations": annotations}, status=status)


@pytest.mark.parametrize(
    ("failures", "ran_s", "wait_s"),
    [
        (None, 5, 0),
        ("1", 5, 1),
        ("2", 5, 2),
        ("3", 5, 4),
        ("10", 5, 512),
        ("11", 5, 900),
        ("99", 5, 900),
        ("2", 1800, 2),
        ("2", 1801, 0),
        ("²", 5, 0),
        ("-1", 5, 0),
    ],
)
def test_each_failure_in_a_row_makes_the_next_pod_wait_longer(failures: str | None, ran_s: int, wait_s: int) -> None:
    """At once, then after a second, doubled up to 15 minutes; one that ran for half an hour begins anew."""
    assert back_off_until(ended_pod(failures, ran_s=ran_s)) == NOW + wait_s
    assert back_off_until(ended_pod(failures, ran_s=ran_s, started=False)) == NOW + wait_s


def pinned_to(*requirements: tuple[str, str, list[str]]) -> Pod:
    """Return a Pod that no node has, with these requirements of fields."""
    fields = [{"key": key, "operator": operator, "values": values} for key, operator, values in requirements]
    terms = {"nodeSelectorTerms": [{"matchFields": fields}]}
    return pod("p", spec={"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})


@pytest.mark.parametrize(
    ("found", "node"),
    [
        (pinned_to(("metadata.name", "In", ["n1"])), "n1"),
        (pinned_to(("metadata.name", "NotIn", ["n2"]), ("metadata.name", "In", ["n1"])), "n1"),
        (pinned_to(("metadata.name", "In", ["n1", "n2"])), ""),
        (pinned_to(("metadata.uid", "In", ["n1"])), ""),
        (pod("p", spec={"nodeName": "n3"}), "n3"),
        (pod("p"), ""),
    ],
)
def test_a_pod_is_meant_for_the_only_node_that_it_names(found: Pod, node: str) -> None:
    """The one that it is on, else the one that its affinity needs."""
    assert target_node(found) == node


def test_of_several_pods_the_one_that_is_placed_counts_as_the_oldest() -> None:
    """Then the older one, then the first by name."""
    made = {"metadata": {"creationTimestamp": rfc3339(NOW)}}
    earlier = {"metadata": {"creationTimestamp": rfc3339(NOW - 1)}}
    placed = {"spec": {"nodeName": "n"}}
    found = [pod("d", **earlier), pod("b", **made, **placed), pod("a", **made, **placed), pod("c", **earlier, **placed)]
    assert [one.ref.name for one in by_age([stored(one) for one in found])] == ["c", "a", "b", "d"]
