"""Forecasts on a real host: what was forecast of a push is what is then done, in that order."""

import json
import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.host import wait_for
from tests.e2e.stage import Stage, container, manifest, pod_spec, stage, workload

pytestmark = pytest.mark.real

PUSHES = 20
OWN = "/apis/reconciler.dev/v1"
# Of steps that the forecast begins closer together than this, either may come first.
APART_S = 0.3
SERVER = "trap 'exit 0' TERM; httpd -f -p 8080 -h /www & wait $!"
Document = dict[str, Any]


class Edits:
    """A repository that changes a little with every push. Everything in it can become healthy."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.files: dict[str, str] = {}
        self._workloads: dict[str, Document] = {}
        self._settings = 0
        for name in ("web", "api"):
            self._add(name, "Deployment")
        self._add("db", "StatefulSet")
        self.render()

    def edit(self) -> str:
        """Do one edit; return what it was."""
        kind = self.dice.choice(("roll", "roll", "scale", "strategy", "job", "add", "remove", "settings"))
        name = self.dice.choice(sorted(self._workloads))
        one = self._workloads[name]
        words = f"{kind} {name}"
        if kind == "roll":
            one["version"] += 1
        elif kind == "scale":
            one["replicas"] = self.dice.choice([n for n in (1, 2, 3) if n != one["replicas"]])
        elif kind == "strategy":
            one["strategy"] = self.dice.choice(("Recreate", "surge", "unavailable"))
            one["version"] += 1
        elif kind == "job" or (kind == "remove" and len(self._workloads) < 3):
            words = f"job {self._add_job()}"
        elif kind == "remove":
            del self._workloads[name]
        elif kind == "settings":
            self._settings += 1
        else:
            words = f"add {self._add(f'more-{len(self.files)}-{self.dice.randrange(1000)}', 'Deployment')}"
        self.render()
        return words

    def render(self) -> None:
        """Write every file anew; Jobs stay as they were."""
        jobs = {name: text for name, text in self.files.items() if name.startswith("job-")}
        self.files = {f"{name}.yaml": _manifest(name, one) for name, one in self._workloads.items()} | jobs
        self.files["settings.yaml"] = manifest("ConfigMap", "settings", data={"value": str(self._settings)})
        ports = [{"port": 80, "targetPort": 8080}]
        self.files["service.yaml"] = manifest("Service", "web", spec={"selector": {"app": "web"}, "ports": ports})

    def _add(self, name: str, kind: str) -> str:
        self._workloads[name] = {
            "kind": kind,
            "replicas": self.dice.choice((1, 2)),
            "version": 1,
            "strategy": "surge",
            "probed": self.dice.random() < 0.6,
        }
        return name

    def _add_job(self) -> str:
        name = f"job-{len(self.files)}-{self.dice.randrange(1000)}"
        spec = pod_spec(container("task", "sleep 0.5"), restartPolicy="Never")
        self.files[f"{name}.yaml"] = manifest("Job", name, "batch/v1", spec={"template": {"spec": spec}})
        return name


def _manifest(name: str, one: Document) -> str:
    probe = {"readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1}} if one["probed"] else {}
    mount = {"volumeMounts": [{"name": "settings", "mountPath": "/settings"}]}
    environment = [{"name": "VERSION", "value": str(one["version"])}]
    main = container("main", SERVER, env=environment, **mount, **probe)
    spec = pod_spec(main, volumes=[{"name": "settings", "configMap": {"name": "settings"}}])
    if one["kind"] == "StatefulSet":
        return workload("StatefulSet", name, spec, replicas=one["replicas"], serviceName=name)
    rolling = (
        {"maxSurge": 1, "maxUnavailable": 0} if one["strategy"] == "surge" else {"maxSurge": 0, "maxUnavailable": 1}
    )
    strategy: Document = {"type": "RollingUpdate", "rollingUpdate": rolling}
    if one["strategy"] == "Recreate":
        strategy = {"type": "Recreate"}
    return workload("Deployment", name, spec, replicas=one["replicas"], strategy=strategy)


class Lowest:
    """Watches ready counts while a push is carried out."""

    def __init__(self, host: Any) -> None:
        self._host = host
        self._ended = threading.Event()
        self.counts: dict[str, int] = {}
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Lowest":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            for plural, kind in (("deployments", "deployment"), ("statefulsets", "statefulset")):
                found = self._host.get(f"/apis/apps/v1/namespaces/default/{plural}") or {"items": []}
                for one in found["items"]:
                    name = f"{kind}/default/{one['metadata']['name']}"
                    ready = int(one.get("status", {}).get("readyReplicas", 0))
                    self.counts[name] = min(ready, self.counts.get(name, ready))


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Stage]:
    """A host of its own, with what there is before the first edit."""
    with stage(tmp_path_factory.mktemp("forecast")) as one:
        one.host.push(Edits(random.Random(7)).files)
        rest(one)
        yield one


def test_what_is_forecast_is_done(ground: Stage, tmp_path: Path) -> None:
    """P13: of small pushes the steps of each Pod and of each rollout are taken as forecast; no count goes lower."""
    edits = Edits(random.Random(7))
    told = []
    for number in range(PUSHES):
        words = edits.edit()
        forecast = forecast_of(ground, edits.files, tmp_path / str(number))
        began = time.time()
        with Lowest(ground.host) as lowest:
            ground.host.push(edits.files)
            rest(ground)
        done = recorded(ground, began)
        where = f"push {number}: {words}"
        took = max((one["finishedAt"] for one in done), default=began) - began
        told.append(f"{where}: forecast {forecast['tookS']:.1f} s, took {took:.1f} s, {len(done)} actions")
        print(told[-1])
        steps = [one for one in forecast["steps"] if one["type"] not in ("", "bind")]
        assert not forecast["cut"], where
        compare_pods(steps, done, where)
        compare_rollouts(steps, done, where)
        for one in forecast["availability"]:
            name = one["object"]
            if name in lowest.counts and not one["created"] and not one["deleted"]:
                assert lowest.counts[name] >= one["lowest"], (where, name, lowest.counts[name], one)
    learnt = [one for one in forecast["estimates"] if one["samples"]]
    print("\n".join(f"{one['of']} {one['image']}: {one['seconds']} s of {one['samples']}" for one in learnt))
    assert {"createSandbox", "startContainer"} <= {one["of"] for one in learnt}, forecast["estimates"]


def test_a_forecast_changes_nothing(ground: Stage, tmp_path: Path) -> None:
    """The objects, the containers and the recorded actions are the same before and after."""
    rest(ground)
    before = (ground.host.running(), len(recorded(ground, 0.0)))
    edits = Edits(random.Random(1))
    edits.edit()
    shown = forecast_of(ground, edits.files, tmp_path / "tree")
    assert shown["steps"] and not shown["applyable"]
    assert (ground.host.running(), len(recorded(ground, 0.0))) == before


def test_the_room_of_the_host_is_told(ground: Stage) -> None:
    """What is asked for, what is free, and that nothing is left without the only node."""
    found = ground.host.json("plan", "--capacity")
    (node,) = found["nodes"]
    running = [one for one in ground.host.pods() if one["status"]["phase"] != "Succeeded"]
    assert node["requests"]["pods"] == len(running)
    assert node["free"]["pods"] == node["allocatable"]["pods"] - node["requests"]["pods"]
    assert len(node["lost"]) == node["requests"]["pods"]
    assert found["needed"]["count"] == 1


def forecast_of(ground: Stage, files: dict[str, str], tree: Path) -> Document:
    """Return the forecast of a work tree with these files."""
    tree.mkdir()
    for name, text in files.items():
        (tree / name).write_text(text)
    found: Document = ground.host.json("plan", str(tree), "--forecast")
    return found


def rest(ground: Stage) -> None:
    """Wait until everything is done: the plan has no step any more, twice in a row."""
    calm = 0

    def is_calm() -> bool:
        nonlocal calm
        plan = ground.host.get(f"{OWN}/plan")
        status = ground.host.get(f"{OWN}/status")
        verdicts = {one["verdict"] for one in plan["verdicts"]}
        idle = verdicts <= {"unchanged", "blocked"} and not plan["actions"] and status["health"] == "healthy"
        calm = calm + 1 if idle else 0
        return calm >= 3

    wait_for("everything is at rest", is_calm, 60, every=0.1)


def recorded(ground: Stage, since: float) -> list[Document]:
    """Return what was carried out since a time, oldest first."""
    items = ground.host.get(f"{OWN}/actions?limit=1000")["items"]
    return sorted((one for one in items if one["startedAt"] >= since), key=lambda one: float(one["startedAt"]))


def compare_pods(steps: list[Document], done: list[Document], where: str) -> None:
    """Each Pod's actions are those that were forecast, and what was to follow another did."""
    expected, real = by_pod(steps), by_pod(done)
    assert sorted(expected) == sorted(real), (where, sorted(expected), sorted(real))
    for pod, planned in expected.items():
        found = real[pod]
        assert once(planned) == once(found), f"{where}: {pod}\nforecast: {told(planned)}\ndone: {told(found)}"
        begins = {words_of(one): float(one["startedAt"]) for one in reversed(found)}
        for first in planned:
            for second in planned:
                if first["atS"] + first["tookS"] <= second["atS"] and _differ(first, second):
                    assert begins[words_of(first)] <= begins[words_of(second)], (where, pod, told(planned), told(found))


