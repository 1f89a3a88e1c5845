"""One pass over a node: from what it is to run and what its host shows, to the next actions and a report.

Pure. Read `step` from top to bottom: take outcomes in, look at every Pod, decide what the host itself needs, then
what each Pod needs, and remember what was handed out.
"""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from reconciler.model.base import Value
from reconciler.model.node import Assignment, NetworkView
from reconciler.model.node_report import NodeEvent, NodeFacts, PodReport, ProbeState, ProbeTarget
from reconciler.model.plan import Action, Blocked, Executor, Outcome, Plan, Reason, Verb
from reconciler.model.pressure import DEFAULT_LIMITS, HostLimits
from reconciler.planner.node.actions import node_ref
from reconciler.planner.node.addresses import REST_S, next_free_at, still_resting
from reconciler.planner.node.attachments import releasing
from reconciler.planner.node.backoff import is_waiting
from reconciler.planner.node.chain import Shared
from reconciler.planner.node.collection import collect_images
from reconciler.planner.node.eviction import evict
from reconciler.planner.node.external import node_port_events
from reconciler.planner.node.faults import why_unwired
from reconciler.planner.node.ingress import endpoints_key, ingress_tasks, port_events, wanted_endpoints
from reconciler.planner.node.look import Look
from reconciler.planner.node.memory import ImageMemory, NodeMemory, PodMemory
from reconciler.planner.node.network import NetworkMap, network_map, network_tasks
from reconciler.planner.node.outcomes import note_outcomes
from reconciler.planner.node.policies import NONE_WANTED, WantedPolicies, policy_tasks, wanted_policies
from reconciler.planner.node.pressure import next_relief_at, note_pressures, pressures_of
from reconciler.planner.node.pressure_events import pressure_events
from reconciler.planner.node.survey import Survey, keep_settled, last_known
from reconciler.planner.node.surveys import sorted_pods, survey_all
from reconciler.planner.node.targets import last_known_targets
from reconciler.planner.node.tasks import TasksStep, hand_out
from reconciler.planner.node.turn import Turn, take_turn
from reconciler.planner.node.volumes import VolumesStep, step_volumes


class NodeStep(Value):
    """The answer of one pass.

    `plan.actions` names again what is in flight and still wanted: what of it waits and is not named may be dropped.
    `map`: what the host's table and names are to be by the network view; None where that is not known.
    `proxy` names the endpoints that its proxy of Ingresses is to have, `policies` the rules of network policies; empty
    where there are to be none.
    """

    memory: NodeMemory
    plan: Plan
    reports: tuple[PodReport, ...] = ()
    probes: tuple[ProbeTarget, ...] = ()
    events: tuple[NodeEvent, ...] = ()
    pressures: tuple[str, ...] = ()
    map: NetworkMap | None = None
    proxy: str = ""
    policies: str = ""


def step(
    memory: NodeMemory,
    assignment: Assignment,
    view: NetworkView,
    facts: NodeFacts,
    *,
    probes: Mapping[str, ProbeState],
    outcomes: tuple[Outcome, ...],
    in_flight: frozenset[str],
    now: float,
    in_contact: bool = True,
    limits: HostLimits = DEFAULT_LIMITS,
) -> NodeStep:
    """Decide what the node does now.

    `in_contact` says whether the leader was heard since this boot of the host: Pods marked exclusive wait for that.
    """
    if _is_older(memory, assignment, view):
        return _refuse(memory, now)
    noted = note_outcomes(memory, outcomes, now)
    memory = _note_documents(noted.memory, assignment, view, facts, in_contact)
    earlier = memory
    memory = note_pressures(memory, facts, limits, now)
    memory = evict(memory, assignment, facts, limits, now, in_flight)
    pressed = pressure_events(facts.node, earlier, memory, limits, now)
    look = Look(
        node=facts.node,
        now=now,
        assignment=assignment,
        facts=facts,
        in_flight=in_flight,
        probes=probes,
        images=memory.images,
        in_contact=memory.boot_in_contact == facts.host.boot_id,
        reclaim=bool(memory.reclaim_at),
        limits=limits,
        unwired=why_unwired(memory, facts),
    )
    if not facts.complete:
        return _wait_for_engine(look, memory, view, (*noted.events, *pressed))
    surveys = survey_all(look, memory)
    truths = tuple(one.truth for one in surveys if one.truth is not None)
    collected = collect_images(look, memory, limits.images)
    volumes = step_volumes(look, collected.memory)
    wanted = network_map(look.node, assignment.domain, view, truths)
    policies = wanted_policies(look, view, truths)
    proxy = ingress_tasks(look, wanted.services, view)
    due = (*policy_tasks(look, policies), *network_tasks(look, wanted, view), *volumes.tasks, *collected.tasks, *proxy)
    tasks = hand_out(look, volumes.memory, due)
    ports = node_port_events(look, wanted.ways, tasks.actions) + port_events(look, truths, tasks.actions)
    turns = _take_turns(look, tasks.memory, surveys, _shared(look, volumes, tasks, policies, wanted))
    memory = _remember(look, tasks.memory, turns)
    actions = _unique((*tasks.actions, *(action for turn in turns for action in turn.actions)))
    blocked = (*volumes.blocked, *tasks.blocked, *(one for turn in turns for one in turn.blocked))
    return NodeStep(
        memory=memory,
        plan=_plan(look, memory, surveys, actions, blocked),
        reports=tuple(turn.survey.report for turn in turns),
        probes=tuple(target for turn in turns for target in turn.survey.targets),
        events=(
            *noted.events,
            *pressed,
            *collected.events,
            *ports,
            *(event for turn in turns for event in turn.events),
        ),
        pressures=pressures_of(memory),
        map=wanted,
        proxy=wanted_endpoints(look, wanted.services, view),
        policies=policies.digest,
    )


