"""Logs, as every kubectl that is here and our own command read them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.client.connection import UnixConnection
from reconciler.config import load_settings
from reconciler.server.limits import Limits
from tests.e2e.host import wait_for
from tests.e2e.kubectl import Kubectl, found
from tests.e2e.stage import Stage, container, pod, pod_spec, stage, workload

pytestmark = pytest.mark.real

PROGRAMS = found()
NEITHER = [pytest.param("none", marks=pytest.mark.skip(reason="needs kubectl"))]
STAYS = 'trap "exit 0" TERM; while true; do sleep 1 & wait $!; done'
DEFAULT = {"labels": {"app": "pair"}, "annotations": {"kubectl.kubernetes.io/default-container": "second"}}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Stage]:
    """Pods that write, one that failed before, one that cannot start."""
    with stage(tmp_path_factory.mktemp("logs")) as one:
        one.put(
            lines=pod("lines", container("app", f"seq 1 20; {STAYS}")),
            pair=pod(
                "pair",
                container("first", f"echo from-first; {STAYS}"),
                container("second", f"echo from-second; {STAYS}"),
                metadata=DEFAULT,
                initContainers=[container("before", "echo from-before")],
            ),
            web=workload("Deployment", "web", pod_spec(container("app", f"echo from-web; {STAYS}")), replicas=2),
            crash=pod("crash", container("app", "echo run $((RANDOM % 1)); sleep 1; exit 1")),
            absent=pod("absent", container("app", image="reconciler-test/not-there:1")),
            old=pod("old", container("app", f"echo early; sleep 6; echo late; {STAYS}")),
        )
        one.ready("lines", "pair", "old")
        one.until("web is ready", lambda: sum("web-" in line for line in ready(one)) == 2)
        one.until("crash has ended before", lambda: one.container("crash").get("restartCount", 0) >= 1)
        yield one


def ready(cluster: Stage) -> list[str]:
    """The names of the Pods that are ready."""
    names = [str(one["metadata"]["name"]) for one in cluster.host.pods()]
    return [name for name in names if cluster.is_ready(name)]


@pytest.fixture(scope="module")
def kubeconfig(cluster: Stage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kubeconfig of an administrator."""
    path = tmp_path_factory.mktemp("config") / "admin"
    path.write_text(cluster.host.run("kubeconfig").out)
    return path


