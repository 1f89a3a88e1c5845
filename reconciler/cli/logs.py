"""`reconciler logs`."""

import re
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.common import client_of, command, note
from reconciler.cli.log_sources import Source, sources_of
from reconciler.cli.pods import pod_meant, selected_pods
from reconciler.cli.targets import DEFAULT_NAMESPACE, log_target

if TYPE_CHECKING:
    from reconciler.client import ApiClient

_SELECTED_TAIL = 10
_LINE_MAX = 64 * 1024
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")


class Duration(click.ParamType[int]):
    """Seconds, or hours, minutes and seconds such as 1h30m."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return seconds."""
        found = _DURATION.fullmatch(str(value))
        parts = [int(part or 0) for part in found.groups()] if found else [0]
        seconds = sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
        if seconds <= 0:
            self.fail(f"{value!r} is not a duration such as 90, 90s, 5m or 1h30m", param, ctx)
        return seconds


@command(
    "reconciler logs shop/web-6d4cf-k2x9p\n"
    "reconciler logs -f deployment/shop/web -c web\n"
    "reconciler logs -l app=web -n shop --prefix --since 5m",
    outputs=("text",),
)
@click.argument("pod", required=False)
@click.option("-n", "--namespace", help="The namespace (default).")
@click.option("-l", "--selector", default="", help="Instead of POD: all Pods with these labels.")
@click.option("-c", "--container", default="", help="The container, where there are several.")
@click.option("--all-containers", is_flag=True, help="Every container, init containers too.")
@click.option("-f", "--follow", is_flag=True, help="Go on printing lines as they are written.")
@click.option("-p", "--previous", is_flag=True, help="The log of the container that ran before.")
@click.option("--tail", type=click.IntRange(min=0), help="Only the last lines (10 with --selector).")
@click.option("--since", type=Duration(), metavar="TIME", help="Only lines of the last TIME: 90, 5m, 1h30m.")
@click.option("--since-time", default="", metavar="TIME", help="Only lines since a time such as 2026-01-31T12:00:00Z.")
@click.option("--limit-bytes", type=click.IntRange(min=1), help="At most so many bytes of each log.")
@click.option("--timestamps", is_flag=True, help="Begin each line with its time.")
@click.option("--prefix", is_flag=True, help="Begin each line with its Pod and container.")
@click.option("--max-log-requests", type=click.IntRange(min=1), default=5, help="Follow at most so many logs (5).")
def run(
    data_dir: str | None,
    output: str,
    pod: str | None,
    namespace: str | None,
    selector: str,
    container: str,
    all_containers: bool,
    follow: bool,
    previous: bool,
    tail: int | None,
    since: int | None,
    since_time: str,
    limit_bytes: int | None,
    timestamps: bool,
    prefix: bool,
    max_log_requests: int,
) -> None:
    """Print the log of a container of POD: a name, NAMESPACE/NAME, or deployment/NAME for one of its Pods.

    NAME_NAMESPACE is a Pod too, as messages name it.
    """
    if bool(pod) == bool(selector):
        raise click.UsageError("name a POD, or choose some with --selector")
    if container and all_containers:
        raise click.UsageError("--container and --all-containers exclude each other")
    client = client_of(data_dir)
    sources = _sources(client, pod, namespace, selector, container, all_containers)
    query: dict[str, Any] = {
        "follow": follow,
        "previous": previous,
        "tailLines": _SELECTED_TAIL if tail is None and selector else tail,
        "sinceSeconds": since,
        "sinceTime": since_time,
        "limitBytes": limit_bytes,
        "timestamps": timestamps,
    }
    if follow and len(sources) > max_log_requests:
        raise click.UsageError(f"{len(sources)} logs are to be followed: raise --max-log-requests")
    lock = threading.Lock()
    if len(sources) == 1 and not prefix:
        for piece in _pieces(client, sources[0], query):
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
    elif not follow:
        for source in sources:
            _write(_pieces(client, source, query), source, prefix, lock)
    else:
        _follow_all([partial(_write, _pieces(client, one, query), one, prefix, lock) for one in sources])


def _sources(
    client: "ApiClient", pod: str | None, namespace: str | None, selector: str, container: str, every: bool
) -> list[Source]:
    from reconciler.client.api import path_of
    from reconciler.model.kinds import KINDS

    if pod:
        ref = pod_meant(client, log_target(pod, namespace))
        pods = [client.get(f"{path_of(KINDS['Pod'], ref.namespace)}/{ref.name}")]
    else:
        pods = selected_pods(client, namespace or DEFAULT_NAMESPACE, selector)
        if not pods:
            note(f"no pods with {selector} in namespace {namespace or DEFAULT_NAMESPACE}")
    found = sources_of(pods, container, every=every)
    for one in found:
        if one.others:
            note(f"{len(one.others) + 1} containers, using {one.container}; the others: {', '.join(one.others)}")
    return found


def _pieces(client: "ApiClient", source: Source, query: dict[str, Any]) -> Iterator[bytes]:
    from reconciler.client.api import path_of
    from reconciler.model.kinds import KINDS

    path = f"{path_of(KINDS['Pod'], source.namespace)}/{source.pod}/log"
    return client.stream("GET", path, {**query, "container": source.container})


def _write(pieces: Iterator[bytes], source: Source, prefix: bool, lock: threading.Lock) -> None:
    """Write a log, whole lines at a time where several are written at once."""
    for lines in _lines(pieces):
        with lock:
            for line in lines:
                sys.stdout.buffer.write(source.prefix + line if prefix else line)
            sys.stdout.buffer.flush()


def _lines(pieces: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Yield whole lines; one that is very long, or has no end, comes in parts."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        lines = [line + b"\n" for line in whole]
        if len(rest) > _LINE_MAX:
            lines, rest = [*lines, rest], b""
        yield lines
    if rest:
        yield [rest]


def _follow_all(follows: list[Callable[[], None]]) -> None:
    """Follow several logs at once; what one of them fails with is said, and the others go on."""
    failures: list[Exception] = []

    def run_one(follow: Callable[[], None]) -> None:
        try:
            follow()
        except Exception as error:  # noqa: BLE001 - raised below, in the thread that can tell it
            failures.append(error)

    threads = [threading.Thread(target=run_one, args=(follow,), daemon=True) for follow in follows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