def _is_older(memory: NodeMemory, assignment: Assignment, view: NetworkView) -> bool:
    """Whether a document is of a leader that was deposed, or was overtaken on its way."""
    seen = (memory.term, memory.generation)
    seen_view = (memory.view_term, memory.view_generation)
    return (assignment.term, assignment.generation) < seen or (view.term, view.generation) < seen_view


def _refuse(memory: NodeMemory, now: float) -> NodeStep:
    reports = tuple(pod.report for pod in memory.pods.values() if pod.report is not None)
    warning = "the documents are older than what this node has seen: nothing is done with them"
    return NodeStep(
        memory=memory,
        plan=Plan(observed_at=now, complete=False, applyable=False, warnings=(warning,)),
        reports=reports,
        pressures=pressures_of(memory),
    )


def _note_documents(
    memory: NodeMemory, assignment: Assignment, view: NetworkView, facts: NodeFacts, in_contact: bool
) -> NodeMemory:
    boot = facts.host.boot_id if in_contact else memory.boot_in_contact
    seen = (assignment.term, assignment.generation, view.term, view.generation, boot)
    known = (memory.term, memory.generation, memory.view_term, memory.view_generation, memory.boot_in_contact)
    if seen == known:
        return memory
    return replace(
        memory,
        term=seen[0],
        generation=seen[1],
        view_term=seen[2],
        view_generation=seen[3],
        boot_in_contact=boot,
    )


def _wait_for_engine(look: Look, memory: NodeMemory, view: NetworkView, events: tuple[NodeEvent, ...]) -> NodeStep:
    """Nothing may be concluded from what is missing (P20): keep the network going, repeat the last reports."""
    pods = [(pod, memory.pods[pod.uid]) for pod in sorted_pods(look.assignment.pods) if pod.uid in memory.pods]
    truths = tuple(truth for pod, known in pods if (truth := last_known(pod, known)) is not None)
    tasks, wanted, policies = TasksStep(memory), None, NONE_WANTED
    if look.facts.network.prepared:
        wanted = network_map(look.node, look.assignment.domain, view, truths)
        policies = wanted_policies(look, view, truths)
        tasks = hand_out(look, memory, (*policy_tasks(look, policies), *network_tasks(look, wanted, view)))
    message = look.facts.engine_error or "the host could not be read"
    silent = Blocked(
        executor=Executor.CONTAINER,
        verb=Verb.UPDATE,
        object=node_ref(look.node),
        node=look.node,
        reason=Reason.ENGINE_SILENT,
        message=message,
    )
    targets = (last_known_targets(look, pod, known.report) for pod, known in pods if known.report is not None)
    reports = (known.report for known in memory.pods.values() if known.report is not None)
    return NodeStep(
        memory=tasks.memory,
        plan=_plan(look, tasks.memory, (), tasks.actions, (silent, *tasks.blocked)),
        reports=tuple(sorted(reports, key=lambda one: (one.namespace, one.name, one.uid))),
        probes=tuple(target for group in targets for target in group),
        events=events,
        pressures=pressures_of(tasks.memory),
        map=wanted,
        policies=policies.digest,
    )


