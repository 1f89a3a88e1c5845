"""Which actions mend what somebody or something broke, in the words of the event that tells it. Pure."""

from collections.abc import Mapping

from reconciler.model.plan import Reason

_REPAIRS: Mapping[tuple[str, Reason], str] = {
    ("attachPod", Reason.LINK_BROKEN): "link, address or route of the Pod was missing or changed: wired again",
    ("programServices", Reason.TABLE_DAMAGED): "the nftables table of Services was changed or removed: written again",
    ("programPeers", Reason.ROUTES_DAMAGED): "links or routes to other nodes were changed or removed: made again",
    ("programPolicies", Reason.POLICY_RULES_DAMAGED): (
        "the nftables rules of NetworkPolicies were changed or removed: written again"
    ),
    ("createSandbox", Reason.SANDBOX_CHANGED): "the Pod's sandbox had ended or was replaced: made anew",
}
_MISSING = "it was removed from outside"


def repaired(type_: str, reason: Reason, attempt: int) -> str:
    """Return what an action repairs; empty when it does not. `type_` is the tag of its detail."""
    if type_ == "startContainer" and reason is Reason.CONTAINER_MISSING and attempt > 0:
        return _MISSING
    return _REPAIRS.get((type_, reason), "")
