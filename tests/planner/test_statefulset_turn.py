"""One look of the controller at a StatefulSet: which numbers start and end, by tables of what runs."""

from typing import Any, cast

import pytest

from reconciler.model.kinds import StatefulSet, decode_object, ref_of
from reconciler.model.observed import ClusterInfo, ObservedState, StoredObject
from reconciler.model.plan import Decision, Reason
from reconciler.model.policy import Policy
from reconciler.model.refs import ObjectRef
from reconciler.model.times import rfc3339
from reconciler.planner.view import View
from reconciler.planner.workloads.statefulset import max_unavailable, sync_stateful_sets

NOW = 1_800_000_000.0
SET = ObjectRef.of("StatefulSet", "d", "s")
PARALLEL = {"podManagementPolicy": "Parallel"}
PHASES = {"P": "Pending", "F": "Failed", "S": "Succeeded"}


def stored(document: dict[str, Any], manager: str = "s") -> StoredObject:
    """Return an object as it is stored."""
    found = decode_object(document)
    return StoredObject(ref=ref_of(found), object=found, manager=manager)


def stateful_set(replicas: int = 3, status: Any = None, **spec: Any) -> StoredObject:
    """Return the StatefulSet `s`, whose Pods have to be ready for ten seconds."""
    template = {"metadata": {"labels": {"app": "s"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    whole = {
        "replicas": replicas,
        "serviceName": "s",
        "selector": {"matchLabels": {"app": "s"}},
        "template": template,
        "minReadySeconds": 10,
        **spec,
    }
    metadata = {"name": "s", "namespace": "d", "uid": "s"}
    document = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": whole}
    return stored({**document, "status": status or {}}, "source/main")


def revision() -> str:
    """Return the name of the revision that the template has."""
    view = looked(stateful_set(0))
    return cast(StatefulSet, view.objects[SET].object).status.update_revision


def pod(ordinal: int, code: str) -> StoredObject:
    """Return a Pod: `n` new or `o` old; `+` available, `-` not yet, `u` unready, or ended; `!` where it is ending."""
    phase = PHASES.get(code[1], "Running")
    since = {"+": 10, "-": 9}.get(code[1])
    ready = {
        "type": "Ready",
        "status": "False" if since is None else "True",
        "lastTransitionTime": rfc3339(NOW - (since or 9)),
    }
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "s", "uid": "s", "controller": True}
    name = f"s-{ordinal}"
    labels = {"app": "s", "controller-revision-hash": revision() if code[0] == "n" else "s-old"}
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": "d",
        "uid": name,
        "labels": labels,
        "ownerReferences": [owner],
    }
    if code.endswith("!"):
        metadata["deletionTimestamp"] = rfc3339(NOW)
    spec = {"nodeName": "n", "containers": [{"name": "a", "image": "a"}]}
    status = {"phase": phase, "conditions": [ready]}
    return stored({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status})


def looked(*objects: StoredObject) -> View:
    """Return the view after the controller looked."""
    view = View(ObservedState(cluster=ClusterInfo(id="t"), objects={one.ref: one for one in objects}), Policy(), NOW)
    sync_stateful_sets(view)
    return view


def with_pods(of: StoredObject, codes: str, *more: StoredObject) -> View:
    """Return the view after the controller looked at these Pods, from number 0 on; `.` is none."""
    return looked(of, *more, *(pod(number, code) for number, code in enumerate(codes.split()) if code != "."))


def moved(view: View) -> tuple[str, str]:
    """Return which numbers were made, and which were asked to end."""

    def numbers(decisions: set[Decision]) -> str:
        found = (
            ref.name[2:]
            for ref, one in sorted(view.verdicts.items())
            if ref.kind == "Pod" and one.decision in decisions
        )
        return " ".join(found)

    return numbers({Decision.CREATE}), numbers({Decision.DELETE})


@pytest.mark.parametrize(
    ("of", "codes", "made", "ended"),
    [
        (stateful_set(), "", "0", ""),
        (stateful_set(**PARALLEL), "", "0 1 2", ""),
        (stateful_set(), "n+", "1", ""),
        (stateful_set(), "n-", "", ""),
        (stateful_set(**PARALLEL), "n-", "1 2", ""),
        (stateful_set(), "n+! .", "", ""),
        (stateful_set(**PARALLEL), "n+! .", "1 2", ""),
        (stateful_set(), ". n+", "0", ""),
        (stateful_set(), "nF", "", "0"),
        (stateful_set(**PARALLEL), "nS nF", "2", "0 1"),
        (stateful_set(), "nP", "", ""),
        (stateful_set(), "ou", "", "0"),
        (stateful_set(), "o-", "", ""),
        (stateful_set(), "nu", "", ""),
        (stateful_set(ordinals={"start": 1}), "", "1", ""),
        (stateful_set(2), "n+ n+ n+ n+", "", "3"),
        (stateful_set(2), "n+ n+ n+ n+!", "", ""),
        (stateful_set(2), "o+ o+ n+ n+", "", "3"),
        (stateful_set(2), "o+ o+ n+ n+!", "", ""),
        (stateful_set(2), "o+ o+ nu nu!", "", ""),
        (stateful_set(), "o+ o+ o+!", "", ""),
        (stateful_set(**PARALLEL), "o+ n+ nu", "", ""),
        (stateful_set(updateStrategy={"rollingUpdate": {"maxUnavailable": 3}}), "o+ n+ o+", "", "0 2"),
        (stateful_set(updateStrategy={"rollingUpdate": {"maxUnavailable": 3}}, **PARALLEL), "o+ n+ o+!", "", "0"),
        (stateful_set(2), "n+ n+ n+ nu", "", "3"),
        (stateful_set(2), "n+ n+ nu n+", "", "3"),
        (stateful_set(2), "n+ n+ nu nu", "", ""),
        (stateful_set(2), "n+ n+ ou ou", "", "3"),
        (stateful_set(0), "ou o- ", "", ""),
        (stateful_set(2), "n+ nu n+", "", ""),
        (stateful_set(2, **PARALLEL), "n+ n+ nu n+", "", "2 3"),
        (stateful_set(2, **PARALLEL), "n+ n+ n+! n+!", "", ""),
        (stateful_set(2, **PARALLEL), "n+ n+ n+ n+!", "", "2"),
        (stateful_set(2, **PARALLEL), "o+ o+ o+ n+", "", "2 3"),
        (stateful_set(), "o+ o+ o+", "", "2"),
        (stateful_set(), "o+ o+ n+", "", "1"),
        (stateful_set(), "o+ o+ n-", "", ""),
        (stateful_set(**PARALLEL), "o+ o+ n-", "", ""),
        (stateful_set(**PARALLEL), "o+ ou n-", "", "1"),
        (stateful_set(**PARALLEL), "o+ o+! ou", "", "2"),
        (stateful_set(), "o+ n+ o+", "", "2"),
        (stateful_set(updateStrategy={"type": "OnDelete"}), "o+ o+ o+", "", ""),
        (stateful_set(updateStrategy={"rollingUpdate": {"partition": 2}}), "o+ o+ n+", "", ""),
        (stateful_set(updateStrategy={"rollingUpdate": {"partition": 2}}), "o+ o+ o+", "", "2"),
        (stateful_set(updateStrategy={"rollingUpdate": {"maxUnavailable": 2}}), "o+ o+ o+", "", "1 2"),
        (stateful_set(updateStrategy={"rollingUpdate": {"maxUnavailable": 2}}, **PARALLEL), "o+ o+ n-", "", "1"),
    ],
)
def test_numbers_start_and_end(of: StoredObject, codes: str, made: str, ended: str) -> None:
    """In order one waits for the other; in parallel none does; an update takes away as many as it may."""
    assert moved(with_pods(of, codes)) == (made, ended)


@pytest.mark.parametrize(
    ("code", "type_", "event", "reason"),
    [
        ("nF", "Warning", "RecreatingFailedPod", Reason.POD_FAILED),
        ("nS", "Normal", "RecreatingTerminatedPod", Reason.POD_FINISHED),
    ],
)
def test_what_has_ended_is_told_and_made_anew(code: str, type_: str, event: str, reason: Reason) -> None:
    """Under its name, once it is gone."""
    view = with_pods(stateful_set(), code)
    told = [(one.type, one.reason, one.message) for one in view.happenings]
    assert told == [(type_, event, "pod/d/s-0 has ended"), ("Normal", "SuccessfulDelete", "deleted pod s-0")]
    assert view.verdicts[ObjectRef.of("Pod", "d", "s-0")].reason is reason


def test_the_reasons_of_ending_pods() -> None:
    """Too many, or of an old template."""
    name = ObjectRef.of("Pod", "d", "s-2")
    assert with_pods(stateful_set(2), "n+ n+ n+").verdicts[name].reason is Reason.SCALE_DOWN
    assert with_pods(stateful_set(), "o+ o+ o+").verdicts[name].reason is Reason.OLD_REVISION


CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
CLAIMS = {"volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": CLAIM}]}


