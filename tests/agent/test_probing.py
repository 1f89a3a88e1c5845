"""When the probes of a host wake its loop."""

from collections.abc import Iterable
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler

from reconciler.agent.probing import Probing
from reconciler.model.node_report import ProbeTarget
from reconciler.simulation.clock import VirtualClock
from reconciler.simulation.world import SimulatedWorld
from tests.planner.node.host import container, probe

TARGET = ProbeTarget(
    pod_uid="uid",
    pod_ip="10.42.1.2",
    container="web",
    container_id="id",
    probe_kind="readiness",
    probe=probe(),
    spec=container(),
    started_at=0.0,
)


class Answering(SimulatedWorld):
    """A host whose probe gives these answers, one after the other."""

    def __init__(self, answers: Iterable[bool]) -> None:
        super().__init__("node-1", VirtualClock())
        self.answers = iter(answers)

    def probe(self, target: ProbeTarget, timeout_s: float) -> tuple[bool, str]:
        """Give the next answer."""
        return next(self.answers), "refused"


def test_the_loop_is_woken_by_a_result_and_by_the_first_failure_of_a_series() -> None:
    """Failures that change nothing and begin nothing leave it asleep."""
    answers = (True, False, False, False, False, True, True, False)
    woken: list[int] = []
    run: list[Any] = []
    # It is never started: its jobs are run here, one by one.
    scheduler = BackgroundScheduler()
    probing = Probing(Answering(answers), VirtualClock(), scheduler, lambda _: woken.append(len(run)))
    probing.set_targets((TARGET,))
    while len(run) < len(answers):
        job = scheduler.get_jobs()[-1]
        job.func(*job.args)
        run.append(job)
    assert woken == [0, 1, 3, 5, 7]
    assert probing.states()["id/readiness"].failures == 1


def test_a_probe_goes_on_after_a_crash() -> None:
    """A bug in one run says nothing about the container, and the next run comes after a period."""

    class Broken(Answering):
        def probe(self, target: ProbeTarget, timeout_s: float) -> tuple[bool, str]:
            raise KeyError("unforeseen")

    scheduler = BackgroundScheduler()
    clock = VirtualClock()
    probing = Probing(Broken(()), clock, scheduler, lambda _: None)
    probing.set_targets((TARGET,))
    (job,) = scheduler.get_jobs()
    job.func(*job.args)
    assert probing.states()[TARGET.key].result == "unknown"
    assert [one.id for one in scheduler.get_jobs()][-1] == TARGET.key
    assert probing.states()[TARGET.key].probed_at == clock.now()


def test_a_probe_that_runs_as_it_is_stopped_stops_nothing_else() -> None:
    """Its job is taken out by the scheduler's own thread at that moment."""

    class Gone(BackgroundScheduler):
        def remove_job(self, job_id: str, jobstore: str | None = None) -> None:
            super().remove_job(job_id, jobstore)
            super().remove_job(job_id, jobstore)

    scheduler = Gone()
    probing = Probing(Answering(()), VirtualClock(), scheduler, lambda _: None)
    probing.set_targets((TARGET,))
    probing.set_targets(())
    assert (probing.states(), scheduler.get_jobs()) == ({}, [])
