"""Which endpoint has which slot of a running HAProxy, and the commands that lead from one filling to the next. Pure."""

from collections.abc import Iterator, Sequence

from reconciler.model.ingress import ProxyBackend, ProxyServer

Slots = tuple[ProxyServer | None, ...]


def assign(backend: ProxyBackend, before: Sequence[ProxyServer | None]) -> Slots:
    """Return the slots of a backend: endpoints that were there keep theirs, new ones take what is free."""
    wanted = {(one.address, one.port): one for one in backend.servers}
    slots: list[ProxyServer | None] = []
    for old in (*before, *[None] * backend.slots)[: backend.slots]:
        slots.append(wanted.pop((old.address, old.port), None) if old is not None else None)
    for one in wanted.values():
        slots[slots.index(None)] = one
    return tuple(slots)


def commands(name: str, before: Slots, after: Slots) -> Iterator[str]:
    """Yield the commands of HAProxy's runtime API for what differs: first who comes, then who goes."""
    numbered = [
        (number, old, new) for number, (old, new) in enumerate(zip(before, after, strict=True), start=1) if old != new
    ]
    for number, old, new in numbered:
        server = f"{name}/s{number}"
        if new is None:
            continue
        if old is None or (old.address, old.port) != (new.address, new.port):
            yield f"set server {server} addr {new.address} port {new.port}"
        yield f"set server {server} weight {'0%' if new.draining else '100%'}"
        if old is None:
            yield f"set server {server} state ready"
    for number, _, new in numbered:
        if new is None:
            yield f"set server {name}/s{number} state maint"
