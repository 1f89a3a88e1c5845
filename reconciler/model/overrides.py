"""What a person changed on a declared object without Git: the closed list of overrides, kept apart from the object."""

from reconciler.model.base import Value
from reconciler.model.kinds import Taint
from reconciler.model.refs import ObjectRef


class Rollback(Value):
    """A workload's return to an earlier revision; it holds until the declaration changes (P15).

    `revision` is the number that `rollout history` shows; `replica_set` is the name of what had the template then;
    `digest` is that of the declaration that is held back.
    """

    revision: int
    replica_set: str
    digest: str


class Override(Value):
    """All that is overridden on one object; a part that is None (or empty) is as declared.

    `restarted_at` is an RFC 3339 time that goes into the Pod template's annotations. `unschedulable` and `taints` are
    a Node's. `delete_at` (Unix seconds) is when the deletion of a Pod was asked for, of the Pod with this `uid` only,
    with `grace_s` seconds to end. `by` is who did the last of it, `at` when, in Unix seconds.
    """

    ref: ObjectRef
    uid: str = ""
    restarted_at: str = ""
    rollback: Rollback | None = None
    unschedulable: bool | None = None
    taints: tuple[Taint, ...] | None = None
    delete_at: float | None = None
    grace_s: int | None = None
    by: str = ""
    at: float = 0.0
