"""ControllerRevisions: every template that a workload has had, numbered; what its Pods are named by. Pure.

Kubernetes' semantics: a template that comes back gets the highest number again instead of a second object. Names come
from the template's digest, so that the same template has the same name for ever.
"""

from typing import Any, cast

import msgspec

from reconciler.model.base import Value, to_builtins
from reconciler.model.canonical import digest
from reconciler.model.kinds import ControllerRevision, ObjectMeta, PodTemplateSpec
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.identity import short_hash
from reconciler.planner.view import View, owner_of, replace

REVISION_LABEL = "controller-revision-hash"
_HASH_LABEL = "controller.kubernetes.io/hash"
_PATCH = "$patch"


class Revisions(Value):
    """The revision that Pods have come from so far, the one they are to come from, and how often names collided."""

    current: StoredObject
    update: StoredObject
    collisions: int = 0

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing to roll out."""
        return self.current.ref == self.update.ref


def sync_revisions(view: View, owner: StoredObject, template: PodTemplateSpec, current: str) -> Revisions:
    """Have a revision of this template that is the newest; `current` names the one that the last rollout ended with."""
    known = _of(view, owner)
    wanted = digest_of(view, owner, template)
    matching = [one for one in known if _identity(view, one, template_of(view, one)) == wanted]
    newest = max((number_of(one) for one in known), default=0)
    collisions = 0
    if not matching:
        update, collisions = _create(view, owner, template, newest + 1)
    else:
        update = max(matching, key=lambda one: (number_of(one), one.ref.name))
        if number_of(update) < newest:
            update = _renumber(view, owner, update, newest + 1)
    before = next((one for one in _of(view, owner) if one.ref.name == current), update)
    return Revisions(current=before, update=update, collisions=collisions)


def number_of(stored: StoredObject) -> int:
    """Return a revision's number."""
    return cast(ControllerRevision, stored.object).revision


def revision_data(template: PodTemplateSpec) -> dict[str, Any]:
    """Return what a revision holds, in the form that `kubectl rollout undo` applies as a strategic merge patch."""
    return {"spec": {"template": {**to_builtins(template), _PATCH: "replace"}}}


def template_of(view: View, stored: StoredObject) -> PodTemplateSpec:
    """Return the template that a revision holds."""
    data = cast(ControllerRevision, stored.object).data
    return view.memo.get(("revision", stored.ref), (data,), lambda: _decoded(data))


def forget_revisions(view: View, owner: StoredObject, live: frozenset[str], limit: int) -> None:
    """Remove the oldest revisions that nothing uses any more, beyond the history limit."""
    history = sorted((one for one in _of(view, owner) if one.ref.name not in live), key=number_of)
    for one in history[: max(len(history) - limit, 0)]:
        view.remove(one, Reason.HISTORY_LIMIT, f"only {limit} old revisions are kept")


def digest_of(view: View, owner: StoredObject, template: PodTemplateSpec) -> str:
    """Return the identity of a template: equality of canonical forms."""
    return view.memo.get(("template", owner.ref), (template,), lambda: digest(template))


def _of(view: View, owner: StoredObject) -> list[StoredObject]:
    return view.owned_by(owner.object.metadata.uid, "ControllerRevision")


def _identity(view: View, stored: StoredObject, template: PodTemplateSpec) -> str:
    return view.memo.get(("template", stored.ref), (template,), lambda: digest(template))


def _decoded(data: Any) -> PodTemplateSpec:
    template = {name: value for name, value in data["spec"]["template"].items() if name != _PATCH}
    return msgspec.convert(template, PodTemplateSpec)


def _create(view: View, owner: StoredObject, template: PodTemplateSpec, number: int) -> tuple[StoredObject, int]:
    collisions = 0
    while view.get(_ref(owner, name := _name(view, owner, template, collisions))) is not None:
        collisions += 1
    revision = ControllerRevision(
        metadata=ObjectMeta(
            name=name,
            namespace=owner.ref.namespace,
            labels={**template.metadata.labels, _HASH_LABEL: name.rpartition("-")[2]},
            annotations=_passed_on(owner),
            owner_references=(owner_of(owner),),
        ),
        revision=number,
        data=revision_data(template),
    )
    manager = owner.object.metadata.uid
    return view.create(revision, manager=manager, reason=Reason.ROLLOUT, provenance=owner.provenance), collisions


def _renumber(view: View, owner: StoredObject, stored: StoredObject, number: int) -> StoredObject:
    message = f"revision {number_of(stored)} comes back as {number}"
    revision = replace(cast(ControllerRevision, stored.object), revision=number)
    return view.update(stored, revision, reason=Reason.ROLLOUT, message=message, provenance=owner.provenance)


def _name(view: View, owner: StoredObject, template: PodTemplateSpec, collisions: int) -> str:
    return f"{owner.ref.name}-{short_hash(digest_of(view, owner, template), collisions)}"


def _ref(owner: StoredObject, name: str) -> ObjectRef:
    return ObjectRef(kind="ControllerRevision", namespace=owner.ref.namespace, name=name)


def _passed_on(owner: StoredObject) -> dict[str, str]:
    kept_back = ("kubectl.kubernetes.io/last-applied-configuration", "reconciler.dev/")
    return {key: text for key, text in owner.object.metadata.annotations.items() if not key.startswith(kept_back)}
