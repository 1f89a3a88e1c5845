"""The entry point: finds the command, turns expected failures into three short lines, never into a traceback.

Commands are imported when they are run, so that each starts as fast as it can.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from reconciler.cli.exits import Exit
from reconciler.model.errors import ReconcilerError

COMMANDS: Mapping[str, str] = {
    "init": "make the data directory, key, settings and repository of this host",
    "daemon": "run the daemon in the foreground",
    "join": "make this host a node of a daemon elsewhere",
    "agent": "run the agent of a host that has joined, in the foreground",
    "validate": "judge manifests without a daemon: every problem at once",
    "plan": "show what would change, on which host, in which order, and why",
    "apply": "apply the current plan now, or acknowledge held deletions",
    "sync": "look at the repositories now",
    "suspend": "stop reconciling a source",
    "resume": "go on reconciling a source",
    "rollback": "return to an earlier revision and hold what is newer",
    "rollout": "restart a workload, return it to an earlier template, or see how far it is",
    "nodes": "the nodes, when each was heard, and how wrong its clock is",
    "node": "declare a node gone for ever",
    "token": "give out, list and delete the tokens with which hosts join",
    "drain": "have the Pods of a node go, as their budgets allow",
    "cordon": "place no more Pods on a node",
    "uncordon": "place Pods on a node again",
    "delete": "end a Pod",
    "status": "the state of everything, in one word first",
    "get": "list objects of a kind, or show one",
    "describe": "show one object with its events",
    "expose": "print the manifest of a Service for what is there",
    "logs": "print the log of a container",
    "exec": "run a command in a container",
    "events": "what happened, newest last",
    "history": "revisions that were read, or what was done to one object",
    "explain": "say why an object is as it is",
    "kubeconfig": "print a kubeconfig with a fresh credential, for kubectl",
    "user": "give out, list and revoke credentials of people and programs",
    "doctor": "check this host, and say the fix for what is missing",
    "lab": "several hosts on this machine, to try things with",
    "version": "print the version",
    "completion": "print the completion script of a shell",
    "hook": "",
}
_HIDDEN = ("hook",)


class Commands(click.Group):
    """All commands; each is imported only when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which people meet them."""
        return [name for name in COMMANDS if name not in _HIDDEN]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"reconciler.cli.{cmd_name}").run
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader that has gone ends it quietly."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            # What is still buffered has nowhere to go; without this the interpreter would complain at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(Exit.PIPE_CLOSED)
        return result

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Kubernetes manifests, driven by `git push`, on plain Docker hosts.

    \b
    Exit codes: 0 done or nothing to do, 1 error, 2 changes pending or not healthy,
    3 problems in manifests, 4 plan stale, 5 held until acknowledged.

    \b
    Example:
      reconciler validate . && reconciler plan .
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    try:
        result = cli.main(
            args=None if arguments is None else list(arguments), prog_name="reconciler", standalone_mode=False
        )
        return int(result or 0)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        return _usage(error)
    except ReconcilerError as error:
        return _failure(error)
    except (KeyboardInterrupt, click.Abort):
        return Exit.INTERRUPTED
    except OSError as error:
        return _failure(_of_os_error(error))


def _usage(error: click.ClickException) -> int:
    """Show a wrong use; its exit code is 1, because 2 means pending changes."""
    error.show(file=sys.stderr)
    return Exit.ERROR


def _failure(error: ReconcilerError) -> int:
    """Say what failed, why, and what to do."""
    print(f"error: {error}", file=sys.stderr)
    why = _words(error.__cause__)
    if why and why.lower() not in str(error).lower():
        print(f"  why: {why}", file=sys.stderr)
    if error.hint:
        print(f"  do:  {error.hint}", file=sys.stderr)
    return Exit.ERROR


def _words(cause: BaseException | None) -> str:
    """Return what a cause says, without the number of an error of the system."""
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return "" if cause is None else str(cause)


def _of_os_error(error: OSError) -> ReconcilerError:
    reason = _words(error)
    return ReconcilerError(f"{error.filename}: {reason}" if error.filename else reason)


if __name__ == "__main__":
    sys.exit(main())
