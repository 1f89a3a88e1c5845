"""What is written for the volumes of a Pod, and when what was written no longer holds, as in upstream's scheduler."""

from contextlib import closing
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from reconciler.model.errors import StaleError
from reconciler.model.kinds import Node, PersistentVolumeClaim, ref_of
from reconciler.planner.scheduling.framework import Misfit
from reconciler.planner.scheduling.volumes import claims_for, reserve
from reconciler.planner.storage.volumes import SELECTED_NODE
from reconciler.store import Commit, Store
from tests.controller.racing import race
from tests.parity.placing import SKIPPED
from tests.parity.rows import NotTranslated, compare
from tests.parity.test_parity_volumebinding import CLASSES, NODE, PACKAGE, assume, objects_of, volumes_of
from tests.parity.volumes import claim_of, node_from, pod_with, view_of, volume_of
from tests.store.samples import KEY, FakeClock, change

Case = dict[str, Any]
_ERROR = 1


def still_holds(case: Case) -> bool:
    """Judge a row about whether everything that a Pod waits for is bound by now, or is to be chosen anew.

    Upstream waits for that with the node in hand, and fails when it does not come or is taken back. Here each pass
    looks at what there is.
    """
    waited = [one["pvc"] for one in case.get("bindings") or ()] + list(case.get("provisionedPVCs") or ())
    if not waited or _has_forgotten_claim(case):
        # A list that is nothing, not even empty; and a volume that forgets its claim while that is bound.
        raise NotTranslated
    claims = {one.metadata.name: one for one in (*objects_of(case, "initPVCs"), *objects_of(case, "apiPVCs"))}
    view = view_of(NODE, *CLASSES, *claims.values(), *objects_of(case, "apiPVs", "initPVs"))
    found = claims_for(view, pod_with([claim_of(one) for one in waited]))
    if case.get("shouldFail"):
        return isinstance(found, Misfit) or _are_free(found.delayed)
    is_bound = not isinstance(found, Misfit) and not found.delayed
    return is_bound == case.get("expectedBound", False)


def _are_free(delayed: tuple[PersistentVolumeClaim, ...]) -> bool:
    """Whether there are such claims, and none is held to a node."""
    return bool(delayed) and not any(SELECTED_NODE in one.metadata.annotations for one in delayed)


def _has_forgotten_claim(case: Case) -> bool:
    volumes = case.get("apiPVs") or ()
    return bool(case.get("shouldFail")) and any("claimRef" not in one["spec"] for one in volumes)


def written_in_time(case: Case) -> bool:
    """Judge a row about one claim that is bound while its Pod waits, or is not."""
    if "binding" not in case or "delayFunc" in case:
        raise NotTranslated
    return still_holds({**case, "bindings": [case["binding"]], "expectedBound": not case.get("shouldFail")})


def something_to_write(path: Path, case: Case) -> bool:
    """Judge a row about whether anything is to be written before a Pod is placed: nothing, if all is bound.

    What was found for the Pod may be missing by then: its claim is gone, or held to other nodes. Then nothing is.
    """
    name, found = case["nodeName"], (case.get("state") or {}).get("podVolumesByNode", {})
    code, is_bound = (case.get("wantStatus") or {}).get("code", 0), (case.get("state") or {}).get("allBound", False)
    if not is_bound and name not in found:
        metadata = replace(_data().metadata, annotations={SELECTED_NODE: next(iter(found), "")})
        after = [replace(_data(), metadata=metadata)] if found else []
        return overtaken(path, [_data()], after, node_from({"metadata": {"name": name}})) == (code == _ERROR)
    claim = _data(volume="there" if is_bound else "")
    view = view_of(node_from({"metadata": {"name": name}}), *CLASSES, claim)
    reserve(view, pod_with([claim]), name)
    return bool(view.journal) != (code == SKIPPED)


def _data(volume: str = "") -> PersistentVolumeClaim:
    """Return a claim whose volume is made on the node of its first Pod, or has been."""
    return claim_of(
        {
            "metadata": {"name": "data", "namespace": "testns"},
            "spec": {"storageClassName": "waitClassWithProvisioner", "volumeName": volume},
            "status": {"phase": "Bound" if volume else "Pending"},
        }
    )


