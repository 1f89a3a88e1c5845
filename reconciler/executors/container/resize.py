"""Changing what a running container may use.

Effect, idempotent: what is as it should be already is set once more.
"""

from reconciler.executors.container.owned import Owned, is_running
from reconciler.executors.container.podcgroup import PodCgroups
from reconciler.executors.container.resources import resource_settings
from reconciler.executors.engine import Engine
from reconciler.executors.transport import Deadline
from reconciler.model.details import ResizeContainer
from reconciler.model.errors import StaleError, TransientError
from reconciler.model.granted import Granted


def resize_container(
    engine: Engine, owned: Owned, cgroups: PodCgroups, detail: ResizeContainer, expects: str, deadline: Deadline
) -> tuple[bool, str]:
    """Give a container the shares, quota and memory of its spec, and its Pod those of the whole.

    Neither gets less memory than it uses, as with kubelet. A Pod that grows does so first, since no container may have
    more than its Pod.
    """
    found = owned.target(detail.container_id, detail.name, expects)
    if found is None or not is_running(found):
        raise StaleError(f"container {detail.name} does not run: there is nothing to resize")
    container, settings = str(found["Id"]), resource_settings(detail.spec, detail.within)
    before, after = int(found["HostConfig"].get("Memory") or 0), int(settings.get("Memory", 0))
    if after and (not before or after < before) and (used := engine.memory_used(container, deadline.left_s)) > after:
        raise TransientError(
            f"container {detail.spec.name} uses {used} bytes of memory: its limit cannot be {after}",
            reason="MemoryInUse",
        )
    whole = None if detail.whole is None else cgroups.observed(detail.pod_uid)
    grows = whole is not None and detail.whole is not None and _is_more(detail.whole, whole)
    if grows and detail.whole is not None:
        cgroups.resize(detail.pod_uid, detail.whole)
    engine.update_container(container, settings, deadline.left_s)
    if not grows and detail.whole is not None:
        cgroups.resize(detail.pod_uid, detail.whole)
    return True, container


def _is_more(after: Granted, before: Granted) -> bool:
    return before.cpu_quota_us != 0 and (after.cpu_quota_us == 0 or after.cpu_quota_us >= before.cpu_quota_us)
