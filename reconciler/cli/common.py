"""What commands share: their options, where results and notes go."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from reconciler.client import ApiClient
    from reconciler.config import Settings

F = TypeVar("F", bound=Callable[..., Any])
TEXT, JSON = "text", "json"


def command(
    example: str, *, outputs: tuple[str, ...] = (TEXT, JSON), hidden: bool = False
) -> Callable[[F], click.Command]:
    """Make a command of a function, with `--data-dir` and `--output`, and an example in its help."""

    def decorate(function: F) -> click.Command:
        function.__doc__ = f"{function.__doc__}\n\n    \b\n    Example:\n{_indented(example)}"
        decorated: Callable[..., Any] = _data_dir(_output(outputs)(function))
        settings = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
        name = function.__module__.rpartition(".")[2]
        return click.command(name, context_settings=settings, hidden=hidden)(decorated)

    return decorate


def settings_of(data_dir: str | None) -> "Settings":
    """Return the settings that hold."""
    from reconciler.config import load_settings

    return load_settings(data_dir)


def client_of(data_dir: str | None) -> "ApiClient":
    """Return a client of the daemon of this host; raise ConfigurationError where that is another host's."""
    from reconciler.client import ApiClient
    from reconciler.model.errors import ConfigurationError

    settings = settings_of(data_dir)
    if settings.server:
        raise ConfigurationError(
            f"this host is node {settings.node_name} of the daemon at {settings.server}, which has to be asked itself",
            reason="NotTheDaemonsHost",
            hint="run it on the daemon's host; of this one tell: systemctl status reconciler-agent, reconciler doctor",
        )
    return ApiClient(settings.socket_path)


def write(text: str) -> None:
    """Write a result to stdout, in colour where a person looks at it."""
    if not text:
        return
    if use_colour(sys.stdout):
        from reconciler.cli.colour import print_coloured

        print_coloured(text)
    else:
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    sys.stdout.flush()


def write_json(document: Any) -> None:
    """Write a document to stdout."""
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
    sys.stdout.flush()


def write_result(document: Mapping[str, Any], text: str, output: str) -> None:
    """Write one result in the form that was asked for."""
    if output == JSON:
        write_json(document)
    else:
        write(text)


def note(text: str) -> None:
    """Write progress to stderr."""
    print(text, file=sys.stderr, flush=True)


def use_colour(stream: Any) -> bool:
    """Whether colour helps here: on a terminal, unless NO_COLOR or a plain terminal says otherwise."""
    import os

    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not plain


def now() -> float:
    """Return the present time, for ages in views."""
    import time

    return time.time()


class SystemClock:
    """The Clock port on this machine's time."""

    def now(self) -> float:
        """Return Unix seconds."""
        return now()


def _data_dir(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--data-dir",
        metavar="DIR",
        envvar="RECONCILER_DATA_DIR",
        help="Use this data directory, with its own settings file and socket.",
    )(function)


def _output(outputs: tuple[str, ...]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "-o", "--output", type=click.Choice(outputs), default=outputs[0], help=f"Form of the result ({outputs[0]})."
    )


def _indented(example: str) -> str:
    return "".join(f"      {line}\n" for line in example.strip().splitlines())
