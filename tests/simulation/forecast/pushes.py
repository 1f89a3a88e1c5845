"""A simulated cluster that a person pushes to, and what then happened, in the terms of a forecast."""

import random
from collections import defaultdict

from reconciler.model.desired import DesiredState
from reconciler.model.details import image_of, type_of
from reconciler.model.forecast import Availability, Forecast
from reconciler.model.observed import ObservedState
from reconciler.model.plan import Action, Plan
from reconciler.model.policy import Policy
from reconciler.planner.estimates import READY, TASK, Estimates, Recorded, learn
from reconciler.simulation.cluster import SimulatedCluster
from reconciler.simulation.forecast import forecast
from reconciler.simulation.forecast.steps import Steps
from reconciler.simulation.forecast.watch import Watch
from tests.simulation.cluster.repository import REGISTRY, Repository

REST_S = 300.0
NEVER_S = 1e6
Order = dict[str, list[str]]


def true_estimates(durations: dict[str, float]) -> Estimates:
    """What one would have learnt of the images of the simulated registry by watching long enough."""
    recorded = [Recorded(of=of, seconds=seconds) for of, seconds in durations.items()]
    quick = ("detachPod", "unpublishVolumes", "provisionVolume", "trashVolume", "prepareHost", "publishNames")
    recorded += [Recorded(of=of, seconds=0.001) for of in quick]
    for image, behaviour in REGISTRY.items():
        stop = NEVER_S if behaviour.term_s is None else behaviour.term_s
        recorded.append(Recorded(of="stopContainer", image=image, seconds=stop))
        recorded.append(Recorded(of=READY, image=image, seconds=behaviour.ready_after_s))
        if behaviour.exit_after_s is not None:
            recorded.append(Recorded(of=TASK, image=image, seconds=behaviour.exit_after_s))
    return learn(recorded)


class Pushed:
    """One cluster with one repository, in which everything can become healthy."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        nodes = ("node-1", "node-2")[: self.dice.choice((1, 2))]
        self.policy = Policy(digest_key="00" * 16)
        self.cluster = SimulatedCluster(nodes, ("main",), REGISTRY, self.policy, planned=self._planned)
        self.repository = Repository(self.dice)
        self.estimates = true_estimates(next(iter(self.cluster.hosts.values())).world.durations)
        self._steps, self._watch = self._listen()

    def edit(self) -> tuple[str, DesiredState]:
        """Edit the repository; return what was done, and the revision."""
        words = "; ".join(self.repository.edit() for _ in range(self.dice.choice((1, 2, 3))))
        self.repository.heal(set(self.repository.documents))
        for document in self.repository.documents.values():
            if document["kind"] == "Job":
                document["spec"]["template"]["spec"]["containers"][0]["image"] = "shop/task:1"
        return words, self.repository.state()

    def forecast(self, state: DesiredState) -> Forecast:
        """Forecast what a push of this revision does now."""
        cluster = self.cluster
        return forecast({"main": state}, cluster.observed, self.policy, cluster.now, self.estimates)

    def push(self, state: DesiredState, seconds: float = REST_S) -> tuple[Order, tuple[Availability, ...]]:
        """Push it, and let time pass; return in which order each object's steps were taken, and what was ready."""
        self._steps, self._watch = self._listen()
        begun = {name: len(host.world.executed) for name, host in self.cluster.hosts.items()}
        self.cluster.push(state)
        self.cluster.run_for(seconds)
        order: Order = defaultdict(list)
        for name, host in sorted(self.cluster.hosts.items()):
            for action in host.world.executed[begun[name] :]:
                order[str(action.object)].append(words_of(action))
        for step in self._steps.result():
            order[f"cluster {step.object}"].append(f"{step.verb} {step.message}")
        return dict(order), self._watch.result(self.cluster.observed, self.cluster.now)

    def _listen(self) -> tuple[Steps, Watch]:
        return Steps(self.cluster.now), Watch(self.cluster.observed, self.cluster.now)

    def _planned(self, before: ObservedState, plan: Plan) -> None:
        self._steps.note_plan(before, plan, self.cluster.now)
        self._watch.note(self.cluster.observed, plan, self.cluster.now)


def order_of(found: Forecast) -> Order:
    """The order in which a forecast takes each object's steps: nodes' steps by their ends."""
    order: Order = defaultdict(list)
    for step in sorted(
        (one for one in found.steps if one.node and one.verb != "bind"), key=lambda one: one.at_s + one.took_s
    ):
        assert step.action is not None
        order[str(step.object)].append(words_of(step.action))
    for step in found.steps:
        if not step.node or step.verb == "bind":
            order[f"cluster {step.object}"].append(f"{step.verb} {step.message}")
    return dict(order)


def words_of(action: Action) -> str:
    """What an action does, without the numbers that differ from run to run."""
    return f"{type_of(action.detail)} {image_of(action.detail)}".strip()
