"""What one transaction does to objects, and what it refuses."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from reconciler.model.desired import Provenance
from reconciler.model.errors import StaleError, TerminalError
from reconciler.model.kinds import PodStatus, ref_of
from reconciler.model.observed import ClusterInfo
from reconciler.model.plan import Happening
from reconciler.store import Binding, Commit, EventType, Store
from tests.store.samples import Leader, change, config_map, deployment, happening, pod, running, secret


def test_a_created_object_gets_its_birth_data(leader: Leader) -> None:
    """uid as given, generation 1, time of creation, and the number of its entry as resourceVersion."""
    committed = leader.commit(change("create", pod(), manager="rs-uid", digest="d", incarnation=3))
    stored = leader.get(pod())
    meta = stored.object.metadata
    assert (meta.uid, meta.generation, meta.creation_timestamp) == ("uid-web-1", 1, "2023-11-14T22:13:20Z")
    assert meta.resource_version == str(committed.resource_version) == "1"
    assert (stored.manager, stored.digest, stored.incarnation) == ("rs-uid", "d", 3)
    assert committed.logged[0].stored == stored
    assert committed.logged[0].type is EventType.ADDED


def test_an_object_without_uid_gets_one_for_its_incarnation(store: Store, leader: Leader) -> None:
    """What comes through the API has another uid each time its name is given."""
    store.set_cluster(ClusterInfo(id="c1"))
    uids = []
    for incarnation in (1, 2):
        leader.create(config_map(), manager="api")
        stored = leader.get(config_map())
        assert stored.incarnation == incarnation
        uids.append(stored.object.metadata.uid)
        leader.commit(change("delete", config_map()))
    assert len(set(uids)) == 2


def test_generation_counts_changes_of_the_spec_only(leader: Leader) -> None:
    """Labels and status leave it alone; a different number of replicas does not."""
    leader.create(deployment())
    labelled = replace(deployment(), metadata=replace(deployment().metadata, labels={"a": "b"}))
    leader.commit(change("update", labelled))
    status = replace(labelled, status=replace(labelled.status, replicas=1))
    leader.commit(change("status", status))
    assert leader.get(deployment()).object.metadata.generation == 1
    leader.commit(change("update", deployment(replicas=3)))
    stored = leader.get(deployment()).object
    assert stored.metadata.generation == 2
    assert stored.status.replicas == 1
    assert stored.spec.replicas == 3


def test_a_status_change_takes_over_nothing_else(leader: Leader) -> None:
    """The writer of a status does not undo a spec that changed meanwhile."""
    leader.create(deployment(replicas=5))
    stale = replace(deployment(replicas=1), status=replace(deployment().status, ready_replicas=2))
    leader.commit(change("status", stale))
    stored = leader.get(deployment()).object
    assert (stored.spec.replicas, stored.status.ready_replicas) == (5, 2)


def test_what_changes_nothing_is_not_written(leader: Leader) -> None:
    """No new number, no entry, for an update or a status that says the same."""
    leader.create(pod())
    leader.commit(change("status", running(pod())))
    before = leader.store.versions()
    stored = leader.get(pod())
    committed = leader.commit(change("update", pod()), change("status", stored.object))
    assert committed.logged == ()
    assert leader.store.versions() == before


def test_values_of_another_sequence_type_are_the_same(leader: Leader) -> None:
    """A list where the type says tuple is no change."""
    leader.create(pod())
    same = replace(pod(), spec=replace(pod().spec, containers=list(pod().spec.containers)))
    assert leader.commit(change("update", same)).logged == ()


def test_a_new_place_in_the_repository_is_kept(leader: Leader) -> None:
    """Provenance is part of what is stored."""
    leader.commit(change("create", config_map(), provenance=Provenance(file="a.yaml", line=1)))
    leader.commit(change("update", config_map(), provenance=Provenance(file="b.yaml", line=7)))
    assert leader.get(config_map()).provenance == Provenance(file="b.yaml", line=7)


def test_an_update_and_a_status_of_one_object_are_one_entry(leader: Leader) -> None:
    """Watches see the object once, with both."""
    leader.create(deployment())
    changed = replace(deployment(replicas=2), status=replace(deployment().status, replicas=2))
    committed = leader.commit(change("update", changed), change("status", changed))
    assert [(entry.type, entry.resource_version) for entry in committed.logged] == [(EventType.MODIFIED, 2)]
    assert committed.logged[0].stored.object.status.replicas == 2


def test_a_replacement_is_a_deletion_and_a_creation(leader: Leader) -> None:
    """Within one transaction a name changes hands visibly."""
    leader.create(pod(uid="old"))
    committed = leader.commit(change("delete", pod(uid="old")), change("create", pod(uid="new"), incarnation=2))
    assert [entry.type for entry in committed.logged] == [EventType.DELETED, EventType.ADDED]
    stored = leader.get(pod())
    assert (stored.object.metadata.uid, stored.object.metadata.resource_version) == ("new", "3")


def test_a_deleted_name_leaves_its_incarnation(leader: Leader) -> None:
    """The next object of the name can get another uid (P10)."""
    leader.commit(change("create", config_map(), incarnation=4))
    committed = leader.commit(change("delete", config_map()))
    snapshot = leader.store.snapshot()
    assert snapshot.objects == {}
    assert snapshot.tombstones == {ref_of(config_map()): 4}
    entry = committed.logged[0]
    assert (entry.type, entry.stored.object.metadata.resource_version) == (EventType.DELETED, "2")
    assert entry.stored.object.data == {"key": "1"}


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (change("create", pod()), "AlreadyExists"),
        (change("update", pod("absent")), "NotFound"),
        (change("status", pod("absent")), "NotFound"),
        (change("delete", pod("absent")), "NotFound"),
        (change("update", pod(uid="another")), "Conflict"),
        (change("update", pod(), expected="999"), "Conflict"),
    ],
)
def test_what_was_planned_from_something_else_is_refused_whole(leader: Leader, refused, reason: str) -> None:
    """StaleError says why, and nothing of the transaction is written."""
    leader.create(pod())
    before = leader.store.snapshot()
    with pytest.raises(StaleError) as raised:
        leader.commit(
            change("create", config_map()),
            refused,
            allocations={"clusterip/shop/web": "10.43.0.9"},
            happenings=(happening(),),
        )
    assert raised.value.reason == reason
    assert leader.store.snapshot() == before
    assert leader.create(config_map()).resource_version == 2


def test_the_expected_version_lets_a_write_pass(leader: Leader) -> None:
    """Compare and swap."""
    leader.create(pod())
    leader.commit(change("status", running(pod()), expected="1"))
    assert leader.get(pod()).object.status.phase == "Running"


def test_a_write_without_a_term_must_name_what_it_expects(leader: Leader) -> None:
    """The API's writes are guarded by compare and swap instead of a term (P18)."""
    leader.store.commit(Commit(changes=(change("create", config_map(), manager="api"),)), term=None)
    with pytest.raises(StaleError):
        leader.store.commit(Commit(changes=(change("delete", config_map()),)), term=None)
    leader.store.commit(Commit(changes=(change("delete", config_map(), expected="1"),)), term=None)
    assert leader.get(config_map()) is None


