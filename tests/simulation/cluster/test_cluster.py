"""Stories of a whole cluster: safe at every step, and at rest in the end. `scripts/sim` runs more of them."""

from pathlib import Path

import pytest

from tests.simulation.cluster.story import Story

SEEDS = Path(__file__).with_name("seeds.txt")
KEPT = tuple(int(line.split()[0]) for line in SEEDS.read_text().splitlines() if line and not line.startswith("#"))
GROUPS = 10
PER_GROUP = 10


@pytest.mark.parametrize("seed", KEPT)
def test_a_story_that_once_went_wrong(seed: int) -> None:
    """P09, P10, P17: seeds that found a bug stay."""
    Story(seed).run()


@pytest.mark.parametrize("group", range(GROUPS))
def test_stories(group: int) -> None:
    """P02, P05, P09, P10, P17, P20: pushes, faults and crashes between any two steps; safe throughout, then at rest."""
    for seed in range(group * PER_GROUP, (group + 1) * PER_GROUP):
        Story(seed).run()


@pytest.mark.parametrize("group", range(4))
def test_stories_with_stateful_sets(group: int) -> None:
    """P09, P17, P27, P29: numbered Pods keep order, names and data through faults and crashes; then at rest."""
    for seed in range(group * PER_GROUP, (group + 1) * PER_GROUP):
        Story(seed, sets=True).run()


@pytest.mark.parametrize("group", range(4))
def test_stories_with_daemons_and_tasks(group: int) -> None:
    """P09, P17, P19, P20: one daemon per node, every run and every index once, through faults; then at rest."""
    for seed in range(group * PER_GROUP, (group + 1) * PER_GROUP):
        Story(seed, tasks=True).run()


@pytest.mark.parametrize("group", range(4))
def test_stories_with_overrides(group: int) -> None:
    """P09, P15, P17: persons restart, roll back, cordon and delete in the middle; safe, then at rest."""
    for seed in range(group * PER_GROUP, (group + 1) * PER_GROUP):
        Story(seed, overrides=True).run()
