"""Commands of the host: init, doctor, validate, hook."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import live_restore
from reconciler.cli.exits import Exit
from reconciler.cli.ranges import Network, Route, check_ranges, host_routes, overlaps
from reconciler.config import load_settings
from reconciler.model.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]
GOOD = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: default\ndata:\n  k: v\n"
BROKEN = GOOD.replace("\ndata:", "\ndta:")


def test_init_makes_everything_once(run: Any, data_dir: Path) -> None:
    """Key, settings and repository; a second run changes nothing and says so."""
    first = run("init", "--receive", "--data-dir", data_dir)
    assert first.code == Exit.DONE
    settings = load_settings(str(data_dir))
    assert settings.cluster_id
    assert stat.S_IMODE(settings.key_path.stat().st_mode) == 0o600
    assert settings.key_path.stat().st_size == 32
    assert stat.S_IMODE(data_dir.stat().st_mode) & 0o007 == 0
    assert (settings.received_path / "hooks" / "pre-receive").exists()
    before = {path: path.read_bytes() for path in data_dir.rglob("*") if path.is_file()}
    second = run("init", "--receive", "--data-dir", data_dir)
    assert (second.code, "nothing to do" in second.out) == (Exit.DONE, True)
    assert {path: path.read_bytes() for path in data_dir.rglob("*") if path.is_file()} == before


def test_init_follows_a_repository_elsewhere(run: Any, data_dir: Path) -> None:
    """URL, branch, path and node are kept."""
    options = ["--repo", "https://git.example/x.git", "--branch", "prod", "--path", "apps", "--node", "n1"]
    assert run("init", *options, "--data-dir", data_dir).code == Exit.DONE
    settings = load_settings(str(data_dir))
    (source,) = settings.sources
    assert (source.url, source.branch, source.path, settings.node) == (
        "https://git.example/x.git",
        "prod",
        "apps",
        "n1",
    )
    assert not settings.received_path.exists()


def test_init_completes_settings_that_a_person_has_begun(run: Any, data_dir: Path) -> None:
    """What stands in the file stays, comments included; a flag that contradicts it is refused."""
    data_dir.mkdir()
    file = data_dir / "config.yaml"
    written = "# ours\npodCidr: 10.52.0.0/16  # agreed with the network team\nlogLevel: debug"
    file.write_text(written)
    assert run("init", "--receive", "--pod-cidr", "10.62.0.0/16", "--data-dir", data_dir).code == Exit.ERROR
    assert file.read_text() == written
    assert run("init", "--receive", "--data-dir", data_dir).code == Exit.DONE
    assert file.read_text().startswith(written + "\n")
    settings = load_settings(str(data_dir))
    assert (settings.pod_cidr, settings.log_level, bool(settings.cluster_id)) == ("10.52.0.0/16", "debug", True)


def test_init_does_not_change_the_source_of_a_host(run: Any, data_dir: Path) -> None:
    """Another source is an edit of the settings, and the message says where."""
    run("init", "--receive", "--data-dir", data_dir)
    ended = run("init", "--repo", "https://git.example/x.git", "--data-dir", data_dir)
    assert (ended.code, "config.yaml" in ended.err) == (Exit.ERROR, True)
    assert load_settings(str(data_dir)).sources[0].url == "received"


@pytest.mark.parametrize(
    "options",
    [
        ["--pod-cidr", "10.42.0.0/99"],
        ["--pod-cidr", "10.42.0.1/16"],
        ["--pod-cidr", "10.42.0.0/15", "--service-cidr", "10.43.0.0/16"],
        ["--service-cidr", "fd00::/64"],
        ["--service-cidr", "127.1.0.0/16"],
        ["--receive", "--repo", "x"],
    ],
)
def test_init_refuses_ranges_that_cannot_work(run: Any, data_dir: Path, options: list[str]) -> None:
    """Nothing is written when the ranges are wrong or overlap."""
    assert run("init", *options, "--data-dir", data_dir).code == Exit.ERROR
    assert not data_dir.exists()


def test_a_range_that_the_host_can_reach_is_an_overlap(tmp_path: Path) -> None:
    """Routes of the host count, the default route and our own links do not."""
    table = tmp_path / "route"
    table.write_text(
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "eth0\t00002A0A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
        "rc0123456789a\t05002A0A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n"
    )
    routes = host_routes(table)
    assert routes == [Route(Network("10.42.0.0/16"), "eth0")]
    assert len(overlaps(Network("10.42.0.0/16"), Network("10.43.0.0/16"), routes)) == 1
    with pytest.raises(ConfigurationError, match="eth0"):
        check_ranges("10.42.0.0/16", "10.43.0.0/16", routes)
    check_ranges("10.52.0.0/16", "10.53.0.0/16", routes)


_AWAIT_RELOAD = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
print("up", flush=True)
signal.sigwait([signal.SIGHUP])
print("reloaded", flush=True)
"""


def test_live_restore_keeps_every_other_setting(tmp_path: Path) -> None:
    """P10: turned on by a reload (SIGHUP), never by a restart."""
    settings, pid_file = tmp_path / "daemon.json", tmp_path / "docker.pid"
    settings.write_text('{"log-driver": "journald", "live-restore": false}')
    engine = subprocess.Popen(
        [sys.executable, "-c", _AWAIT_RELOAD],
        stdout=subprocess.PIPE,
    )
    assert engine.stdout is not None
    engine.stdout.readline()
    pid_file.write_text(f"{engine.pid}\n")
    answers = iter([False, True])
    assert live_restore.enable(lambda: next(answers), settings, pid_file) is True
    assert json.loads(settings.read_text()) == {"log-driver": "journald", "live-restore": True}
    assert engine.stdout.readline() == b"reloaded\n"
    engine.stdout.close()
    assert engine.wait(10) == 0


