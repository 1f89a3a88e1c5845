"""What one container needs, as a value: see `containers.py`, which judges. Pure."""

from enum import Enum

from reconciler.model.base import Part
from reconciler.model.kinds import Container, ContainerStateTerminated
from reconciler.model.node_report import ContainerFact
from reconciler.model.plan import Reason
from reconciler.planner.node.look import is_live
from reconciler.planner.node.memory import ContainerMemory


class Want(Enum):
    """What a container needs: to be left running, started, stopped, waited for, or nothing ever again."""

    RUN = "run"
    START = "start"
    STOP = "stop"
    WAIT = "wait"
    DONE = "done"


class Judgement(Part, frozen=True):
    """What one container needs and how it stands.

    `fact` is its newest attempt on the host, `ended` how that (or, if it was removed by hand, the last known one)
    ended. `attempt` is the number of the next start; `waiting` and `message` are what the status says while it is
    not running; `until` is when waiting ends by itself. `resize`: it runs, and may use something else than it should.
    """

    spec: Container
    role: str
    memory: ContainerMemory
    fact: ContainerFact | None
    want: Want
    reason: Reason
    ended: ContainerStateTerminated | None = None
    attempt: int = 0
    pull: bool = False
    waiting: str = ""
    message: str = ""
    until: float | None = None
    started: bool = False
    ready: bool = False
    grace_s: float | None = None
    resize: bool = False

    @property
    def is_up(self) -> bool:
        """Whether it runs and has passed its startup probe."""
        return self.fact is not None and is_live(self.fact) and self.started

    @property
    def has_succeeded(self) -> bool:
        """Whether it ran to a good end for ever."""
        return self.want is Want.DONE and self.ended is not None and self.ended.exit_code == 0
