"""What a simulated process does: given for an image, or read from a container's command.

Pure. The few words of shell that tests use (`sleep 5; exit 3`, `trap 'exit 0' TERM`) mean the same here as in a real
container, so that one contract suite runs on both worlds.
"""

import re
from dataclasses import dataclass, replace

from reconciler.model.kinds import Container

KILLED = 137
_PROGRAMS = frozenset({"sh", "/bin/sh", "sleep", "/bin/sleep", "true", "/bin/true", "false", "/bin/false", "httpd"})
_STATEMENT = re.compile(r"\s*(?:;|&&|\n|&)\s*")
_TRAP = re.compile(r"trap\s+'?\s*(?:exit\s+(\d+)|)\s*'?\s+(?:TERM|SIGTERM|15)")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a process of an image behaves.

    It ends by itself `exit_after_s` after its start (None: never) with `exit_code`; after TERM it ends within
    `term_s` with `term_code` (None: it ignores TERM). `start_error` makes it impossible to start. Probes succeed from
    `ready_after_s` on and fail again from `unready_after_s` on; liveness and startup likewise.
    """

    exit_after_s: float | None = None
    exit_code: int = 0
    term_s: float | None = 0.1
    term_code: int = 0
    start_error: str = ""
    ready_after_s: float = 0.0
    unready_after_s: float | None = None
    alive_from_s: float = 0.0
    dead_after_s: float | None = None

    def probe_ok(self, kind: str, age_s: float) -> bool:
        """Whether a probe of this kind succeeds `age_s` after the start."""
        if kind == "readiness":
            first, last = self.ready_after_s, self.unready_after_s
        else:
            first, last = self.alive_from_s, self.dead_after_s
        return age_s >= first and (last is None or age_s < last)

    def changes(self) -> tuple[float, ...]:
        """Return the ages at which a probe's answer may change."""
        times = (self.ready_after_s, self.unready_after_s, self.alive_from_s, self.dead_after_s)
        return tuple(time for time in times if time)


SERVER = Behaviour()


def behaviour_of(container: Container, image: Behaviour) -> Behaviour:
    """Return how a container behaves: as its command says, else as its image does."""
    words = (*container.command, *container.args) if container.command else container.args
    if not words:
        return image
    program = words[0]
    if program not in _PROGRAMS:
        if container.command:
            return replace(image, start_error=f'exec: "{program}": executable file not found in $PATH')
        return image
    return _of_program(program.rsplit("/", 1)[-1], words[1:])


def _of_program(program: str, arguments: tuple[str, ...]) -> Behaviour:
    # The first process of a container ignores TERM unless it asked for it: the kernel gives it no default.
    stubborn = Behaviour(term_s=None)
    match program:
        case "true":
            return replace(stubborn, exit_after_s=0.0)
        case "false":
            return replace(stubborn, exit_after_s=0.0, exit_code=1)
        case "sleep":
            return replace(stubborn, exit_after_s=_seconds(arguments[0] if arguments else "0"))
        case "sh" if len(arguments) >= 2 and arguments[0] == "-c":
            return _of_script(arguments[1], stubborn)
        case _:
            return stubborn


def _of_script(script: str, behaviour: Behaviour) -> Behaviour:
    trap = _TRAP.search(script)
    if trap is not None and trap[1] is not None:
        behaviour = replace(behaviour, term_s=0.1, term_code=int(trap[1]))
    if "while" in script or "wait" in script:
        return behaviour
    age = 0.0
    for statement in _STATEMENT.split(_TRAP.sub("", script)):
        words = statement.split()
        if words[:1] == ["sleep"]:
            seconds = _seconds(words[1])
            if seconds is None:
                return behaviour
            age += seconds
        elif words[:1] == ["exec"] and words[1:2] == ["sleep"]:
            seconds = _seconds(words[2])
            return replace(behaviour, exit_after_s=None if seconds is None else age + seconds)
        elif words[:1] == ["exit"]:
            return replace(behaviour, exit_after_s=age, exit_code=int(words[1]) if len(words) > 1 else 0)
        elif words[:1] == ["false"]:
            behaviour = replace(behaviour, exit_code=1)
    return replace(behaviour, exit_after_s=age)


def _seconds(text: str) -> float | None:
    return None if text == "infinity" else float(text)
