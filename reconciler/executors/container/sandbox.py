"""The container that owns a Pod's namespaces.

Effect, idempotent by name.
"""

from pathlib import Path

from reconciler.executors.capacity import lowest_oom_score
from reconciler.executors.container import labels
from reconciler.executors.container.dns import Resolver, parse_resolver
from reconciler.executors.container.images import ensure_sandbox_image
from reconciler.executors.container.owned import Owned, is_running, was_never_started
from reconciler.executors.container.podcgroup import PodCgroupError, PodCgroups
from reconciler.executors.container.render import sandbox_body
from reconciler.executors.engine import Engine
from reconciler.executors.transport import Deadline, EngineRefused
from reconciler.model.details import CreateSandbox, RemoveSandbox
from reconciler.model.errors import StaleError, TransientError

_RESOLVERS = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))


class SandboxError(TransientError):
    """The Engine did not make or start a sandbox."""

    reason = "CreatePodSandboxError"


def create_sandbox(
    engine: Engine, owned: Owned, cgroups: PodCgroups, detail: CreateSandbox, expects: str, deadline: Deadline
) -> tuple[bool, str]:
    """Create and start a sandbox; return whether anything was done, and its id."""
    with cgroups.entered(detail.pod.uid, detail.pod.spec) as group:
        changed, container = _started(engine, owned, detail, group, expects, deadline)
        if group:
            check_group(engine, cgroups, detail.pod.uid, container, deadline)
    return changed, container


def _started(
    engine: Engine, owned: Owned, detail: CreateSandbox, group: str, expects: str, deadline: Deadline
) -> tuple[bool, str]:
    found = owned.find(detail.name, detail.pod.uid)
    if found is None:
        container = _create(engine, owned, detail, group, deadline)
    elif is_running(found):
        owned.expect(found, expects)
        return False, str(found["Id"])
    elif was_never_started(found):
        container = str(found["Id"])
    else:
        raise StaleError(f"sandbox {detail.name} has ended: its network is gone with it")
    try:
        engine.start_container(container, deadline.left_s)
    except EngineRefused as error:
        # Nothing is in it: the next try begins anew instead of finding a sandbox that never started.
        engine.remove_container(container, force=True, timeout_s=deadline.left_s)
        raise SandboxError(f"sandbox {detail.name} does not start: {error}") from error
    return True, container


def check_group(engine: Engine, cgroups: PodCgroups, uid: str, container: str, deadline: Deadline) -> None:
    """Remove a container that was started outside of its Pod's limits, and raise `PodCgroupError`."""
    found = engine.inspect_container(container)
    try:
        cgroups.check(uid, int(found["State"].get("Pid") or 0) if found is not None else 0)
    except PodCgroupError:
        remove(engine, container, deadline, force=True)
        raise


def remove_sandbox(
    engine: Engine, owned: Owned, cgroups: PodCgroups, detail: RemoveSandbox, expects: str, deadline: Deadline
) -> tuple[bool, str]:
    """Remove a sandbox, killing it, and what held its Pod's limits; return whether there was one."""
    found = owned.target(detail.container_id, detail.name, expects)
    if found is None:
        return False, ""
    if labels.labels_in(found).get(labels.ROLE) != labels.SANDBOX_ROLE:
        raise StaleError(f"{detail.name} is not a sandbox")
    removed = remove(engine, str(found["Id"]), deadline, force=True)
    if found["HostConfig"].get("CgroupParent"):
        cgroups.remove(labels.labels_in(found).get(labels.POD_UID, ""))
    return removed, ""


def remove(engine: Engine, container: str, deadline: Deadline, *, force: bool) -> bool:
    """Remove a container; return whether it was still there."""
    try:
        engine.remove_container(container, force=force, timeout_s=deadline.left_s)
    except EngineRefused as error:
        if error.status == 404:
            return False
        if error.status == 409 and _is_being_removed(engine, container):
            return True
        raise
    return True


def _is_being_removed(engine: Engine, container: str) -> bool:
    """Whether the Engine is at it already: for someone else, or for us before we were killed."""
    found = engine.inspect_container(container)
    return found is None or found["State"]["Status"] == "removing"


def host_resolver() -> Resolver:
    """Return how the host itself resolves names; behind systemd's stub, what that asks."""
    for path in _RESOLVERS:
        if path.is_file():
            return parse_resolver(path.read_text(errors="replace"))
    return Resolver()


def _create(engine: Engine, owned: Owned, detail: CreateSandbox, group: str, deadline: Deadline) -> str:
    image = ensure_sandbox_image(engine)
    body = sandbox_body(detail, owned.owner, image, host_resolver(), lowest_oom_score(engine.socket_path), group)
    try:
        return engine.create_container(detail.name, body, deadline.left_s)
    except EngineRefused as error:
        if appeared := owned.appeared(detail.name, detail.pod.uid, error):
            return appeared
        raise SandboxError(f"sandbox {detail.name} is not created: {error}") from error
