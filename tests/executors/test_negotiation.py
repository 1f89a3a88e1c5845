"""How the Engine is first spoken to, by many threads at once."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from reconciler.executors.engine import Engine

THREADS = 3


@contextmanager
def busy_engine(path: Path) -> Iterator[None]:
    """An Engine that tells its version only once several ask for it."""
    together = threading.Barrier(THREADS)
    version = b'{"ApiVersion": "1.41", "MinAPIVersion": "1.24"}'

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError, threading.BrokenBarrierError):
            while asked := connection.recv(65536):
                said = b"[]"
                if b"/version" in asked:
                    together.wait(5)
                    said = version
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said) + said)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        threading.Thread(target=accept, daemon=True).start()
        yield
        listener.shutdown(socket.SHUT_RDWR)


def test_nobody_waits_for_the_answer_that_another_waits_for(tmp_path: Path) -> None:
    """An Engine that hangs would else hold up one thread after the other, each for the whole of its time (P07)."""
    path = tmp_path / "engine"
    with busy_engine(path), closing(Engine(f"unix://{path}", timeout_s=10.0)) as engine:
        with ThreadPoolExecutor(THREADS) as pool:
            found = list(pool.map(lambda _: engine.list_containers("a=b"), range(THREADS)))
        assert found == [[]] * THREADS
        # What is known is not asked for again: nobody else would be there to ask with.
        assert engine.list_containers("a=b") == []
