"""The plugins by which nodes are chosen, in kube-scheduler's default order: the first that refuses a node says why.

Their weights are those of kube-scheduler's default profile, and stand at each plugin.
"""

from reconciler.planner.scheduling.framework import AnyPlugin
from reconciler.planner.scheduling.gates import SchedulingGates
from reconciler.planner.scheduling.images import ImageLocality
from reconciler.planner.scheduling.interpod_plugin import InterPodAffinity
from reconciler.planner.scheduling.noderules import (
    NodeAffinity,
    NodeName,
    NodePorts,
    NodeUnschedulable,
    TaintToleration,
)
from reconciler.planner.scheduling.resources import NodeResourcesBalancedAllocation, NodeResourcesFit
from reconciler.planner.scheduling.spread_plugin import PodTopologySpread
from reconciler.planner.scheduling.volumes import VolumeBinding
from reconciler.planner.scheduling.volumes_restrictions import VolumeRestrictions

PLUGINS: tuple[type[AnyPlugin], ...] = (
    SchedulingGates,
    NodeUnschedulable,
    NodeName,
    TaintToleration,
    NodeAffinity,
    NodePorts,
    NodeResourcesFit,
    VolumeRestrictions,
    VolumeBinding,
    PodTopologySpread,
    InterPodAffinity,
    NodeResourcesBalancedAllocation,
    ImageLocality,
)

# The kinds whose changes may help a Pod that waits.
HEARD: frozenset[str] = frozenset(kind for plugin in PLUGINS for kind in plugin.hints)
