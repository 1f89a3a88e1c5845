"""What an agent has yet to tell: nothing that happened while the daemon was away is lost, up to a bound."""

import msgspec

from reconciler.agent.outbox import Outbox
from reconciler.model.details import PullImage
from reconciler.model.node_report import NodeEvent, NodeFacts, Observation
from reconciler.model.plan import Action, Executor, Outcome, OutcomeStatus, Reason, Verb
from reconciler.model.refs import ObjectRef


def report(sequence: int, *happened: str) -> bytes:
    """A report with these events."""
    events = tuple(NodeEvent(at=1.0, reason=name, message="") for name in happened)
    facts = NodeFacts(node="n", observed_at=float(sequence))
    return msgspec.json.encode(
        Observation(node="n", boot_id="b", sequence=sequence, observed_at=1.0, facts=facts, events=events)
    )


def told(outbox: Outbox) -> tuple[int, list[str]]:
    """Return the sequence of the report that is told next, and its events."""
    letter = outbox.take(1.0)
    assert letter.observation is not None
    return letter.observation.sequence, [one.reason for one in letter.observation.events]


def action(key: str) -> Action:
    """The pull of an image."""
    return Action(
        key=key,
        executor=Executor.CONTAINER,
        verb=Verb.CREATE,
        object=ObjectRef.of("Pod", "shop", "web"),
        node="n",
        reason=Reason.IMAGE_MISSING,
        detail=PullImage(image="web:1"),
    )


def outcome(key: str) -> Outcome:
    """It is done."""
    return Outcome(key=key, status=OutcomeStatus.DONE)


def test_the_newest_report_is_told_with_every_event_since() -> None:
    """A report in between says nothing that the newest does not, but its events happened."""
    outbox = Outbox()
    for sequence, name in enumerate(("Pulled", "Started", "Killing")):
        outbox.report(report(sequence, name))
    assert told(outbox) == (2, ["Pulled", "Started", "Killing"])


def test_what_could_not_be_told_is_told_later() -> None:
    """With what has come since, in order."""
    outbox = Outbox()
    outbox.report(report(1, "Pulled"))
    outbox.sample(b"old")
    letter = outbox.take(1.0)
    outbox.report(report(2, "Started"))
    outbox.put_back(letter)
    assert told(outbox) == (2, ["Pulled", "Started"])
    outbox.put_back(letter)
    again = outbox.take(1.0)
    assert (again.observation, again.sample) == (letter.observation, b"old")


def test_an_absence_of_any_length_costs_bounded_memory() -> None:
    """The newest events are kept."""
    outbox = Outbox()
    for sequence in range(3000):
        outbox.report(report(sequence, f"E{sequence}"))
    sequence, events = told(outbox)
    assert (sequence, len(events), events[-1]) == (2999, 500, "E2999")


def test_no_value_leaves_the_host_with_an_outcome() -> None:
    """P22: of an action's detail only type and image are told."""
    outbox = Outbox()
    outbox.tell([(action("k"), outcome("k"))])
    [one] = outbox.take(1.0).outcomes
    assert (one.action.detail, one.type, one.image) == (None, "pullImage", "web:1")


def test_the_newest_outcomes_are_kept() -> None:
    """What could not be told goes back in front, as far as there is room."""
    outbox = Outbox()
    outbox.tell([(action("old"), outcome("old"))])
    letter = outbox.take(1.0)
    outbox.tell([(action(f"k{n}"), outcome(f"k{n}")) for n in range(999)])
    outbox.put_back(letter)
    outbox.put_back(letter)
    keys = [one.outcome.key for one in outbox.take(1.0).outcomes]
    assert (len(keys), keys[0], keys[-1]) == (1000, "old", "k998")


def test_nothing_to_tell_is_an_empty_letter() -> None:
    """After the time; at once when it is closed."""
    outbox = Outbox()
    assert outbox.take(0.01).is_empty
    outbox.close()
    assert outbox.take(60.0).is_empty
