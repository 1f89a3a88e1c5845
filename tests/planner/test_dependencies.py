"""What an object waits for by its own word: others by name, and waves."""

import pytest

from reconciler.model.desired import DesiredObject, Provenance
from reconciler.model.kinds import ref_of
from reconciler.model.plan import Decision, Plan, Reason
from reconciler.planner.dependencies import DEPENDS_ON, WAVE, dependencies_of, wave_of
from tests.planner.reading import read
from tests.planner.test_deployment import web
from tests.planner.world import Cluster


def annotated(key: str, text: str) -> DesiredObject:
    """Return a declared object with one annotation."""
    object = read("ConfigMap", metadata=f"annotations: {{{key}: '{text}'}}")
    provenance = Provenance(source="main", commit="c1", file="all.yaml", line=1)
    return DesiredObject(ref=ref_of(object), object=object, provenance=provenance, digest="d")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("deployment/shop/web", ["deployment/shop/web"]),
        ("Deployment/shop/web, namespace/shop,", ["deployment/shop/web", "namespace/shop"]),
        ("deployment", []),
        ("deployment/shop/web/more", []),
        ("nothing/shop/web", []),
    ],
)
def test_others_are_named_by_kind_namespace_and_name(text: str, names: list[str]) -> None:
    """What has no namespace is named by kind and name."""
    assert [str(ref) for ref in dependencies_of(annotated(DEPENDS_ON, text))] == names


@pytest.mark.parametrize(("text", "wave"), [("3", 3), ("-2", -2), (" 4 ", 4), ("soon", 0), ("", 0)])
def test_a_wave_is_a_number(text: str, wave: int) -> None:
    """Those before 0 come before everything that says nothing."""
    assert wave_of(annotated(WAVE, text)) == wave


def test_who_says_nothing_is_in_wave_0() -> None:
    """The usual one."""
    assert wave_of(annotated("other", "1")) == 0


def settings(name: str, wave: str = "", value: str = "a", on: str = "") -> str:
    """Return the manifest of a ConfigMap that waits for something."""
    notes = {WAVE: wave, DEPENDS_ON: on}
    said = ", ".join(f"{key}: '{text}'" for key, text in notes.items() if text)
    metadata = f"metadata: {{name: {name}, annotations: {{{said}}}}}"
    return f"---\napiVersion: v1\nkind: ConfigMap\n{metadata}\ndata: {{key: {value}}}\n"


def blocked(answer: Plan) -> dict[str, tuple[Reason, str]]:
    """Return what is blocked, and why."""
    return {one.object.name: (one.reason, one.message) for one in answer.verdicts if one.decision is Decision.BLOCKED}


def test_a_wave_waits_for_those_before_it_alone() -> None:
    """An object of the same wave, or of a later one, is not waited for."""
    cluster = Cluster()
    cluster.push(settings("first") + settings("second", "1") + settings("beside", "1") + settings("third", "2"))
    assert blocked(cluster.tick()) == {
        "second": (Reason.WAITING_FOR_WAVE, "waits for wave 0: configmap/default/first: it does not exist yet"),
        "beside": (Reason.WAITING_FOR_WAVE, "waits for wave 0: configmap/default/first: it does not exist yet"),
        "third": (Reason.WAITING_FOR_WAVE, "waits for wave 0: configmap/default/first: it does not exist yet"),
    }
    assert set(blocked(cluster.tick())) == {"third"}
    assert not blocked(cluster.tick())


def test_a_wave_waits_until_the_one_before_is_applied_and_well() -> None:
    """A change of an earlier object is waited for, then its health; what has no change goes on."""
    cluster = Cluster()
    cluster.push(web() + settings("after", "1"))
    cluster.settle()
    cluster.ready = lambda _: False
    cluster.push(web("2") + settings("after", "1", "b"), commit="c2")
    first = blocked(cluster.tick())
    assert first == {
        "after": (Reason.WAITING_FOR_WAVE, "waits for wave 0: deployment/default/web: its change is not applied yet")
    }
    cluster.tick()
    reason, why = blocked(cluster.tick())["after"]
    assert (reason, why.split(": ")[:2]) == (Reason.WAITING_FOR_WAVE, ["waits for wave 0", "deployment/default/web"])
    cluster.ready = lambda _: True
    cluster.report()
    cluster.settle()
    assert cluster.of("ConfigMap")["after"].data == {"key": "b"}


def test_a_dependency_is_waited_for_until_it_is_there_and_well() -> None:
    """The verdict says what is still wrong with it, in its own words where it has some."""
    job = "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate}\nspec: {template: {spec: POD}}\n"
    job = job.replace("POD", "{restartPolicy: Never, containers: [{name: m, image: m}]}")
    cluster = Cluster()
    cluster.push(job + settings("after", on="job/default/migrate"))
    waits = "waits for job/default/migrate: "
    assert blocked(cluster.tick()) == {"after": (Reason.WAITING_FOR_DEPENDENCY, f"{waits}it does not exist yet")}
    cluster.tick()
    assert blocked(cluster.tick()) == {"after": (Reason.WAITING_FOR_DEPENDENCY, f"{waits}1 active")}
    cluster.phase = lambda _: "Succeeded"
    cluster.report()
    cluster.settle()
    assert "after" in cluster.of("ConfigMap")
