"""What a node may do: fetch its own documents, tell its own reports, renew its own certificate. Pure.

It is asked before roles and bindings, and for a node its word is the last: no binding can give a node more.
"""

from reconciler.model.access import AccessDecision, RequestAttributes, User
from reconciler.model.agents import NODE_PREFIX, NODES
from reconciler.server.resources import OWN_GROUP

AGENTS, AUTHORITY = "agents", "authority"
REPORTS = frozenset({"observations", "heartbeats", "samples", "outcomes"})
_READS = frozenset({"documents", "streams"})
_WRITES = REPORTS | {"certificate"}


def judge_agent(user: User, wanted: RequestAttributes) -> AccessDecision | None:
    """Decide what a node, or a host that wants to be one, asks for; None where roles and bindings decide."""
    if NODES in user.groups:
        return _of_node(user, wanted)
    if _is_public(wanted):
        return AccessDecision(allowed=True, reason="anybody may ask whom to trust, and join with a token")
    return None


def is_report(wanted: RequestAttributes) -> bool:
    """Whether something is told again and again by every node: no line of an audit log each."""
    return _is_agents(wanted) and wanted.subresource in REPORTS


def _of_node(user: User, wanted: RequestAttributes) -> AccessDecision:
    node = user.name.removeprefix(NODE_PREFIX) if user.name.startswith(NODE_PREFIX) else ""
    is_own = bool(node) and _is_agents(wanted) and wanted.name == node
    is_read = wanted.verb == "get" and wanted.subresource in _READS
    is_write = wanted.verb == "create" and wanted.subresource in _WRITES
    if is_own and (is_read or is_write):
        return AccessDecision(allowed=True, reason="a node may fetch its own documents and tell its own reports")
    return AccessDecision(allowed=False, reason="a node may only fetch its own documents and tell its own reports")


def _is_public(wanted: RequestAttributes) -> bool:
    if wanted.group != OWN_GROUP or wanted.name or wanted.subresource:
        return False
    is_join = wanted.resource == AGENTS and wanted.verb == "create"
    return is_join or (wanted.resource == AUTHORITY and wanted.verb in ("get", "list"))


def _is_agents(wanted: RequestAttributes) -> bool:
    return wanted.group == OWN_GROUP and wanted.resource == AGENTS
