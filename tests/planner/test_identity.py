"""Names, uids and ids: the same for the same content, for ever, and others for other content."""

import uuid

import pytest

from reconciler.model.node_report import HostFact
from reconciler.model.observed import ObservedState
from reconciler.model.overrides import Override, Rollback
from reconciler.model.refs import ObjectRef
from reconciler.planner.identify import identified
from reconciler.planner.identity import object_uid, short_hash, suffix
from reconciler.planner.memo import Memo
from tests.planner.reading import read, stored
from tests.planner.world import Cluster, replace

ARGUMENTS = ("cluster", "Pod", "shop", "web", 1)
MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {key: WORD}
"""


def test_a_uid_is_a_uuid_of_its_own_version() -> None:
    """RFC 9562, version 8; an upgrade of the program gives every object the one that it has."""
    assert object_uid(*ARGUMENTS) == "3486eb87-c564-8294-bc6a-bc23db6a0c13"
    for name in map(str, range(50)):
        found = uuid.UUID(object_uid("cluster", "Pod", "shop", name, 1))
        assert (found.version, found.variant) == (8, uuid.RFC_4122)


@pytest.mark.parametrize("place", range(5))
def test_each_part_of_an_object_s_name_makes_another_uid(place: int) -> None:
    """So does being made anew."""
    other = (*ARGUMENTS[:place], 2 if place == 4 else "other", *ARGUMENTS[place + 1 :])
    assert object_uid(*other) != object_uid(*ARGUMENTS)  # type: ignore[arg-type]


def test_letters_follow_from_content() -> None:
    """Five for a child, ten for a content; pinned, so that an upgrade rolls nothing."""
    assert (suffix("u", 0), suffix("u", 1)) == ("lcghf", "wkpsd")
    assert (short_hash("text"), short_hash("text", 1)) == ("thtvsdjb6g", "z2bm5hnxj2")


def basis_of(observed: ObservedState, cluster: Cluster) -> tuple[str, str]:
    """Return basis and id of a plan of this state."""
    found = identified(cluster.plan(), observed)
    return found.basis, found.id


def test_the_basis_is_what_was_read() -> None:
    """Objects, nodes and overrides; never times or what is derived by itself."""
    cluster = Cluster()
    cluster.push(MAP)
    cluster.settle()
    seen = cluster.observed
    basis, _ = basis_of(seen, cluster)
    node = seen.nodes["node-1"]
    assert node.observation is not None
    facts = node.observation.facts
    smaller = HostFact(**{**{f: getattr(facts.host, f) for f in facts.host.__struct_fields__}, "cpu_millis": 1})
    one = next(iter(seen.objects.values()))
    override = Override(ref=one.ref, uid="u", rollback=Rollback(revision=1, by="a", at=1.0), by="a", at=1.0)

    def with_facts(**fields: object) -> ObservedState:
        observation = replace(node.observation, facts=replace(facts, **fields))  # type: ignore[type-var]
        return replace(seen, nodes={"node-1": replace(node, observation=observation)})

    def with_override(one: Override) -> ObservedState:
        return replace(seen, overrides={one.ref: one})

    others = [
        with_facts(host=smaller),
        with_facts(complete=False),
        replace(seen, nodes={"node-1": replace(node, observation=None)}),
        replace(seen, nodes={**seen.nodes, "node-2": node}),
        replace(seen, objects={ref: one for ref, one in seen.objects.items() if ref.kind != "ConfigMap"}),
        with_override(override),
        with_override(replace(override, rollback=replace(override.rollback, revision=2))),  # type: ignore[type-var]
    ]
    found = [basis_of(other, cluster)[0] for other in others]
    assert len({basis, *found}) == len(others) + 1
    quiet = replace(override, rollback=replace(override.rollback, by="b", at=2.0), by="b", at=2.0)  # type: ignore[type-var]
    assert basis_of(with_override(quiet), cluster) == basis_of(with_override(override), cluster)
    event = stored(read("Endpoints"))
    derived = replace(seen, objects={**seen.objects, event.ref: event})
    assert basis_of(with_facts(observed_at=9.0), cluster)[0] == basis == basis_of(derived, cluster)[0]


def test_the_id_is_of_what_is_said_and_of_what_it_was_made_from() -> None:
    """Another value, another commit, another basis."""
    cluster = Cluster()
    cluster.push(MAP)
    cluster.settle()
    quiet = identified(cluster.plan(), cluster.observed)
    ids = {quiet.id}
    for word, commit in (("a", "c2"), ("b", "c2"), ("b", "c3")):
        cluster.push(MAP.replace("WORD", word), commit=commit)
        found = identified(cluster.plan(), cluster.observed)
        assert found.basis == quiet.basis
        ids.add(found.id)
    assert len(ids) == 4


def test_what_is_remembered_of_a_basis_makes_no_difference() -> None:
    """Objects that come, change and go are the same lines in the same order."""
    cluster, memo = Cluster(), Memo()
    for names in ("b", "bd", "abd", "ad", "d", "cde"):
        for word in ("one", "two"):
            documents = [MAP.replace("settings", name).replace("WORD", word) for name in names]
            cluster.push("---".join(documents), commit=names + word)
            cluster.acknowledge(cluster.tick())
            cluster.tick()
            answer = cluster.plan()
            assert identified(answer, cluster.observed, memo) == identified(answer, cluster.observed)
    assert ObjectRef(kind="ConfigMap", namespace="default", name="c") in cluster.observed.objects


def test_what_is_not_in_a_basis_hides_nothing_that_comes_after_it() -> None:
    """Nor does what has gone."""
    cluster, memo = Cluster(), Memo()
    cluster.push(MAP)
    cluster.settle()
    answer, known = cluster.plan(), cluster.observed.objects
    one, other, event = (stored(read(kind, name="a")) for kind in ("ConfigMap", "Secret", "Endpoints"))
    for some in ((event, one), (event, one, other), (event,), (other, event, one)):
        fresh = {each.ref: replace(each, digest=f"{len(some)}") for each in some}
        observed = replace(cluster.observed, objects={**fresh, **known})
        assert identified(answer, observed, memo) == identified(answer, observed)
