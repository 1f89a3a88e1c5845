"""Commands against a served API: what they call, what they print, how they end."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from api_double import COMMIT, Api, pod, sample_plan, secret

from reconciler.cli.exits import Exit
from reconciler.model.desired import RevisionInfo
from reconciler.model.errors import TerminalError
from reconciler.model.kinds import (
    Deployment,
    DeploymentSpec,
    Event,
    LabelSelector,
    ObjectMeta,
    ObjectReference,
    PodTemplateSpec,
)
from reconciler.model.plan import Decision, Hold, Plan
from reconciler.model.problem import Problem
from reconciler.model.refs import ObjectRef
from reconciler.model.status import Health, ObjectHealth, PlanAnswer, Status
from reconciler.store.values import RevisionRecord, RevisionState

replace = msgspec.structs.replace
HOLD = Hold(id="77aa01234567", source="main", objects=(ObjectRef.of("Namespace", "", "old"),))


def status(health: Health, *objects: ObjectHealth, holds: tuple[Hold, ...] = ()) -> Status:
    """Return a status of this health."""
    return Status(at=0.0, version="0.1.0", cluster_id="c-1", health=health, objects=objects, holds=holds)


@pytest.mark.parametrize(
    ("shown", "code"),
    [
        (status(Health.HEALTHY), Exit.DONE),
        (status(Health.PROGRESSING), Exit.PENDING),
        (status(Health.DEGRADED), Exit.PENDING),
        (status(Health.UNKNOWN), Exit.PENDING),
        (status(Health.HELD), Exit.HELD),
        (status(Health.DEGRADED, holds=(HOLD,)), Exit.HELD),
    ],
)
def test_status_tells_the_state_by_its_exit_code(api: Api, ask: Any, shown: Status, code: Exit) -> None:
    """P06: scripts can tell healthy, not healthy and held apart."""
    api.operations.current = shown
    ended = ask("status")
    assert (ended.code, ended.out.split()[0]) == (code, shown.health.upper())


def test_status_waits_until_all_is_healthy(api: Api, ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress goes to stderr, the result to stdout."""
    web = ObjectHealth(object="deployment/shop/web", health=Health.PROGRESSING, ready="1/3")
    stages = iter([status(Health.PROGRESSING, web), status(Health.PROGRESSING, web), status(Health.HEALTHY)])
    monkeypatch.setattr(api.operations, "status", lambda: next(stages))
    ended = ask("status", "--wait", "--timeout", 20)
    assert ended.code == Exit.DONE
    assert ended.err == "progressing: deployment/shop/web progressing 1/3\n"
    assert ended.out.startswith("HEALTHY")


def test_waiting_ends_in_a_state_that_only_a_person_ends(api: Api, ask: Any) -> None:
    """P15: after a rollback nothing gets better by waiting, and the exit code says that it is not plainly healthy."""
    for health in (Health.ROLLED_BACK, Health.SUSPENDED):
        api.operations.current = status(health, ObjectHealth(object="deployment/shop/web", health=Health.HEALTHY))
        assert ask("status", "--wait", "--timeout", 20).code == Exit.PENDING


def test_waiting_ends_when_the_time_is_over(api: Api, ask: Any) -> None:
    """P07: a wait has an end, and says that it was not healthy."""
    api.operations.current = status(Health.PROGRESSING)
    assert ask("status", "--wait", "--timeout", 0).code == Exit.PENDING


def test_status_as_a_document(api: Api, ask: Any) -> None:
    """JSON carries its version."""
    document = json.loads(ask("status", "--output", "json").out)
    assert (document["apiVersion"], document["kind"]) == ("reconciler.dev/v1", "Status")


def test_plan_ends_with_pending_changes(api: Api, ask: Any) -> None:
    """Text and JSON say the same."""
    shown = ask("plan")
    assert shown.code == Exit.PENDING
    assert "+ deployment/shop/web" in shown.out
    assert shown.out.splitlines()[-1].startswith("Plan abcdef: 1 to create")
    document = json.loads(ask("plan", "-o", "json").out)
    assert document["verdicts"][0]["object"] == "deployment/shop/web"
    assert "### Plan abcdef" in ask("plan", "-o", "markdown").out


def test_an_empty_plan_ends_with_nothing_to_do(api: Api, ask: Any) -> None:
    """P09: nothing to do is exit code 0."""
    verdict = replace(sample_plan().verdicts[0], decision=Decision.UNCHANGED)
    api.operations.answer = PlanAnswer(plan=Plan(id="00", verdicts=(verdict,)))
    ended = ask("plan")
    assert (ended.code, "nothing to do, 1 unchanged" in ended.out) == (Exit.DONE, True)


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        (replace(sample_plan(), holds=(HOLD,)), Exit.HELD),
        (replace(sample_plan(), holds=(HOLD,), errored=True), Exit.ERROR),
        (Plan(holds=(HOLD,)), Exit.HELD),
    ],
)
def test_held_deletions_and_errors_count_more_than_pending_changes(api: Api, ask: Any, plan: Plan, code: Exit) -> None:
    """P02: a script sees that something is held."""
    api.operations.answer = PlanAnswer(plan=plan)
    assert ask("plan").code == code


