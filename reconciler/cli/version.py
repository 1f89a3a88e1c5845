"""`reconciler version`."""

from reconciler import __version__
from reconciler.cli.common import JSON, command, write, write_json


@command("reconciler version")
def run(data_dir: str | None, output: str) -> None:
    """Print the version of this program."""
    if output == JSON:
        write_json({"apiVersion": "reconciler.dev/v1", "kind": "Version", "version": __version__})
    else:
        write(f"reconciler {__version__}")