def claim(**metadata: Any) -> StoredObject:
    """Return the claim of number 0."""
    names = {"name": "data-s-0", "namespace": "d", "uid": "c", **metadata}
    document = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": names, "spec": CLAIM}
    return stored(document, "system")


def test_a_number_waits_for_what_is_in_its_way() -> None:
    """A Pod of its name that is another's, or a claim that is ending; the set says which."""
    metadata = {"name": "s-0", "namespace": "d", "uid": "x"}
    spec = {"containers": [{"name": "a", "image": "a"}]}
    stranger = stored({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}, "source/other")
    verdict = looked(stateful_set(), stranger).verdicts[SET]
    assert (verdict.decision, verdict.reason) == (Decision.BLOCKED, Reason.CONFLICT)
    assert verdict.message == "pod/d/s-0 exists already and is managed by source/other"
    view = looked(stateful_set(**CLAIMS), claim(deletionTimestamp=rfc3339(NOW)))
    verdict = view.verdicts[SET]
    assert (verdict.decision, verdict.reason) == (Decision.BLOCKED, Reason.VOLUME_IN_USE)
    assert verdict.message == "pod/d/s-0 waits: persistentvolumeclaim/d/data-s-0 is ending"
    assert moved(view) == ("", "")
    assert moved(looked(stateful_set(**CLAIMS, **PARALLEL), claim(deletionTimestamp=rfc3339(NOW))))[0] == "1 2"


