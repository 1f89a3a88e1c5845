"""`reconciler user`."""

from collections.abc import Sequence
from typing import Any

import click

from reconciler.cli.common import JSON, TEXT, client_of, command, note, now, write, write_json, write_result
from reconciler.cli.credentials import CERTIFICATE, TOKEN, ask_for
from reconciler.cli.durations import Duration


@command(
    "reconciler user create ci --group deployers --expires 90d\n"
    "reconciler user create ada --certificate > ada.pem\n"
    "reconciler user list\n"
    "reconciler user revoke ci"
)
@click.argument("action", type=click.Choice(["create", "list", "revoke"]))
@click.argument("name", required=False)
@click.option("--group", "groups", metavar="GROUP", multiple=True, help="create: a group of the user; may be repeated.")
@click.option("--expires", type=Duration(), default="365d", help="create: how long it is valid (365d); a token: never.")
@click.option("--token", "kind", flag_value=TOKEN, default=TOKEN, help="create: a token (this is what is made).")
@click.option("--certificate", "kind", flag_value=CERTIFICATE, help="create: a certificate and its key.")
def run(
    data_dir: str | None,
    output: str,
    action: str,
    name: str | None,
    groups: tuple[str, ...],
    expires: float | None,
    kind: str,
) -> None:
    """Give out, list and revoke credentials of people and programs.

    create NAME prints the credential: this is the only time that it can be seen. revoke takes the id of one, or a
    name for all of a user's; they stop working at once. What users may do is said by Roles and their bindings.
    """
    if action == "list":
        if name:
            raise click.UsageError("list takes no NAME")
        _list(data_dir, output)
        return
    if not name:
        raise click.UsageError(f"{action} needs a NAME")
    if action == "create":
        _create(data_dir, output, kind, name, groups, expires)
    else:
        _revoke(data_dir, output, name)


def _create(
    data_dir: str | None, output: str, kind: str, name: str, groups: Sequence[str], expires: float | None
) -> None:
    given = ask_for(client_of(data_dir), kind, name, groups, expires)
    if output == JSON:
        write_json(given.document)
        return
    credential = given.credential
    write(credential.token or (credential.certificate + credential.key).decode("ascii"))
    until = given.document.get("expiresAt", "for ever")
    note(f"{kind} {given.document['metadata']['name']} of {name}, valid until {until}; it is not shown again")


def _list(data_dir: str | None, output: str) -> None:
    from reconciler.client.api import OWN
    from reconciler.render import table_text
    from reconciler.render.users import users_table

    answer = client_of(data_dir).get(f"{OWN}/users")
    if output == TEXT and not answer["items"]:
        note("no credentials were given out")
        return
    write_result(answer, table_text(users_table(answer["items"], now=now())), output)


def _revoke(data_dir: str | None, output: str, name: str) -> None:
    from urllib.parse import quote

    from reconciler.client.api import OWN

    answer: dict[str, Any] = client_of(data_dir).delete(f"{OWN}/users/{quote(name, safe='')}")
    lines = [f"revoked {one['credential']} {one['metadata']['name']} of {one['name']}" for one in answer["items"]]
    write_result(answer, "\n".join(lines), output)
