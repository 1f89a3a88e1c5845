"""The chain of actions that brings a Pod closer to running: everything that can run without looking again.

Pure. Volumes, image and sandbox are made side by side; the link needs the sandbox, containers need all of them and
start one after the other.
"""

from reconciler.model.attachments import Attachment
from reconciler.model.details import (
    AttachPod,
    CreateSandbox,
    PublishVolumes,
    PullImage,
    RemoveSandbox,
    ResizeContainer,
    StartContainer,
)
from reconciler.model.granted import granted_to_pod
from reconciler.model.node import PodAssignment
from reconciler.model.node_report import ContainerFact
from reconciler.model.plan import Executor, Reason, Verb
from reconciler.planner.node.actions import container_name
from reconciler.planner.node.attachments import attach_detail, missing_attachments
from reconciler.planner.node.backoff import is_waiting
from reconciler.planner.node.chain import Chain, Shared, add_removal, add_stop
from reconciler.planner.node.debuggers import target_of
from reconciler.planner.node.fingerprint import fingerprint
from reconciler.planner.node.holding import image_key
from reconciler.planner.node.images import full_name, full_names
from reconciler.planner.node.judgement import Judgement, Want
from reconciler.planner.node.look import Look, is_live, is_whole
from reconciler.planner.node.memory import ImageMemory
from reconciler.planner.node.pods import PodJudgement
from reconciler.planner.node.policies import directions_of
from reconciler.planner.node.references import missing_for_volumes, unbound_claims
from reconciler.planner.node.resizes import has_other_limits
from reconciler.planner.node.volumes import published_version

KEPT_ATTEMPTS = 2


def run_chain(look: Look, judged: PodJudgement, pod: PodAssignment, shared: Shared) -> Chain:
    """Return what brings a Pod that is to run closer to running."""
    chain = Chain(look, judged)
    if _is_held(chain, judged, pod, shared):
        return chain
    published, volumes_ready = _publish(chain, judged, pod, shared)
    sandbox = _sandbox(chain, judged, pod)
    attached, linked = _attach(chain, judged, pod, sandbox, shared)
    _stop_faulty(chain, judged, pod)
    _resize(chain, judged, pod)
    if volumes_ready and linked:
        _start(chain, judged, pod, (published, sandbox, attached))
    _explain_waiting(chain, judged)
    _remove_old(chain, judged, pod)
    return chain


def _is_held(chain: Chain, judged: PodJudgement, pod: PodAssignment, shared: Shared) -> bool:
    """Whether the Pod must not get any further for now: it only keeps what it has."""
    failure = judged.memory.failure
    if is_waiting(failure, chain.look.now) and not judged.busy:
        message = f"{failure.reason}: {failure.message}" if failure.message else failure.reason
        chain.block(Executor.CONTAINER, Verb.CREATE, Reason.BACK_OFF, message, failure.until)
        return True
    if judged.sandbox_up:
        return False
    if pod.exclusive and not chain.look.in_contact:
        message = "waits for a word from the leader: another node may run it since this host started anew"
        chain.block(Executor.CONTAINER, Verb.CREATE, Reason.WAITING_FOR_DEPENDENCY, message)
        return True
    if pod.spec.os is not None and pod.spec.os.name != "linux":
        message = f"the Pod is made for {pod.spec.os.name}, and this node runs Linux"
        chain.block(Executor.CONTAINER, Verb.CREATE, Reason.UNSCHEDULABLE, message)
        return True
    if not pod.spec.host_network and not judged.memory.ip:
        given = chain.look.assignment
        waits = "; some wait until every node has told that it forgot who had them" if given.lingering else ""
        message = f"no free address in {given.pod_cidr}{waits}"
        chain.block(Executor.NETWORK, Verb.ATTACH, Reason.UNSCHEDULABLE, message)
        return True
    return _lacks_volumes(chain, judged, pod, shared)


def _lacks_volumes(chain: Chain, judged: PodJudgement, pod: PodAssignment, shared: Shared) -> bool:
    for binding in unbound_claims(pod):
        message = binding.message or f"persistentvolumeclaim/{pod.namespace}/{binding.claim} is not bound"
        chain.block(Executor.VOLUME, Verb.CREATE, Reason.CLAIM_NOT_BOUND, message)
    for binding in pod.claims:
        if binding.volume in shared.lost:
            chain.block(Executor.VOLUME, Verb.CREATE, Reason.VOLUME_MISSING, shared.lost[binding.volume])
    if judged.found.volume is None:
        for name in missing_for_volumes(pod):
            chain.block(Executor.VOLUME, Verb.CREATE, Reason.MISSING_REFERENCE, f"{name} not found")
    return bool(chain.blocked)


