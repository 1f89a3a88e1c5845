"""The executor of containers: actions in, outcomes out; facts, probes, logs and commands.

Effect. Every call is bounded; expected failures become outcomes here.
"""

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from reconciler.executors.container import labels
from reconciler.executors.container.attach import open_attach
from reconciler.executors.container.cache import Cache
from reconciler.executors.container.exec import open_exec
from reconciler.executors.container.files import ContainerFiles
from reconciler.executors.container.images import pull_image
from reconciler.executors.container.labels import Owner
from reconciler.executors.container.logs import LogStream, open_log
from reconciler.executors.container.owned import Owned, is_running
from reconciler.executors.container.podcgroup import PodCgroups
from reconciler.executors.container.probes import run_probe
from reconciler.executors.container.pulled import PulledImages
from reconciler.executors.container.resize import resize_container
from reconciler.executors.container.sandbox import create_sandbox, remove_sandbox
from reconciler.executors.container.start import Starter
from reconciler.executors.container.stop import remove_container, stop_container
from reconciler.executors.container.watch import Watcher
from reconciler.executors.engine import Engine, EngineInfo
from reconciler.executors.outcome import outcome_of
from reconciler.executors.transport import Deadline
from reconciler.executors.volume.executor import VolumeExecutor
from reconciler.model.details import (
    CreateSandbox,
    PullImage,
    RemoveContainer,
    RemoveImage,
    RemoveSandbox,
    ResizeContainer,
    StartContainer,
    StopContainer,
)
from reconciler.model.errors import ReconcilerError, TerminalError
from reconciler.model.kinds import ContainerImage
from reconciler.model.node import Materials
from reconciler.model.node_report import ContainerFact, ProbeTarget
from reconciler.model.plan import Action, Outcome
from reconciler.model.ports import ExecRequest, ExecSession, Look
from reconciler.model.pressure import OwnImage


