"""`reconciler get`."""

from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.common import JSON, TEXT, client_of, command, note, now, write, write_json
from reconciler.cli.targets import DEFAULT_NAMESPACE, kind_spec

if TYPE_CHECKING:
    from reconciler.model.kinds import KindSpec

YAML, NAME = "yaml", "name"


@command(
    "reconciler get pods -A\nreconciler get deployment web -n shop -o yaml\nreconciler get pods -n shop -l app=web",
    outputs=(TEXT, JSON, YAML, NAME),
)
@click.argument("kind")
@click.argument("name", required=False)
@click.option("-n", "--namespace", help="The namespace (default).")
@click.option("-A", "--all-namespaces", is_flag=True, help="All namespaces.")
@click.option("-l", "--selector", default="", help="Only objects with these labels, such as app=web.")
def run(
    data_dir: str | None,
    output: str,
    kind: str,
    name: str | None,
    namespace: str | None,
    all_namespaces: bool,
    selector: str,
) -> None:
    """List objects of KIND, or show one. KIND is a name or short name, or KIND/NAME."""
    if "/" in kind and name is None:
        kind, _, name = kind.partition("/")
    spec, client = kind_spec(kind), client_of(data_dir)
    where = "" if all_namespaces or not spec.namespaced else namespace or DEFAULT_NAMESPACE
    if name:
        document = client.object(spec, where or DEFAULT_NAMESPACE, name)
        items = [document]
    else:
        document = client.objects(spec, where, {"labelSelector": selector})
        items = document["items"]
    _show(spec, document, items, output, with_namespace=all_namespaces and spec.namespaced)


def _show(
    spec: "KindSpec", document: dict[str, Any], items: list[dict[str, Any]], output: str, *, with_namespace: bool
) -> None:
    from reconciler.render import object_table, table_text

    if output == JSON:
        write_json(document)
    elif output == YAML:
        write(yaml_text(document))
    elif output == NAME:
        group = f".{spec.group}" if spec.group else ""
        write("".join(f"{spec.singular}{group}/{item['metadata']['name']}\n" for item in items))
    elif items:
        write(table_text(object_table(spec.kind, items, now=now(), with_namespace=with_namespace)))
    else:
        note(f"no {spec.plural}")


def yaml_text(document: dict[str, Any]) -> str:
    """Return a document as YAML."""
    import yaml

    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, default_flow_style=False, width=100)
    return text