def _publish(chain: Chain, judged: PodJudgement, pod: PodAssignment, shared: Shared) -> tuple[str, bool]:
    """Publish the volumes when what is written differs; return the key, and whether containers may start."""
    if not pod.spec.volumes:
        return "", True
    version = published_version(pod)
    present = judged.found.volume
    if present is not None and present.version == version:
        return "", True
    if missing_for_volumes(pod):
        if present is None:
            for name in missing_for_volumes(pod):
                chain.block(Executor.VOLUME, Verb.CREATE, Reason.MISSING_REFERENCE, f"{name} not found")
        return "", present is not None
    look = chain.look
    detail = PublishVolumes(
        pod=pod, version=version, node=look.node, pod_ip=_pod_ip(look, judged, pod), host_ip=look.host_ip
    )
    reason = Reason.VOLUME_MISSING if present is None else Reason.CONFIGURATION_CHANGED
    needs = tuple(shared.volumes.get(binding.volume, "") for binding in pod.claims)
    attached = (_attach_volume(chain, one, shared) for one in missing_attachments(look, pod))
    return chain.add(detail, reason, target=version, needs=(*needs, *attached)), True


def _attach_volume(chain: Chain, one: Attachment, shared: Shared) -> str:
    """Mount a share or attach a device for the Pod, once it is made and no release of it is under way.

    It is one action for all Pods that need the same: a server that hangs is asked once.
    """
    needs = (shared.releasing.get(one.key, ""), shared.volumes.get(one.volume, ""))
    target = f"{one.key}/{one.volume}"
    return chain.add(attach_detail(one), Reason.VOLUME_MISSING, target=target, needs=needs, shared=True)


def _sandbox(chain: Chain, judged: PodJudgement, pod: PodAssignment) -> str:
    if judged.sandbox_up:
        return ""
    attempt = _sandbox_attempt(judged)
    look, memory = chain.look, judged.memory
    detail = CreateSandbox(
        pod=pod,
        name=_sandbox_name(judged, pod),
        attempt=attempt,
        pod_ip=_pod_ip(look, judged, pod),
        domain=look.assignment.domain,
        dns_address=look.assignment.dns_address,
    )
    reason = Reason.POD_ASSIGNED if memory.sandbox_attempt < 0 else Reason.SANDBOX_MISSING
    return chain.add(detail, reason, attempt=attempt)


def _attach(chain: Chain, judged: PodJudgement, pod: PodAssignment, sandbox: str, shared: Shared) -> tuple[str, bool]:
    """Wire the Pod when its link is not whole; return the key, and whether containers may start."""
    if pod.spec.host_network or (not sandbox and is_whole(pod, judged.found)):
        return "", True
    if shared.unprepared:
        chain.block(Executor.NETWORK, Verb.ATTACH, Reason.HOST_NOT_PREPARED, "the host's network is not prepared")
        return "", False
    if shared.unruled:
        message = "the rules of network policies could not be made yet"
        chain.block(Executor.NETWORK, Verb.ATTACH, Reason.POLICIES_CHANGED, message)
        return "", False
    ip = judged.memory.ip
    isolated = directions_of(shared.isolated.get(ip))
    detail = AttachPod(pod_uid=judged.uid, sandbox=_sandbox_name(judged, pod), pod_ip=ip, isolated=isolated)
    reason = Reason.POD_ASSIGNED if sandbox else Reason.LINK_BROKEN
    attempt = _sandbox_attempt(judged)
    return chain.add(detail, reason, attempt=attempt, needs=(shared.prepare, shared.policies, sandbox)), True


def _stop_faulty(chain: Chain, judged: PodJudgement, pod: PodAssignment) -> None:
    for one in (*judged.containers, *judged.debuggers):
        if one.want is Want.STOP and one.fact is not None:
            grace = pod.grace_s if one.grace_s is None else float(one.grace_s)
            # What starts anew with the others is killed, and has no preStop hook.
            spec, grace = (None, 0.0) if one.memory.void else (one.spec, grace)
            add_stop(chain, one.fact, spec, grace, one.reason, message=one.message)


def _resize(chain: Chain, judged: PodJudgement, pod: PodAssignment) -> None:
    """Give running containers what they are to have, and say what there is no room for."""
    sandbox, whole = judged.found.sandbox, pod.spec.resources
    for one in judged.containers:
        if not one.resize or one.fact is None:
            continue
        failure = one.memory.resize_failure
        if is_waiting(failure, chain.look.now):
            chain.block(Executor.CONTAINER, Verb.UPDATE, Reason.BACK_OFF, failure.message, failure.until)
            continue
        detail = ResizeContainer(
            container_id=one.fact.id,
            name=one.fact.name,
            spec=one.spec,
            within=whole.limits,
            pod_uid=pod.uid,
            sandbox=sandbox.id if sandbox is not None else "",
            whole=granted_to_pod(pod.spec) if has_other_limits(pod.spec, sandbox) else None,
        )
        chain.add(
            detail,
            Reason.SPEC_CHANGED,
            target=f"{one.fact.name}/{fingerprint(one.spec.resources, whole)}",
            container=one.spec.name,
            attempt=failure.count,
            expects=one.fact.id,
            message="resize in place",
        )
    if judged.memory.pending:
        message = f"resize {judged.memory.pending.lower()}: {judged.memory.pending_because}"
        chain.block(Executor.CONTAINER, Verb.UPDATE, Reason.UNSCHEDULABLE, message)


