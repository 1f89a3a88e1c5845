"""`reconciler exec`."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from reconciler.cli.common import client_of, command, note, settings_of
from reconciler.cli.pods import pod_meant
from reconciler.cli.targets import log_target

if TYPE_CHECKING:
    from reconciler.client.exec import RemoteCommand

_READ_BYTES = 1 << 15
_STDERR = 2


@command(
    "reconciler exec shop/web-6d4cf-k2x9p -- ls /\n"
    "reconciler exec -it deployment/shop/web -- sh\n"
    "reconciler exec -i web-1 -n shop -c db -- psql < dump.sql",
    outputs=("text",),
)
@click.argument("pod")
@click.argument("words", metavar="-- COMMAND [ARGUMENT...]", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("-n", "--namespace", help="The namespace (default).")
@click.option("-c", "--container", default="", help="The container, where there are several.")
@click.option("-i", "--stdin", is_flag=True, help="Give the command our standard input.")
@click.option("-t", "--tty", is_flag=True, help="Give the command a terminal.")
def run(
    data_dir: str | None,
    output: str,
    pod: str,
    words: tuple[str, ...],
    namespace: str | None,
    container: str,
    stdin: bool,
    tty: bool,
) -> None:
    """Run a command in a container of POD: a name, NAMESPACE/NAME, or deployment/NAME for one of its Pods.

    NAME_NAMESPACE is a Pod too, as messages name it. The exit code is that of the command. Who interrupts it ends it.
    """
    from reconciler.client.exec import run_command
    from reconciler.model.ports import ExecRequest

    ref = pod_meant(client_of(data_dir), log_target(pod, namespace))
    if tty and not (stdin and sys.stdin.isatty()):
        note("no terminal: a terminal needs --stdin, and standard input must be one")
        tty = False
    wanted = ExecRequest(
        namespace=ref.namespace,
        pod=ref.name,
        container=container,
        command=words,
        stdin=stdin,
        stdout=True,
        stderr=not tty,
        tty=tty,
    )
    with run_command(settings_of(data_dir).socket_path, wanted) as remote:
        if tty:
            with _raw_terminal(), _following_size(remote):
                code = _converse(remote, stdin)
        else:
            code = _converse(remote, stdin)
    if code:
        note(f"the command ended with exit code {code}")
        raise click.exceptions.Exit(code)


def _converse(remote: "RemoteCommand", stdin: bool) -> int:
    """Carry input and output to the command's end; return its exit code."""
    if stdin:
        # Reading ends with the process: a terminal's last line need not come.
        threading.Thread(target=_give_input, args=(remote,), daemon=True).start()
    for stream, data in remote.output():
        to = sys.stderr if stream == _STDERR else sys.stdout
        to.buffer.write(data)
        to.buffer.flush()
    return remote.exit_code()


def _give_input(remote: "RemoteCommand") -> None:
    while data := os.read(sys.stdin.fileno(), _READ_BYTES):
        remote.write(data)
    remote.end_input()


@contextmanager
def _raw_terminal() -> Iterator[None]:
    """Have every key go to the command, and the terminal as it was afterwards."""
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextmanager
def _following_size(remote: "RemoteCommand") -> Iterator[None]:
    """Tell the size of our terminal, and again whenever it changes."""
    import signal

    changed, is_over = threading.Event(), threading.Event()

    def tell() -> None:
        while changed.wait() and not is_over.is_set():
            changed.clear()
            size = os.get_terminal_size(sys.stdin.fileno())
            remote.resize(size.columns, size.lines)

    # A handler must not wait for the connection, which the interrupted code may be using: it only wakes a thread.
    before = signal.signal(signal.SIGWINCH, lambda *_: changed.set())
    changed.set()
    threading.Thread(target=tell, daemon=True).start()
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
        is_over.set()
        changed.set()
