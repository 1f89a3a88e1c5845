"""How forecasts and capacity are shown: text, document, Markdown."""

import msgspec
from render_golden import assert_golden
from render_samples import ASSIGNMENT, NOW, POD, REVISION, WEB

from reconciler.model.capacity import Amounts, Capacity, NodeCapacity, NodesNeeded, QuotaCapacity, WorkloadCapacity
from reconciler.model.details import PullImage, StartContainer
from reconciler.model.forecast import (
    Availability,
    Estimate,
    Forecast,
    ForecastStep,
    Refusal,
    Unplaced,
    Unsettled,
)
from reconciler.model.plan import Action, Executor, OutcomeStatus, Reason, Verb
from reconciler.model.refs import ObjectRef
from reconciler.render import (
    capacity_document,
    capacity_text,
    forecast_document,
    forecast_markdown,
    forecast_text,
)

DEPLOYMENT = ObjectRef.of("Deployment", "shop", "web")
WAITING = Unplaced(
    pod=ObjectRef.of("Pod", "shop", "search-5c9d-aaaaa"),
    message="0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.",
    nodes=(
        Refusal(node="node-a", why="Insufficient cpu"),
        Refusal(node="node-b", why="node(s) were unschedulable"),
    ),
)


def full_forecast() -> Forecast:
    """A forecast in which everything occurs that one can show."""
    return Forecast(
        revisions={"main": REVISION},
        observed_at=NOW - 2,
        assumptions=("tasks end well, and readiness probes succeed",),
        took_s=192.4,
        steps=_steps(),
        availability=(
            Availability(object=DEPLOYMENT, before=3, lowest=2, lowest_at_s=4.5, after=3, wanted=3),
            Availability(object=ObjectRef.of("Service", "shop", "db"), before=1, after=1, lowest_at_s=1.2, down_s=3.25),
            Availability(object=ObjectRef.of("Deployment", "shop", "search"), after=0, wanted=1, created=True),
            Availability(object=ObjectRef.of("Deployment", "shop", "old"), before=1, deleted=True),
            Availability(object=ObjectRef.of("Deployment", "shop", "calm"), before=2, lowest=2, after=2, wanted=2),
        ),
        unplaced=(WAITING,),
        unsettled=(
            Unsettled(object=DEPLOYMENT, reason="ProgressDeadlineExceeded", message="no progress for 600 s"),
            Unsettled(object=WAITING.pod, reason="Unschedulable"),
        ),
        estimates=(
            Estimate(of="pullImage", image="nginx:1.27", seconds=12.4, samples=5),
            Estimate(of="ready", seconds=1.0),
            Estimate(of="startContainer", seconds=0.31, samples=40),
        ),
        warnings=(
            "persistentvolumeclaim/shop/data is deleted; persistentvolume/pvc-1 is released and keeps its data",
            "service/shop/db is down for about 3 s",
        ),
    )


def _steps() -> tuple[ForecastStep, ...]:
    pull = Action(
        key="k1",
        executor=Executor.CONTAINER,
        verb=Verb.CREATE,
        object=POD,
        node="node-a",
        reason=Reason.IMAGE_MISSING,
        detail=PullImage(image="nginx:1.27"),
    )
    start = msgspec.structs.replace(
        pull,
        verb=Verb.START,
        reason=Reason.CONTAINER_MISSING,
        detail=StartContainer(
            pod=ASSIGNMENT,
            spec=WEB,
            role="app",
            name="rc_web",
            attempt=0,
            sandbox="rc_POD",
            pod_ip="10.42.0.7",
            host_ip="192.0.2.1",
            node="node-a",
        ),
    )
    return (
        ForecastStep(
            at_s=0.0,
            executor="cluster",
            verb="update",
            object=DEPLOYMENT,
            reason=Reason.SPEC_CHANGED,
            message="replicas 2 → 3",
        ),
        _of(pull, 0.1, 12.4),
        _of(start, 12.5, 0.3, OutcomeStatus.FAILED, 'secret "token" not found'),
        ForecastStep(at_s=192.4, executor="cluster", verb="terminate", object=POD, reason=Reason.OLD_REVISION),
    )


