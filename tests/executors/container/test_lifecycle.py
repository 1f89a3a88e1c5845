"""Sandboxes and containers on a real Engine: made once, continued after any interruption, removed."""

import contextlib
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from reconciler.executors.container import ContainerExecutor
from reconciler.executors.engine import Engine
from reconciler.executors.volume import VolumeExecutor
from reconciler.model.details import Detail, PullImage
from reconciler.model.node import Materials, PodAssignment
from reconciler.model.node_report import ContainerFact
from reconciler.model.plan import Outcome, OutcomeStatus
from tests.e2e.host import wait_for
from tests.executors.container import build

pytestmark = pytest.mark.real
NOTHING = Materials()
DONE, UNCHANGED, FAILED, STALE = (
    OutcomeStatus.DONE,
    OutcomeStatus.UNCHANGED,
    OutcomeStatus.FAILED,
    OutcomeStatus.STALE,
)


def do(executor: ContainerExecutor, detail: Detail, *, materials: Materials = NOTHING, expects: str = "") -> Outcome:
    """Carry out one action."""
    return executor.execute(build.action(detail, expects=expects), materials)


def bring_up(executor: ContainerExecutor, pod: PodAssignment) -> str:
    """Start a Pod's sandbox and first container; return the container's id."""
    made = do(executor, build.sandbox(pod))
    assert made.status is DONE, made.message
    started = do(executor, build.start(pod))
    assert started.status is DONE, started.message
    return started.result


def fact(executor: ContainerExecutor, container: str) -> ContainerFact:
    """The fact about one container of the Pod."""
    executor.refresh(full=True)
    return next(each for each in executor.facts() if each.container == container)


def wait_until_ended(executor: ContainerExecutor, container: str) -> ContainerFact:
    """Wait for a container's end."""
    found = fact(executor, container)
    deadline = time.monotonic() + 60
    while found.state == "running" and time.monotonic() < deadline:
        threading.Event().wait(0.05)
        found = fact(executor, container)
    return found


def test_a_pod_is_made_once_and_everything_about_it_is_told(executor: ContainerExecutor) -> None:
    """P12: doing it again changes nothing, and every container says by label what it is for."""
    pod = build.pod()
    container_id = bring_up(executor, pod)
    assert do(executor, build.sandbox(pod)).status is UNCHANGED
    again = do(executor, build.start(pod))
    assert (again.status, again.result) == (UNCHANGED, container_id)
    executor.refresh(full=True)
    assert [(each.name, each.role, each.state) for each in executor.facts()] == [
        ("rc_POD_web-1_shop_01234567_0", "sandbox", "running"),
        ("rc_main_web-1_shop_01234567_0", "app", "running"),
    ]
    main = fact(executor, "main")
    assert (main.pod_uid, main.pod_namespace, main.pod_name) == (build.UID, "shop", "web-1")
    assert (main.spec_digest, main.labels["reconciler.dev/revision"]) == ("d1", "abc")
    assert main.pid > 1 and time.time() - 60 < main.started_at < time.time() + 1
    assert main.image == build.IMAGE and main.image_id in executor.images() and build.IMAGE in executor.images()


def test_containers_share_the_sandboxs_names(executor: ContainerExecutor, engine: Engine) -> None:
    """Resolver, host name and hosts file are those of the Pod in each of its containers."""
    show = "cat /etc/resolv.conf; hostname; grep web /etc/hosts || cat /etc/hosts"
    pod = build.pod(
        hostname="web",
        subdomain="all",
        hostAliases=[{"ip": "192.0.2.9", "hostnames": ["other", "another"]}],
        dnsConfig={"searches": ["example.org"], "options": [{"name": "timeout", "value": "1"}]},
        containers=[build.container(command=["/bin/sh", "-c", show.replace("grep web /etc/hosts || ", "")])],
    )
    container_id = bring_up(executor, pod)
    wait_until_ended(executor, "main")
    told = b"".join(executor.logs(container_id)).decode()
    assert "nameserver 169.254.20.10\n" in told
    assert "search shop.svc.cluster.local svc.cluster.local cluster.local" in told and "example.org" in told
    assert "options ndots:5 timeout:1\n" in told
    assert "\nweb\n" in told
    assert "10.42.0.7\tweb.all.shop.svc.cluster.local\tweb\n" in told
    assert "192.0.2.9\tother\tanother\n" in told