def _shared(look: Look, volumes: VolumesStep, tasks: TasksStep, policies: WantedPolicies, wanted: NetworkMap) -> Shared:
    """Tell the Pods which of the node's actions they have to wait for."""
    by_type = {one.type: one.key for one in tasks.memory.emitted}
    planned = {action.key for action in tasks.actions}
    making = {name: key for name, key in volumes.making.items() if key in planned}
    lost = {name: "its directory could not be made yet" for name in volumes.making if name not in making}
    prepared = look.facts.network.prepared
    prepare = by_type.get("prepareHost", "")
    program = by_type.get("programServices", "")
    rules = by_type.get("programPolicies", "")
    return Shared(
        prepare="" if prepared or prepare not in planned else prepare,
        program=program if program in planned else "",
        unprepared=not prepared and prepare not in planned,
        volumes=making,
        lost={**lost, **volumes.lost},
        policies=rules if rules in planned else "",
        isolated=policies.isolated,
        unruled=bool(policy_tasks(look, policies)) and rules not in planned,
        unmapped=look.facts.network.services_digest != wanted.digest and program not in planned,
        releasing=releasing(look),
        proxy=endpoints_key(look, tasks.actions),
    )


def _take_turns(look: Look, memory: NodeMemory, surveys: tuple[Survey, ...], shared: Shared) -> tuple[Turn, ...]:
    turns = []
    for survey in surveys:
        turn = take_turn(look, survey, shared)
        if turn.is_settled and memory.pods.get(survey.uid) is survey.memory:
            keep_settled(look, survey)
        turns.append(turn)
    return tuple(turns)


def _remember(look: Look, memory: NodeMemory, turns: tuple[Turn, ...]) -> NodeMemory:
    """Keep what every Pod left behind; forget the ones that are gone and nobody asks for."""
    pods: dict[str, PodMemory] = {}
    released = dict(still_resting(memory.released, look.now, look.assignment.lingering))
    last = memory.last_ip
    for turn in turns:
        survey = turn.survey
        earlier = memory.pods.get(survey.uid)
        if survey.pod is None and survey.report.gone:
            if turn.memory.ip:
                released[turn.memory.ip] = look.now + REST_S
            continue
        pods[survey.uid] = turn.memory
        if turn.memory.ip and (earlier is None or earlier.ip != turn.memory.ip):
            last = turn.memory.ip
    images = _used_images(look, memory.images)
    same = len(pods) == len(memory.pods) and all(memory.pods.get(uid) is one for uid, one in pods.items())
    if same and released == memory.released and last == memory.last_ip and images is memory.images:
        return memory
    return replace(
        memory,
        pods={uid: pods[uid] for uid in sorted(pods)},
        released={ip: released[ip] for ip in sorted(released)},
        last_ip=last,
        images=images,
    )


def _used_images(look: Look, images: Mapping[str, ImageMemory]) -> Mapping[str, ImageMemory]:
    """Forget images that no assigned Pod names and that did not fail of late."""
    if len(images) <= 2 * max(len(look.assignment.pods), 64):
        return images
    kept = {name: one for name, one in images.items() if is_waiting(one.failure, look.now)}
    return kept if len(kept) < len(images) else images


def _unique(actions: Iterable[Action]) -> tuple[Action, ...]:
    """A pull that several Pods share stands in the plan once."""
    return tuple({action.key: action for action in reversed(tuple(actions))}.values())[::-1]


def _plan(
    look: Look,
    memory: NodeMemory,
    surveys: tuple[Survey, ...],
    actions: tuple[Action, ...],
    blocked: tuple[Blocked, ...],
) -> Plan:
    times = [one.until for one in blocked if one.until is not None and one.until > look.now]
    relief_at = next_relief_at(memory, look.limits, look.now)
    times.extend(() if relief_at is None else (relief_at,))
    for survey in surveys:
        pod = survey.pod
        if pod is not None and pod.spec.active_deadline_seconds is not None and not survey.memory.finished:
            times.append(survey.memory.started_at + pod.spec.active_deadline_seconds)
    if any(one.reason is Reason.UNSCHEDULABLE for one in blocked):
        free = next_free_at(memory.released, look.now)
        times.extend(() if free is None else (free,))
    return Plan(
        observed_at=look.facts.observed_at,
        complete=look.facts.complete,
        look_again_at=min(times, default=None),
        actions=actions,
        blocked=blocked,
    )