def _of(
    action: Action, at_s: float, took_s: float, outcome: OutcomeStatus = OutcomeStatus.DONE, message: str = ""
) -> ForecastStep:
    return ForecastStep(
        at_s=at_s,
        took_s=took_s,
        executor=action.executor.value,
        verb=action.verb.value,
        object=action.object,
        node=action.node,
        reason=action.reason,
        message=message,
        outcome=outcome,
        action=action,
    )


def full_capacity() -> Capacity:
    """A capacity in which everything occurs that one can show."""
    whole = Amounts(cpu_millis=4000, memory_bytes=8 << 30, pods=110)
    asked = Amounts(cpu_millis=3150, memory_bytes=5 << 30, pods=12)
    free = Amounts(cpu_millis=850, memory_bytes=3 << 30, pods=98)
    daemons = Amounts(cpu_millis=150, memory_bytes=200 << 20, pods=2)
    lost = (msgspec.structs.replace(WAITING, message=""),)
    return Capacity(
        revisions={"main": REVISION},
        observed_at=NOW - 2,
        workloads=(
            WorkloadCapacity(object=DEPLOYMENT, pods=3, requests=asked, limits=whole, unlimited=1),
            WorkloadCapacity(
                object=ObjectRef.of("DaemonSet", "shop", "log"), pods=2, requests=daemons, limits=Amounts()
            ),
        ),
        nodes=(
            NodeCapacity(
                name="node-a", allocatable=whole, requests=asked, limits=whole, daemons=daemons, free=free, lost=lost
            ),
            NodeCapacity(
                name="node-b",
                allocatable=whole,
                requests=Amounts(),
                limits=Amounts(),
                daemons=Amounts(),
                free=whole,
                closed=("unreachable",),
            ),
        ),
        waiting=(WAITING,),
        needed=NodesNeeded(count=3, present=2, shapes={"node-a": 2, "node-b": 1}, misfits=(WAITING,)),
        quotas=(
            QuotaCapacity(object=ObjectRef.of("ResourceQuota", "shop", "all"), hard={"pods": "10"}, used={"pods": "4"}),
        ),
    )


def test_golden_forecast_text() -> None:
    """P13: what happens, when, what is ready meanwhile, and what a person should know before."""
    assert_golden("forecast.txt", forecast_text(forecast_document(full_forecast()), now=NOW))


def test_golden_forecast_markdown() -> None:
    """The same forecast as a comment on a merge request."""
    assert_golden("forecast.md", forecast_markdown(forecast_document(full_forecast())))


def test_golden_forecast_document() -> None:
    """The document for scripts keeps its form, and says that it can never be applied."""
    encoded = msgspec.json.encode(forecast_document(full_forecast()))
    assert_golden("forecast.json", msgspec.json.format(encoded, indent=2).decode() + "\n")
    assert msgspec.json.decode(encoded)["applyable"] is False


def test_golden_capacity_text() -> None:
    """What is asked for and free, what does not fit, and how few nodes are enough."""
    assert_golden("capacity.txt", capacity_text(capacity_document(full_capacity()), now=NOW))


def test_golden_capacity_document() -> None:
    """The document for scripts keeps its form."""
    encoded = msgspec.json.encode(capacity_document(full_capacity()))
    assert_golden("capacity.json", msgspec.json.format(encoded, indent=2).decode() + "\n")


def test_the_documents_can_be_read_back() -> None:
    """What the API sends is what the command shows."""
    forecast, room = forecast_document(full_forecast()), capacity_document(full_capacity())
    again = msgspec.json.decode(msgspec.json.encode(forecast), type=type(forecast))
    assert forecast_text(again, now=NOW) == forecast_text(forecast, now=NOW)
    same = msgspec.json.decode(msgspec.json.encode(room), type=type(room))
    assert capacity_text(same, now=NOW) == capacity_text(room, now=NOW)


def test_a_forecast_that_was_cut_says_so() -> None:
    """P06: what is not known in the end is not shown as if it were."""
    text = forecast_text(forecast_document(Forecast(cut="it has more than 9 steps")), now=NOW)
    assert text.splitlines()[-1] == "Forecast: nothing to do, cut: it has more than 9 steps. Nothing was changed."
