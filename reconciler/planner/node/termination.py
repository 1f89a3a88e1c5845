"""How a Pod ends: containers, then sidecars in reverse order, then link, sandbox and volumes.

Pure. The same order takes a Pod down for ever, winds down a finished one (its containers stay for their logs), and
clears the way for a new sandbox.
"""

from reconciler.model.details import DetachPod, RemoveSandbox, UnpublishVolumes
from reconciler.model.kinds import Container
from reconciler.model.node_report import ContainerFact
from reconciler.model.plan import Executor, Reason, Verb
from reconciler.planner.node.backoff import is_waiting
from reconciler.planner.node.chain import Chain, Shared, add_removal, add_stop
from reconciler.planner.node.eviction import EVICTED
from reconciler.planner.node.look import SIDECAR, Look, is_live
from reconciler.planner.node.pods import PodJudgement, Stage

DEFAULT_GRACE_S = 30.0
LEAST_GRACE_S = 2.0
NETWORK_WAIT_S = 2.0
_WHY = {"DeadlineExceeded": Reason.DEADLINE_EXCEEDED, EVICTED: Reason.NODE_PRESSED}


def requested_at(judged: PodJudgement, now: float) -> float:
    """Return when the Pod was asked to end."""
    if judged.pod is not None and judged.pod.deletion_requested_at is not None:
        return judged.pod.deletion_requested_at
    return judged.memory.absent_at if judged.memory.absent_at is not None else now


def terminate_chain(look: Look, judged: PodJudgement, shared: Shared) -> Chain:
    """Return what ends a Pod for ever, beginning when no map leads to it any more: no host's that can be asked."""
    chain = Chain(look, judged)
    since = requested_at(judged, look.now)
    grace = judged.pod.grace_s if judged.pod is not None else DEFAULT_GRACE_S
    reason = Reason.POD_TERMINATING if judged.pod is not None else Reason.POD_UNASSIGNED
    if _is_held(chain, judged):
        return chain
    needs: tuple[str, ...] = ()
    if grace > 0 and look.now < (until := _waits_until(judged, look.now)):
        unmapped = shared.unmapped and bool(judged.found.sandboxes)
        if unmapped or (judged.pod is not None and judged.pod.still_served):
            whose = "this" if unmapped else "another"
            message = f"{whose} node's map may still lead to it"
            chain.block(Executor.CONTAINER, Verb.STOP, Reason.STILL_SERVED, message, until)
            return chain
        needs = tuple(key for key in (shared.program, shared.proxy) if key)
    # The daemon's clock may be ahead of this host's: nobody waits longer than a Pod may take.
    left = max(LEAST_GRACE_S, min(grace, since + grace - look.now)) if grace > 0 else 0.0
    stops = _stop(chain, left, reason, needs)
    if stops is not None:
        removals = tuple(add_removal(chain, fact, reason, stops) for fact in judged.found.containers)
        _tear_down(chain, reason, removals or stops, keep_volumes=False)
    return chain


def _waits_until(judged: PodJudgement, now: float) -> float:
    """Return until when maps are waited for; a clock that was set back makes nobody wait longer."""
    memory = judged.memory
    asked_at = memory.asked_at if judged.pod is not None else memory.absent_at
    return now if asked_at is None or asked_at > now else asked_at + NETWORK_WAIT_S


def wind_down_chain(look: Look, judged: PodJudgement) -> Chain:
    """Return what a Pod that finished no longer needs; its containers stay until it is unassigned, or room is short."""
    chain = Chain(look, judged)
    if not _is_held(chain, judged):
        reason = _WHY.get(judged.memory.reason, Reason.POD_FINISHED)
        stops = _stop(chain, _grace_s(judged), reason, ())
        if stops is not None:
            if look.reclaim:
                ended = (fact for fact in judged.found.containers if not is_live(fact))
                stops = (*stops, *(add_removal(chain, fact, Reason.NODE_PRESSED, stops) for fact in ended))
            _tear_down(chain, reason, stops, keep_volumes=False)
    return chain


def _grace_s(judged: PodJudgement) -> float:
    if judged.memory.reason == EVICTED:
        return judged.memory.evicted_grace_s
    return judged.pod.grace_s if judged.pod else DEFAULT_GRACE_S


def recreate_chain(look: Look, judged: PodJudgement) -> Chain:
    """Return what clears the way for a new sandbox."""
    chain = Chain(look, judged)
    if not _is_held(chain, judged):
        reason = Reason.SANDBOX_CHANGED
        stops = _stop(chain, judged.pod.grace_s if judged.pod else DEFAULT_GRACE_S, reason, ())
        if stops is not None:
            _tear_down(chain, reason, stops, keep_volumes=True)
    return chain


def _is_held(chain: Chain, judged: PodJudgement) -> bool:
    failure = judged.memory.failure
    if judged.busy or not is_waiting(failure, chain.look.now):
        return False
    message = f"{failure.reason}: {failure.message}" if failure.message else failure.reason
    chain.block(Executor.CONTAINER, Verb.STOP, Reason.BACK_OFF, message, failure.until)
    return True


def _stop(chain: Chain, grace_s: float, reason: Reason, needs: tuple[str, ...]) -> tuple[str, ...] | None:
    """Stop what runs; None: sidecars are still to be stopped once what runs now has ended."""
    judged = chain.judged
    message = judged.why if judged.stage is Stage.RECREATE else judged.memory.message
    specs = {one.spec.name: one.spec for one in judged.containers}
    live = [fact for fact in judged.found.containers if is_live(fact)]
    sidecars = sorted((fact for fact in live if fact.role == SIDECAR), key=lambda one: _place(specs, one))
    others = [fact for fact in live if fact.role != SIDECAR]
    if others or not sidecars:
        now, later = others, sidecars
    else:
        now, later = sidecars[-1:], sidecars[:-1]
    keys = tuple(
        add_stop(chain, fact, specs.get(fact.container), grace_s, reason, needs=needs, message=message) for fact in now
    )
    return None if later else (keys or needs)


def _place(specs: dict[str, Container], fact: ContainerFact) -> tuple[int, float, str]:
    names = list(specs)
    place = names.index(fact.container) if fact.container in specs else len(names)
    return place, fact.started_at, fact.name


def _tear_down(chain: Chain, reason: Reason, needs: tuple[str, ...], *, keep_volumes: bool) -> None:
    found, uid = chain.judged.found, chain.judged.uid
    for link in found.links:
        needs = (chain.add(DetachPod(pod_uid=uid, pod_ip=link.ip), reason, target=link.interface, needs=needs),)
    for sandbox in found.sandboxes:
        removal = RemoveSandbox(container_id=sandbox.id, name=sandbox.name)
        needs = (
            chain.add(
                removal,
                reason,
                target=sandbox.name,
                attempt=sandbox.attempt,
                needs=needs,
                expects=sandbox.id,
            ),
        )
    # The map alone is nothing of the Pod's: to wait for it would keep one that has gone for ever in it and out of it.
    if not keep_volumes and (found.sandboxes or found.links or found.volume or chain.actions):
        chain.add(UnpublishVolumes(pod_uid=uid), reason, needs=needs)
