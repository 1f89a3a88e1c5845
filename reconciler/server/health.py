"""Which version this is, whether the API's loop runs, and whether the daemon works: as Kubernetes' own endpoints.

`/livez` asks nothing of the daemon; `/readyz` checks its components. Both name single checks below themselves
(`/readyz/store`), list them with `?verbose`, and leave out those named by `?exclude=`.
"""

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import reconciler
from reconciler import __version__
from reconciler.model.release import KUBERNETES_MAJOR, KUBERNETES_MINOR, release_text
from reconciler.server.context import context_of
from reconciler.server.errors import ApiError
from reconciler.server.query import flag

_PING = {"ping": ""}


async def version(_: Request) -> Response:
    """Return our version in the form of Kubernetes; the minor says whose behaviour we follow."""
    return JSONResponse(
        {
            "major": KUBERNETES_MAJOR,
            "minor": KUBERNETES_MINOR,
            "gitVersion": release_text(__version__),
            "gitCommit": "",
            "gitTreeState": "",
            "buildDate": _built_at(),
            "goVersion": "",
            "compiler": f"{platform.python_implementation()} {platform.python_version()}",
            "platform": f"linux/{_machine()}",
        }
    )


async def live(request: Request) -> Response:
    """Say that the API's loop runs; whoever restarts a daemon asks this."""
    return _told(request, "livez", _PING)


async def ready(request: Request) -> Response:
    """Say whether every component works; whoever waits for the daemon asks this."""
    context = context_of(request)
    components = await context.call(context.operations.components)
    checks = {one.name: "" if one.healthy else one.message for one in components}
    return _told(request, "readyz", {**_PING, **checks})


def _told(request: Request, endpoint: str, faults: Mapping[str, str]) -> Response:
    """Return the outcome of checks, each with what is wrong; the codes and words are those probes expect."""
    name = request.path_params.get("check", "")
    if name:
        if name not in faults:
            raise ApiError(404, "the server could not find the requested resource")
        faults = {name: faults[name]}
    excluded = set(request.query_params.getlist("exclude"))
    lines = [_line(one, fault, one in excluded) for one, fault in faults.items()]
    failed = any(fault for one, fault in faults.items() if one not in excluded)
    whole = name or endpoint
    if not failed and not flag(request, "verbose"):
        return Response("ok", media_type="text/plain")
    text = "\n".join([*lines, f"{whole} check {'failed' if failed else 'passed'}", ""])
    return Response(text, status_code=500 if failed else 200, media_type="text/plain")


def _line(name: str, fault: str, is_excluded: bool) -> str:
    if is_excluded:
        return f"[+]{name} excluded: ok"
    return f"[-]{name} failed: {fault}" if fault else f"[+]{name} ok"


@cache
def _built_at() -> str:
    """Return when this program was put where it is."""
    at = Path(reconciler.__file__).stat().st_mtime
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _machine() -> str:
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
