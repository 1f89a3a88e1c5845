"""What the checks of stories take for a workload's own."""

from reconciler.model.kinds import Container, ObjectMeta, OwnerReference, Pod, PodSpec
from reconciler.model.observed import ClusterInfo, ObservedState, StoredObject
from reconciler.model.refs import ObjectRef
from tests.simulation.cluster.unsafe import owned_by


def _pod(name: str, *owners: str) -> Pod:
    references = tuple(OwnerReference(api_version="apps/v1", kind="ReplicaSet", name=one, uid=one) for one in owners)
    spec = PodSpec(containers=(Container(name="one", image="one"),))
    return Pod(metadata=ObjectMeta(name=name, owner_references=references), spec=spec)


def _state(*pods: Pod) -> ObservedState:
    refs = {ObjectRef(kind="Pod", namespace="default", name=one.metadata.name): one for one in pods}
    objects = {ref: StoredObject(ref=ref, object=one, manager="api") for ref, one in refs.items()}
    return ObservedState(cluster=ClusterInfo(id="one"), objects=objects)


def test_every_state_is_asked_for_itself() -> None:
    """Objects are found by any of their owners, in each state as it is there, however often states take turns."""
    one, other = _pod("one", "a", "b"), _pod("other", "b")
    states = [_state(one), _state(one, other), _state(other), _state()]
    for _ in range(2):
        for state in states:
            for uid in ("a", "b", "c"):
                there = [stored.object for stored in state.objects.values()]
                mine = [pod for pod in there if any(owner.uid == uid for owner in pod.metadata.owner_references)]
                assert owned_by(state, "Pod", uid) == mine
                assert owned_by(state, "ReplicaSet", uid) == []