def test_a_start_that_was_killed_after_create_is_continued(executor: ContainerExecutor, engine: Engine) -> None:
    """P17: a container that was created and not started is started, not made again."""
    pod = build.pod()
    do(executor, build.sandbox(pod))
    original = engine.start_container

    def killed(container: str, timeout_s: float) -> None:
        raise KeyboardInterrupt

    engine.start_container = killed  # type: ignore[method-assign]
    try:
        with pytest.raises(KeyboardInterrupt):
            do(executor, build.start(pod))
    finally:
        engine.start_container = original  # type: ignore[method-assign]
    created = fact(executor, "main")
    assert created.state == "created"
    continued = do(executor, build.start(pod))
    assert (continued.status, continued.result) == (DONE, created.id)
    assert len(executor.facts()) == 2


def test_a_container_of_someone_else_with_our_name_is_left_alone(executor: ContainerExecutor, engine: Engine) -> None:
    """P05: a foreign container is a conflict and stays."""
    pod = build.pod()
    do(executor, build.sandbox(pod))
    foreign = engine.create_container(build.named("main", pod), {"Image": build.IMAGE}, 30)
    try:
        refused = do(executor, build.start(pod))
        assert (refused.status, refused.reason) == (FAILED, "NameConflict")
        for detail in (build.remove(pod, ""), build.remove(pod, foreign), build.stop(pod, foreign)):
            assert do(executor, detail).reason == "NameConflict"
        assert engine.inspect_container(foreign) is not None
        executor.refresh(full=True)
        assert [each.role for each in executor.facts()] == ["sandbox"]
    finally:
        engine.remove_container(foreign, force=True, timeout_s=30)


def test_a_missing_image_is_told_and_nothing_is_left(executor: ContainerExecutor) -> None:
    """An image that is not there is a failure to try again, with a reason of its own."""
    pod = build.pod(containers=[{"name": "main", "image": "nowhere/nothing:1"}])
    do(executor, build.sandbox(pod))
    failed = do(executor, build.start(pod))
    assert (failed.status, failed.reason, failed.retry) == (FAILED, "ImageNotPresent", "transient")
    assert [each.role for each in executor.facts()] == ["sandbox"]


def test_a_bad_command_is_an_ended_attempt(executor: ContainerExecutor) -> None:
    """A container that cannot be started counts as ended, also when asked again; the next attempt is another."""
    pod = build.pod(containers=[build.container(command=["/no/such"])])
    do(executor, build.sandbox(pod))
    for _ in range(2):
        failed = do(executor, build.start(pod))
        assert (failed.status, failed.reason) == (FAILED, "RunContainerError")
    ended = fact(executor, "main")
    assert (ended.state, ended.exit_code, ended.attempt) == ("exited", 127, 0)
    assert ended.finished_at > 0 and "/no/such" in ended.error
    assert do(executor, build.start(pod, attempt=1)).reason == "RunContainerError"


def test_another_container_than_expected_is_stale(executor: ContainerExecutor) -> None:
    """An action that expects a container that is no longer there does nothing."""
    pod = build.pod()
    container_id = bring_up(executor, pod)
    assert do(executor, build.stop(pod, container_id), expects="0" * 64).status is STALE
    assert do(executor, build.stop(pod, "0" * 64)).status is STALE
    assert do(executor, build.start(pod, attempt=1), expects="0" * 64).status is STALE
    assert fact(executor, "main").state == "running"
    assert do(executor, build.stop(pod, container_id, grace_s=0), expects=container_id).status is DONE


def test_without_its_sandbox_a_container_is_not_started(executor: ContainerExecutor) -> None:
    """A sandbox that has ended makes the start stale; it is not brought back by name."""
    pod = build.pod()
    assert do(executor, build.start(pod)).status is STALE
    sandbox_id = do(executor, build.sandbox(pod)).result
    executor._engine.kill_container(sandbox_id)
    wait_until_ended(executor, "POD")
    assert do(executor, build.sandbox(pod)).status is STALE
    assert do(executor, build.start(pod)).status is STALE
    assert do(executor, build.remove_sandbox(pod, sandbox_id)).status is DONE
    assert do(executor, build.remove_sandbox(pod, sandbox_id)).status is UNCHANGED


