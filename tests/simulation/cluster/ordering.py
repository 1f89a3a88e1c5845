"""In which order hosts do things for one Pod, whatever the plans say: judged from what is there after each action."""

from collections import Counter

from reconciler.model.details import DetachPod, RemoveSandbox, StartContainer, UnpublishVolumes
from reconciler.model.plan import Action
from reconciler.simulation.cluster import SimulatedHost


def fault_in_order(host: SimulatedHost, action: Action) -> str:
    """Say what an action took away too early; an empty text: nothing. Of Pods that the story harmed it is not asked."""
    takes_away = isinstance(action.detail, (DetachPod, RemoveSandbox, UnpublishVolumes))
    if takes_away and (names := _running(host, action.uid)):
        return f"{host.name}: {action.verb} {action.object} ({action.reason}) while {', '.join(names)} of it run"
    return ""


def fault_side_by_side(host: SimulatedHost) -> str:
    """Say of which Pod two containers start at the same time; an empty text: of none."""
    starts = Counter(one.uid for one in host.agent.running if isinstance(one.detail, StartContainer))
    return next(
        (f"{host.name}: {count} containers of Pod {uid} start at once" for uid, count in starts.items() if count > 1),
        "",
    )


def _running(host: SimulatedHost, uid: str) -> list[str]:
    return sorted(
        one.fact.name
        for one in host.world.engine.containers.values()
        if one.fact.pod_uid == uid and one.fact.role != "sandbox" and one.is_running
    )