def test_a_pod_is_bound_once(leader: Leader) -> None:
    """The binding of a Pod stays, is not repeated, and survives an update that does not know of it (P10)."""
    leader.create(pod())
    assert len(leader.commit(bindings=(Binding(ref_of(pod()), "uid-web-1", "node-1"),)).logged) == 1
    assert leader.commit(bindings=(Binding(ref_of(pod()), "uid-web-1", "node-1"),)).logged == ()
    for uid, node in (("uid-web-1", "node-2"), ("other", "node-1")):
        with pytest.raises(StaleError):
            leader.commit(bindings=((ref_of(pod()), uid, node),))
    labelled = replace(pod(), metadata=replace(pod().metadata, labels={"a": "b"}))
    leader.commit(change("update", labelled))
    stored = leader.get(pod()).object
    assert (stored.spec.node_name, stored.metadata.generation, stored.metadata.labels) == ("node-1", 1, {"a": "b"})


def test_a_pod_is_created_and_bound_in_one_transaction(leader: Leader) -> None:
    """One entry tells both."""
    committed = leader.commit(change("create", pod()), bindings=(Binding(ref_of(pod()), "uid-web-1", "node-1"),))
    assert [entry.type for entry in committed.logged] == [EventType.ADDED]
    assert committed.logged[0].stored.object.spec.node_name == "node-1"