def test_a_working_tree_is_sent_with_paths_of_the_repository(api: Api, ask: Any, tmp_path: Path) -> None:
    """Files have the names that they have in the repository, whatever directory was given."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "web.yaml").write_text("a: 1\n")
    assert ask("plan", tmp_path).code == Exit.PENDING
    (file,) = api.operations.calls[0][1]
    assert (file.path, file.content) == ("shop/web.yaml", b"a: 1\n")


def test_problems_of_a_planned_tree_have_names_to_open(api: Api, ask: Any, tmp_path: Path) -> None:
    """P23: a problem's file is the path that a person can open."""
    (tmp_path / "web.yaml").write_text("a: 1\n")
    problem = Problem(file="web.yaml", line=1, column=1, message="no kind", hint="add one")
    api.operations.answer = PlanAnswer(problems=(problem,))
    ended = ask("plan", tmp_path)
    assert ended.code == Exit.PROBLEMS
    assert f"{tmp_path}/web.yaml:1:1  error  no kind\n    hint: add one" in ended.out


def test_a_tree_that_cannot_be_read_is_not_planned(api: Api, ask: Any, tmp_path: Path) -> None:
    """A directory that does not exist is a problem, not an empty plan."""
    assert ask("plan", tmp_path / "nowhere").code == Exit.PROBLEMS
    assert api.operations.calls == []


def test_a_revision_is_planned(api: Api, ask: Any) -> None:
    """`--rev` asks the daemon for that revision."""
    ask("plan", "--rev", "HEAD~1", "--source", "main")
    assert api.operations.calls == [("plan_revision", "HEAD~1", "main")]


def test_apply_asks_first(api: Api, ask: Any) -> None:
    """Without a terminal nobody can answer, so nothing is applied without --yes."""
    ended = ask("apply")
    assert (ended.code, "use --yes" in ended.err) == (Exit.ERROR, True)
    assert ("sync", "") not in api.operations.calls
    assert ask("apply", "--yes").code == Exit.DONE
    assert ("sync", "") in api.operations.calls


def test_apply_with_nothing_to_do_does_nothing(api: Api, ask: Any) -> None:
    """An empty plan needs no question."""
    api.operations.answer = PlanAnswer(plan=Plan(id="00"))
    assert ask("apply").code == Exit.DONE
    assert api.operations.calls == [("plan",)]


def test_apply_ack_releases_what_is_held(api: Api, ask: Any) -> None:
    """P02: the acknowledgement lists what it releases."""
    ended = ask("apply", "--ack", "--wait")
    assert (ended.code, ended.out) == (Exit.DONE, "- namespace/old\n")
    assert api.operations.calls[0][:2] == ("acknowledge", "")


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        (["sync"], ("sync", "")),
        (["sync", "main"], ("sync", "main")),
        (["suspend", "main"], ("set_suspended", "main", True)),
        (["resume"], ("set_suspended", "", False)),
        (["rollback", "HEAD~1"], ("rollback", "HEAD~1", "")),
    ],
)
def test_sources_are_operated(api: Api, ask: Any, arguments: list[str], call: tuple[Any, ...]) -> None:
    """Each command is one call."""
    assert ask(*arguments).code == Exit.DONE
    assert api.operations.calls == [call]


def test_a_refused_operation_says_what_to_do(api: Api, ask: Any) -> None:
    """The daemon's hint reaches the person."""
    api.operations.failure = TerminalError("no such revision: xyz", hint="see: git log")
    ended = ask("rollback", "xyz")
    assert (ended.code, ended.err) == (Exit.ERROR, "error: no such revision: xyz\n  do:  see: git log\n")


def test_history_of_revisions_and_of_an_object(api: Api, ask: Any) -> None:
    """Without an object: revisions; with one: what was done to it."""
    record = RevisionRecord(
        source="main", revision=RevisionInfo(commit=COMMIT, subject="Open the shop"), state=RevisionState.APPLIED
    )
    api.history.kept["revisions"] = [record]
    assert "4f2c1e9   main    applied" in ask("history").out
    assert ask("history", "deployment/web", "-n", "shop").err == "nothing is recorded\n"


def test_logs_of_a_pod_and_of_a_deployment(api: Api, ask: Any) -> None:
    """A Pod is named in several ways; of a Deployment one Pod is chosen."""
    template = PodTemplateSpec(spec=pod("x").spec)
    spec = DeploymentSpec(selector=LabelSelector(match_labels={"app": "web"}), template=template)
    api.objects.put(Deployment(metadata=ObjectMeta(name="web", namespace="shop"), spec=spec))
    api.objects.put(pod("web-1", app="web"))
    api.operations.log_lines = (b"hello\n",)
    for arguments in (["shop/web-1"], ["web-1", "-n", "shop"], ["deployment/web", "-n", "shop"]):
        assert ask("logs", *arguments, "--tail", 3).code == Exit.DONE
    requests = [call[1] for call in api.operations.calls]
    assert {(request.namespace, request.pod, request.tail_lines) for request in requests} == {("shop", "web-1", 3)}
    assert len(requests) == 3


