"""`reconciler get`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.common import JSON, TEXT, client_of, command, note, write, write_json
from reconciler.cli.targets import DEFAULT_NAMESPACE, kind_spec

if TYPE_CHECKING:
    from reconciler.client import ApiClient
    from reconciler.model.kinds import KindSpec
    from reconciler.render import Table

WIDE, YAML, NAME = "wide", "yaml", "name"
_ALL = "all"


@command(
    "reconciler get pods -A -o wide\nreconciler get deployment web -n shop -o yaml\n"
    "reconciler get pods,svc -n shop -l app=web\nreconciler get all -n shop\nreconciler get pods -w",
    outputs=(TEXT, WIDE, JSON, YAML, NAME),
)
@click.argument("kinds", metavar="KIND[,KIND...]")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("-n", "--namespace", help="The namespace (default).")
@click.option("-A", "--all-namespaces", is_flag=True, help="All namespaces.")
@click.option("-l", "--selector", default="", help="Only objects with these labels, such as app=web.")
@click.option("-w", "--watch", "watches", is_flag=True, help="Go on and show what changes, until interrupted.")
def run(
    data_dir: str | None,
    output: str,
    kinds: str,
    names: tuple[str, ...],
    namespace: str | None,
    all_namespaces: bool,
    selector: str,
    watches: bool,
) -> None:
    """List objects of KIND, or show those named. KIND is a name or short name, `all`, or KIND/NAME."""
    if "/" in kinds and not names:
        kinds, _, name = kinds.partition("/")
        names = (name,)
    specs = _specs(kinds)
    if names and (len(specs) > 1 or all_namespaces):
        raise click.UsageError("names belong to one kind and one namespace")
    place = "" if all_namespaces else namespace or DEFAULT_NAMESPACE
    asked = _Asked(client_of(data_dir), specs, place, names, selector)
    if watches:
        _follow(asked, output)
    elif output in (TEXT, WIDE):
        _show_tables(asked, wide=output == WIDE)
    else:
        _show_documents(asked, output)


class _Asked:
    """What was asked for, and where."""

    def __init__(
        self, client: "ApiClient", specs: "Sequence[KindSpec]", namespace: str, names: Sequence[str], selector: str
    ) -> None:
        self.client = client
        self.specs = specs
        self.names = names
        self._namespace = namespace
        self._selector = selector

    def namespace(self, spec: "KindSpec") -> str:
        """Return the namespace to look in; empty for all, and for kinds without."""
        return self._namespace if spec.namespaced else ""

    def shows_namespace(self, spec: "KindSpec") -> bool:
        """Whether the namespace is a column."""
        return spec.namespaced and not self._namespace

    @property
    def query(self) -> dict[str, str]:
        """The query of a list."""
        return {"labelSelector": self._selector}

    def answers(self, client: "ApiClient", spec: "KindSpec") -> list[dict[str, Any]]:
        """Return the list of a kind, or each object that was named."""
        where = self.namespace(spec)
        if self.names:
            return [client.object(spec, where, name) for name in self.names]
        return [client.objects(spec, where, self.query)]


def _specs(words: str) -> "list[KindSpec]":
    from reconciler.model.kinds import KINDS

    found: list[KindSpec] = []
    for word in words.split(","):
        meant = [s for s in KINDS.values() if s.served and _ALL in s.categories] if word == _ALL else [kind_spec(word)]
        found += [spec for spec in meant if spec not in found]
    return found


def _show_tables(asked: _Asked, *, wide: bool) -> None:
    from reconciler.render import table_text

    shown = []
    for spec in asked.specs:
        table = _table(asked, spec, asked.answers(asked.client.in_tables(), spec), wide)
        if table.rows:
            shown.append(table_text(table))
    if shown:
        write("\n".join(shown))
    else:
        note("no objects" if len(asked.specs) > 1 else f"no {asked.specs[0].plural}")


def _table(asked: _Asked, spec: "KindSpec", answers: list[dict[str, Any]], wide: bool) -> "Table":
    from reconciler.render import server_table

    joined = {**answers[0], "rows": [row for answer in answers for row in answer["rows"]]}
    prefix = _prefix(spec) if len(asked.specs) > 1 else ""
    return server_table(joined, wide=wide, with_namespace=asked.shows_namespace(spec), prefix=prefix)


def _prefix(spec: "KindSpec") -> str:
    from reconciler.model.kinds import name_with_kind

    return name_with_kind(spec.singular, spec.group, "")


def _show_documents(asked: _Asked, output: str) -> None:
    answers = [(spec, answer) for spec in asked.specs for answer in asked.answers(asked.client, spec)]
    if output == NAME:
        found = [(spec, item) for spec, answer in answers for item in answer.get("items", [answer])]
        write("".join(f"{_prefix(spec)}{item['metadata']['name']}\n" for spec, item in found))
        return
    document = answers[0][1]
    if len(answers) > 1:
        items = [item for _, answer in answers for item in answer.get("items", [answer])]
        document = {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items}
    if output == JSON:
        write_json(document)
    else:
        write(yaml_text(document))


def _follow(asked: _Asked, output: str) -> None:
    """Show a table, and a row for each change from then on; begin anew where the changes are no longer known."""
    from reconciler.client import WatchExpired
    from reconciler.client.api import path_of
    from reconciler.render.tables import following_rows, table_text

    if len(asked.specs) > 1 or len(asked.names) > 1 or output not in (TEXT, WIDE):
        raise click.UsageError("--watch follows one kind, or one object, as text or wide")
    spec, client = asked.specs[0], asked.client.in_tables()
    path = path_of(spec, asked.namespace(spec))
    query: dict[str, Any] = {**asked.query, "allowWatchBookmarks": True}
    if asked.names:
        query["fieldSelector"] = f"metadata.name={asked.names[0]}"
    while True:
        first = client.get(path, query)
        definitions, version = first["columnDefinitions"], first["metadata"]["resourceVersion"]
        table = _table(asked, spec, [first], output == WIDE)
        write(table_text(table))
        try:
            while True:
                for event in client.watch(path, {**query, "resourceVersion": version}):
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        changed = {**event["object"], "columnDefinitions": definitions}
                        write(following_rows(table, _table(asked, spec, [changed], output == WIDE)))
        except WatchExpired:
            note("too much changed meanwhile; the list begins anew")


def yaml_text(document: dict[str, Any]) -> str:
    """Return a document as YAML."""
    import yaml

    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, default_flow_style=False, width=100)
    return text
