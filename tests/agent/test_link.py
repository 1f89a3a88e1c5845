"""What an agent says of its connection with the daemon."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from reconciler.agent.link import DaemonLink
from reconciler.client.agents import AgentClient
from reconciler.client.errors import ApiRefused, DaemonUnreachable
from reconciler.model.agents import AgentDocuments

SAID = "connected with the daemon"
LOST = "the daemon cannot be talked to; the host is looked after all the same"


class Away(AgentClient):
    """A daemon that answers both threads at the same moment, and then no more."""

    def __init__(self, both: threading.Barrier, over: threading.Event) -> None:
        self.server, self.skew_s = "https://10.0.0.1:6443", None
        self._both, self._over, self._answers = both, over, 1

    def documents(self, node: str, cursor: str, wait_s: int) -> AgentDocuments | None:
        """Nothing new, once."""
        self._answer()
        return None

    def sample(self, node: str, encoded: bytes) -> None:
        """Take a reading, once."""
        self._answer()

    def abort(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""

    def _answer(self) -> None:
        if not self._answers:
            self._over.wait(10)
            raise DaemonUnreachable("gone")
        self._answers -= 1
        self._both.wait(10)


class Busy(Away):
    """A daemon that answers only the second time that it is asked."""

    is_busy = True

    def documents(self, node: str, cursor: str, wait_s: int) -> AgentDocuments | None:
        """Refuse, and then answer."""
        if self.is_busy:
            self.is_busy = False
            raise ApiRefused(429, "Too many requests, please try again later", reason="TooManyRequests")
        return super().documents(node, cursor, wait_s)


class Records(logging.Handler):
    """Keeps what is logged; who logs is held up until the other thread logs as well, or for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.lock = None
        self._other = threading.Barrier(2)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.said.append(record.getMessage())
        with suppress(threading.BrokenBarrierError):
            self._other.wait(0.3)


@contextmanager
def listened() -> Iterator[Records]:
    """Hear what the link logs."""
    log, records = logging.getLogger("reconciler.agent.link"), Records()
    level = log.level
    log.setLevel(logging.INFO)
    log.addHandler(records)
    try:
        yield records
    finally:
        log.removeHandler(records)
        log.setLevel(level)


def test_that_it_is_connected_is_said_once_and_again_after_an_absence() -> None:
    """Two threads come to know it at the same moment."""
    both, over = threading.Barrier(2), threading.Event()
    link = DaemonLink("node-1", "c", lambda: Away(both, over), lambda: "")
    link.outbox.sample(b"{}")
    with listened() as records:
        link.start(lambda _: None)
        link.outbox.sample(b"{}")
        wait_until(lambda: SAID in records.said and not link.state.error)
        over.set()
        wait_until(lambda: bool(link.state.error))
        link.stop()
    assert records.said.count(SAID) == 1
    assert [one for one in records.said if "cannot be talked to" in one] == [LOST]


def test_causes_that_take_turns_are_said_once_each() -> None:
    """An absence of days does not fill the log; the next one is told anew."""
    link = DaemonLink("node-1", "c", lambda: Away(threading.Barrier(1), threading.Event()), lambda: "")
    with listened() as records:
        link._connected(link._open_client())
        for _ in range(3):
            for why in ("no route to host", "timed out", "refused"):
                link._failed(DaemonUnreachable(why))
        link._connected(link._open_client())
        link._failed(DaemonUnreachable("timed out"))
    still = "the daemon still cannot be talked to"
    assert records.said == [SAID, LOST, still, still, SAID, LOST]


def test_a_daemon_that_has_too_much_to_do_is_asked_again_soon() -> None:
    """Another refusal would need somebody who does something about it, and is waited for longer."""
    both, over = threading.Barrier(1), threading.Event()
    link = DaemonLink("node-1", "c", lambda: Busy(both, over), lambda: "")
    link.start(lambda _: None)
    wait_until(lambda: not link.state.error)
    over.set()
    link.stop()


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for something that threads bring about."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)
