"""The ways to the Pods of other nodes: by a tunnel, or by plain routes where one of the two makes no tunnel.

Pure. Both ends have to choose alike, so that each goes by what the other has told: see `Peer.backend`. Where the
network between the hosts knows by itself where Pods are (`routed`), there are none of ours.
"""

from msgspec.structs import replace

from reconciler.model.details import ProgramPeers
from reconciler.model.node import NetworkView, Peer
from reconciler.model.plan import Action, Reason
from reconciler.planner.node.actions import make_action, node_ref
from reconciler.planner.node.fingerprint import fingerprint
from reconciler.planner.node.look import Look


def peers_action(look: Look, view: NetworkView, prepare: str) -> Action | None:
    """Return what makes the ways as they should be, after `prepare`; None when they are."""
    peers = _others(look, view)
    assignment, network, address = look.assignment, look.facts.network, look.host_ip
    digest = fingerprint(address, assignment.pod_cidr, assignment.cluster_pod_cidr, peers) if peers else ""
    # Where the host could not be looked at yet, its own address is not known.
    if not address or (digest == network.peers_digest and not network.peers_damaged):
        return None
    detail = ProgramPeers(
        digest=digest,
        address=address,
        pod_cidr=assignment.pod_cidr,
        cluster_pod_cidr=assignment.cluster_pod_cidr,
        peers=peers,
    )
    needs = (prepare,) if prepare else ()
    reason = Reason.ROUTES_DAMAGED if network.peers_damaged else Reason.PEERS_CHANGED
    return make_action(look.node, node_ref(look.node), detail, reason, target=digest, needs=needs)


def _others(look: Look, view: NetworkView) -> tuple[Peer, ...]:
    """Return every other node, in the order of names, with the backend that both ends can use."""
    reached = (one for one in view.peers if one.node != look.node and one.backend != "routed")
    others = sorted(reached, key=lambda one: one.node)
    if not look.facts.network.tunnel_error:
        return tuple(others)
    return tuple(replace(one, backend="host-gw") for one in others)
