"""Which objects a list is made of: one moment, present or past, in the order of names, page by page.

A continued list shows the moment of its first page: what changed since is taken back from the change log. Where the
log does not reach back the client is told 410, with a token that goes on in the present.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.server.errors import ApiError, expired
from reconciler.server.list_options import INCONSISTENT, ListOptions, Position, expired_list
from reconciler.server.reads import Kinds, Objects
from reconciler.server.selection import Selection
from reconciler.store.errors import Gone
from reconciler.store.values import EventType, Logged

_ORDERS_MAX = 4096


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a list: the number it is of, where it goes on, and how many remain where that is known."""

    stored: Sequence[StoredObject]
    resource_version: int
    following: Position | None = None
    remaining: int | None = None


class Orders:
    """Remembers the order of names, so that a list need not sort what has not come or gone since the one before."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], list[str]] = {}

    def names(self, kind: str, namespace: str, objects: Mapping[str, StoredObject]) -> list[str]:
        """Return the names in order."""
        known = self._known.get((kind, namespace))
        if known is not None and len(known) == len(objects) and all(map(objects.__contains__, known)):
            return known
        if len(self._known) >= _ORDERS_MAX:
            self._known.clear()
        names = self._known[kind, namespace] = sorted(objects)
        return names


def page_of(objects: Objects, orders: Orders, selection: Selection, options: ListOptions) -> Page:
    """Return the page that was asked for; refuse with 410 what is no longer known and 504 what is not known yet."""
    version, kinds = _moment(objects, selection, options)
    after = options.position.name if options.position else None
    spaces = kinds.spaces(selection.kind.kind)
    if selection.is_plain:
        found, remaining = _cut(spaces, orders, selection, after, options.limit)
    else:
        found, remaining = _chosen(spaces, orders, selection, after, options.limit), None
    if not options.limit or len(found) <= options.limit:
        return Page(found, version)
    page = found[: options.limit]
    last = page[-1].ref
    return Page(page, version, Position(version, (last.namespace, last.name)), remaining)


def _moment(objects: Objects, selection: Selection, options: ListOptions) -> tuple[int, Kinds]:
    position = options.position
    if position is not None and position.version != INCONSISTENT:
        try:
            return position.version, kinds_at(objects, position.version, selection.kind.kind)
        except Gone as error:
            raise expired_list(position) from error
    if position is None and options.exact:
        try:
            return options.exact, kinds_at(objects, options.exact, selection.kind.kind)
        except Gone as error:
            _require_known(objects, options.exact)
            raise expired(f"too old resource version: {options.exact}: it is no longer kept") from error
    _require_known(objects, options.at_least)
    view = objects.view
    return view.resource_version, view.objects


def kinds_at(objects: Objects, version: int, kind: str) -> Kinds:
    """Return the objects of a kind as they were at a number; raise `Gone` where that is not known any more."""
    changes = objects.since(version)
    view = objects.view
    if version == view.resource_version:
        return view.objects
    # Between the two reads there may have been more changes: those are taken back too.
    if view.resource_version > (changes[-1].resource_version if changes else version):
        changes = objects.since(version)
    back = [entry for entry in changes if entry.resource_version <= view.resource_version]
    return view.objects.changed([_undone(entry) for entry in reversed(back) if entry.stored.ref.kind == kind])


def _undone(entry: Logged) -> tuple[ObjectRef, StoredObject | None]:
    if entry.type is EventType.ADDED:
        return entry.stored.ref, None
    if entry.previous is None:
        raise Gone(f"what {entry.stored.ref} was before {entry.resource_version} is not kept")
    return entry.stored.ref, entry.previous


def _require_known(objects: Objects, version: int) -> None:
    """Refuse a number that is ahead of us. Another daemon's newest change may only have to be read."""
    if version <= objects.resource_version:
        return
    try:
        objects.since(version)
    except Gone as error:
        current = objects.resource_version
        cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        details = {"causes": [cause], "retryAfterSeconds": 1}
        raise ApiError(504, f"Too large resource version: {version}, current: {current}", details=details) from error


def _in_order(spaces: Mapping[str, Mapping[str, StoredObject]], selection: Selection) -> Iterable[str]:
    if selection.namespace or not selection.kind.namespaced:
        return (selection.namespace,) if selection.namespace in spaces else ()
    return sorted(spaces, key=_rank)


def _rank(namespace: str) -> str:
    return f"{namespace}/"


def _cut(
    spaces: Mapping[str, Mapping[str, StoredObject]],
    orders: Orders,
    selection: Selection,
    after: tuple[str, str] | None,
    limit: int,
) -> tuple[list[StoredObject], int]:
    """Return up to one more than `limit` objects, and how many there are beyond `limit`."""
    found: list[StoredObject] = []
    total = 0
    for namespace, names, start in _runs(spaces, orders, selection, after):
        objects = spaces[namespace]
        total += len(names) - start
        end = start + limit + 1 - len(found) if limit else None
        if end is None or end > start:
            found.extend(map(objects.__getitem__, names[start:end]))
    return found, total - limit


def _chosen(
    spaces: Mapping[str, Mapping[str, StoredObject]],
    orders: Orders,
    selection: Selection,
    after: tuple[str, str] | None,
    limit: int,
) -> list[StoredObject]:
    """Return up to one more than `limit` of the objects that the selection chooses."""
    found: list[StoredObject] = []
    for namespace, names, start in _runs(spaces, orders, selection, after):
        objects = spaces[namespace]
        if selection.name:
            names, start = [name for name in (selection.name,) if name in objects and name in names[start:]], 0
        for name in names[start:] if start else names:
            stored = objects[name]
            if selection.chooses(stored.object):
                found.append(stored)
                if limit and len(found) > limit:
                    return found
    return found


def _runs(
    spaces: Mapping[str, Mapping[str, StoredObject]],
    orders: Orders,
    selection: Selection,
    after: tuple[str, str] | None,
) -> Iterator[tuple[str, list[str], int]]:
    """Go through namespaces with their names in order, and from which one of these on they are wanted."""
    for namespace in _in_order(spaces, selection):
        if after is not None and _rank(namespace) < _rank(after[0]):
            continue
        names = orders.names(selection.kind.kind, namespace, spaces[namespace])
        is_first = after is not None and namespace == after[0]
        yield namespace, names, bisect_right(names, after[1]) if after is not None and is_first else 0
