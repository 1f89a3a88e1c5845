"""Overrides: merged by persons, dropped by the leader, seen by every reader."""

from __future__ import annotations

from msgspec.structs import replace

from reconciler.model.kinds import Taint
from reconciler.model.overrides import Override, OverrideChange, Rollback
from reconciler.model.refs import ObjectRef
from reconciler.store import Commit, Store
from reconciler.store.index import Index
from tests.store.samples import KEY, FakeClock, Leader, deployment, happening

WEB = ObjectRef.of("Deployment", "shop", "web")
NODE = ObjectRef.of("Node", "", "node-1")


def template(image: str = "nginx:1.26") -> Rollback:
    """Return a rollback to a template with this image."""
    found = deployment().spec.template
    container = replace(found.spec.containers[0], image=image)
    spec = replace(found.spec, containers=(container,))
    return Rollback(
        revision=1, replica_set="web-1", digest="d1", template=replace(found, spec=spec), by="admin", at=5.0
    )


def test_what_is_overridden_is_seen_by_the_index_at_once(store: Store) -> None:
    """A reader in memory knows an override when the call that makes it returns, and the same again writes nothing."""
    index = Index(store)
    change = Override(ref=NODE, uid="n1", unschedulable=True, by="admin", at=1.0)
    assert store.override(change).side_changed
    assert index.side.overrides == {NODE: change}
    version = store.versions()
    assert not store.override(change).side_changed
    assert store.versions() == version


def test_changes_are_merged_and_an_empty_one_goes(store: Store) -> None:
    """A taint leaves a cordon as it is; without both there is nothing left to keep."""
    taint = Taint(key="gpu", value="yes", effect="NoSchedule")
    store.override(Override(ref=NODE, uid="n1", unschedulable=True, by="a", at=1.0))
    store.override(Override(ref=NODE, uid="n1", taints=(taint,), by="b", at=2.0))
    both = Override(ref=NODE, uid="n1", unschedulable=True, taints=(taint,), by="b", at=2.0)
    assert store.snapshot().overrides == {NODE: both}
    store.override(Override(ref=NODE, uid="n1", unschedulable=False, by="a", at=3.0))
    assert store.side_state().overrides[NODE].unschedulable is None
    store.override(Override(ref=NODE, uid="n1", taints=(), by="a", at=4.0))
    assert store.side_state().overrides == {}


def test_a_rollback_replaces_restarts_and_an_empty_one_ends_it(store: Store) -> None:
    """What was restarted before a rollback is not restarted again by it; a later restart goes on top."""
    store.override(Override(ref=WEB, uid="u1", restarted_at="2026-01-01T00:00:00Z"))
    store.override(Override(ref=WEB, uid="u1", rollback=template(), by="admin"))
    assert store.side_state().overrides[WEB] == Override(ref=WEB, uid="u1", rollback=template(), by="admin")
    store.override(Override(ref=WEB, uid="u1", restarted_at="2026-01-02T00:00:00Z"))
    found = store.side_state().overrides[WEB]
    assert (found.rollback, found.restarted_at) == (template(), "2026-01-02T00:00:00Z")
    store.override(Override(ref=WEB, uid="u1", rollback=Rollback()))
    assert store.side_state().overrides == {}


def test_another_object_of_the_same_name_inherits_nothing(store: Store) -> None:
    """The override of a Deployment that was deleted and made again does not touch the new one."""
    store.override(Override(ref=WEB, uid="u1", rollback=template()))
    store.override(Override(ref=WEB, uid="u2", restarted_at="2026-01-02T00:00:00Z"))
    assert store.side_state().overrides[WEB].rollback is None


def test_overrides_survive_a_restart_and_reach_other_processes(store: Store, url: str, clock: FakeClock) -> None:
    """Another daemon on the same database sees them with its next poll."""
    other = Store.open(url, key=KEY, clock=clock)
    index = Index(other)
    store.override(Override(ref=WEB, uid="u1", rollback=template(), by="admin"))
    assert index.poll()
    assert index.side.overrides[WEB].rollback == template()
    other.close()


def test_the_leader_drops_only_what_it_has_seen(leader: Leader) -> None:
    """A person's change between the leader's look and its write is kept."""
    first = Override(ref=WEB, uid="u1", restarted_at="2026-01-01T00:00:00Z")
    later = replace(first, restarted_at="2026-01-02T00:00:00Z")
    leader.store.override(first)
    leader.store.override(later)
    assert not leader.commit(overrides=(OverrideChange(before=first),)).side_changed
    assert leader.store.side_state().overrides == {WEB: later}
    assert leader.commit(overrides=(OverrideChange(before=later),)).side_changed
    assert leader.store.side_state().overrides == {}


def test_who_did_it_is_written_with_it(store: Store) -> None:
    """The event about an override is in the same transaction."""
    said = happening("restart asked for by admin", object=WEB)
    store.override(Override(ref=WEB, uid="u1", restarted_at="2026-01-01T00:00:00Z"), Commit(happenings=(said,)))
    assert [event.message for event in store.events(object=WEB)] == ["restart asked for by admin"]
