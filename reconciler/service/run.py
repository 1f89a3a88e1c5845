"""How a service runs: until a signal says stop, watched, and told to look anew by a reload. Effect: this process."""

import asyncio
import faulthandler
import logging
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import NoReturn, Protocol

from reconciler import __version__
from reconciler.config import Settings
from reconciler.model.errors import ReconcilerError
from reconciler.model.status import LoopStatus
from reconciler.service.manager import feed_period_s, notify, why_stalled
from reconciler.service.memory import limit_arenas, settle
from reconciler.service.parts import SystemClock, only_one, set_up_logging

log = logging.getLogger(__name__)

_STDERR = 2


class Program(Protocol):
    """The daemon, or an agent."""

    def start(self) -> None:
        """Start every loop and periodic job."""
        ...

    async def serve(self, stop: asyncio.Event, ready: asyncio.Event) -> None:
        """Do what is done on the event loop until `stop`; set `ready` once it is reached."""
        ...

    def stop(self) -> None:
        """End the loops; what runs on the host goes on."""
        ...

    def look(self) -> None:
        """Look at everything anew."""
        ...

    def loops(self) -> tuple[LoopStatus, ...]:
        """How its loops are."""
        ...

    def about(self) -> Mapping[str, str]:
        """What is logged of it when it is ready."""
        ...

    def told(self) -> str:
        """What it does now, in one line."""
        ...


def run(load: Callable[[], Settings], lock: str, make: Callable[[Settings], Program]) -> NoReturn:
    """Run a program until SIGTERM or SIGINT, which end the process. Raises ConfigurationError when it cannot start.

    `load` reads the settings, at the start and at every reload; `lock` is the file by which a data directory has one
    such program at a time.
    """
    settings = load()
    limit_arenas()
    set_up_logging(settings.log_level)
    with ExitStack() as stack:
        stack.enter_context(only_one(settings, lock))
        # A watchdog that is not fed ends the process with SIGABRT: where each thread hung is in the journal then.
        faulthandler.enable(_STDERR)
        program = make(settings)
        stack.callback(_stop, program)
        program.start()
        settle()
        asyncio.run(_supervise(program, load))
    logging.shutdown()
    # Python would wait for threads that are at an action, such as a pull: nobody would be served until then. To be cut
    # off there is what every effect bears (P17).
    os._exit(0)


async def _supervise(program: Program, load: Callable[[], Settings]) -> None:
    """Tell the service manager when the program is ready, feed the watchdog while its loops make progress."""
    stop, ready = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: _reload(program, load))
    serving = asyncio.create_task(program.serve(stop, ready))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        log.info("ready", extra={**program.about(), "version": __version__})
        notify(f"READY=1\nSTATUS={program.told()}")
        watching = asyncio.create_task(_feed_watchdog(program))
        await stop.wait()
        notify("STOPPING=1")
        watching.cancel()
    waiting.cancel()
    await serving


def _reload(program: Program, load: Callable[[], Settings]) -> None:
    """SIGHUP: read the log level anew and look at everything."""
    try:
        level = load().log_level
    except ReconcilerError as error:
        log.error("the settings cannot be read, and stay as they are", extra={"error": str(error)})
    else:
        logging.getLogger("reconciler").setLevel(level.upper())
        log.info("reloaded", extra={"level": level})
    program.look()


async def _feed_watchdog(program: Program) -> None:
    """Tell the service manager that we are alive, only while every loop makes progress (P08).

    To be restarted then interrupts nothing that runs on the host.
    """
    clock, period = SystemClock(), feed_period_s()
    started_at = clock.now()
    while True:
        now = clock.now()
        stalled = next((why for one in program.loops() if (why := why_stalled(one, started_at, now))), "")
        notify(f"STATUS={stalled}" if stalled else f"WATCHDOG=1\nSTATUS={program.told()}")
        await asyncio.sleep(period)


def _stop(program: Program) -> None:
    log.info("stopping")
    program.stop()
