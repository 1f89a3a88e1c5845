"""`reconciler apply`."""

import sys
from typing import TYPE_CHECKING

import click

from reconciler.cli.answers import exit_of_plan, plan_of, show_answer
from reconciler.cli.common import JSON, TEXT, client_of, command, note, now, write, write_json
from reconciler.cli.durations import Seconds
from reconciler.cli.exits import Exit
from reconciler.cli.waiting import exit_of_status, wait_until_healthy

if TYPE_CHECKING:
    from reconciler.client import ApiClient


@command("reconciler apply\nreconciler apply --ack\nreconciler apply --yes --wait")
@click.option("--ack", is_flag=True, help="Acknowledge all held deletions, so that they happen.")
@click.option("--hold", metavar="ID", default="", help="With --ack: only the set of deletions of this id.")
@click.option("--wait", is_flag=True, help="Wait until everything is healthy.")
@click.option("--timeout", type=Seconds(), default=300.0, help="With --wait: at most so long (5m).")
@click.option("--yes", is_flag=True, help="Do not ask.")
def run(data_dir: str | None, output: str, ack: bool, hold: str, wait: bool, timeout: float, yes: bool) -> int:
    """Apply the current plan now, after showing it and asking.

    With --ack held deletions are released: the command is the acknowledgement, nothing is asked. Ends with 0 when
    done, 5 when deletions stay held, with --wait 2 when not everything became healthy.
    """
    if hold and not ack:
        raise click.UsageError("--hold goes with --ack")
    client = client_of(data_dir)
    code = _acknowledge(client, hold, output) if ack else _apply(client, output, yes)
    if not wait or code in (Exit.ERROR, Exit.PROBLEMS):
        return code
    return _wait(client, timeout)


def _acknowledge(client: "ApiClient", hold: str, output: str) -> Exit:
    answer = client.acknowledge(hold)
    if output == JSON:
        write_json(answer)
    else:
        released = answer.get("objects", [])
        write("".join(f"- {name}\n" for name in released))
        note(f"acknowledged: {len(released)} deletions" if released else "nothing is held")
    return Exit.DONE


def _apply(client: "ApiClient", output: str, yes: bool) -> Exit:
    document = client.plan()
    if document.get("kind") == "ValidationReport":
        return show_answer(document, output)
    plan = plan_of(document)
    if output == JSON:
        write_json(document)
    else:
        from reconciler.render import plan_text

        write(plan_text(plan, now=now()))
    code = exit_of_plan(plan)
    if code in (Exit.PENDING, Exit.HELD) and not plan.summary.is_empty:
        if not yes:
            _ask(output)
        client.source("", "sync")
        note("applying")
    return Exit.DONE if code is Exit.PENDING else code


def _ask(output: str) -> None:
    if not sys.stdin.isatty() or output != TEXT:
        raise click.UsageError("there is nobody to ask; use --yes")
    click.confirm("Apply this plan?", abort=True, err=True)


def _wait(client: "ApiClient", timeout: float) -> Exit:
    from reconciler.render import status_text

    _, status = wait_until_healthy(client, timeout)
    code = exit_of_status(status)
    if code is not Exit.DONE:
        note(status_text(status, now=now()).rstrip("\n"))
    return code
