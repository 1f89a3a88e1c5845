"""New connections at a steady rate, each asking once, none tried again; prints what came of them when told to end.

A failure is printed at once on stderr, with its time.

python -m tests.e2e.load ADDRESS PORT RATE
"""

import asyncio
import json
import signal
import sys
from collections import Counter
from datetime import UTC, datetime

DEADLINE_S = 5.0


async def ask(address: str, port: int, told: Counter[str]) -> None:
    """Open a connection, ask for the front page, count what comes."""
    begun = datetime.now(UTC)
    try:
        async with asyncio.timeout(DEADLINE_S):
            reader, writer = await asyncio.open_connection(address, port)
            writer.write(f"GET / HTTP/1.0\r\nHost: {address}\r\n\r\n".encode())
            answer = await reader.read()
            writer.close()
    except (OSError, TimeoutError) as error:
        told[type(error).__name__] += 1
        print(f"{datetime.now(UTC).time()} begun {begun.time()}: {error!r}", file=sys.stderr, flush=True)
        return
    told["ok" if answer.startswith(b"HTTP/1.0 200") or answer.startswith(b"HTTP/1.1 200") else "bad answer"] += 1


async def main(address: str, port: int, rate: float) -> None:
    """Ask until SIGTERM, then wait for what is open and print the counts."""
    told: Counter[str] = Counter()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    begun, asked = loop.time(), 0
    open_ones: set[asyncio.Task[None]] = set()
    print("started", flush=True)
    while not stop.is_set():
        # Behind after a pause of the machine, it catches up: the rate is that of the whole run.
        while asked < (loop.time() - begun) * rate:
            task = asyncio.create_task(ask(address, port, told))
            open_ones.add(task)
            task.add_done_callback(open_ones.discard)
            asked += 1
        await asyncio.sleep(1 / rate)
    if open_ones:
        await asyncio.wait(open_ones)
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