@pytest.fixture(scope="module", params=sorted(PROGRAMS) or NEITHER)
def kubectl(request: pytest.FixtureRequest, kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """Each kubectl that is here."""
    return Kubectl(PROGRAMS[request.param], kubeconfig, tmp_path_factory.mktemp("cache"))


def test_what_is_read_of_a_log(kubectl: Kubectl) -> None:
    """All, the last lines, so many bytes, with times."""
    whole = "".join(f"{number}\n" for number in range(1, 21))
    assert kubectl.out("logs", "lines") == whole
    assert kubectl.out("logs", "lines", "--tail=2") == "19\n20\n"
    assert kubectl.out("logs", "lines", "--tail=0") == ""
    assert kubectl.out("logs", "lines", "--limit-bytes=5") == "1\n2\n3"
    timed = kubectl.out("logs", "lines", "--timestamps", "--tail=1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z 20\n", timed), timed
    assert kubectl.out("logs", "lines", "--since-time=2020-01-01T00:00:00Z") == whole
    assert kubectl.out("logs", "lines", "--since=1h") == whole


def test_since_leaves_out_what_is_older(kubectl: Kubectl) -> None:
    """By a time that stands in the log itself."""
    wait_for("it is late", lambda: "late" in kubectl.out("logs", "old"), 60, every=0.5)
    early, late = kubectl.out("logs", "old", "--timestamps").splitlines()
    assert early.endswith("early")
    seconds = late.split()[0].partition(".")[0] + "Z"
    assert kubectl.out("logs", "old", f"--since-time={seconds}") == "late\n"


def test_which_container_is_meant(kubectl: Kubectl) -> None:
    """The default one, one by name, an init container, all of them."""
    assert "from-second" in kubectl.out("logs", "pair")
    assert kubectl.out("logs", "pair", "-c", "first") == "from-first\n"
    assert kubectl.out("logs", "pair", "-c", "before") == "from-before\n"
    every = kubectl.out("logs", "pair", "--all-containers")
    assert sorted(every.splitlines()) == ["from-before", "from-first", "from-second"]
    chosen = kubectl.out("logs", "-l", "app=pair", "--all-containers", "--prefix").splitlines()
    assert "[pod/pair/first] from-first" in chosen
    assert "[pod/pair/before] from-before" in chosen


def test_logs_of_a_workload(kubectl: Kubectl) -> None:
    """One of its Pods, or by labels all of them."""
    assert "from-web" in kubectl.out("logs", "deployment/web")
    assert kubectl.out("logs", "-l", "app=web").splitlines() == ["from-web"] * 2
    limited = kubectl.run("logs", "-f", "-l", "app=web", "--max-log-requests=1")
    assert (limited.code, "--max-log-requests" in limited.err) == (1, True)


def test_the_log_of_the_run_before(kubectl: Kubectl) -> None:
    """Or that there was none."""
    assert kubectl.out("logs", "crash", "--previous") == "run 0\n"
    none = kubectl.run("logs", "lines", "--previous")
    assert none.code == 1
    assert 'previous terminated container "app" in pod "lines" not found' in none.err
    assert "BadRequest" in none.err


def test_why_there_is_no_log(kubectl: Kubectl) -> None:
    """In the words of any cluster."""
    absent = kubectl.run("logs", "absent")
    assert absent.code == 1
    assert 'container "app" in pod "absent" is waiting to start: ' in absent.err
    nobody = kubectl.run("logs", "nobody")
    assert (nobody.code, 'pods "nobody" not found' in nobody.err) == (1, True)
    other = kubectl.run("logs", "lines", "-c", "other")
    assert (other.code, "container other is not valid for pod lines" in other.err) == (1, True)


def test_following_ends_with_the_container(kubectl: Kubectl, cluster: Stage) -> None:
    """And tells what it writes until then."""
    name = "ends-" + re.sub("[^0-9]", "", Path(kubectl.program).name)
    cluster.put(**{name: pod(name, container("app", "seq 1 3; sleep 2; echo last"), restartPolicy="Never")})
    cluster.until(
        "it runs", lambda: {"running", "terminated"} & cluster.container(name).get("state", {}).keys() != set()
    )
    with kubectl.following("logs", "-f", name) as process:
        assert process.communicate(timeout=60)[0] == "1\n2\n3\nlast\n"
        assert process.returncode == 0


def test_many_followers_are_bounded_and_go_as_they_came(cluster: Stage) -> None:
    """P07: those beyond the limit are told to come again, which they can as soon as others have gone."""
    path = load_settings(str(cluster.host.data)).socket_path

    def follow() -> tuple[UnixConnection, int]:
        connection = UnixConnection(path, 10)
        connection.request("GET", "/api/v1/namespaces/default/pods/lines/log?follow=true&tailLines=1")
        return connection, connection.getresponse().status

    limit = Limits().streams_max
    followers = [follow() for _ in range(limit + 3)]
    assert sorted(status for _, status in followers) == [200] * limit + [429] * 3
    for connection, _ in followers:
        connection.close()
    wait_for("places are free", lambda: [follow()[1] for _ in range(3)] == [200] * 3, 30, every=0.2)


def test_our_own_command_reads_the_same(cluster: Stage) -> None:
    """Without kubectl."""
    run = cluster.host.run
    assert run("logs", "lines", "--tail", "2").out == "19\n20\n"
    assert run("logs", "lines", "--limit-bytes", "5").out == "1\n2\n3"
    assert run("logs", "pair").out == "from-second\n"
    assert "[pod/pair/before] from-before\n" in run("logs", "pair", "--all-containers", "--prefix").out
    assert run("logs", "crash", "--previous").out == "run 0\n"
    assert "previous terminated container" in run("logs", "lines", "--previous").err
    done = run("exec", "lines", "--data-dir", str(cluster.host.data), "--", "sh", "-c", "echo said; exit 9")
    assert (done.code, done.out) == (9, "said\n")
