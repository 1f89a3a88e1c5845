"""What overrides a Pod's names, signals and streams, on a real Engine."""

import pytest

from reconciler.executors.container.executor import ContainerExecutor
from tests.executors.container import build
from tests.executors.container.test_lifecycle import bring_up, do, fact, wait_until_ended

pytestmark = pytest.mark.real


def test_the_processes_see_the_overridden_host_name(executor: ContainerExecutor) -> None:
    """And the hosts file knows the Pod by it alone."""
    show = "hostname; cat /etc/hosts"
    pod = build.pod(
        hostnameOverride="db.example.org",
        hostname="web",
        subdomain="all",
        containers=[build.container(command=["/bin/sh", "-c", show])],
    )
    container_id = bring_up(executor, pod)
    wait_until_ended(executor, "main")
    told = b"".join(executor.logs(container_id)).decode()
    assert told.startswith("db.example.org\n")
    assert "10.42.0.7\tdb.example.org\n" in told
    assert "all.shop.svc" not in told


def test_a_container_gets_the_signal_it_asks_for(executor: ContainerExecutor) -> None:
    """Not the image's: the process ends in its own way, long before the grace is over."""
    script = "trap 'exit 7' USR1; trap '' TERM; echo up; while :; do sleep 0.1; done"
    container = build.container(command=["/bin/sh", "-c", script], lifecycle={"stopSignal": "SIGUSR1"})
    pod = build.pod(os={"name": "linux"}, containers=[container])
    container_id = bring_up(executor, pod)
    for piece in executor.logs(container_id, follow=True):
        if b"up" in piece:
            break
    do(executor, build.stop(pod, container_id, grace_s=20.0))
    wait_until_ended(executor, "main")
    assert fact(executor, "main").exit_code == 7


def test_one_stream_of_a_log(executor: ContainerExecutor) -> None:
    """What is written to the other one is left out."""
    script = "echo good; echo bad >&2"
    container_id = bring_up(executor, build.pod(containers=[build.container(command=["/bin/sh", "-c", script])]))
    wait_until_ended(executor, "main")
    assert b"".join(executor.logs(container_id, stream="Stdout")) == b"good\n"
    assert b"".join(executor.logs(container_id, stream="Stderr")) == b"bad\n"
