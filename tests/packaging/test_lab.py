"""The lab host: what runs on it sees a host of its own, and nothing of it stays."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
import uuid
from pathlib import Path

import pytest

LAB_RUN = Path(__file__).parents[2] / "scripts" / "lab-run"
LABS = Path("/var/tmp/reconciler-lab")
NAME = f"inner-{uuid.uuid4().hex[:8]}"

pytestmark = pytest.mark.real


def on_lab(*command: str, docker: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a command on a lab host of its own (inside the one that this test runs on)."""
    options = [] if docker else ["--no-docker"]
    return subprocess.run(
        [LAB_RUN, "--name", NAME, *options, *command], capture_output=True, text=True, timeout=100, check=False
    )


def leftovers() -> set[str]:
    """Names of lab hosts that still have files."""
    return {path.name for path in LABS.glob(f"{NAME}.*")}


def loop_devices() -> list[str]:
    """Names of the machine's loop devices that have the file of this test; other hosts may have some, too."""
    found = Path("/sys/block").glob("loop*/loop/backing_file")
    return [one.parts[3] for one in found if NAME in _text(one)]


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def test_the_exit_code_is_the_commands() -> None:
    """A failing command fails the run, with its own number."""
    assert on_lab("sh", "-c", "exit 7").returncode == 7


def test_a_signal_becomes_a_shells_exit_code() -> None:
    """A command that is killed is reported as a shell would report it."""
    assert on_lab("sh", "-c", "kill -9 $$").returncode == 128 + signal.SIGKILL


def test_a_command_that_does_not_exist_is_named() -> None:
    """The message says which command it was."""
    done = on_lab("no-such-command")
    assert (done.returncode, "no-such-command" in done.stderr) == (127, True)


def test_it_is_a_host_of_its_own() -> None:
    """Name, processes, links and files of the lab host are its own."""
    script = "hostname; ls /proc | grep -c '^[0-9]'; ls /sys/class/net; echo x > /etc/only-here; ls /run/docker* 2>&1"
    done = on_lab("sh", "-c", script)
    name, processes, *links = done.stdout.split()[:4]
    assert (name, sorted(links)) == (NAME, ["eth0", "lo"])
    assert int(processes) < 10
    assert not Path("/etc/only-here").exists()


def test_input_and_output_pass_through() -> None:
    """A lab host can be part of a pipe."""
    done = subprocess.run(
        [LAB_RUN, "--no-docker", "cat"], input="through\n", capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "through\n"


def test_nothing_stays_when_it_ends() -> None:
    """Files and cgroups are gone as soon as the command has returned."""
    on_lab("true")
    assert leftovers() == set()
    assert not list(Path("/sys/fs/cgroup").glob(f"**/reconciler-lab/{NAME}.*"))


def test_nothing_stays_when_it_is_killed() -> None:
    """SIGKILL of lab-run takes every process of the lab host along, and its files and attached devices soon after."""
    image = f"/var/lib/reconciler/{NAME}"
    script = f"truncate -s 1M {image} && losetup --find {image} && echo up; exec sleep 1000"
    lab = subprocess.Popen([LAB_RUN, "--name", NAME, "--no-docker", "sh", "-c", script], stdout=subprocess.PIPE)
    assert lab.stdout is not None
    with lab.stdout as output:
        assert select.select([output], [], [], 30)[0]
        assert output.readline() == b"up\n"
        assert len(loop_devices()) == 1
        lab.kill()
        lab.wait(timeout=30)
        # The pipe closes when its last holder, the sleeping command, is dead.
        assert select.select([output], [], [], 30)[0]
        assert output.read() == b""
    deadline = time.monotonic() + 40
    while (leftovers() or loop_devices()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert leftovers() == set()
    assert loop_devices() == []


def test_its_engine_keeps_containers_over_a_restart(tmp_path: Path) -> None:
    """P10 can be tested there: restarting and killing Docker leaves a container's process alone."""
    script = tmp_path / "script"
    script.write_text(
        f"""set -e
        {LAB_RUN.parents[1]}/examples/images/make >/dev/null
        id=$(docker run -d --network none reconciler-example/worker:1.0)
        before=$(docker inspect -f '{{{{.State.Pid}}}} {{{{.State.StartedAt}}}}' $id)
        {LAB_RUN.parent}/lab-dockerd restart
        {LAB_RUN.parent}/lab-dockerd kill
        {LAB_RUN.parent}/lab-dockerd start
        [ "$before" = "$(docker inspect -f '{{{{.State.Pid}}}} {{{{.State.StartedAt}}}}' $id)" ]
        """
    )
    done = on_lab("bash", str(script), docker=True)
    assert done.returncode == 0, done.stderr
    assert os.environ["RECONCILER_LAB"] == "1"
