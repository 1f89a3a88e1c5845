"""The end of the ingress executor, while something is still at it. HAProxy is not needed."""

import threading
from pathlib import Path

import pytest

from reconciler.executors.ingress import executor
from reconciler.executors.ingress.executor import IngressExecutor
from reconciler.executors.ingress.process import Proxy
from reconciler.model.details import StopIngress
from reconciler.model.node import Materials
from reconciler.model.plan import Outcome, OutcomeStatus, Reason
from reconciler.planner.node.actions import make_action, node_ref

STOP = make_action("n", node_ref("n"), StopIngress(), Reason.INGRESS_CHANGED)


def test_an_action_that_hangs_does_not_hold_up_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on by itself, and its end is told as ever."""
    begun, may_end = threading.Event(), threading.Event()

    def hangs(_: Proxy) -> bool:
        begun.set()
        assert may_end.wait(10)
        return True

    monkeypatch.setattr(executor, "_FREE_S", 0.05)
    monkeypatch.setattr(Proxy, "stop", hangs)
    one, outcomes = IngressExecutor(tmp_path), list[Outcome]()
    thread = threading.Thread(target=lambda: outcomes.append(one.execute(STOP, Materials())))
    thread.start()
    assert begun.wait(10)
    closing = threading.Thread(target=one.close)
    closing.start()
    closing.join(5)
    assert not closing.is_alive() and thread.is_alive()
    may_end.set()
    thread.join(5)
    assert [outcome.status for outcome in outcomes] == [OutcomeStatus.DONE]


def test_watching_ends_with_it(tmp_path: Path) -> None:
    """And what comes afterwards changes nothing about that."""
    one = IngressExecutor(tmp_path)
    one.watch(lambda _: None)
    one.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "ingress-events"]
    assert one.execute(STOP, Materials()).status is OutcomeStatus.UNCHANGED
