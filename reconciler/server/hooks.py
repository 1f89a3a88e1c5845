"""What Git's hooks of the received repository ask: to judge a push, and to tell what it leads to.

Answers are plain lines for the pusher; the last one is `exit: N`.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping

from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.errors import ReconcilerError
from reconciler.model.ports import PushedUpdate
from reconciler.server.bodies import HookBody, body_of
from reconciler.server.context import context_of
from reconciler.server.errors import bad_request
from reconciler.server.streams import LineStream, Pump

# Only what leads to the objects of the push: everything else could change how the daemon's own git behaves.
_PASSED_ON = ("GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES")
_UPDATES_MAX = 10_000


async def pre_receive(request: Request) -> Response:
    """Judge a push."""
    body = await body_of(request, HookBody)
    updates, env = _updates(body), _environment(body)
    operations = context_of(request).operations
    return await _lines(request, lambda: operations.pre_receive(body.repository, updates, env))


async def post_receive(request: Request) -> Response:
    """Tell the plan of an accepted push, and its progress."""
    body = await body_of(request, HookBody)
    updates = _updates(body)
    operations = context_of(request).operations
    return await _lines(request, lambda: operations.post_receive(body.repository, updates))


def _updates(body: HookBody) -> tuple[PushedUpdate, ...]:
    if not body.repository.startswith("/"):
        raise bad_request("repository: expected an absolute path")
    if not body.updates or len(body.updates) > _UPDATES_MAX:
        raise bad_request(f"updates: expected between 1 and {_UPDATES_MAX}")
    return tuple(PushedUpdate(old=update.old, new=update.new, ref=update.ref) for update in body.updates)


def _environment(body: HookBody) -> Mapping[str, str]:
    return {name: body.environment[name] for name in _PASSED_ON if name in body.environment}


async def _lines(request: Request, make: Callable[[], Iterator[str]]) -> Response:
    pump = Pump(make, context_of(request).streams)
    return LineStream(_encoded(pump), on_end=pump.stop, media_type="text/plain; charset=utf-8")


async def _encoded(pump: Pump[str]) -> AsyncIterator[bytes]:
    """Encode the lines; a failure in the middle is told to the pusher as a refusal."""
    try:
        await pump.start()
        async for line in pump.items():
            yield f"{line}\n".encode()
    except ReconcilerError as error:
        yield f"error: {error}\nexit: 1\n".encode()
