"""The operator's limits that planning keeps."""

from collections.abc import Mapping

from reconciler.model.base import Value
from reconciler.model.placing import PlacingPolicy

NODE_LEASE_S = 40.0


class SourcePolicy(Value):
    """Limits of one source. `on_failure` is report, or rollback: return to the last healthy revision (P16)."""

    prune: bool = True
    restart_on_configuration_change: bool = False
    on_failure: str = "report"


class RebalancingPolicy(Value, forbid_unknown_fields=True):
    """Whether Pods that a budget covers are moved from full nodes to emptier ones.

    One at a time, once no replaceable Pod has come or gone for `settled_s`, and only where the node that it comes to is
    less full by `margin_percent` of its room even with it.
    """

    enabled: bool = False
    settled_s: float = 600.0
    margin_percent: int = 20


class IngressPolicy(Value, forbid_unknown_fields=True):
    """What holds for Ingresses that do not say otherwise in an annotation.

    `body_size` is how large a request's body may be (`8m`; `0`: any), `access_log` whether each request is logged.
    """

    body_size: str | int = "1m"
    access_log: bool = False


class Policy(Value):
    """Limits of the whole.

    Deletions of one source are held when they exceed max(`prune_min`, min(`prune_share` of what it owns, `prune_max`)),
    counted over `prune_window_s`. A node is silent after `node_lease_s` without a word; a Pod that does not say for how
    long it bears that does so for `toleration_s`, and a node that is not ready for `not_ready_toleration_s`.
    `finished_pods_max` Pods that have ended are kept, the oldest go (0: all stay). `volumes_dir` is where the local
    provisioner keeps directories. `placing` says which nodes are better for Pods than others, `rebalancing` whether
    Pods are moved to such, `ingress` what Ingresses get that say nothing else. `digest_key` (hex) keys the digests that
    cover secrets.
    """

    prune_min: int = 3
    prune_share: float = 0.30
    prune_max: int = 50
    prune_window_s: float = 3600.0
    node_lease_s: float = NODE_LEASE_S
    toleration_s: int = 300
    not_ready_toleration_s: int = 300
    finished_pods_max: int = 12500
    volumes_dir: str = "/var/lib/reconciler/volumes"
    digest_key: str = ""
    sources: Mapping[str, SourcePolicy] = {}
    placing: PlacingPolicy = PlacingPolicy()
    rebalancing: RebalancingPolicy = RebalancingPolicy()
    ingress: IngressPolicy = IngressPolicy()

    def source(self, name: str) -> SourcePolicy:
        """Return the limits of one source."""
        return self.sources.get(name, SourcePolicy())

    def __repr__(self) -> str:
        return f"Policy(prune {self.prune_min}/{self.prune_share}/{self.prune_max}, lease {self.node_lease_s} s)"
