"""The built-in roles exist as objects, so that they can be looked at and bound to. Pure."""

from typing import cast

from reconciler.model.kinds import ClusterRole, ClusterRoleBinding, ref_of
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.planner.access.roles import AUTO_UPDATE, DEFAULTS
from reconciler.planner.view import SYSTEM, View, replace

_SEEN = "default roles"
_AddedTo = ClusterRole | ClusterRoleBinding


def ensure_default_roles(view: View) -> None:
    """Every built-in role and binding is there; one that a source declares under its name takes its place.

    Rules and subjects that an older version did not have are added to one that nobody declares, unless its annotation
    says that it is not kept up to date. What somebody has added stays.
    """
    marks = _marks(view)
    if view.memo.known(_SEEN, marks):
        view.memo.keep(_SEEN, marks, True)
        return
    for default in DEFAULTS:
        stored = view.get(ref_of(default))
        if stored is None:
            view.create(default, manager=SYSTEM, reason=Reason.DECLARED)
        elif stored.manager == SYSTEM and stored.object.metadata.annotations.get(AUTO_UPDATE) == "true":
            _complete(view, stored, default)
    view.memo.keep(_SEEN, _marks(view), True)


def _marks(view: View) -> tuple[object, ...]:
    """Return what is another one whenever a role or binding of the cluster changes."""
    marks = view.memo.picture.marks
    return marks[ClusterRole.kind], marks[ClusterRoleBinding.kind]


def _complete(view: View, stored: StoredObject, default: _AddedTo) -> None:
    completed = _completed(cast(_AddedTo, stored.object), default)
    if completed is not None:
        message = "this version's built-in one has entries that it lacked"
        view.update(stored, completed, reason=Reason.SPEC_CHANGED, message=message)


def _completed(present: _AddedTo, default: _AddedTo) -> _AddedTo | None:
    """Return an object with the entries of the built-in one that it lacks, or None when it lacks nothing."""
    match present, default:
        case ClusterRole(), ClusterRole():
            rules = tuple(rule for rule in default.rules if rule not in present.rules)
            return replace(present, rules=(*present.rules, *rules)) if rules else None
        case ClusterRoleBinding(), ClusterRoleBinding():
            subjects = tuple(subject for subject in default.subjects if subject not in present.subjects)
            return replace(present, subjects=(*present.subjects, *subjects)) if subjects else None
    return None
