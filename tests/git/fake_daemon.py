"""The daemon's end of the hooks' socket: a real HTTP server whose answers a test chooses."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

Answer = Callable[[Mapping[str, Any]], Iterator[str]]


def accept(_: Mapping[str, Any]) -> Iterator[str]:
    """Find nothing wrong."""
    yield "exit: 0\n"


class FakeDaemon:
    """Serves `/hooks/pre-receive` and `/hooks/post-receive` on a Unix socket."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.requests: list[tuple[str, Mapping[str, Any]]] = []
        self.answers: dict[str, Answer] = {"pre-receive": accept, "post-receive": accept}
        self.status = 200
        app = Starlette(routes=[Route("/hooks/{stage}", self._serve, methods=["POST"])])
        config = uvicorn.Config(app, uds=str(socket), log_level="error", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    async def _serve(self, request: Request) -> Response:
        stage = request.path_params["stage"]
        body = await request.json()
        self.requests.append((stage, body))
        return StreamingResponse(self.answers[stage](body), status_code=self.status, media_type="text/plain")

    def __enter__(self) -> "FakeDaemon":
        self._thread.start()
        end = time.monotonic() + 20
        while not self._server.started and time.monotonic() < end:
            threading.Event().wait(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(20)