def _start(chain: Chain, judged: PodJudgement, pod: PodAssignment, needs: tuple[str, ...]) -> None:
    """Start what may start, in order: each needs the one before it, and its image. What looks on needs no other."""
    before = ""
    pulls: dict[str, str] = {}
    for one in judged.containers:
        if one.want is not Want.START:
            continue
        pull = _pull(chain, pod, one, pulls) if one.pull else ""
        before = _start_one(chain, judged, pod, one, (*needs, pull, before))
    for one in judged.debuggers:
        if one.want is Want.START:
            pull = _pull(chain, pod, one, pulls) if one.pull else ""
            _start_one(chain, judged, pod, one, (*needs, pull))


def _start_one(chain: Chain, judged: PodJudgement, pod: PodAssignment, one: Judgement, needs: tuple[str, ...]) -> str:
    look, target = chain.look, target_of(pod, one.spec.name, judged.found)
    detail = StartContainer(
        pod=pod,
        spec=one.spec,
        role=one.role,
        name=container_name(one.spec.name, pod.name, pod.namespace, judged.uid, one.attempt),
        attempt=one.attempt,
        sandbox=_sandbox_name(judged, pod),
        pod_ip=_pod_ip(look, judged, pod),
        host_ip=look.host_ip,
        node=look.node,
        processes_of=target.id if target is not None else "",
    )
    return chain.add(
        detail,
        one.reason,
        target=one.spec.name,
        attempt=one.attempt,
        needs=needs,
        expects=judged.found.sandbox.id if judged.sandbox_up and judged.found.sandbox else "",
        message=_start_message(one),
    )


def _start_message(one: Judgement) -> str:
    if one.reason is Reason.CONTAINER_EXITED and one.ended is not None:
        return f"ended with {one.ended.exit_code}"
    return ""


def _pull(chain: Chain, pod: PodAssignment, one: Judgement, pulls: dict[str, str]) -> str:
    """Return the key of the pull that the container needs: one for all Pods that need the same image."""
    name = image_key(pod, one.spec)
    if name in pulls:
        return pulls[name]
    look = chain.look
    detail = PullImage(
        image=one.spec.image,
        namespace=pod.namespace,
        pull_secrets=tuple(sorted(secret.name for secret in pod.spec.image_pull_secrets)),
    )
    present = full_name(one.spec.image) in full_names(look.facts.images)
    reason = Reason.IMAGE_PULL_ALWAYS if present else Reason.IMAGE_MISSING
    attempt = look.images.get(name, ImageMemory()).pulls
    pulls[name] = chain.add(detail, reason, target=name, attempt=attempt, shared=True)
    return pulls[name]


def _explain_waiting(chain: Chain, judged: PodJudgement) -> None:
    for one in (*judged.containers, *judged.debuggers):
        if one.want is Want.WAIT:
            message = f"container {one.spec.name}: {one.message}"
            chain.block(Executor.CONTAINER, Verb.START, one.reason, message, one.until)


def _remove_old(chain: Chain, judged: PodJudgement, pod: PodAssignment) -> None:
    """Keep the newest attempt of each container and the one before it (for its log); the others go."""
    every = (*judged.containers, *judged.debuggers)
    starting = {one.spec.name for one in every if one.want is Want.START and _is_new(one)}
    declared = {one.spec.name for one in every}
    for name in sorted({fact.container for fact in judged.found.containers}):
        facts = judged.found.of(name)
        kept = (KEPT_ATTEMPTS - 1 if name in starting else KEPT_ATTEMPTS) if name in declared else 0
        for place, fact in enumerate(reversed(facts)):
            if place >= kept or (place > 0 and is_live(fact)):
                _remove_stray(chain, fact, pod)
    for sandbox in judged.found.sandboxes[:-1]:
        detail = RemoveSandbox(container_id=sandbox.id, name=sandbox.name)
        chain.add(detail, Reason.CONTAINER_STRAY, target=sandbox.name, attempt=sandbox.attempt, expects=sandbox.id)


def _is_new(one: Judgement) -> bool:
    return one.fact is None or one.attempt > one.fact.attempt


def _remove_stray(chain: Chain, fact: ContainerFact, pod: PodAssignment) -> None:
    needs: tuple[str, ...] = ()
    reason = Reason.CONTAINER_FINISHED
    if is_live(fact):
        reason = Reason.CONTAINER_STRAY
        needs = (add_stop(chain, fact, None, pod.grace_s, reason),)
    add_removal(chain, fact, reason, needs)


def _sandbox_attempt(judged: PodJudgement) -> int:
    """A sandbox on the host keeps its number; one that is to be made gets the next."""
    sandbox = judged.found.sandbox
    return sandbox.attempt if sandbox is not None else judged.memory.sandbox_attempt + 1


def _sandbox_name(judged: PodJudgement, pod: PodAssignment) -> str:
    sandbox = judged.found.sandbox
    if sandbox is not None:
        return sandbox.name
    return container_name("POD", pod.name, pod.namespace, judged.uid, _sandbox_attempt(judged))


def _pod_ip(look: Look, judged: PodJudgement, pod: PodAssignment) -> str:
    return look.host_ip if pod.spec.host_network else judged.memory.ip
