"""Which endpoint has which slot of a running HAProxy."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.executors.ingress.slots import assign, commands
from reconciler.model.ingress import ProxyBackend, ProxyServer

A, B, C = (ProxyServer(address=f"10.42.0.{number}", port=80) for number in (1, 2, 3))
DRAINED = ProxyServer(address=B.address, port=B.port, draining=True)


def backend(*servers: ProxyServer, slots: int = 4) -> ProxyBackend:
    """A backend with these servers."""
    return ProxyBackend(name="web", servers=servers, slots=slots)


def test_who_was_there_keeps_the_slot() -> None:
    """Whoever comes takes the first free one; whoever begins to end is drained where it is."""
    assert assign(backend(A, B), ()) == (A, B, None, None)
    assert assign(backend(B, C), (A, B, None, None)) == (C, B, None, None)
    assert assign(backend(A, DRAINED), (A, B, None, None)) == (A, DRAINED, None, None)
    assert assign(backend(), (A, B, None, None)) == (None,) * 4


def test_fewer_slots_lose_nobody() -> None:
    """As after a reload with less room."""
    assert set(assign(backend(A, C, slots=2), (None, None, A, None, C))) == {A, C}


def test_who_comes_is_told_before_who_goes() -> None:
    """So that there is always one to go to."""
    assert list(commands("web", (A, None), (None, B))) == [
        "set server web/s2 addr 10.42.0.2 port 80",
        "set server web/s2 weight 100%",
        "set server web/s2 state ready",
        "set server web/s1 state maint",
    ]
    assert list(commands("web", (A, B), (A, DRAINED))) == ["set server web/s2 weight 0%"]
    assert list(commands("web", (A, B), (A, B))) == []


SERVERS = st.lists(
    st.builds(
        ProxyServer,
        address=st.sampled_from([f"10.42.0.{n}" for n in range(9)]),
        port=st.sampled_from([80, 81]),
        draining=st.booleans(),
    ),
    max_size=8,
    unique_by=lambda one: (one.address, one.port),
)


@given(SERVERS, SERVERS)
def test_commands_lead_from_any_filling_to_any_other(first: list[ProxyServer], second: list[ProxyServer]) -> None:
    """What HAProxy then has are the servers that were asked for, each once."""
    before = assign(backend(*first, slots=8), ())
    after = assign(backend(*second, slots=8), before)
    assert sorted(one for one in map(repr, after) if one != "None") == sorted(map(repr, second))
    live = {number: (one.address, one.port, one.draining) for number, one in enumerate(before, 1) if one}
    address: dict[int, tuple[str, int]] = {n: (one.address, one.port) for n, one in enumerate(before, 1) if one}
    drained = {number: one.draining for number, one in enumerate(before, 1) if one}
    ready = set(live)
    for command in commands("web", before, after):
        words = command.split()
        number = int(words[2].partition("/s")[2])
        match words[3]:
            case "addr":
                address[number] = (words[4], int(words[6]))
            case "weight":
                drained[number] = words[4] == "0%"
            case "state":
                (ready.add if words[4] == "ready" else ready.discard)(number)
    found = {(*address[number], drained[number]) for number in ready}
    assert found == {(one.address, one.port, one.draining) for one in second}
