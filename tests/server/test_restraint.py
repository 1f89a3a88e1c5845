"""Who has not proven who they are takes little: a pace by address, short refusals, few lines in the audit log."""

import json
import time
from pathlib import Path

from api_double import served
from people import access, bearer
from web import ask

from reconciler.model.access import MASTERS
from reconciler.server.audit import AuditLog
from reconciler.server.limits import Limits
from reconciler.server.restraint import Pace, origin_of

_GUESSES = 150


class Hand:
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def test_an_address_may_come_often_at_once_and_then_waits() -> None:
    """What was saved up in a pause is free; then each has its turn, a steady time after the one before."""
    pace = Pace(10.0, 3.0, Hand())
    assert [round(pace.delay_s("a"), 3) for _ in range(5)] == [0.0, 0.0, 0.0, 0.1, 0.2]
    assert pace.delay_s("b") == 0.0


def test_a_pause_makes_up_for_it() -> None:
    """Only what was taken lately counts."""
    clock = Hand()
    pace = Pace(10.0, 3.0, clock)
    for _ in range(10):
        pace.delay_s("a")
    clock.at += 10.0
    assert [pace.takes("a") for _ in range(4)] == [True, True, True, False]


def test_what_was_refused_does_not_count() -> None:
    """Whoever goes on asking is served again as soon as the time has come."""
    clock = Hand()
    pace = Pace(1.0, 1.0, clock)
    assert [pace.takes("a") for _ in range(50)] == [True] + [False] * 49
    clock.at += 1.0
    assert pace.takes("a")


def test_addresses_of_one_customer_count_together() -> None:
    """A /64 belongs to one; an IPv4 address is the same through IPv6."""
    assert origin_of("2001:db8::1") == origin_of("2001:db8::2") != origin_of("2001:db8:0:1::1")
    assert origin_of("::ffff:192.0.2.1") == origin_of("192.0.2.1")
    assert origin_of("socket") == "socket"


def test_guessing_tokens_gets_slow_and_fills_no_log(socket_path: Path, tmp_path: Path) -> None:
    """Refusals wait once they are many, a good credential never does; the audit log counts what it leaves out."""
    file, limits = tmp_path / "audit.log", Limits(stranger_burst=100.0, stranger_pause_s=0.01)
    log = AuditLog(file)
    with served(socket_path, limits, access(boss=(MASTERS,)), audit=log) as api:
        codes = {ask(api.path, "GET", "/api/v1/pods", Authorization=bearer(f"x{n}")).code for n in range(_GUESSES)}
        began = time.monotonic()
        assert ask(api.path, "DELETE", "/api/v1/namespaces/shop/pods/a", Authorization=bearer("boss")).code == 404
        assert time.monotonic() - began < 5
    log.close()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    refused = [one for one in lines if one["code"] == 401]
    assert codes == {401}
    assert 60 <= len(refused) < _GUESSES
    assert len(lines) - 1 + sum(one.get("missing", 0) for one in lines) == _GUESSES
    assert lines[-1]["verb"] == "delete"
