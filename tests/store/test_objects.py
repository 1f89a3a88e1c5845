"""The mapping of all objects: how it differs from an earlier one, whether or not it knows the way from there."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.kinds import ConfigMap, ObjectMeta
from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.store.objects import Objects

NAMES = ("a", "b", "c", "d")
SPACES = ("one", "two")


def _ref(space: str, name: str) -> ObjectRef:
    return ObjectRef(kind="ConfigMap", namespace=space, name=name)


def _stored(ref: ObjectRef, value: int) -> StoredObject:
    metadata = ObjectMeta(namespace=ref.namespace, name=ref.name)
    return StoredObject(ref=ref, object=ConfigMap(metadata=metadata, data={"value": str(value)}), manager="api")


changes = st.lists(
    st.tuples(st.sampled_from(SPACES), st.sampled_from(NAMES), st.none() | st.integers(0, 3)), min_size=0, max_size=4
)


@given(st.lists(changes, min_size=1, max_size=40), st.data())
def test_what_differs_is_what_is_not_the_very_same(
    steps: list[list[tuple[str, str, int | None]]], data: st.DataObject
) -> None:
    """Between any two of a line of changes, in both directions, and from a branch of it."""
    line = [Objects()]
    for step in steps:
        states = {_ref(space, name): value for space, name, value in step}
        known = {ref: None if value is None else _stored(ref, value) for ref, value in states.items()}
        onto = data.draw(st.sampled_from([line[-1], line[-1], line[-1], line[0]]))
        line.append(onto.changed(known.items()))
    old, new = data.draw(st.sampled_from(line)), data.draw(st.sampled_from(line))
    wanted = {ref for ref in {*old, *new} if old.get(ref) is not new.get(ref)}
    assert set(new.differing(old)) == wanted


def test_what_is_not_there_has_a_stand_in() -> None:
    """As of every mapping."""
    there = _stored(_ref("one", "a"), 1)
    objects = Objects([there])
    assert objects.get(there.ref) is there
    assert objects.get(_ref("one", "b")) is None
    assert objects.get(_ref("one", "b"), there) is there