def test_stopping_runs_pre_stop_then_term_then_kill(executor: ContainerExecutor, volumes: VolumeExecutor) -> None:
    """The hook sees a running container, TERM comes after it, KILL when the grace is over."""
    script = "trap 'echo got TERM' TERM; while true; do sleep 0.1; done"
    hook = {"preStop": {"exec": {"command": ["/bin/sh", "-c", "echo hook > /proc/1/fd/1"]}}}
    pod = build.pod(containers=[build.container(command=["/bin/sh", "-c", script], lifecycle=hook)])
    container_id = bring_up(executor, pod)
    began = time.monotonic()
    assert do(executor, build.stop(pod, container_id, grace_s=2)).status is DONE
    # The Engine's own grace is ten seconds.
    assert 1 < time.monotonic() - began < 10
    ended = fact(executor, "main")
    assert (ended.state, ended.exit_code) == ("exited", 137)
    assert b"".join(executor.logs(container_id)).decode().splitlines() == ["hook", "got TERM"]
    assert do(executor, build.stop(pod, container_id)).status is UNCHANGED
    assert do(executor, build.remove(pod, container_id)).status is DONE
    assert do(executor, build.remove(pod, container_id)).status is UNCHANGED
    assert [each.role for each in executor.facts()] == ["sandbox"]


def test_a_running_container_is_not_removed(executor: ContainerExecutor) -> None:
    """Removing is for what has ended."""
    pod = build.pod()
    container_id = bring_up(executor, pod)
    assert do(executor, build.remove(pod, container_id)).status is STALE
    assert fact(executor, "main").state == "running"


def test_last_words_are_told(executor: ContainerExecutor) -> None:
    """What a container writes to its message file, or else the end of its log, is in its fact."""
    written = build.container(command=["/bin/sh", "-c", "echo -n goodbye > /dev/termination-log; exit 3"])
    logged = build.container(
        "logged",
        command=["/bin/sh", "-c", "echo all is lost >&2; exit 4"],
        terminationMessagePolicy="FallbackToLogsOnError",
    )
    pod = build.pod(containers=[written, logged], securityContext={"runAsUser": 1234})
    bring_up(executor, pod)
    do(executor, build.start(pod, 1))
    first, second = wait_until_ended(executor, "main"), wait_until_ended(executor, "logged")
    assert (first.exit_code, first.message) == (3, "goodbye")
    assert (second.exit_code, second.message) == (4, "all is lost\n")


def test_a_post_start_hook_runs_once_and_its_failure_kills(executor: ContainerExecutor) -> None:
    """postStart runs after the start, not again when asked again; when it fails the container is killed."""
    log_it = {"postStart": {"exec": {"command": ["/bin/sh", "-c", "echo hook > /proc/1/fd/1"]}}}
    fail = {"postStart": {"exec": {"command": ["/bin/sh", "-c", "exit 7"]}}}
    pod = build.pod(containers=[build.container(lifecycle=log_it), build.container("bad", lifecycle=fail)])
    container_id = bring_up(executor, pod)
    assert do(executor, build.start(pod)).status is UNCHANGED
    assert b"".join(executor.logs(container_id)) == b"hook\n"
    failed = do(executor, build.start(pod, 1))
    assert (failed.status, failed.reason) == (FAILED, "PostStartHookError")
    assert wait_until_ended(executor, "bad").exit_code == 137


def test_a_process_namespace_can_be_shared_and_orphans_are_reaped(executor: ContainerExecutor) -> None:
    """The sandbox's program is process 1, ends orphans, and ends itself on TERM at once."""
    show = "(sleep 0.1 &) ; sleep 0.5; for p in /proc/[0-9]*; do cat $p/stat; done"
    pod = build.pod(shareProcessNamespace=True, containers=[build.container(command=["/bin/sh", "-c", show])])
    container_id = bring_up(executor, pod)
    wait_until_ended(executor, "main")
    told = b"".join(executor.logs(container_id)).decode()
    assert "1 (pause) S" in told
    assert ") Z " not in told
    sandbox = fact(executor, "POD")
    began = time.monotonic()
    executor._engine.stop_container(sandbox.id, 30, 60)
    assert time.monotonic() - began < 25
    assert fact(executor, "POD").exit_code == 0


def test_a_pull_that_cannot_work_has_a_reason(executor: ContainerExecutor) -> None:
    """P25: a registry that is away is tried again; a reference that cannot be read is not."""
    away = do(executor, PullImage(image="127.0.0.1:1/shop/web:1"))
    assert (away.status, away.reason, away.retry) == (FAILED, "ErrImagePull", "transient")
    bad = do(executor, PullImage(image="UPPER/Case:1"))
    assert (bad.status, bad.reason, bad.retry) == (FAILED, "InvalidImageName", "terminal")


