"""`reconciler kubeconfig`."""

import getpass
import os
from pathlib import Path

import click

from reconciler.cli.common import client_of, command, note, settings_of, write_result
from reconciler.cli.credentials import CERTIFICATE, TOKEN, ask_for, server_url
from reconciler.cli.durations import Duration
from reconciler.model.access import MASTERS
from reconciler.model.errors import ConfigurationError


@command(
    "reconciler kubeconfig --output-file ~/.kube/reconciler\n"
    "reconciler kubeconfig --user ada --group developers --expires 30d"
)
@click.option("--user", metavar="NAME", help="Who it is for (whoever runs this, and then with every right).")
@click.option("--group", "groups", metavar="GROUP", multiple=True, help="A group of the user; may be repeated.")
@click.option("--server", metavar="URL", help="Where the API is reached (this host's address).")
@click.option("--expires", type=Duration(), default="365d", help="How long it is valid (365d).")
@click.option("--token", is_flag=True, help="Put a token into it instead of a certificate.")
@click.option(
    "--output-file", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file, for its owner."
)
def run(
    data_dir: str | None,
    output: str,
    user: str | None,
    groups: tuple[str, ...],
    server: str | None,
    expires: float | None,
    token: bool,
    output_file: Path | None,
) -> None:
    """Print a kubeconfig with a fresh credential, for kubectl and every other client of Kubernetes.

    Only root and members of system:masters may do this. Without --user and --group it is for whoever runs it, with
    every right (group system:masters); a user that is named gets the rights that roles are bound to.
    """
    from reconciler.access.kubeconfig import kubeconfig, kubeconfig_text

    settings = settings_of(data_dir)
    server_url(settings, 0)
    if output_file is not None:
        _require_new(output_file)
    name = user or _caller()
    given = ask_for(
        client_of(data_dir),
        TOKEN if token else CERTIFICATE,
        name,
        groups or (() if user else (MASTERS,)),
        expires,
    )
    cluster = given.document["cluster"]
    document = kubeconfig(
        f"reconciler-{settings.cluster_id[:8]}",
        server or server_url(settings, cluster["port"], cluster.get("address", "")),
        cluster["certificateAuthority"].encode("ascii"),
        name,
        given.credential,
    )
    if output_file is None:
        write_result(document, kubeconfig_text(document), output)
    else:
        _write(output_file, kubeconfig_text(document))
        note(f"wrote {output_file}: use it with kubectl --kubeconfig {output_file}")
        note(f"to end it: reconciler user revoke {given.document['metadata']['name']}")


def _caller() -> str:
    """Return a name for whoever runs this: root is only what they have become."""
    name = os.environ.get("SUDO_USER") or getpass.getuser()
    return "admin" if name == "root" else name


def _require_new(path: Path) -> None:
    """Refuse to replace a file that may hold the way into other clusters."""
    if path.exists():
        raise ConfigurationError(
            f"{path} exists already",
            hint="write to another file; kubectl reads several: export KUBECONFIG=FILE:FILE",
        )


def _write(path: Path, text: str) -> None:
    from reconciler.access import files

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not files.create(path, text.encode()):
        _require_new(path)