class ContainerExecutor:
    """Carries out actions about containers of one cluster on one Engine. Safe to use from many threads."""

    def __init__(
        self,
        engine: Engine,
        *,
        cluster: str,
        node: str,
        volumes: VolumeExecutor,
        data_dir: Path | str,
        remembered: Iterable[str] = (),
    ) -> None:
        owner = Owner(cluster=cluster, node=node)
        self._engine = engine
        self._owner = owner
        self._owned = Owned(engine, owner)
        self._volumes = volumes
        self._files = ContainerFiles(volumes.paths)
        self._cgroups = PodCgroups(engine, cluster)
        self._starter = Starter(engine, self._owned, self._cgroups, volumes, self._files, Path(data_dir))
        self._cache = Cache(engine, owner, self._files, self._cgroups.observed, remembered)
        self._images = PulledImages(engine, Path(data_dir) / "images.json")
        self._watcher: Watcher | None = None
        self._lock = threading.Lock()

    def execute(self, action: Action, materials: Materials) -> Outcome:
        """Carry out one action within its deadline; doing it again finds its own work."""
        return outcome_of(action, lambda: self._execute(action, materials))

    def refresh(self, *, full: bool = False) -> None:
        """Bring the facts up to date; raises `EngineSilent` when the Engine does not answer."""
        self._cache.refresh(full=full)
        if full:
            self._cgroups.sweep({fact.pod_uid for fact in self._cache.containers()})

    def facts(self) -> tuple[ContainerFact, ...]:
        """Return our containers as of the last refresh, event or action."""
        return self._cache.containers()

    def images(self) -> tuple[str, ...]:
        """Return ids, tags and digests of the images on the host; raises `EngineSilent`."""
        return self._cache.images()

    def largest_images(self) -> tuple[ContainerImage, ...]:
        """Return the largest images on the host with their sizes; raises `EngineSilent`."""
        return self._cache.largest_images()

    def own_images(self) -> tuple[OwnImage, ...]:
        """Return the images on the host that were pulled for this cluster; raises `EngineSilent`."""
        return self._images.present(self._cache.image_sizes())

    def written_sizes(self, timeout_s: float) -> Mapping[str, int]:
        """Return how many bytes our containers wrote outside of volumes, by id; raises `EngineSilent`."""
        return self._engine.written_sizes(f"{labels.CLUSTER}={self._owner.cluster}", timeout_s)

    def engine_version(self) -> EngineInfo:
        """Return what the Engine says about itself; raises `EngineSilent`."""
        return self._engine.info()

    def watch(self, look: Look) -> None:
        """Follow the Engine's events in a thread and call `look` on every change, until `close`."""
        with self._lock:
            if self._watcher is None:
                self._watcher = Watcher(self._engine, self._owner, self._cache, look)
                self._watcher.start()

    def close(self) -> None:
        """Stop following and free connections; containers stay as they are."""
        with self._lock:
            watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.close()
        self._engine.close()

    def probe(self, target: ProbeTarget, timeout_s: float) -> tuple[bool, str]:
        """Run a probe once; raises where the Engine could not run it, which says nothing about the container."""
        return run_probe(self._engine, target, timeout_s)

    def logs(
        self,
        container_id: str,
        *,
        follow: bool = False,
        tail: int | None = None,
        since: float | None = None,
        timestamps: bool = False,
        limit_bytes: int | None = None,
        stream: str = "All",
    ) -> LogStream:
        """Open the log of a container of ours; `close` the result. Raises `LookupError` when there is none."""
        found = self._owned.find(container_id)
        if found is None:
            raise LookupError(container_id)
        return open_log(
            self._engine,
            str(found["Id"]),
            tty=bool(found["Config"].get("Tty")),
            follow=follow,
            tail=tail,
            since=since,
            timestamps=timestamps,
            limit_bytes=limit_bytes,
            stream=stream,
        )

    def exec(self, container_id: str, request: ExecRequest) -> ExecSession:
        """Start a command in a container of ours, or connect to its own process; `close` the result.

        Raises `LookupError` when the container does not run.
        """
        found = self._owned.find(container_id)
        if found is None or not is_running(found):
            raise LookupError(container_id)
        if request.attach:
            return open_attach(self._engine, found, request)
        return open_exec(self._engine, str(found["Id"]), request)

    def _execute(self, action: Action, materials: Materials) -> tuple[bool, str]:
        deadline = Deadline(action.deadline_s)
        detail, expects = action.detail, action.expects
        if isinstance(detail, PullImage):
            with self._images.noting(detail.image):
                pulled = pull_image(self._engine, detail, materials, deadline)
            self._cache.forget_images()
            return pulled
        if isinstance(detail, RemoveImage):
            removed = self._images.remove(detail.image_id, deadline)
            self._cache.forget_images()
            return removed
        try:
            match detail:
                case CreateSandbox():
                    return create_sandbox(self._engine, self._owned, self._cgroups, detail, expects, deadline)
                case RemoveSandbox():
                    return remove_sandbox(self._engine, self._owned, self._cgroups, detail, expects, deadline)
                case StartContainer():
                    return self._starter.start(detail, materials, expects, deadline)
                case StopContainer():
                    return stop_container(self._engine, self._owned, detail, expects)
                case ResizeContainer():
                    return resize_container(self._engine, self._owned, self._cgroups, detail, expects, deadline)
                case RemoveContainer():
                    return self._remove(detail, expects, deadline)
                case _:
                    raise TerminalError("this action is not about containers", reason="UnknownAction")
        finally:
            self._look_at(detail)

    def _remove(self, detail: RemoveContainer, expects: str, deadline: Deadline) -> tuple[bool, str]:
        was, removed = remove_container(self._engine, self._owned, detail, expects, deadline)
        if was is not None:
            self._files.forget(was)
        return removed, ""

    def _look_at(self, detail: object) -> None:
        """See what an action made at once, whatever its end, so that the next plan builds on it."""
        container = getattr(detail, "container_id", "") or getattr(detail, "name", "")
        try:
            self._cache.look_at(container)
            if isinstance(detail, ResizeContainer) and detail.sandbox:
                self._cache.look_at(detail.sandbox)
        except ReconcilerError:
            # The Engine fell silent: the next refresh says so; the action's own outcome matters more.
            self._cache.set_current(False)
