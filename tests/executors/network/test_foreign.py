"""What is in the way on a host: the error says whose it seems to be, how to see it, and how to remove it."""

import pytest

from reconciler.executors.network.foreign import foreign_link, foreign_route, foreign_table
from reconciler.executors.outcome import outcome_of
from reconciler.model.errors import ConfigurationError
from reconciler.model.plan import Action, Executor, Reason, Verb
from reconciler.model.refs import ObjectRef

ACTION = Action(
    key="k",
    executor=Executor.NETWORK,
    verb=Verb.UPDATE,
    object=ObjectRef(kind="Node", name="node-1"),
    node="node-1",
    reason=Reason.HOST_NOT_PREPARED,
)
LISTING = 'table ip reconciler {\n\tcomment "reconciler cluster old"\n\tchain a {\n\t}\n}\n'


def told(error: ConfigurationError) -> tuple[str, str]:
    """The outcome of an action that ends with an error."""

    def effect() -> tuple[bool, str]:
        raise error

    outcome = outcome_of(ACTION, effect)
    return outcome.reason, outcome.message


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            foreign_link("reconciler-dns", "reconciler host old"),
            (
                "link reconciler-dns exists and is not this cluster's (it is marked 'reconciler host old')",
                "ip -details link show reconciler-dns",
                "ip link delete reconciler-dns",
            ),
        ),
        (
            foreign_table("reconciler", LISTING),
            (
                "nftables table ip reconciler exists and is not this cluster's (it is marked 'reconciler cluster old')",
                "nft list table ip reconciler",
                "nft delete table ip reconciler",
            ),
        ),
        (foreign_table("reconciler", "table ip reconciler {\n}\n"), ("is not this cluster's; see it",)),
    ],
)
def test_what_is_not_ours_is_told_with_what_to_do(error: ConfigurationError, words: tuple[str, ...]) -> None:
    """As people read it in events, conditions and the status."""
    reason, message = told(error)
    assert reason == "NetworkConflict"
    assert [word for word in words if word not in message] == []


def test_a_route_in_the_way_is_told_with_what_to_do() -> None:
    """It is only a part of a sentence: there may be several."""
    message = foreign_route("10.42.1.0/24", "lan")
    assert "ip route show 10.42.1.0/24" in message
    assert message.endswith("ip route delete 10.42.1.0/24 dev lan")