def overtaken(path: Path, before: list[Any], after: list[Any], node: Node = NODE) -> bool:
    """Whether a tick writes nothing, because others have written, or deleted, what it has looked at."""
    later = {ref_of(one): one for one in after}
    claims = [one for one in before if isinstance(one, PersistentVolumeClaim)]
    with race(path, node, *CLASSES, *before, pod_with(claims)) as one:
        for known in before:
            if (new := later.get(ref_of(known))) is None:
                one.remove(known)
            elif new != known:
                one.write(new)
        there = one.objects
        try:
            one.tick()
        except StaleError:
            return one.objects == there
        return False


def changed_meanwhile(path: Path, case: Case) -> bool:
    """Judge a row in which a claim has another version by now than when it was chosen for."""
    if not case.get("shouldFail") or "dynamicProvisions" not in case:
        return assume(case)
    chosen = {one["pvc"]["metadata"]["name"]: one["pvc"] for one in case["bindings"]}
    chosen |= {one["PVC"]["metadata"]["name"]: one["PVC"] for one in case["dynamicProvisions"]}
    rows = [(chosen[one["metadata"]["name"]], one) for one in case["podPVCs"]]
    # Versions are numbers of the store's own: what has another one is told apart by a mark.
    after = [_marked(claim_of(now), now["metadata"]["resourceVersion"]) for _, now in rows]
    before = [_marked(claim_of(was), was["metadata"]["resourceVersion"]) for was, _ in rows]
    return overtaken(path, [*before, *volumes_of(case)], [*after, *volumes_of(case)])


def _marked(claim: PersistentVolumeClaim, version: str) -> PersistentVolumeClaim:
    return replace(claim, metadata=replace(claim.metadata, labels={"version": version}))


def test_what_was_written_is_kept_to_as_upstream(tmp_path: Path) -> None:
    """Bound in the end, not at all, or no longer; all of a Pod's claims or none."""

    def database() -> Path:
        return tmp_path / str(len(list(tmp_path.iterdir())))

    def written(case: Case) -> bool:
        if "apiPV" not in case:
            return written_in_time(case)
        after = [volume_of(case["apiPV"]), claim_of(case["apiPVC"])]
        before = objects_of(case, "initPVs") + objects_of(case, "initPVCs")
        return overtaken(database(), before, after) == case.get("shouldFail", False)

    tables = {
        "TestAssumePodVolumes": lambda case: changed_meanwhile(database(), case),
        "TestCheckBindings": still_holds,
        "TestBindPodVolumes": written,
        "Test_PreBindPreFlight": lambda case: something_to_write(database(), case),
    }
    compare(PACKAGE, tables)


def test_writes_go_to_the_version_that_they_expect(tmp_path: Path) -> None:
    """Not to an older or newer one, or to what is not there."""

    def judge(case: Case) -> bool:
        with closing(
            Store.open(f"sqlite:///{tmp_path}/{len(list(tmp_path.iterdir()))}", key=KEY, clock=FakeClock())
        ) as store:
            return _is_written(store, case["old"], case["new"]) == case.get("shouldSucceed", False)

    compare(PACKAGE, {"TestAssume": judge})


def _is_written(store: Store, old: Case, new: Case) -> bool:
    """Whether a write is accepted; rows number versions by themselves, of which only the distance counts here."""
    version = store.commit(Commit(changes=(change("create", _claim(old)),)), term=None).resource_version
    expected = new["resourceVersion"]
    if expected.isdigit():
        away = int(expected) - int(old["resourceVersion"]) if old["resourceVersion"].isdigit() else 1
        expected = str(version + away)
    try:
        store.commit(Commit(changes=(change("update", _claim(new), expected=expected),)), term=None)
    except StaleError:
        return False
    return True


def _claim(row: Case) -> PersistentVolumeClaim:
    return claim_of({"metadata": {"name": row["name"], "namespace": row["namespace"]}, "spec": {}})