def test_get_and_describe(api: Api, ask: Any) -> None:
    """Objects as a table, by name, as YAML; a Secret's values are not described."""
    api.objects.put(pod("web-1", app="web"))
    api.objects.put(secret())
    assert "web-1  0/1    Running" in ask("get", "po", "-n", "shop").out
    assert ask("get", "pods", "-A", "-o", "name").out == "pod/web-1\n"
    assert ask("get", "pods", "-n", "shop", "-l", "app=db").err == "no pods\n"
    assert "kind: Pod" in ask("get", "pod/web-1", "-n", "shop", "-o", "yaml").out
    assert "aHVudGVyMg" not in ask("describe", "secret/shop/token").out
    assert ask("describe", "secret", "token", "-n", "shop").out == ask("describe", "secret/shop/token").out != ""
    assert ask("get", "pod", "nope", "-n", "shop").code == Exit.ERROR


def test_get_shows_the_tables_of_the_api(api: Api, ask: Any) -> None:
    """Wide, several kinds, several names, everything of a namespace."""
    api.objects.put(pod("web-1", app="web"))
    api.objects.put(pod("web-2", node="node-9"))
    api.objects.put(secret())
    plain, wide = ask("get", "pods", "-n", "shop").out, ask("get", "pods", "-n", "shop", "-o", "wide").out
    assert plain.splitlines()[0].split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert "node-9" in wide
    assert "node-9" not in plain
    both = ask("get", "pods,secrets,svc", "-A").out
    assert "shop       pod/web-1" in both
    assert "shop       secret/token  Opaque" in both
    assert "pod/web-2" in ask("get", "all", "-n", "shop").out
    assert "web-2" in ask("get", "pods", "web-1", "web-2", "-n", "shop").out
    assert ask("get", "all", "-n", "empty").err == "no objects\n"
    listed = ask("get", "pods,secrets", "-n", "shop", "-o", "json").out
    assert [item["kind"] for item in json.loads(listed)["items"]] == ["Pod", "Pod", "Secret"]
    assert ask("get", "pods,secrets", "web-1", "-n", "shop").code == Exit.ERROR


def test_get_goes_on_with_what_changes(api: Api, data_dir: Path) -> None:
    """A row for each change, under the columns of the first table."""
    api.objects.put(pod("web-1", phase="Pending"))
    command = [
        sys.executable,
        "-m",
        "reconciler.cli.main",
        "get",
        "pods",
        "-n",
        "shop",
        "-w",
        "--data-dir",
        str(data_dir),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        first = [following.stdout.readline() for _ in range(2)]
        api.objects.put(pod("web-1", phase="Running"))
        then = following.stdout.readline()
        following.terminate()
    assert first[0].startswith("NAME ")
    assert (first[1].split()[:3], then.split()[:3]) == (["web-1", "0/1", "Pending"], ["web-1", "0/1", "Running"])
    assert then.index("Running") == first[0].index("STATUS")


def test_events_are_shown_newest_last(api: Api, ask: Any) -> None:
    """Of everything, or of one object."""
    for minute, name in ((2, "b"), (1, "a")):
        about = ObjectReference(kind="Pod", namespace="shop", name=name)
        metadata = ObjectMeta(name=f"e-{name}", namespace="shop")
        api.objects.put(
            Event(
                metadata=metadata,
                involved_object=about,
                reason="Started",
                message=f"started {name}",
                last_timestamp=f"2026-01-01T00:0{minute}:00Z",
            )
        )
    lines = ask("events").out.splitlines()
    assert [line.split()[-1] for line in lines[1:]] == ["a", "b"]
    assert len(ask("events", "pod/shop/b").out.splitlines()) == 2
    assert json.loads(ask("events", "-o", "json").out)["items"][0]["kind"] == "Event"


def test_explain_shows_the_reason(api: Api, ask: Any) -> None:
    """What the daemon knows, in words."""
    assert "in-sync" in ask("explain", "deploy/shop/web").out
    assert ask("explain", "web").code == Exit.ERROR


def test_expose_prints_a_manifest(api: Api, ask: Any) -> None:
    """It can be put into the repository as it is; nothing is written by itself."""
    api.objects.put(pod("web-1", app="web"))
    made = yaml.safe_load(ask("expose", "pod/web-1", "-n", "shop", "--port", 80, "--target-port", 8080).out)
    assert made["spec"]["selector"] == {"app": "web"}
    assert made["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 8080}]
    named = ask("expose", "pod/shop/web-1", "--port", 80, "--target-port", "http", "-o", "json", "--name", "front").out
    assert (json.loads(named)["metadata"]["name"], json.loads(named)["spec"]["ports"][0]["targetPort"]) == (
        "front",
        "http",
    )
    refused = ask("expose", "pod/shop/web-1")
    assert (refused.code, "names no ports" in refused.err) == (Exit.ERROR, True)
    assert ask("expose", "pod/shop/web-1", "--port", 80, "--port", 81, "--target-port", 8).code == Exit.ERROR
