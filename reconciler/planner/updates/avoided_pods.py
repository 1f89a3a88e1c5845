"""Which Pods a Node asks to be spared, in the annotation of old that no scheduler reads any more. Pure.

Kubernetes still refuses what is not of its form: its ValidateAvoidPodsInNodeAnnotations, of preferAvoidPods.
"""

from collections.abc import Iterator, Mapping

import msgspec

from reconciler.planner.updates.fault import INVALID, REQUIRED, Fault

ANNOTATION = "scheduler.alpha.kubernetes.io/preferAvoidPods"
_AT = f"metadata.annotations[{ANNOTATION}]"


class _Controller(msgspec.Struct, frozen=True):
    controller: bool | None = None


class _Signature(msgspec.Struct, frozen=True, rename="camel"):
    pod_controller: _Controller | None = None


class _Entry(msgspec.Struct, frozen=True, rename="camel"):
    pod_signature: _Signature = _Signature()


class _Avoided(msgspec.Struct, frozen=True, rename="camel"):
    prefer_avoid_pods: tuple[_Entry, ...] = ()


def avoided_pods_faults(annotations: Mapping[str, str]) -> Iterator[Fault]:
    """Yield what is wrong with the annotation: each entry names the controller of Pods."""
    text = annotations.get(ANNOTATION, "")
    if not text:
        return
    try:
        found = msgspec.json.decode(text, type=_Avoided)
    except msgspec.MsgspecError:
        yield Fault(_AT, "must be JSON: an object with the list preferAvoidPods", INVALID)
        return
    for number, entry in enumerate(found.prefer_avoid_pods):
        at, controller = f"{_AT}.preferAvoidPods[{number}].podSignature", entry.pod_signature.pod_controller
        if controller is None:
            yield Fault(at, "podController is missing", REQUIRED)
        elif not controller.controller:
            yield Fault(f"{at}.podController.controller", "must be true: Pods are known by what controls them", INVALID)
