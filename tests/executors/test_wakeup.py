"""Waking a thread that waits for descriptors."""

import os
import select

from reconciler.executors.wakeup import Wakeup


def test_it_is_readable_from_a_call_on_until_it_was_seen() -> None:
    """However often it is called meanwhile: nobody waits for the thread."""
    wakeup = Wakeup()
    assert not select.select([wakeup], [], [], 0)[0]
    for _ in range(70_000):
        wakeup.wake()
    assert select.select([wakeup], [], [], 0)[0]
    wakeup.clear()
    assert not select.select([wakeup], [], [], 0)[0]
    wakeup.close()


def test_who_wakes_it_after_its_end_writes_nowhere() -> None:
    """Its number is given to the next file that is opened."""
    wakeup = Wakeup()
    number = wakeup.fileno()
    wakeup.close()
    other = os.eventfd(0, os.EFD_NONBLOCK)
    try:
        assert other == number
        wakeup.wake()
        wakeup.close()
        assert not select.select([other], [], [], 0)[0]
    finally:
        os.close(other)
