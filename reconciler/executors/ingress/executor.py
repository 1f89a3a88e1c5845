"""The ingress executor: keeps HAProxy running with the configuration that was planned, and tells how it stands.

Effect. What differs only in endpoints is changed while it runs; anything else is checked, written beside what holds,
and taken by a reload without a gap. A configuration that HAProxy refuses changes nothing.
"""

import hashlib
import logging
import os
import selectors
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from reconciler.executors.ingress.files import ConfigFolders
from reconciler.executors.ingress.lua import BODIES, SCRIPT
from reconciler.executors.ingress.ports import port_holder
from reconciler.executors.ingress.process import Proxy, version
from reconciler.executors.ingress.slots import Slots, assign, commands
from reconciler.executors.network.state import Kernel, StateFile
from reconciler.executors.outcome import outcome_of
from reconciler.executors.wakeup import Wakeup
from reconciler.model.base import Value
from reconciler.model.details import ProgramIngress, StopIngress
from reconciler.model.errors import ReconcilerError, TerminalError, TransientError
from reconciler.model.ingress import IngressFact, ProxyServer
from reconciler.model.node import Materials
from reconciler.model.plan import Action, Outcome
from reconciler.model.ports import Look

logger = logging.getLogger(__name__)

_FREE_S = 3.0
# Endpoints that come one after the other are noted in the files together.
_NOTE_S = 1.0
# An upgrade that changes what the planner does not see of a configuration has it loaded again.
_CODE = hashlib.sha256(f"{SCRIPT}{BODIES}".encode()).hexdigest()


class _State(Value):
    """What HAProxy runs with, as it was last given. `noted` are the endpoints that its files have."""

    code: str
    started: str
    structure: str
    endpoints: str
    view: str
    slots: Mapping[str, tuple[ProxyServer | None, ...]]
    noted: str = ""


