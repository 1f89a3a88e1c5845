"""A command that runs in a container, between its thread and its client. Effect: one thread for each command.

The thread owns the command: it starts it, waits for its output, and closes it, whatever became of the client. What
waits for the client is bounded, so that a slow one slows the command down.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from anyio import CapacityLimiter, WouldBlock, to_thread

from reconciler.model.errors import ReconcilerError
from reconciler.model.ports import ExecSession
from reconciler.server.errors import ApiError, status_document

_LOG = logging.getLogger(__name__)
_QUEUE_MAX = 8
_LOOK_S = 0.5
_IDLE_LOOK_S = 15.0


@dataclass(frozen=True, slots=True)
class Resize:
    """The client's terminal has another size."""

    width: int
    height: int


class EndOfInput:
    """The client sends no more input."""


Input = bytes | EndOfInput | Resize


class Remote(Protocol):
    """The client's end, whatever it speaks."""

    def receive(self) -> AsyncIterator[Input]:
        """Yield what the client sends, until it has gone."""
        ...

    async def write(self, stream: int, data: bytes) -> None:
        """Send output (1) or error output (2), as fast as the client takes it; raise OSError when it has gone."""
        ...

    async def finish(self, status: dict[str, Any]) -> None:
        """Tell how the command ended, and that nothing follows."""
        ...

    def is_gone(self) -> bool:
        """Whether the client has hung up, even where nothing is read from it at the moment."""
        ...


@dataclass(frozen=True, slots=True)
class _Ended:
    code: int


class Command:
    """One command in its thread."""

    def __init__(self, start: Callable[[], ExecSession], places: CapacityLimiter) -> None:
        try:
            places.acquire_on_behalf_of_nowait(self)
        except WouldBlock as error:
            raise ApiError(429, f"{places.total_tokens:.0f} commands run already; try again later") from error
        self._start = start
        self._places = places
        self._loop = asyncio.get_running_loop()
        self._session: asyncio.Future[ExecSession] = self._loop.create_future()
        self._said: asyncio.Queue[tuple[int, bytes] | _Ended | Exception] = asyncio.Queue(_QUEUE_MAX)
        self._is_stopped = threading.Event()
        self._writing = CapacityLimiter(1)
        self.code = 0
        self.active_at = self._loop.time()
        threading.Thread(target=self._run, name="api-exec").start()

    async def started(self) -> None:
        """Wait until the command runs; raise what prevents it."""
        await asyncio.shield(self._session)

    async def said(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield the output to its end; raise what went wrong."""
        while True:
            item = await self._said.get()
            if isinstance(item, Exception):
                raise item
            if isinstance(item, _Ended):
                self.code = item.code
                return
            self.active_at = self._loop.time()
            yield item

    async def take(self, given: Input, is_gone: Callable[[], bool]) -> None:
        """Hand the client's input to the command, as fast as it reads; give up when the client has gone."""
        session = self._session.result()
        match given:
            case bytes():
                while given and not is_gone():
                    given = given[await self._in_thread(session.write, given) :]
                    self.active_at = self._loop.time()
            case EndOfInput():
                await self._in_thread(session.end_input)
            case Resize(width, height):
                await self._in_thread(session.resize, width, height)

    def stop(self) -> None:
        """Let the thread end the command, soon."""
        self._is_stopped.set()

    async def _in_thread(self, call: Callable[..., Any], *arguments: Any) -> Any:
        return await to_thread.run_sync(call, *arguments, limiter=self._writing, abandon_on_cancel=True)

    # In the thread

    def _run(self) -> None:
        try:
            session = self._start()
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the start
            self._tell(self._failed_to_start, error)
        else:
            self._tell(self._has_started, session)
            self._follow(session)
        finally:
            self._tell(self._places.release_on_behalf_of, self)

    def _follow(self, session: ExecSession) -> None:
        try:
            for item in session.output():
                if self._is_stopped.is_set() or (item[1] and not self._put(item)):
                    return
            self._put(_Ended(session.exit_code()))
        except Exception as error:  # noqa: BLE001 - handed to the loop, which tells the client
            self._put(error)
        finally:
            try:
                session.close()
            except ReconcilerError as error:
                _LOG.warning("a command could not be ended", extra={"error": str(error)})

    def _put(self, item: tuple[int, bytes] | _Ended | Exception) -> bool:
        """Hand an item over, however long its reader takes; return whether it was wanted."""
        if self._loop.is_closed():
            return False
        put = asyncio.run_coroutine_threadsafe(self._said.put(item), self._loop)
        while not self._is_stopped.is_set() and not self._loop.is_closed():
            try:
                put.result(timeout=_LOOK_S)
                return True
            except FutureTimeout:
                continue
            except CancelledError:
                return False
        put.cancel()
        return False

    def _tell(self, call: Callable[..., Any], *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(call, *arguments)

    def _has_started(self, session: ExecSession) -> None:
        if not self._session.done():
            self._session.set_result(session)

    def _failed_to_start(self, error: Exception) -> None:
        if not self._session.done():
            self._session.set_exception(error)


async def start_command(start: Callable[[], ExecSession], places: CapacityLimiter) -> Command:
    """Start a command and wait until it runs; raise what prevents it. A client that goes meanwhile ends it."""
    command = Command(start, places)
    try:
        await command.started()
    except BaseException:
        command.stop()
        raise
    return command


async def converse(command: Command, remote: Remote, idle_s: float) -> None:
    """Carry input and output until the command ends, the client goes, or nothing has moved for `idle_s`."""
    tasks = [
        asyncio.create_task(_carry_output(command, remote)),
        asyncio.create_task(_carry_input(command, remote)),
        asyncio.create_task(_expire(command, idle_s)),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        command.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _carry_output(command: Command, remote: Remote) -> None:
    with suppress(OSError):  # the client has gone
        try:
            async for stream, data in command.said():
                await remote.write(stream, data)
        except ReconcilerError as error:
            _LOG.warning("a command was lost", extra={"error": str(error)})
            await remote.finish(_failure(f"error executing command in container: {error}"))
        else:
            await remote.finish(ending(command.code))


async def _carry_input(command: Command, remote: Remote) -> None:
    async for given in remote.receive():
        try:
            await command.take(given, remote.is_gone)
        except ReconcilerError as error:
            # The output says what has become of the command; without it input is of no use.
            _LOG.info("input was not taken", extra={"error": str(error)})


async def _expire(command: Command, idle_s: float) -> None:
    loop = asyncio.get_running_loop()
    while loop.time() - command.active_at < idle_s:
        await asyncio.sleep(min(idle_s, _IDLE_LOOK_S))


def ending(code: int) -> dict[str, Any]:
    """Return the Status that tells a command's exit code, as Kubernetes writes it."""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def _failure(message: str) -> dict[str, Any]:
    return status_document(ApiError(500, f"Internal error occurred: {message}"))
