"""Which network view a host's tables and names were last made from, though newer ones may be under way.

Pure but for its own memory, which is owned by the node's loop; losing it is safe: the next full match tells it again.
"""

from collections.abc import Mapping

from reconciler.model.node_report import NetworkFact, NodeFacts
from reconciler.planner.node.network import NetworkMap
from reconciler.planner.node.step import NodeStep

_KEPT = 64


class Leading:
    """Knows of every map that was wanted of late the newest view that asked for it."""

    def __init__(self) -> None:
        self.generation = 0
        self._services: Mapping[str, int] = {}
        self._names: Mapping[str, int] = {}
        self._proxies: Mapping[str, int] = {}
        self._policies: Mapping[str, int] = {}

    def follow(self, answer: NodeStep, generation: int, facts: NodeFacts) -> None:
        """Take in what one step asked for by view `generation`, and what the host showed it; see `note`."""
        shown = facts.ingress.endpoints
        self.note(answer.map, generation, facts.network, answer.proxy, shown, answer.policies)

    def note(
        self,
        wanted: NetworkMap | None,
        generation: int,
        shown: NetworkFact,
        proxy: str = "",
        shown_proxy: str = "",
        policies: str = "",
    ) -> None:
        """Take in what view `generation` asks for, and what the host shows; `generation` is then what it leads by.

        `proxy` names the endpoints that the proxy of Ingresses is to have, `shown_proxy` those that it has; one that
        does not run leads nowhere. `policies` names the rules of network policies that are to stand.
        """
        if wanted is None:
            return
        self._services = _with(self._services, wanted.digest, generation)
        self._names = _with(self._names, wanted.names_digest, generation)
        self._proxies = _with(self._proxies, proxy, generation)
        self._policies = _with(self._policies, policies, generation)
        services, names = self._services.get(shown.services_digest), self._names.get(shown.names_digest)
        proxied = self._proxies.get(shown_proxy) if shown_proxy else generation
        ruled = None if shown.policies_damaged else self._policies.get(shown.policies_digest)
        if services is not None and names is not None and proxied is not None and ruled is not None:
            self.generation = min(services, names, proxied, ruled)


def _with(known: Mapping[str, int], digest: str, generation: int) -> Mapping[str, int]:
    if known.get(digest) == generation:
        return known
    kept = [(old, number) for old, number in known.items() if old != digest]
    return dict((*kept[1 - _KEPT :], (digest, generation)))
