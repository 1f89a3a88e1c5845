"""New connections at a steady rate, each asking once, none tried again; prints what came of them when told to end.

A failure is printed at once on stderr: when it came, and when the connection began. With the name of a host it is asked
for that one over TLS; with a number there are no more connections than that.

python -m tests.e2e.load ADDRESS PORT RATE [HOST [MOST]]
"""

import asyncio
import json
import math
import signal
import ssl
import sys
from collections import Counter
from datetime import UTC, datetime

# A packet that is lost where too many come at once is sent again after one, three and seven seconds; where nobody is
# any more none of them is answered.
DEADLINE_S = 15.0


class Load:
    """Who is asked, and what came of it."""

    def __init__(self, address: str, port: int, host: str) -> None:
        self.address = address
        self.port = port
        self.host = host or address
        self.told: Counter[str] = Counter()
        self.tls = ssl.create_default_context() if host else None
        if self.tls is not None:
            self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE

    async def ask(self) -> None:
        """Open a connection, ask for the front page, count what comes."""
        begun = datetime.now(UTC)
        try:
            async with asyncio.timeout(DEADLINE_S):
                name = self.host if self.tls is not None else None
                reader, writer = await asyncio.open_connection(
                    self.address, self.port, ssl=self.tls, server_hostname=name
                )
                writer.write(f"GET / HTTP/1.0\r\nHost: {self.host}\r\n\r\n".encode())
                answer = await reader.read()
                writer.close()
        except (OSError, TimeoutError) as error:
            self.failed(type(error).__name__, begun, repr(error))
            return
        if answer.startswith((b"HTTP/1.0 200", b"HTTP/1.1 200")):
            self.told["ok"] += 1
        else:
            self.failed("bad answer", begun, repr(answer[:60]))

    def failed(self, kind: str, begun: datetime, what: str) -> None:
        """Count a failure and print it."""
        self.told[kind] += 1
        print(f"{datetime.now(UTC).isoformat()} begun {begun.isoformat()}: {what}", file=sys.stderr, flush=True)


async def main(load: Load, rate: float, most: float) -> None:
    """Ask until SIGTERM, then wait for what is open and print the counts."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    begun, asked = loop.time(), 0
    open_ones: set[asyncio.Task[None]] = set()
    print("started", flush=True)
    while not stop.is_set():
        # Behind after a pause of the machine, it catches up: the rate is that of the whole run.
        while asked < min((loop.time() - begun) * rate, most):
            task = asyncio.create_task(load.ask())
            open_ones.add(task)
            task.add_done_callback(open_ones.discard)
            asked += 1
        await asyncio.sleep(1 / rate)
    if open_ones:
        await asyncio.wait(open_ones)
    print(json.dumps(load.told), flush=True)


if __name__ == "__main__":
    address, port, rate, *rest = sys.argv[1:]
    host, most = [*rest, "", ""][:2]
    asyncio.run(main(Load(address, int(port), host), float(rate), float(most or math.inf)))
