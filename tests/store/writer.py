"""A process that writes rounds for ever, to be killed: `python -m tests.store.writer URL`.

Each round is one transaction that sets every ConfigMap, an allocation, a source and a plan to the round's number; the
number is printed once the transaction is acknowledged.
"""

from __future__ import annotations

import sys
import time

from reconciler.model.observed import SourceState
from reconciler.store import LEADER, Commit, Store
from tests.store.samples import KEY, change, config_map, plan

OBJECTS = 200


class RealClock:
    """The machine's time."""

    def now(self) -> float:
        """Return Unix seconds."""
        return time.time()


def main(url: str) -> None:
    """Write until killed."""
    store = Store.open(url, key=KEY, clock=RealClock())
    lease = store.acquire(LEADER, f"writer-{time.time_ns()}", 0.001)
    while lease is None:
        time.sleep(0.01)
        lease = store.acquire(LEADER, f"writer-{time.time_ns()}", 0.001)
    objects = store.snapshot().objects
    number = 1 + max((int(stored.object.data["key"]) for stored in objects.values()), default=0)  # type: ignore[union-attr]
    verb = "update" if objects else "create"
    while True:
        value = str(number)
        changes = tuple(change(verb, config_map(f"settings-{n}", value)) for n in range(OBJECTS))
        commit = Commit(
            changes=changes,
            allocations={"number/shop/web": value},
            sources=(SourceState(name="main", error=value),),
            plan=plan(value),
        )
        store.commit(commit, term=lease.term)
        print(number, flush=True)
        number += 1
        verb = "update"


if __name__ == "__main__":
    main(sys.argv[1])
