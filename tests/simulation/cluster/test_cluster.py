"""Stories of a whole cluster: safe at every step, and at rest in the end. `make sim` runs more of them."""

import pytest

from tests.simulation.cluster.tale import PARTS, Tale, kept_tales, read_tale

PER_PART = 10


@pytest.mark.parametrize("tale", kept_tales(), ids=str)
def test_a_story_that_once_went_wrong(tale: Tale) -> None:
    """P09, P10, P17: seeds that found a bug stay."""
    tale.story().run()


@pytest.mark.parametrize("part", PARTS)
def test_stories(part: str) -> None:
    """P02, P05, P09, P10, P15, P17, P20, P27, P29: pushes, faults and crashes between any two steps; then at rest."""
    for seed in range(PER_PART):
        Tale(seed, part).story().run()


def test_a_story_is_the_same_every_time_it_is_told() -> None:
    """A seed that went wrong goes wrong again."""
    first, second = Tale(3).story(), Tale(3).story()
    first.run()
    second.run()
    assert first.lines == second.lines
    assert (first.cluster.steps, first.states) == (second.cluster.steps, second.states)


def test_a_story_without_any_turn_is_a_first_push_alone() -> None:
    """What is left out does not happen, so a story that goes wrong can be told shorter."""
    story = Tale(3, "plain", frozenset(range(10))).story()
    story.run()
    assert story.strikes == 0
    assert sum("git push" in line for line in story.lines) == len(story.repositories)


@pytest.mark.parametrize("text", ["41 plain", "7 sets without 0,3"])
def test_tales_are_kept_as_lines(text: str) -> None:
    """What is kept is read again, whatever note follows."""
    assert str(read_tale(f"{text}   a Pod ran twice")) == text
