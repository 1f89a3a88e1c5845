"""`reconciler rollback`."""

import click

from reconciler.cli.common import client_of, command, write_result
from reconciler.cli.overriding import undo_to
from reconciler.cli.targets import object_ref


@command(
    "reconciler rollback 4f2c1e9\n"
    "reconciler rollback HEAD~1 --source main\n"
    "reconciler rollback deployment/shop/web --to-revision 3"
)
@click.argument("rev", metavar="REV|DEPLOYMENT")
@click.option("--source", metavar="NAME", default="", help="The source to roll back (the only one).")
@click.option("-n", "--namespace", help="The namespace of DEPLOYMENT.")
@click.option("--to-revision", type=click.IntRange(1), metavar="N", help="DEPLOYMENT: the revision (the one before).")
def run(
    data_dir: str | None, output: str, rev: str, source: str, namespace: str | None, to_revision: int | None
) -> None:
    """Return a source to an earlier commit, or one Deployment to an earlier template, and hold what is newer.

    A held commit is skipped until a newer one is pushed, or until `reconciler resume`; a Deployment stays as it was
    until its declaration changes. `reconciler history DEPLOYMENT` shows its revisions.
    """
    if _names_deployment(rev):
        if source:
            raise click.UsageError("--source goes with a commit")
        undo_to(client_of(data_dir), object_ref(rev, namespace), to_revision, output)
        return
    if to_revision is not None or namespace:
        raise click.UsageError("--to-revision and --namespace go with a Deployment")
    answer = client_of(data_dir).source(source, "rollback", {"revision": rev})
    write_result(answer, f"rolled back to {str(answer.get('commit', rev))[:7]}", output)


def _names_deployment(word: str) -> bool:
    """Whether this is a Deployment and no commit: names of branches may have slashes, too."""
    from reconciler.model.kinds import kind_named

    kind, slash, _ = word.partition("/")
    spec = kind_named(kind) if slash else None
    return spec is not None and spec.kind == "Deployment"
