"""`reconciler completion`."""

import click
from click.shell_completion import get_completion_class

from reconciler.cli.common import command, write


@command(
    'eval "$(reconciler completion bash)"\nreconciler completion fish > ~/.config/fish/completions/reconciler.fish',
    outputs=("text",),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def run(data_dir: str | None, output: str, shell: str) -> None:
    """Print the completion script of a shell."""
    from reconciler.cli.main import cli

    completion = get_completion_class(shell)
    assert completion is not None, "every shell of the choice has one"
    write(completion(cli, {}, "reconciler", "_RECONCILER_COMPLETE").source())
