"""Stories in which Pods move to nodes with more room; `make sim PART=rebalancing` runs more of them."""

from tests.simulation.cluster.rebalancing import RebalancingSafety
from tests.simulation.cluster.tale import ASKED_FOR, Tale


def test_pods_move_as_their_budgets_allow_and_come_to_rest() -> None:
    """P09, P20: one at a time, among pushes, faults and crashes; in the end no node is worth leaving."""
    moves = 0
    for seed in range(8):
        story = Tale(seed, "rebalancing").story()
        story.run()
        assert isinstance(story.sets, RebalancingSafety)
        moves += story.sets.moves
    assert moves > 5


def test_what_is_only_asked_for_is_told_by_no_seed_alone() -> None:
    """So the stories that are kept stay what they were."""
    assert not {Tale(seed).part_or_own for seed in range(100)} & set(ASKED_FOR)
