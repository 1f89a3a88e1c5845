"""One source of manifests: poll it, read its tip, keep what was last good. Effect: Git, in a thread of its own."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.config import RECEIVED, Settings, SourceSettings
from reconciler.controller.loading import Loaded, Loader
from reconciler.git.access import Access
from reconciler.git.repository import Repository
from reconciler.git.source import Mirror
from reconciler.model.desired import RevisionInfo
from reconciler.model.errors import ConfigurationError, ReconcilerError
from reconciler.model.ports import Clock
from reconciler.model.problem import Problem

log = logging.getLogger(__name__)

_MAINTAIN_S = 300.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What one poll found. `loaded` is None when nothing new could be read; `error` then says why.

    `asked` is how often somebody had asked for a poll before it began.
    """

    source: str
    at: float
    tip: RevisionInfo | None = None
    loaded: Loaded | None = None
    error: str = ""
    asked: int = 0


def open_repository(settings: Settings, source: SourceSettings) -> Repository:
    """Return the repository that a source is read from: the received one on this host, or a mirror."""
    if source.url == RECEIVED:
        return Repository(settings.received_path)
    directory = Path(settings.data_dir) / "git" / f"{source.name}.git"
    return Mirror(directory, source.url, branch=source.branch, access=access_of(source))


def access_of(source: SourceSettings) -> Access:
    """Return the credentials and trust of a source. Raises ConfigurationError when its password cannot be read."""
    try:
        password = Path(source.password_file).read_text(encoding="utf-8").strip() if source.password_file else ""
    except OSError as error:
        raise ConfigurationError(f"{source.password_file}: {error.strerror}", hint="see passwordFile") from error
    return Access(
        ssh_key=Path(source.ssh_key) if source.ssh_key else None,
        known_hosts=Path(source.known_hosts) if source.known_hosts else None,
        username=source.username,
        password=password,
        ca_file=Path(source.ca_file) if source.ca_file else None,
    )


class Source:
    """Reads one source. `found` receives every reading, from the source's own thread."""

    def __init__(
        self,
        settings: SourceSettings,
        repository: Repository,
        loader: Loader,
        clock: Clock,
        found: Callable[[Reading], None],
        skip: Callable[[str], str],
    ) -> None:
        self.settings = settings
        self.repository = repository
        self.loader = loader
        self._clock = clock
        self._found = found
        self._skip = skip
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"source-{settings.name}", daemon=True)
        self._last: Loaded | None = None
        self.asked = 0

    @property
    def name(self) -> str:
        """The source's name."""
        return self.settings.name

    def start(self) -> None:
        """Begin polling; the first poll is at once."""
        self._wake.set()
        self._thread.start()

    def stop(self) -> None:
        """End polling; a fetch in progress ends by its deadline."""
        self._stopping.set()
        self._wake.set()

    def poll(self) -> None:
        """Poll as soon as possible; several calls become one poll."""
        self._wake.set()

    def ask(self) -> None:
        """Poll because somebody asked for it: until that is done nobody is told that all is as declared (P06)."""
        self.asked += 1
        self._wake.set()

    def load(self, revision: RevisionInfo) -> Loaded:
        """Read and validate one commit. Raises what Git raises."""
        tree = self.repository.read(revision.commit, self.settings.path)
        problems = (*tree.problems, *self.signature_problems(self.repository, revision))
        return self.loader.load(revision, tree.files, problems)

    def maintain(self) -> None:
        """Pack the mirror; what a rollback may return to is kept."""
        if isinstance(self.repository, Mirror):
            kept = self._skip("")
            self.repository.maintain((kept,) if kept else (), _MAINTAIN_S)

    def signature_problems(self, repository: Repository, revision: RevisionInfo) -> tuple[Problem, ...]:
        """Return a problem when signatures are asked for and no allowed key signed the commit."""
        allowed = self.settings.allowed_signers
        if not allowed or repository.verify(revision.commit, Path(allowed)):
            return ()
        message = f"commit {revision.commit[:12]} is not signed by an allowed key"
        return (Problem(file=str(allowed), message=message, hint="sign the commit: git commit -S", code="unsigned"),)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait()
            self._wake.clear()
            if not self._stopping.is_set():
                asked = self.asked
                self._found(replace(self._poll(), asked=asked))

    def _poll(self) -> Reading:
        at = self._clock.now()
        try:
            self.repository.fetch(self.settings.fetch_deadline_s)
            tip = self.repository.tip(self.settings.branch)
            if tip is None:
                where = f"branch {self.settings.branch} does not exist in {self.settings.url}"
                return Reading(self.name, at, error=f"{where}; push to it, or set `branch`")
            return Reading(self.name, at, tip=tip, loaded=self._load_tip(tip))
        except ReconcilerError as error:
            hint = f"; {error.hint}" if error.hint else ""
            log.warning("source cannot be read", extra={"source": self.name, "error": str(error)})
            return Reading(self.name, at, loaded=self._fall_back(), error=f"{error}{hint}")
        except Exception as bug:
            # Without this thread nothing that is pushed would ever be read, and nothing would say so (P08).
            log.exception("reading a source crashed", extra={"source": self.name})
            return Reading(self.name, at, loaded=self._last, error=f"bug: {type(bug).__name__}, see the daemon's log")

    def _load_tip(self, tip: RevisionInfo) -> Loaded | None:
        """Read the tip, or the commit that is to be kept instead of it (a rollback holds)."""
        instead = self._skip(tip.commit)
        wanted = (self.repository.resolve(instead, self.settings.branch) if instead else None) or tip
        return self._load_once(wanted)

    def _load_once(self, wanted: RevisionInfo) -> Loaded:
        if self._last is None or self._last.revision.commit != wanted.commit:
            self._last = self.load(wanted)
        return self._last

    def _fall_back(self) -> Loaded | None:
        """With the remote away, what was fetched before still tells what is declared."""
        if self._last is not None:
            return self._last
        try:
            tip = self.repository.tip(self.settings.branch)
            return self._load_tip(tip) if tip else None
        except ReconcilerError as error:
            log.debug("no earlier revision can be read", extra={"source": self.name, "error": str(error)})
            return None
