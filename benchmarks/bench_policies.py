"""Network policies: from manifests to rules in the kernel, all at once and when one Pod more comes."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.row import Row
from reconciler.executors.network import policies_layout as layout
from reconciler.executors.network.nftables import Nftables
from reconciler.executors.network.policies import PolicyTable, remove_table
from reconciler.executors.network.state import Kernel, StateFile
from reconciler.executors.network.table_events import TableEvents
from reconciler.model.details import ProgramPolicies
from reconciler.model.kinds import Namespace, NetworkPolicy, ObjectMeta, Pod
from reconciler.model.networkpolicy import PolicyRules
from reconciler.model.node import Assignment, NetworkView, PodAssignment
from reconciler.model.node_report import NodeFacts
from reconciler.model.observed import ClusterInfo, ObservedState, StoredObject
from reconciler.model.policy import Policy
from reconciler.model.refs import ObjectRef
from reconciler.planner.memo import Memo
from reconciler.planner.networkpolicy import cluster_policies
from reconciler.planner.node.look import Look
from reconciler.planner.node.network import LocalTruth
from reconciler.planner.node.policies import wanted_policies
from reconciler.planner.view import View

NEEDS_LAB = True
POLICIES, PODS, NAMESPACES, APPS = 100, 300, 10, 10
CIDR, DNS, CLUSTER = "10.42.0.0/22", "169.254.20.10", "bench"
Objects = dict[ObjectRef, StoredObject]
_EMPTY = Assignment(
    cluster_id="t",
    term=1,
    generation=1,
    node="n",
    pod_cidr=CIDR,
    cluster_pod_cidr="10.42.0.0/16",
    service_cidr="10.43.0.0/16",
    domain="cluster.local",
    dns_address=DNS,
)


def run() -> list[Row]:
    """Measure on a lab host: every Pod is here, which is the worst that can be."""
    objects, memo = _cluster(), Memo()
    planned = _timed(lambda: _rules(objects, memo))
    rules = _rules(objects, memo)
    # /run, as on a host: what is written there costs no disk.
    with tempfile.TemporaryDirectory(dir="/run") as directory:
        nftables, events = Nftables(), TableEvents()
        try:
            table = PolicyTable(
                CLUSTER, nftables, events, StateFile(Path(directory) / "policies.json", Kernel.current())
            )
            return [_whole(table, nftables, rules, planned), _one_more(table, nftables, objects, memo)]
        finally:
            remove_table(nftables, CLUSTER)
            events.close()
            nftables.close()


def _whole(table: PolicyTable, nftables: Nftables, rules: PolicyRules, planned: float) -> Row:
    nftables.run("list tables ip\n")
    ours = _timed(lambda: table.program(_program("all", rules)))
    elements = layout.elements_of(rules)
    script = layout.table_script("x", DNS, elements).replace(layout.TABLE, "bench")
    naive = _one_rule_each(rules)
    others = (
        ("the library alone", _timed(lambda: nftables.run(script))),
        ("nft -f", _timed(lambda: subprocess.run(["nft", "-f", "-"], input=script.encode(), check=True))),
        ("a rule for each peer and port", _timed(lambda: nftables.run(naive))),
        ("planned from the manifests", planned),
    )
    nftables.run("delete table ip bench\n")
    boxes = sum(len(one.boxes) for one in rules.profiles)
    return Row(
        f"{POLICIES} policies x {PODS} Pods: programmed from nothing",
        ours,
        others,
        budget="2 x the library alone",
        note=f"{len(rules.profiles)} sets with {boxes} elements",
    )


def _one_more(table: PolicyTable, nftables: Nftables, objects: Objects, memo: Memo) -> Row:
    times, plans = [], []
    for number in range(10):
        objects = {**objects, **_stored(_pod(PODS + number))}
        plans.append(_timed(lambda: _rules(objects, memo)))  # noqa: B023 - called at once
        rules = _rules(objects, memo)
        times.append(_timed(lambda: table.program(_program(f"{number}", rules))))  # noqa: B023 - called at once
    add = f"add element ip {layout.TABLE} selves {{ 10.42.9.1 . 10.42.9.1 }}\n"
    alone = []
    for _ in range(10):
        alone.append(_timed(lambda: nftables.run(add)))
        nftables.run(add.replace("add", "delete"))
    others = (
        ("one element by the library alone", statistics.median(alone)),
        ("planned from the manifests", statistics.median(plans)),
    )
    return Row("one Pod more in it", statistics.median(times), others, budget="20 ms")


def _one_rule_each(rules: PolicyRules) -> str:
    """The same as a person would write it: for every profile a chain with a rule for each of its boxes."""
    chains = []
    for one in rules.profiles:
        lines = [
            f"ip saddr {element.split(' . ')[0]} meta l4proto {element.split(' . ')[1]} "
            f"th dport {element.split(' . ')[2]} return"
            for element in layout.elements_of(PolicyRules(profiles=(one,)))[one.name]
        ]
        chains.append(f"chain {one.name} {{\n" + "\n".join([*lines, "drop"]) + "\n}")
    return "table ip bench {\n}\ndelete table ip bench\ntable ip bench {\n" + "\n".join(chains) + "\n}\n"


def _program(digest: str, rules: PolicyRules) -> ProgramPolicies:
    return ProgramPolicies(digest=digest, dns_address=DNS, rules=rules)


def _rules(objects: Objects, memo: Memo) -> PolicyRules:
    """Return what the node is to program, as its step finds it."""
    memo.next_pass()
    observed = ObservedState(cluster=ClusterInfo(id="t", dns_address=DNS), objects=objects)
    policies = cluster_policies(View(observed, Policy(digest_key="00" * 16), 1.8e9, memo))
    pods = [one.object for one in objects.values() if isinstance(one.object, Pod)]
    truths = [LocalTruth(one.metadata.uid, one.status.pod_ip, ready=True, terminating=False) for one in pods]
    assignment = msgspec.structs.replace(_EMPTY, pods=tuple(map(_assigned, pods)))
    look = Look("n", 1.8e9, assignment, NodeFacts(node="n", observed_at=0.0), frozenset(), {}, {}, in_contact=True)
    view = NetworkView(cluster_id="t", term=1, generation=1, policies=policies)
    return wanted_policies(look, view, truths).rules


def _cluster() -> Objects:
    names = [f"team-{number}" for number in range(NAMESPACES)]
    namespaces = [Namespace(metadata=ObjectMeta(name=name, labels={"team": name})) for name in names]
    return _stored(*namespaces, *map(_pod, range(PODS)), *map(_policy, range(POLICIES)))


def _policy(number: int) -> NetworkPolicy:
    app = {"matchLabels": {"app": f"app-{number // NAMESPACES}"}}
    other = {"matchLabels": {"app": f"app-{(number // NAMESPACES + 1) % APPS}"}}
    far = {"namespaceSelector": {"matchLabels": {"team": f"team-{(number + 1) % NAMESPACES}"}}, "podSelector": other}
    rule = {"from": [{"podSelector": other}, far, {"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"port": 8080}]}
    metadata = {"name": f"policy-{number}", "namespace": f"team-{number % NAMESPACES}"}
    spec = {"podSelector": app, "ingress": [rule], "egress": [{"ports": [{"port": 8080}]}]}
    return msgspec.convert({"kind": "NetworkPolicy", "metadata": metadata, "spec": spec}, NetworkPolicy)


def _pod(number: int) -> Pod:
    labels = {"app": f"app-{number // NAMESPACES % APPS}"}
    metadata = {"name": f"p{number}", "namespace": f"team-{number % NAMESPACES}", "uid": f"u{number}", "labels": labels}
    spec = {"nodeName": "n", "containers": [{"name": "main", "image": "x"}]}
    status = {"podIP": f"10.42.{number // 250}.{number % 250 + 2}", "phase": "Running"}
    return msgspec.convert({"kind": "Pod", "metadata": metadata, "spec": spec, "status": status}, Pod)


def _assigned(one: Pod) -> PodAssignment:
    metadata = one.metadata
    return PodAssignment(
        uid=metadata.uid, namespace=metadata.namespace, name=metadata.name, spec=one.spec, labels=metadata.labels
    )


def _stored(*objects: Any) -> Objects:
    refs = [ObjectRef(kind=one.kind, namespace=one.metadata.namespace, name=one.metadata.name) for one in objects]
    return {ref: StoredObject(ref=ref, object=one, manager="api") for ref, one in zip(refs, objects, strict=True)}


def _timed(do: Callable[[], object]) -> float:
    started = time.perf_counter()
    do()
    return time.perf_counter() - started
