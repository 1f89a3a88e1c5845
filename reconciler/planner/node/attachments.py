"""Shares and devices of Pods: attached before a Pod's volumes are published, released once nobody uses them.

Pure. Who uses what follows from what is assigned and from what the volumes on the host say of themselves, so that
nothing is counted, and nothing is lost with the agent. A share whose server hangs is still mounted: it is not mounted
again, and what is on it is never taken for gone.
"""

from collections.abc import Collection, Mapping

from reconciler.model.attachments import Attachment, attachments_of
from reconciler.model.details import AttachDevice, DetachDevice, Detail, MountShare, UnmountShare
from reconciler.model.node import PodAssignment
from reconciler.model.plan import Action, Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.node.actions import make_action, node_ref
from reconciler.planner.node.look import Look
from reconciler.planner.node.tasks import Task


def missing_attachments(look: Look, pod: PodAssignment) -> tuple[Attachment, ...]:
    """Return what the Pod needs attached that the host does not show."""
    storage = look.facts.storage
    attached = {*storage.mounts, *(one.volume for one in storage.devices if one.device)}
    return tuple(
        one
        for one in attachments_of(pod)
        if one.key not in attached or (one.share is not None and one.volume and one.volume not in storage.shared)
    )


def attach_detail(one: Attachment) -> Detail:
    """Return what attaches it."""
    if one.share is not None:
        return MountShare(share=one.share, volume=one.volume, directory=one.path)
    return AttachDevice(name=one.volume, path=one.path)


def release_tasks(look: Look, finished: Collection[str]) -> tuple[Task, ...]:
    """Return the tasks that release what no Pod uses any more; `finished` are uids of Pods that have ended for ever."""
    storage = look.facts.storage
    if not storage.mounts and not storage.devices:
        return ()
    used = {key for fact in look.facts.volumes for key in fact.uses}
    running = (pod for pod in look.assignment.pods if not pod.finished and pod.uid not in finished)
    used |= {one.key for pod in running for one in attachments_of(pod)}
    tasks = [Task(_unmount(look, key), key) for key in storage.mounts if key not in used]
    for fact in storage.devices:
        if fact.device and fact.volume not in used:
            tasks.append(Task(_detach(look, fact.volume, fact.path), fact.volume))
    return tuple(tasks)


def releasing(look: Look) -> Mapping[str, str]:
    """Return the keys of releases that are under way, by what they release."""
    storage = look.facts.storage
    keys = {key: _unmount(look, key).key for key in storage.mounts}
    keys |= {one.volume: _detach(look, one.volume, one.path).key for one in storage.devices if one.device}
    return {name: key for name, key in keys.items() if key in look.in_flight}


def _unmount(look: Look, key: str) -> Action:
    return make_action(look.node, node_ref(look.node), UnmountShare(key=key), Reason.VOLUME_UNUSED, target=key)


def _detach(look: Look, volume: str, path: str) -> Action:
    ref = ObjectRef(kind="PersistentVolume", name=volume)
    return make_action(look.node, ref, DetachDevice(name=volume, path=path), Reason.VOLUME_UNUSED, target=volume)
