"""A graph of actions of one Pod, as it is collected, and what every such graph needs: stops and removals.

Pure.
"""

from collections.abc import Mapping

from reconciler.model.base import Part
from reconciler.model.details import (
    Detail,
    RemoveContainer,
    StopContainer,
)
from reconciler.model.kinds import Container
from reconciler.model.networkpolicy import IsolatedPod
from reconciler.model.node_report import ContainerFact
from reconciler.model.plan import Action, Blocked, Executor, Reason, Verb
from reconciler.planner.node.actions import make_action, pod_ref, tag_of
from reconciler.planner.node.look import Look
from reconciler.planner.node.memory import Emitted
from reconciler.planner.node.pods import PodJudgement
from reconciler.planner.node.repairs import repaired


class Shared(Part, frozen=True):
    """What the node's own actions mean for its Pods.

    `prepare` and `program` are the keys of these actions of the node, empty when there is nothing to wait for; so is
    `proxy`, of that which gives the proxy of Ingresses its endpoints. `unprepared`: no Pod can be wired now,
    `unmapped`: the map of the Services is due and cannot be made now. `policies` is the key of the action that makes
    the rules of policies, `isolated` has the addresses that they isolate, `unruled`: they are due and cannot be made
    now. `volumes` gives for each assigned volume the key of the action that makes it; `lost` says why a volume cannot
    be used; `releasing` gives for a share or device the key of the action under way that releases it.
    """

    prepare: str
    program: str
    unprepared: bool
    volumes: Mapping[str, str]
    lost: Mapping[str, str]
    policies: str = ""
    isolated: Mapping[str, IsolatedPod] = {}
    unruled: bool = False
    unmapped: bool = False
    proxy: str = ""
    releasing: Mapping[str, str] = {}


class Chain:
    """Collects the actions of one Pod; private to the function that builds it."""

    def __init__(self, look: Look, judged: PodJudgement) -> None:
        self.look = look
        self.judged = judged
        self.actions: list[Action] = []
        self.emitted: list[Emitted] = []
        self.blocked: list[Blocked] = []
        memory = judged.memory
        self.ref = pod_ref(memory.namespace, memory.name)

    def add(
        self,
        detail: Detail,
        reason: Reason,
        *,
        target: str = "",
        container: str = "",
        attempt: int = 0,
        needs: tuple[str, ...] = (),
        expects: str = "",
        message: str = "",
        shared: bool = False,
    ) -> str:
        """Add one action and return its key. A shared one belongs to no Pod alone."""
        action = make_action(
            self.look.node,
            self.ref,
            detail,
            reason,
            uid="" if shared else self.judged.uid,
            target=target,
            attempt=attempt,
            needs=tuple(need for need in needs if need),
            expects=expects,
            message=message,
        )
        self.actions.append(action)
        tag = tag_of(detail)
        repairs = repaired(tag, reason, attempt)
        self.emitted.append(Emitted(key=action.key, type=tag, target=container or target, repairs=repairs))
        return action.key

    def block(self, executor: Executor, verb: Verb, reason: Reason, message: str, until: float | None = None) -> None:
        """Say what is not done now, and what it waits for."""
        self.blocked.append(
            Blocked(
                executor=executor,
                verb=verb,
                object=self.ref,
                node=self.look.node,
                reason=reason,
                message=message,
                until=until,
            )
        )


def add_stop(
    chain: Chain,
    fact: ContainerFact,
    spec: Container | None,
    grace_s: float,
    reason: Reason,
    *,
    needs: tuple[str, ...] = (),
    message: str = "",
) -> str:
    """Add the stop of one running container; with its spec, its preStop hook runs."""
    memory = chain.judged.memory
    detail = StopContainer(
        container_id=fact.id,
        name=fact.name,
        grace_s=grace_s,
        lifecycle=spec.lifecycle if spec and spec.lifecycle.pre_stop else None,
        pod_ip=chain.look.host_ip if memory.host_network else memory.ip,
        spec=spec,
    )
    return chain.add(
        detail,
        reason,
        target=fact.name,
        container=fact.container,
        attempt=fact.attempt,
        needs=needs,
        expects=fact.id,
        message=message,
    )


def add_removal(chain: Chain, fact: ContainerFact, reason: Reason, needs: tuple[str, ...] = ()) -> str:
    """Add the removal of one ended container."""
    detail = RemoveContainer(container_id=fact.id, name=fact.name)
    return chain.add(
        detail,
        reason,
        target=fact.name,
        container=fact.container,
        attempt=fact.attempt,
        needs=needs,
        expects=fact.id,
    )
