"""What is known of our containers and of the host's images, kept current by the Engine's events.

Effect. While the event stream stands, only the container of an event is looked at; whenever it does not, and at
every full compare, everything is listed anew. An Engine that does not answer raises: what is known is then never
taken for what is (P20).
"""

import itertools
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace

from reconciler.executors.container import labels
from reconciler.executors.container.facts import container_fact
from reconciler.executors.container.files import ContainerFiles
from reconciler.executors.container.images import image_names, largest_images
from reconciler.executors.container.logs import open_log
from reconciler.executors.engine import Engine
from reconciler.executors.transport import EngineRefused
from reconciler.model.granted import Granted
from reconciler.model.kinds import ContainerImage
from reconciler.model.node_report import ContainerFact

_KILLED = 137
_LAST_LINES = 80
_LAST_BYTES = 2048


class _Images(NamedTuple):
    names: tuple[str, ...]
    largest: tuple[ContainerImage, ...]
    sizes: Mapping[str, int]


class Cache:
    """Facts by container id; safe to use from many threads."""

    def __init__(
        self,
        engine: Engine,
        owner: labels.Owner,
        files: ContainerFiles,
        whole_of: Callable[[str], Granted | None] = lambda _: None,
        remembered: Iterable[str] = (),
    ) -> None:
        self._engine = engine
        self._owner = owner
        self._files = files
        self._whole_of = whole_of
        self._lock = threading.Lock()
        self._containers: dict[str, ContainerFact] = {}
        # Containers of an earlier life of this process: that a list lacks them is not yet that they are gone.
        self._remembered = frozenset(remembered)
        self._looks = itertools.count(1)
        self._newest_look: dict[str, int] = {}
        self._images: _Images | None = None
        self._version = 0
        self._is_current = False
        self._out_of_memory: set[str] = set()

    def containers(self) -> tuple[ContainerFact, ...]:
        """Return what is known, by name."""
        with self._lock:
            return tuple(sorted(self._containers.values(), key=lambda fact: fact.name))

    def images(self) -> tuple[str, ...]:
        """Return ids and names of the host's images."""
        return self._listed_images().names

    def largest_images(self) -> tuple[ContainerImage, ...]:
        """Return the largest of the host's images."""
        return self._listed_images().largest

    def image_sizes(self) -> Mapping[str, int]:
        """Return the bytes of each of the host's images, by id."""
        return self._listed_images().sizes

    def _listed_images(self) -> _Images:
        with self._lock:
            known, version = self._images, self._version
        if known is not None:
            return known
        found = self._engine.list_images()
        listed = _Images(
            image_names(found),
            largest_images(found),
            {str(one["Id"]): int(one.get("Size") or 0) for one in found},
        )
        with self._lock:
            if self._version == version and self._is_current:
                self._images = listed
        return listed

    def refresh(self, *, full: bool) -> None:
        """Make sure that what is known is what is; cheap while the event stream stands."""
        with self._lock:
            if self._is_current and not full:
                return
        self.load()

    def load(self) -> None:
        """List and look at everything anew."""
        listed = self._engine.list_containers(f"{labels.CLUSTER}={self._owner.cluster}")
        ids = {str(container["Id"]) for container in listed}
        for container in sorted(ids):
            self.look_at(container)
        with self._lock:
            # What appeared since the list is kept: an event or an action of ours looked at it.
            gone = sorted((self._containers.keys() | self._remembered) - ids)
        for container in gone:
            self.look_at(container)
        self._remembered = frozenset()
        with self._lock:
            self._newest_look = {id_: look for id_, look in self._newest_look.items() if id_ in self._containers}
            self._out_of_memory &= self._containers.keys()
        self.forget_images()

    def look_at(self, container: str) -> None:
        """Bring one container's fact (by id or name) up to date."""
        look = next(self._looks)
        found = self._engine.inspect_container(container)
        ours = found is not None and labels.is_ours(found, self._owner.cluster)
        fact = container_fact(found, self._message(found)) if found is not None and ours else None
        if fact is not None and found is not None and fact.role == labels.SANDBOX_ROLE:
            in_group = fact.state == "running" and found["HostConfig"].get("CgroupParent")
            fact = replace(fact, granted=self._whole_of(fact.pod_uid) if in_group else None)
        if fact is not None and fact.id in self._out_of_memory and fact.exit_code == _KILLED:
            fact = replace(fact, oom_killed=True)
        with self._lock:
            if fact is None:
                for gone in [f.id for f in self._containers.values() if container in (f.id, f.name)]:
                    self._newest_look[gone] = look
                    del self._containers[gone]
            elif look > self._newest_look.get(fact.id, 0):
                # Two threads may look at once; whoever began earlier must not overwrite what the other saw.
                self._newest_look[fact.id] = look
                self._containers[fact.id] = fact

    def note_out_of_memory(self, container: str) -> None:
        """Keep that a container's memory ran out: told only after its end, the Engine does not write it down itself."""
        with self._lock:
            self._out_of_memory.add(container)

    def forget_images(self) -> None:
        """List the images again when they are next asked for."""
        with self._lock:
            self._images = None
            self._version += 1

    def set_current(self, is_current: bool) -> None:
        """Say whether events keep this current from now on."""
        with self._lock:
            self._is_current = is_current
            if not is_current:
                self._images = None
                self._version += 1

    def _message(self, inspected: Mapping[str, Any]) -> str:
        """Return a container's last words: what it wrote to its file, else (where asked for) the end of its log."""
        state = inspected["State"]
        if state["Status"] not in ("exited", "dead"):
            return ""
        known = self._containers.get(str(inspected["Id"]))
        if known is not None and known.state == "exited" and known.finished_at:
            return known.message
        words = self._files.last_words(inspected)
        policy = labels.labels_in(inspected).get(labels.TERMINATION_POLICY, "")
        if words or not state.get("ExitCode") or policy != "FallbackToLogsOnError":
            return words
        return self._log_end(inspected)

    def _log_end(self, inspected: Mapping[str, Any]) -> str:
        tty = bool(inspected["Config"].get("Tty"))
        try:
            log = open_log(self._engine, str(inspected["Id"]), tty=tty, tail=_LAST_LINES)
        except EngineRefused:
            return ""
        try:
            return b"".join(log)[-_LAST_BYTES:].decode(errors="replace")
        finally:
            log.close()