class IngressExecutor:
    """The HAProxy of this host. Thread-safe."""

    def __init__(self, runtime_dir: Path, http_port: int = 80, https_port: int = 443) -> None:
        self._folder = runtime_dir / "ingress"
        self._ports = (http_port, https_port)
        self._folders = ConfigFolders(self._folder)
        self._proxy = Proxy(self._folder, self._folders.config)
        self._file = StateFile(self._folder / "state.json", Kernel.current())
        self._lock = threading.Lock()
        self._program = version()
        self._error = ""
        self._state = self._found()
        self._unnoted: tuple[ProgramIngress, Mapping[str, Slots]] | None = None
        self._noting: threading.Timer | None = None
        self._look: Look = lambda _: None
        self._watcher: threading.Thread | None = None
        self._closed = threading.Event()
        self._wakeup = Wakeup()

    # Actions

    def execute(self, action: Action, materials: Materials) -> Outcome:
        """Carry an action out; failures are outcomes, and stand in the facts until one succeeds."""
        return outcome_of(action, lambda: self._effect(action, materials))

    def _effect(self, action: Action, materials: Materials) -> tuple[bool, str]:
        with self._lock:
            try:
                match action.detail:
                    case ProgramIngress():
                        changed = self._program_all(action.detail, materials)
                    case StopIngress():
                        changed = self._stop()
                    case _:
                        raise TerminalError("not an action of ingresses", reason="NotIngress")
            except ReconcilerError as error:
                self._error = str(error)
                raise
            self._error = ""
        self._wakeup.wake()
        return changed, ""

    def _program_all(self, detail: ProgramIngress, materials: Materials) -> bool:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        before = self._state
        is_running = self._proxy.master() is not None
        before = before if self._is_of_this_start(before) else None
        known = before.slots if before is not None and is_running else {}
        slots = {one.name: assign(one, known.get(one.name, ())) for one in detail.backends if one.slots}
        if before is not None and is_running and before.structure == detail.structure == self._proxy.running():
            is_noted = self._fill(detail, before, slots)
            noted = detail.endpoints if is_noted else before.noted
        else:
            self._load(detail, slots, materials, is_running)
            self._unnoted, noted = None, detail.endpoints
        self._state = _State(
            code=_CODE,
            started=self._proxy.started(),
            structure=detail.structure,
            endpoints=detail.endpoints,
            view=detail.view,
            slots=slots,
            noted=noted,
        )
        self._file.save(self._state)
        return True

    def _fill(self, detail: ProgramIngress, before: _State, slots: Mapping[str, Slots]) -> bool:
        """Change servers while HAProxy runs, and have the files follow; return whether they need not."""
        lines = [
            line
            for one in detail.backends
            if one.slots and not one.name_port
            for line in commands(one.name, tuple(before.slots.get(one.name, ())), slots[one.name])
        ]
        if lines:
            self._proxy.ask(lines)
        if not lines and before.noted and before.noted == before.endpoints:
            return True
        self._unnoted = (detail, slots)
        if self._noting is None and not self._closed.is_set():
            self._noting = threading.Timer(_NOTE_S, self._note)
            self._noting.daemon = True
            self._noting.start()
        return False

    def _note(self) -> None:
        with self._lock:
            self._note_now()

    def _note_now(self) -> None:
        """Write the endpoints that came meanwhile into the files, for a proxy that somebody starts without us."""
        if self._noting is not None:
            self._noting.cancel()
        unnoted, self._unnoted, self._noting = self._unnoted, None, None
        if unnoted is None or self._state is None:
            return
        try:
            self._folders.refill(*unnoted)
            self._state = replace(self._state, noted=unnoted[0].endpoints)
            self._file.save(self._state)
        except OSError as error:
            # It is tried again with the next change, and by the next process of ours.
            logger.warning("endpoints cannot be noted in the files of haproxy: %s", error)

    def _load(self, detail: ProgramIngress, slots: Mapping[str, Slots], materials: Materials, is_running: bool) -> None:
        """Check a configuration, and have HAProxy take it; when that fails, the one before holds again."""
        if not is_running:
            self._require_ports()
        try:
            folder = self._folders.write(detail, slots, materials)
            self._proxy.check(folder / self._folders.config.name)
            self._take(folder, detail.structure, is_running)
        finally:
            # There are keys in them.
            self._folders.forget_others()

    def _take(self, folder: Path, structure: str, is_running: bool) -> None:
        before = self._folders.hold(folder)
        try:
            if is_running:
                self._proxy.reload(structure)
            else:
                self._proxy.start(structure)
        except ReconcilerError:
            if before is not None and before.is_dir():
                self._folders.hold(before)
            raise

    def _require_ports(self) -> None:
        """Wait for who is about to end, such as a worker of the proxy before; then say who has a port."""
        until = time.monotonic() + _FREE_S
        while held := {port: holder for port in self._ports if (holder := port_holder(port))}:
            if time.monotonic() > until:
                port, holder = next(iter(held.items()))
                raise TransientError(
                    f"port {port} of this host is in use by {holder}: ingresses cannot be served",
                    reason="PortInUse",
                    hint="stop that program, or set ingressHttpPort and ingressHttpsPort",
                )
            time.sleep(0.05)

    def _stop(self) -> bool:
        stopped = self._proxy.stop()
        self._state, self._unnoted = None, None
        self._folders.remove()
        return stopped

    # Facts

    def facts(self) -> IngressFact:
        """Return how the proxy stands."""
        state = self._state if self._is_of_this_start(self._state) else None
        return IngressFact(
            program=self._program,
            http_port=self._ports[0],
            https_port=self._ports[1],
            structure=state.structure if state else "",
            endpoints=state.endpoints if state else "",
            view=state.view if state else "",
            error=self._error,
        )

    def refresh(self, full: bool = False) -> IngressFact:
        """Return how the proxy stands; `full` asks it what it runs."""
        if full and self._lock.acquire(blocking=False):
            try:
                self._program = self._program or version()
                if self._state is not None and self._proxy.running() != self._state.structure:
                    self._state = None
            finally:
                self._lock.release()
        return self.facts()

    def _is_of_this_start(self, state: _State | None) -> bool:
        """Whether the process is the one that was given this state: another one began with what was on disk."""
        return state is not None and self._proxy.started() == state.started

    def _found(self) -> _State | None:
        """Return what a proxy that an earlier process of ours started runs with; None where it is not that."""
        state = self._file.load(_State)
        is_known = self._is_of_this_start(state) and state is not None and state.code == _CODE
        if not is_known or state is None or self._proxy.running() != state.structure:
            return None
        # Endpoints that were not noted before we were killed are given again, and noted then.
        return state if state.noted == state.endpoints else replace(state, endpoints="", noted="")

    # Watching

    def watch(self, look: Look) -> None:
        """Have `look(reason)` called, from a thread of its own, when the proxy ends."""
        self._look = look
        self._watcher = threading.Thread(target=self._watch, name="ingress-events", daemon=True)
        self._watcher.start()

    def close(self) -> None:
        """Stop watching; the proxy goes on."""
        self._closed.set()
        self._wakeup.wake()
        if self._watcher is not None:
            self._watcher.join(timeout=5)
        # Endpoints that an action keeps from being noted are given again by the next process of ours.
        if self._lock.acquire(timeout=_FREE_S):
            try:
                self._note_now()
            finally:
                self._lock.release()
        self._wakeup.close()

    def _watch(self) -> None:
        while not self._closed.is_set():
            try:
                self._await_its_end()
            except Exception:
                # A bug here must not end the watching for good.
                logger.exception("watching the proxy crashed")
                self._closed.wait(_FREE_S)

    def _await_its_end(self) -> None:
        """Wait until the proxy ends, and tell it; or until something else is to be waited for."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._wakeup, selectors.EVENT_READ, "")
            process = self._follow(selector)
            ready = {key.data for key, _ in selector.select()}
            if process is not None:
                os.close(process)
        if "" in ready:
            self._wakeup.clear()
        if "ended" in ready:
            self._look("ingress")

    def _follow(self, selector: selectors.BaseSelector) -> int | None:
        pid = self._proxy.master()
        if pid is None:
            return None
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            return None
        selector.register(process, selectors.EVENT_READ, "ended")
        return process
