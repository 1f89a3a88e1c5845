"""The Engine's events about containers, with the Engine's own times."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable

from benchmarks import raw_engine


class Events:
    """The Engine's events as they come: when, what, and on which container."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, str, dict[str, str]]] = []
        self._arrived = threading.Condition()
        connection = raw_engine.Connection()
        connection.request("GET", "/events?filters=%7B%22type%22%3A%5B%22container%22%5D%7D")
        answer = connection.getresponse()
        connection.sock.settimeout(None)
        threading.Thread(target=self._follow, args=(answer,), daemon=True).start()

    def _follow(self, answer: http.client.HTTPResponse) -> None:
        for line in iter(answer.readline, b""):
            event = json.loads(line)
            with self._arrived:
                self._seen.append((event["timeNano"] / 1e9, event["Action"], event["Actor"]["Attributes"]))
                self._arrived.notify_all()

    def wait(self, action: str, holds: Callable[[dict[str, str]], bool], since: float) -> float:
        """Return when the first such event since then happened."""

        def found() -> float | None:
            return next((at for at, verb, about in self._seen if at >= since and verb == action and holds(about)), None)

        with self._arrived:
            assert self._arrived.wait_for(lambda: found() is not None, 60), f"no event {action}"
        return found() or 0.0