def test_a_claim_says_with_whom_it_goes() -> None:
    """With the set where that is asked for, else with nobody."""
    name = claim().ref
    keeps = {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"}}
    view = looked(stateful_set(1, **CLAIMS, **keeps), claim(), pod(0, "nP"))
    assert view.verdicts[name].message == "goes with statefulset/d/s"
    (owner,) = view.objects[name].object.metadata.owner_references
    assert (owner.kind, owner.name) == ("StatefulSet", "s")
    owned = claim(ownerReferences=[{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "s", "uid": "s"}])
    view = looked(stateful_set(1, **CLAIMS), owned, pod(0, "nP"))
    assert view.verdicts[name].message == "stays without statefulset/d/s"
    assert not view.objects[name].object.metadata.owner_references


def test_the_status_counts_and_looks_again() -> None:
    """Those that are ready and available, of which revision; again when the next one becomes available."""
    view = with_pods(stateful_set(4), "n+ o- n- ou!")
    found = cast(StatefulSet, view.objects[SET].object).status
    assert (found.replicas, found.ready_replicas, found.available_replicas) == (4, 3, 1)
    assert (found.updated_replicas, found.update_revision) == (2, revision())
    assert view.look_again_at == NOW + 1
    before = {"currentRevision": "s-before"}
    done = cast(StatefulSet, with_pods(stateful_set(2, before), "n+ n+").objects[SET].object).status
    assert (done.current_revision, done.current_replicas) == (revision(), 2)


@pytest.mark.parametrize(("limit", "expected"), [(1, 1), (3, 3), ("10%", 1), ("50%", 2), ("59%", 2), ("60%", 3)])
def test_one_pod_may_always_be_away(limit: Any, expected: int) -> None:
    """A share of five is rounded down."""
    found = stateful_set(5, updateStrategy={"rollingUpdate": {"maxUnavailable": limit}})
    assert max_unavailable(cast(StatefulSet, found.object).spec) == expected