def test_live_restore_leaves_a_file_that_it_does_not_understand(tmp_path: Path) -> None:
    """A settings file with comments is somebody's; it is not rewritten."""
    settings = tmp_path / "daemon.json"
    settings.write_text("{ // comment\n}")
    with pytest.raises(ConfigurationError, match="not JSON"):
        live_restore.enable(lambda: False, settings, tmp_path / "pid")
    assert settings.read_text() == "{ // comment\n}"
    assert live_restore.enable(lambda: True, settings, tmp_path / "pid") is False


def test_doctor_says_the_fix(run: Any, data_dir: Path) -> None:
    """P10: without an Engine the report fails, names each check, and says what to do."""
    data_dir.mkdir()
    (data_dir / "config.yaml").write_text(f"engine: unix://{data_dir}/no-engine.sock\n")
    ended = run("doctor", "--data-dir", data_dir, "--output", "json")
    report = json.loads(ended.out)
    found = {check["name"]: check for check in report["checks"]}
    assert ended.code == Exit.ERROR
    assert found["docker"]["grade"] == "FAIL"
    assert all(check["fix"] for check in report["checks"] if check["grade"] != "OK")
    assert {"ip_forward", "dns-port", "addresses", "clock", "cgroup", "libnftables", "data"} <= set(found)
    text = run("doctor", "--data-dir", data_dir).out
    assert "fix: " in text


def test_validate_ends_with_3_for_errors_and_names_the_place(run: Any, tmp_path: Path) -> None:
    """P23: file, line, column, object, pointer and a guess."""
    (tmp_path / "good.yaml").write_text(GOOD)
    assert run("validate", tmp_path).code == Exit.DONE
    (tmp_path / "bad.yaml").write_text(BROKEN.replace("name: a", "name: b"))
    ended = run("validate", tmp_path)
    assert ended.code == Exit.PROBLEMS
    assert f"{tmp_path}/bad.yaml:6:1  error  configmap/default/b  /dta" in ended.out
    assert "did you mean" in ended.out
    report = json.loads(run("validate", "--output", "json", tmp_path).out)
    assert (report["kind"], report["problems"][0]["line"]) == ("ValidationReport", 6)
    assert run("validate", "-o", "github", tmp_path).out.startswith("::error file=")


def test_validate_of_nothing_is_a_problem(run: Any, tmp_path: Path) -> None:
    """A path that does not exist is not a valid empty repository."""
    assert run("validate", tmp_path / "nowhere").code == Exit.PROBLEMS


def test_the_examples_are_valid(run: Any) -> None:
    """The first command a newcomer types ends with 0."""
    ended = run("validate", ROOT / "examples" / "repo")
    assert (ended.code, ended.out) == (Exit.DONE, "")


def git(folder: Path, *arguments: str) -> str:
    """Run git without anybody's settings."""
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    people = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = subprocess.run(
        ["git", *people, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


STRICTER = """apiVersion: v1
kind: Pod
metadata: {name: web, namespace: default}
spec:
  containers: [{name: a, image: "b:1"}]
  hostAliases: [{ip: 010.0.0.1, hostnames: [db]}]
"""


def test_what_was_pushed_before_a_stricter_rule_keeps_nothing_from_being_pushed(
    run: Any, data_dir: Path, tmp_path: Path
) -> None:
    """Also without a daemon: it is a warning, and in another object an error still."""
    run("init", "--receive", "--data-dir", data_dir)
    received = load_settings(str(data_dir)).received_path
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    (tmp_path / "a.yaml").write_text(STRICTER)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message=accepted by an earlier release")
    git(received, "fetch", "--quiet", str(tmp_path), "main:main")
    (tmp_path / "a.yaml").write_text(STRICTER.replace("b:1", "b:2"))
    git(tmp_path, "commit", "--quiet", "--all", "--message=another image")
    accepted = git(tmp_path, "push", str(received), "main")
    assert "accepted: 1 object" in accepted and "a.yaml:6" in accepted
    (tmp_path / "a.yaml").write_text(STRICTER.replace("name: web", "name: other"))
    git(tmp_path, "commit", "--quiet", "--all", "--message=another object")
    assert "pre-receive hook declined" in git(tmp_path, "push", str(received), "main")


def test_a_push_is_validated_here_while_the_daemon_is_away(run: Any, data_dir: Path, tmp_path: Path) -> None:
    """P03: a broken revision is refused with its problems, also without a daemon."""
    run("init", "--receive", "--data-dir", data_dir)
    received = load_settings(str(data_dir)).received_path
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    (tmp_path / "a.yaml").write_text(GOOD)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message=good")
    accepted = git(tmp_path, "push", str(received), "main")
    assert "accepted: 1 object: no problems" in accepted
    (tmp_path / "a.yaml").write_text(BROKEN)
    git(tmp_path, "commit", "--quiet", "--all", "--message=broken")
    refused = git(tmp_path, "push", str(received), "main")
    assert "a.yaml:6:1" in refused
    assert "pre-receive hook declined" in refused