def _differ(first: Document, second: Document) -> bool:
    """Whether these are two steps of one Pod, and none that comes again."""
    return words_of(first) != words_of(second) and "unpublishVolumes" not in (first["type"], second["type"])


def once(steps: list[Document]) -> list[str]:
    """The steps in words. Volumes may be unpublished again while something else of the Pod still goes."""
    words = sorted(map(words_of, steps))
    return [one for number, one in enumerate(words) if "unpublish" not in one or one not in words[:number]]


def compare_rollouts(steps: list[Document], done: list[Document], where: str) -> None:
    """Pods of one workload come and go in the order that was forecast, where it tells them apart."""
    planned, real = comings(steps, "atS"), comings(done, "startedAt")
    for owner, events in planned.items():
        for first, first_at in events.items():
            for second, second_at in events.items():
                if second_at - first_at > APART_S:
                    times = real[owner]
                    assert times[first] < times[second], (where, owner, json.dumps(sorted(events)), json.dumps(times))


def comings(steps: list[Document], at: str) -> dict[str, dict[str, float]]:
    """Return when each Pod comes and goes, by the name of its workload."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    words = {"createSandbox": "comes", "stopContainer": "goes"}
    for one in steps:
        if one["type"] in words and one["object"].startswith("pod/"):
            name = one["object"].rsplit("/", 1)[1]
            found[name.split("-")[0]].setdefault(f"{name} {words[one['type']]}", float(one[at]))
    return found


def by_pod(steps: list[Document]) -> dict[str, list[Document]]:
    """Return the steps of each Pod."""
    found: dict[str, list[Document]] = defaultdict(list)
    for one in steps:
        if one["object"].startswith("pod/"):
            found[one["object"]].append(one)
    return found


def words_of(one: Document) -> str:
    """What a step does."""
    return f"{one['verb']} {one['type']} {one['image']}".strip()


def told(steps: list[Document]) -> list[str]:
    """The steps in words, for a failure."""
    return [words_of(one) for one in steps]