def test_missing_configuration_is_named_and_values_are_not(executor: ContainerExecutor) -> None:
    """P22: what is missing is named; no value of a Secret is in any message."""
    env = [
        {"name": "A", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "a"}}},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "b"}}},
    ]
    pod = build.pod(containers=[build.container(env=env)])
    do(executor, build.sandbox(pod))
    failed = do(executor, build.start(pod), materials=build.materials(build.material("Secret", "keys", a="hunter2")))
    assert (failed.status, failed.reason) == (FAILED, "CreateContainerConfigError")
    assert failed.message == "secret 'keys' has no key 'b'"
    assert "hunter2" not in repr(failed)
    both = build.materials(build.material("Secret", "keys", a="hunter2", b="x"))
    assert do(executor, build.start(pod), materials=both).status is DONE


def test_the_engines_words_do_not_tell_secrets(executor: ContainerExecutor) -> None:
    """P22: a secret that was expanded into a command is not in the failure, nor in the fact."""
    env = [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k"}}}]
    pod = build.pod(containers=[build.container(env=env, command=["/no/such/$(KEY)"])])
    do(executor, build.sandbox(pod))
    materials = build.materials(build.material("Secret", "keys", k="hunter2"))
    for _ in range(2):
        failed = do(executor, build.start(pod), materials=materials)
        assert failed.reason == "RunContainerError" and "/no/such/$(KEY)" in failed.message
        assert "hunter2" not in failed.message
    told = fact(executor, "main")
    assert "/no/such/$(KEY)" in told.error and "hunter2" not in repr(told)


def test_killing_us_at_any_moment_needs_no_repair(
    executor: ContainerExecutor, volumes: VolumeExecutor, tmp_path: Path
) -> None:
    """P17: kill -9 at many moments of a Pod's start; going on leaves one sandbox and one container, running."""
    cluster = executor._owner.cluster
    chosen = random.Random(17)
    for attempt in range(8):
        uid = f"{attempt:08d}-0000-0000-0000-000000000000"
        command = [sys.executable, "-m", "tests.executors.container.starter"]
        arguments = [cluster, uid, str(volumes.paths.data_dir), str(volumes.paths.runtime_dir)]
        victim = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE)
        assert victim.stdout is not None and victim.stdout.readline() == b"ready\n"
        with contextlib.suppress(subprocess.TimeoutExpired):
            victim.wait(timeout=chosen.uniform(0.0, 0.5))
        victim.kill()
        victim.wait()
        pod = build.pod(uid=uid)
        assert do(executor, build.sandbox(pod)).status in (DONE, UNCHANGED)
        assert do(executor, build.start(pod)).status in (DONE, UNCHANGED)
        executor.refresh(full=True)
        ours = [each for each in executor.facts() if each.pod_uid == uid]
        assert [(each.role, each.state) for each in ours] == [("sandbox", "running"), ("app", "running")]


def test_events_keep_the_facts_current(executor: ContainerExecutor) -> None:
    """The end of a container is known from the event alone, without a full compare."""
    seen, looked = [], threading.Event()

    def look(reason: str) -> None:
        seen.append(reason)
        looked.set()

    executor.watch(look)
    pod = build.pod()
    container_id = bring_up(executor, pod)
    wait_for("its start is told", lambda: "a container changed: start" in seen, 60)
    executor._engine.kill_container(container_id)

    def is_known() -> bool:
        executor.refresh(full=False)
        return any(each.id == container_id and each.state == "exited" for each in executor.facts())

    wait_for("its end is known", is_known, 60)
    assert executor._cache._is_current


def test_an_engine_that_is_away_is_never_an_empty_host(volumes: VolumeExecutor, tmp_path: Path) -> None:
    """P20: no answer is an error, not an empty list."""
    away = ContainerExecutor(
        Engine("unix:///run/nobody.sock"), cluster="c", node="n", volumes=volumes, data_dir=tmp_path
    )
    from reconciler.executors.transport import EngineSilent

    with pytest.raises(EngineSilent):
        away.refresh(full=True)
    with pytest.raises(EngineSilent):
        away.images()
    failed = do(away, build.sandbox(build.pod()))
    assert (failed.status, failed.reason, failed.retry) == (FAILED, "EngineSilent", "transient")
