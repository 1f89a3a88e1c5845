"""What a person sees who pushes to the received repository: problems or plan, then progress, as lines."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from reconciler.controller.loading import Loaded
from reconciler.controller.loop import Controller
from reconciler.controller.preview import whole_plan
from reconciler.controller.source import Source
from reconciler.git.prereceive import open_pushed
from reconciler.model.errors import ReconcilerError
from reconciler.model.ports import PushedUpdate
from reconciler.model.status import Health, Status
from reconciler.render.plan_document import plan_document
from reconciler.render.plan_text import plan_text
from reconciler.render.problems import problems_text

StatusOf = Callable[[], Status]

_PROGRESS_S = 600.0
_STEP_S = 0.5
# The hook gives a silent daemon up after two minutes.
_QUIET_S = 45.0


class Pushes:
    """Answers the hooks of the received repository."""

    def __init__(self, controller: Controller, status: StatusOf) -> None:
        self._controller = controller
        self._status = status

    def pre_receive(self, source: Source, updates: tuple[PushedUpdate, ...], env: Mapping[str, str]) -> Iterator[str]:
        """Refuse a revision that is broken, with all its problems; the tip stays what it was."""
        for update in updates:
            try:
                loaded = self._load(source, update, env)
            except ReconcilerError as error:
                yield f"refused: {error}"
                yield "exit: 1"
                return
            if loaded.problems:
                yield from problems_text(loaded.problems).splitlines()
            if loaded.state is None:
                many = "problem" if len(loaded.errors) == 1 else "problems"
                yield f"refused: {len(loaded.errors)} {many}; nothing was changed"
                yield "exit: 1"
                return
        yield "exit: 0"

    def _load(self, source: Source, update: PushedUpdate, env: Mapping[str, str]) -> Loaded:
        repository = open_pushed(Path(source.repository.directory), env)
        revision = repository.resolve(update.new, source.settings.branch)
        if revision is None:
            raise ReconcilerError(f"{update.new} is not a commit")
        tree = repository.read(revision.commit, source.settings.path)
        problems = (*tree.problems, *source.signature_problems(repository, revision))
        return source.loader.load(revision, tree.files, problems)

    def post_receive(self, source: Source, updates: tuple[PushedUpdate, ...]) -> Iterator[str]:
        """Tell the plan as of now, have the source read, then tell the progress until it is healthy or stuck."""
        commit = updates[-1].new
        try:
            revision = source.repository.resolve(commit, source.settings.branch)
            loaded = source.load(revision) if revision else None
        except ReconcilerError as error:
            yield f"the plan cannot be told: {error}"
            loaded = None
        if loaded is not None and loaded.state is not None:
            controller = self._controller
            desired = {**controller.declared.states(), source.name: loaded.state}
            now = controller.clock.now()
            answer = whole_plan(desired, controller.picture(), controller.policy, now)
            source.poll()
            yield from plan_text(plan_document(answer, loaded.problems), now=now).splitlines()
        source.poll()
        yield from self._progress(source.name, commit)
        yield "exit: 0"

    def _progress(self, source: str, commit: str) -> Iterator[str]:
        """Tell each change of what is not healthy yet; the pusher may leave at any time."""
        until = self._controller.clock.now() + _PROGRESS_S
        quiet_since = self._controller.clock.now()
        told: dict[str, str] = {}
        before = _newest(self._status(), source)
        yield "progress (interrupt to leave; it goes on by itself):"
        while self._controller.clock.now() < until:
            status = self._status()
            news = tuple(_news(status, told))
            if not news and self._controller.clock.now() - quiet_since > _QUIET_S:
                news = (f"  still {status.health.value}",)
            if news:
                quiet_since = self._controller.clock.now()
            yield from news
            ended = _how_it_ended(status, source, commit, before)
            if ended:
                yield ended
                return
            with self._controller.changed:
                self._controller.changed.wait(_STEP_S)
        yield "still not healthy; see: reconciler status"


def _news(status: Status, told: dict[str, str]) -> Iterator[str]:
    for one in status.objects:
        line = " ".join(part for part in (one.health.value, one.ready, one.message or one.reason) if part)
        if told.get(one.object) != line and (one.object in told or one.health is not Health.HEALTHY):
            yield f"  {one.object}: {line}"
        told[one.object] = line


def _newest(status: Status, source: str) -> str:
    """Return the newest commit that a source knows of; empty before its first."""
    mine = next((one for one in status.sources if one.name == source), None)
    return mine.newest.commit if mine is not None and mine.newest is not None else ""


def _how_it_ended(status: Status, source: str, commit: str, before: str) -> str:
    mine = next((one for one in status.sources if one.name == source), None)
    if mine is not None and mine.held == commit:
        return f"rolled back: {mine.held_because or 'a person holds this commit'}; see: reconciler status"
    if mine is None or mine.applied is None or mine.applied.commit != commit:
        # The commit of before is what the source shows until it has read the pushed one.
        return "a newer push takes over" if _newest(status, source) not in ("", commit, before) else ""
    if status.holds:
        return f"held: {status.holds[0].message}; release with: reconciler apply --ack"
    if status.health is Health.HEALTHY:
        return "healthy"
    stuck = [one for one in status.objects if one.health is Health.DEGRADED]
    waiting = any(one.health is Health.PROGRESSING for one in status.objects)
    if stuck and not waiting:
        return f"degraded: {stuck[0].object}: {stuck[0].message or stuck[0].reason}; see: reconciler status"
    return ""
