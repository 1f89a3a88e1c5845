"""Builds the actions of a node: one function, so that keys, verbs and deadlines follow one rule each.

Pure.
"""

from collections.abc import Mapping
from functools import lru_cache

from reconciler.model.canonical import digest
from reconciler.model.details import (
    AttachDevice,
    AttachPod,
    CreateSandbox,
    DetachDevice,
    DetachPod,
    Detail,
    MountShare,
    PrepareHost,
    ProgramExternal,
    ProgramIngress,
    ProgramPeers,
    ProgramPolicies,
    ProgramServices,
    ProvisionVolume,
    PublishNames,
    PublishVolumes,
    PullImage,
    RemoveContainer,
    RemoveImage,
    RemoveSandbox,
    ResizeContainer,
    StartContainer,
    StopContainer,
    StopIngress,
    TrashVolume,
    UnmountShare,
    UnpublishVolumes,
    WatchRooms,
    type_of,
)
from reconciler.model.plan import Action, Executor, Reason, Verb
from reconciler.model.pod_name import pod_full_name
from reconciler.model.refs import ObjectRef

_KINDS: Mapping[type, tuple[Executor, Verb, float]] = {
    PullImage: (Executor.CONTAINER, Verb.CREATE, 900.0),
    RemoveImage: (Executor.CONTAINER, Verb.DELETE, 120.0),
    CreateSandbox: (Executor.CONTAINER, Verb.CREATE, 120.0),
    RemoveSandbox: (Executor.CONTAINER, Verb.DELETE, 60.0),
    StartContainer: (Executor.CONTAINER, Verb.START, 300.0),
    StopContainer: (Executor.CONTAINER, Verb.STOP, 30.0),
    ResizeContainer: (Executor.CONTAINER, Verb.UPDATE, 30.0),
    RemoveContainer: (Executor.CONTAINER, Verb.DELETE, 60.0),
    AttachPod: (Executor.NETWORK, Verb.ATTACH, 30.0),
    DetachPod: (Executor.NETWORK, Verb.DETACH, 30.0),
    PrepareHost: (Executor.NETWORK, Verb.UPDATE, 60.0),
    ProgramServices: (Executor.NETWORK, Verb.UPDATE, 60.0),
    ProgramPeers: (Executor.NETWORK, Verb.UPDATE, 60.0),
    ProgramExternal: (Executor.NETWORK, Verb.UPDATE, 30.0),
    ProgramPolicies: (Executor.NETWORK, Verb.UPDATE, 60.0),
    PublishNames: (Executor.NETWORK, Verb.UPDATE, 30.0),
    ProgramIngress: (Executor.NETWORK, Verb.UPDATE, 90.0),
    StopIngress: (Executor.NETWORK, Verb.DELETE, 30.0),
    PublishVolumes: (Executor.VOLUME, Verb.CREATE, 120.0),
    UnpublishVolumes: (Executor.VOLUME, Verb.DELETE, 120.0),
    ProvisionVolume: (Executor.VOLUME, Verb.CREATE, 60.0),
    TrashVolume: (Executor.VOLUME, Verb.DELETE, 60.0),
    MountShare: (Executor.VOLUME, Verb.ATTACH, 90.0),
    UnmountShare: (Executor.VOLUME, Verb.DETACH, 60.0),
    AttachDevice: (Executor.VOLUME, Verb.ATTACH, 30.0),
    WatchRooms: (Executor.VOLUME, Verb.UPDATE, 30.0),
    DetachDevice: (Executor.VOLUME, Verb.DETACH, 30.0),
}


def tag_of(detail: Detail) -> str:
    """Return the tag by which a detail is known on the wire, such as `pullImage`."""
    return type_of(detail)


@lru_cache(maxsize=1 << 14)
def _key(node: str, uid: str, verb: Verb, target: str, attempt: int) -> str:
    """Return the key of an action: pass after pass asks for those of what is under way."""
    return digest(node, uid, verb, target, attempt)


def make_action(
    node: str,
    object: ObjectRef,
    detail: Detail,
    reason: Reason,
    *,
    uid: str = "",
    target: str = "",
    attempt: int = 0,
    needs: tuple[str, ...] = (),
    expects: str = "",
    message: str = "",
) -> Action:
    """Build one action; `target` and `attempt` make its key one of a kind within its object and verb."""
    executor, verb, deadline_s = _KINDS[type(detail)]
    if isinstance(detail, StopContainer):
        deadline_s += detail.grace_s
    return Action(
        key=_key(node, uid, verb, f"{tag_of(detail)}/{target}", attempt),
        executor=executor,
        verb=verb,
        object=object,
        uid=uid,
        node=node,
        needs=needs,
        reason=reason,
        message=message,
        expects=expects,
        deadline_s=deadline_s,
        detail=detail,
    )


def pod_ref(namespace: str, name: str) -> ObjectRef:
    """Name a Pod."""
    return ObjectRef(kind="Pod", namespace=namespace, name=name)


def node_ref(node: str) -> ObjectRef:
    """Name the node itself."""
    return ObjectRef(kind="Node", name=node)


def container_name(container: str, pod: str, namespace: str, uid: str, attempt: int) -> str:
    """Return the Engine's name of a container; the sandbox is `POD`, which no container can be called."""
    return f"rc_{container}_{pod_full_name(pod, namespace)}_{uid.replace('-', '')[:8]}_{attempt}"
