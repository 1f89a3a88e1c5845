"""Volumes of Pods, those of the provisioners, and what Pods no longer use of shares and devices.

Pure. A directory that was once there and is gone is lost data: nothing ever makes an empty one in its place (P29).
"""

from collections.abc import Mapping

from msgspec.structs import replace

from reconciler.model.base import Part
from reconciler.model.details import ProvisionVolume, TrashVolume, WatchRooms
from reconciler.model.node import PodAssignment, VolumeAssignment
from reconciler.model.plan import Action, Blocked, Executor, Reason, Verb
from reconciler.model.refs import ObjectRef
from reconciler.planner.node.actions import make_action, node_ref
from reconciler.planner.node.attachments import release_tasks
from reconciler.planner.node.fingerprint import fingerprint
from reconciler.planner.node.look import Look
from reconciler.planner.node.memory import NodeMemory
from reconciler.planner.node.tasks import Task


def published_version(pod: PodAssignment) -> str:
    """Name what is written into the Pod's volumes: it changes when they are to be written again."""
    return fingerprint(pod.digest, pod.spec.volumes, pod.configuration, pod.claims, pod.labels, pod.annotations)


class VolumesStep(Part, frozen=True):
    """What becomes of the node's own volumes: `making` maps each to the action that makes it."""

    memory: NodeMemory
    tasks: tuple[Task, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    making: Mapping[str, str] = {}
    lost: Mapping[str, str] = {}


def step_volumes(look: Look, memory: NodeMemory) -> VolumesStep:
    """Decide about everything that provisioners keep here."""
    present = frozenset(look.facts.directories)
    used = {binding.volume for pod in look.assignment.pods for binding in pod.claims if binding.volume}
    memory = _remember(memory, look.assignment.volumes, present)
    sizes = {one.volume: one.size for one in look.facts.storage.devices}
    finished = {uid for uid, pod in memory.pods.items() if pod.finished}
    tasks = [*release_tasks(look, finished), *_room_tasks(look)]
    blocked: list[Blocked] = []
    making: dict[str, str] = {}
    lost: dict[str, str] = {}
    for volume in sorted(look.assignment.volumes, key=lambda one: one.name):
        here = _is_here(volume, present)
        if volume.share is not None:
            # It is asked for until the cluster has heard that it is done.
            if volume.trash and volume.name not in look.facts.storage.trashed:
                tasks.append(Task(_trash(look, volume), volume.name))
        elif volume.trash and here and volume.name in used:
            blocked.append(_blocked(look, volume, Reason.VOLUME_IN_USE, "a Pod still uses it"))
        elif volume.trash and here:
            tasks.append(Task(_trash(look, volume), volume.name))
        elif not volume.trash and not here and volume.name in memory.provisioned:
            lost[volume.name] = (
                f"{_kind(volume)} {volume.path} of volume {volume.name} has vanished: its data is lost or moved"
            )
            blocked.append(_blocked(look, volume, Reason.VOLUME_MISSING, lost[volume.name]))
        elif not volume.trash and not here:
            action = _provision(look, volume)
            tasks.append(Task(action, volume.name))
            making[volume.name] = action.key
        elif not volume.trash and sizes.get(volume.name, volume.size) < volume.size:
            tasks.append(Task(_provision(look, volume, Reason.SPEC_CHANGED), volume.name))
    return VolumesStep(memory, tuple(tasks), tuple(blocked), making, lost)


def _room_tasks(look: Look) -> tuple[Task, ...]:
    """Have the host tell the room of the directories that classes name, and of no other."""
    told = {one.path for one in look.facts.storage.rooms}
    paths = look.assignment.class_paths
    if told >= set(paths) and len(told) <= len(paths) + 1:
        return ()
    detail = WatchRooms(paths=paths)
    return (Task(make_action(look.node, node_ref(look.node), detail, Reason.SPEC_CHANGED, target=fingerprint(paths))),)


def _remember(memory: NodeMemory, volumes: tuple[VolumeAssignment, ...], present: frozenset[str]) -> NodeMemory:
    if not volumes and not memory.provisioned:
        return memory
    here = {volume.name for volume in volumes if not volume.trash and _is_here(volume, present)}
    kept = {volume.name for volume in volumes if not volume.trash}
    provisioned = tuple(sorted(here | (kept & set(memory.provisioned))))
    return memory if provisioned == memory.provisioned else replace(memory, provisioned=provisioned)


def _is_here(volume: VolumeAssignment, present: frozenset[str]) -> bool:
    return volume.path in present or volume.name in present


def _kind(volume: VolumeAssignment) -> str:
    return "file" if volume.size else "directory"


def _ref(volume: VolumeAssignment) -> ObjectRef:
    return ObjectRef(kind="PersistentVolume", name=volume.name)


def _provision(look: Look, volume: VolumeAssignment, reason: Reason = Reason.PROVISIONED) -> Action:
    detail = ProvisionVolume(name=volume.name, path=volume.path, base=volume.base, size=volume.size)
    return make_action(look.node, _ref(volume), detail, reason, target=volume.name, attempt=volume.size)


def _trash(look: Look, volume: VolumeAssignment) -> Action:
    detail = TrashVolume(name=volume.name, path=volume.path, share=volume.share)
    return make_action(look.node, _ref(volume), detail, Reason.RELEASED, target=volume.name)


def _blocked(look: Look, volume: VolumeAssignment, reason: Reason, message: str) -> Blocked:
    verb = Verb.DELETE if volume.trash else Verb.CREATE
    return Blocked(
        executor=Executor.VOLUME,
        verb=verb,
        object=_ref(volume),
        node=look.node,
        reason=reason,
        message=message,
    )