def test_allocations_are_unique_within_their_pool(leader: Leader) -> None:
    """Two Services never get one address; an address that is given back can be given again."""
    leader.commit(allocations={"clusterip/shop/a": "10.43.0.1", "nodeport/shop/a": "30001"})
    with pytest.raises(StaleError):
        leader.commit(allocations={"clusterip/shop/b": "10.43.0.1"})
    leader.commit(allocations={"clusterip/shop/a": "", "clusterip/shop/b": "10.43.0.1"})
    assert leader.store.snapshot().allocations == {"clusterip/shop/b": "10.43.0.1", "nodeport/shop/a": "30001"}


def test_addresses_can_be_swapped_in_one_transaction(leader: Leader) -> None:
    """Uniqueness holds for the result, not for every step to it."""
    leader.commit(allocations={"clusterip/shop/a": "10.43.0.1", "clusterip/shop/b": "10.43.0.2"})
    leader.commit(allocations={"clusterip/shop/a": "10.43.0.2", "clusterip/shop/b": "10.43.0.1"})
    assert leader.store.snapshot().allocations["clusterip/shop/a"] == "10.43.0.2"


def test_the_same_allocation_again_is_not_written(leader: Leader) -> None:
    """A planner may repeat what it gave."""
    leader.commit(allocations={"clusterip/shop/a": "10.43.0.1"})
    before = leader.store.versions()
    assert not leader.commit(allocations={"clusterip/shop/a": "10.43.0.1"}).side_changed
    assert leader.store.versions() == before


def test_an_unknown_verb_is_a_terminal_error(leader: Leader) -> None:
    """It is not ignored."""
    leader.create(pod())
    with pytest.raises(TerminalError):
        leader.commit(change("patch", pod()))


def test_a_status_of_a_kind_without_one_changes_nothing(leader: Leader) -> None:
    """A ConfigMap has none."""
    leader.create(config_map())
    assert leader.commit(change("status", config_map(value="2"))).logged == ()


def test_an_empty_transaction_writes_nothing(leader: Leader) -> None:
    """The numbers stand still (the budget of an idle tick is no write)."""
    before = leader.store.versions()
    committed = leader.commit()
    assert (committed.logged, committed.side_changed) == ((), False)
    assert leader.store.versions() == before


def test_events_of_one_transaction_are_objects_like_others(leader: Leader) -> None:
    """An Event about a Pod stands in the Pod's namespace and names it."""
    about = Happening(object=ref_of(pod()), uid="uid-web-1", type="Warning", reason="Failed", message="no image")
    committed = leader.commit(change("create", pod()), happenings=(about,))
    event = committed.logged[1].stored.object
    assert (event.metadata.namespace, event.type, event.reason) == ("shop", "Warning", "Failed")
    assert (event.involved_object.uid, event.involved_object.api_version) == ("uid-web-1", "v1")
    assert PodStatus() == committed.logged[0].stored.object.status


def test_what_could_not_be_read_again_is_not_written(leader: Leader) -> None:
    """An object that breaks the limits of its type fails its own write, not every later start (P17)."""
    broken = replace(pod(), spec=replace(pod().spec, containers=()))
    with pytest.raises(TerminalError, match="pod/shop/web-1"):
        leader.create(broken)
    assert leader.store.snapshot().objects == {}


def test_a_secret_that_cannot_be_stored_is_not_quoted(leader: Leader) -> None:
    """The message names the object and nothing of it (P22)."""
    broken = replace(secret(""), data={"a/planted key": 7})
    with pytest.raises(TerminalError, match="secret/shop/password") as refused:
        leader.create(broken)
    assert "planted" not in f"{refused.value!r} {refused.value.__cause__!r}"
