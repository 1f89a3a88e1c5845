"""Which story is told: a seed, what takes part in it, and the turns that are left out; kept as a line of a file."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.simulation.cluster.story import Story, StoryFailed

KEPT = Path(__file__).with_name("seeds.txt")
PARTS = ("plain", "sets", "tasks", "overrides", "bounds", "nodes")
# What takes part only where it is asked for: a seed alone never tells of it.
ASKED_FOR = ("rebalancing",)
ALL_PARTS = (*PARTS, *ASKED_FOR)


@dataclass(frozen=True)
class Tale:
    """One story; as text `SEED [PART] [without TURN,TURN]`. Without a part, the seed says what takes part."""

    seed: int
    part: str = ""
    without: frozenset[int] = field(default_factory=frozenset)

    def __str__(self) -> str:
        left_out = f" without {','.join(map(str, sorted(self.without)))}" if self.without else ""
        return f"{self.seed} {self.part_or_own}{left_out}"

    @property
    def part_or_own(self) -> str:
        """What takes part besides what is always there."""
        return self.part or PARTS[self.seed % len(PARTS)]

    @property
    def command(self) -> str:
        """What a person types to see it."""
        left_out = f" WITHOUT={','.join(map(str, sorted(self.without)))}" if self.without else ""
        return f"make sim SEED={self.seed} PART={self.part_or_own}{left_out}"

    def story(self, **options: object) -> Story:
        """Return the story, not yet begun."""
        parts = {name: self.part_or_own == name for name in ALL_PARTS[1:]}
        return Story(self.seed, without=self.without, **parts, **options)  # type: ignore[arg-type]


def read_tale(line: str) -> Tale:
    """Read a tale from its line; whatever follows is a note."""
    words = line.split()
    tale = Tale(int(words[0]), part=words[1] if len(words) > 1 and words[1] in ALL_PARTS else "plain")
    if words[2:3] == ["without"]:
        tale = replace(tale, without=frozenset(map(int, words[3].split(","))))
    return tale


def kept_tales() -> list[Tale]:
    """Return the stories that once went wrong."""
    lines = KEPT.read_text().splitlines()
    return [read_tale(line) for line in lines if line and not line.startswith("#")]


def keep(tale: Tale, why: str) -> None:
    """Keep a story that went wrong, once."""
    if tale not in kept_tales():
        with KEPT.open("a") as file:
            file.write(f"{tale}   {why}\n")


def shortest(tale: Tale) -> tuple[Tale, StoryFailed]:
    """Leave out of a story that goes wrong all that it goes wrong without; also return how it then goes."""
    story = tale.story()
    failed = _failure(story)
    assert failed is not None, f"{tale} does not go wrong"
    for turn in (0, *range(max(story.turns, 1), 0, -1)):
        less = replace(tale, without=tale.without | {turn})
        found = _failure(less.story())
        if found is not None:
            tale, failed = less, found
    return tale, failed


def _failure(story: Story) -> StoryFailed | None:
    try:
        story.run()
    except StoryFailed as failed:
        return failed
    return None
