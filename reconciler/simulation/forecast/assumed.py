"""What a forecast assumes of processes and of time, and which of its estimates it used. Pure."""

from reconciler.model.details import StartContainer, StopContainer, image_of, type_of
from reconciler.model.forecast import Estimate
from reconciler.model.kinds import Container
from reconciler.model.plan import Action
from reconciler.planner.estimates import READY, TASK, Estimates
from reconciler.simulation.behaviour import Behaviour

# Steps whose time depends on the image that they are about.
_BY_IMAGE = ("pullImage", "startContainer", "stopContainer")


class Assumed:
    """Answers how long things take, and remembers what it was asked."""

    def __init__(self, estimates: Estimates) -> None:
        self._estimates = estimates
        self._used: dict[tuple[str, str], Estimate] = {}

    def seconds(self, of: str, image: str = "") -> float:
        """Return how long something takes."""
        found = self._estimates.get(of, image)
        self._used[found.of, found.image] = found
        return found.seconds

    def duration_of(self, action: Action) -> float:
        """Return how long an action takes, but for a stop, which ends with its process."""
        type_ = type_of(action.detail)
        return self.seconds(type_, image_of(action.detail) if type_ in _BY_IMAGE else "")

    def behaviour_of(self, spec: Container, *, role: str, restart_policy: str) -> Behaviour:
        """Return how a container's process behaves: tasks end well, all others run until they are stopped."""
        ends = role == "init" or (role == "app" and (spec.restart_policy or restart_policy) != "Always")
        return Behaviour(
            exit_after_s=self.seconds(TASK, spec.image) if ends else None,
            term_s=self._estimates.get("stopContainer", spec.image).seconds,
            ready_after_s=self.seconds(READY, spec.image) if spec.readiness_probe is not None else 0.0,
        )

    def at_start(self, detail: StartContainer) -> Behaviour:
        """Return how a container that is started now behaves."""
        return self.behaviour_of(detail.spec, role=detail.role, restart_policy=detail.pod.spec.restart_policy)

    def note_stop(self, detail: StopContainer) -> None:
        """Remember that the time to stop this container was used."""
        self.seconds("stopContainer", image_of(detail))

    @property
    def used(self) -> tuple[Estimate, ...]:
        """What was used, in the order of names."""
        return tuple(self._used[key] for key in sorted(self._used))
