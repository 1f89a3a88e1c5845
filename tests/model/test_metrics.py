"""From counters to rates."""

import pytest

from reconciler.model.metrics import ContainerSample, NodeSample, NodeUsage, usage_between


def container(cpu_seconds: float, *, id: str = "c1", started_at: float = 0.0, name: str = "app") -> ContainerSample:
    """A container's counters; its Pod is web."""
    return ContainerSample(
        id=id,
        pod_uid="uid",
        pod_namespace="default",
        pod_name="web",
        container=name,
        started_at=started_at,
        cpu_seconds=cpu_seconds,
        memory_bytes=1024,
    )


def sample(at: float, *containers: ContainerSample, cpu_seconds: float = 0.0, boot_id: str = "b") -> NodeSample:
    """A reading of a host."""
    return NodeSample(
        node="n", at=at, boot_id=boot_id, cpu_seconds=cpu_seconds, memory_bytes=4096, containers=containers
    )


def between(before: NodeSample | None, after: NodeSample) -> NodeUsage:
    """What two readings say, when they say something."""
    usage = usage_between(before, after)
    assert usage is not None
    return usage


def test_a_rate_is_what_was_used_between_two_readings() -> None:
    """Half a core for a quarter of a minute; memory is that of the second reading."""
    usage = between(sample(1000, container(100), cpu_seconds=50), sample(1015, container(107.5), cpu_seconds=65))
    assert (usage.cpu_nanos, usage.memory_bytes, usage.window_s) == (1_000_000_000, 4096, 15)
    [pod] = usage.pods
    assert (pod.name, pod.at, pod.window_s) == ("web", 1015, 15)
    assert [(one.name, one.cpu_nanos, one.memory_bytes) for one in pod.containers] == [("app", 500_000_000, 1024)]


def test_one_reading_is_no_rate() -> None:
    """Nor are two of different boots, or of one moment."""
    assert usage_between(None, sample(1000)) is None
    assert usage_between(sample(1000, boot_id="a"), sample(1015, boot_id="b")) is None
    assert usage_between(sample(1015), sample(1015)) is None


@pytest.mark.parametrize(("age", "known"), [(2, False), (12, True), (25, True), (3600, False)])
def test_a_new_container_is_measured_from_its_start(age: float, known: bool) -> None:
    """Unless it has only just begun, or its first reading came so late that the average says nothing about now."""
    usage = between(sample(9985), sample(10_000, container(age, started_at=10_000 - age)))
    assert [pod.containers[0].cpu_nanos for pod in usage.pods] == ([1_000_000_000] if known else [])


def test_a_restarted_container_does_not_count_its_former_life() -> None:
    """Its counters begin anew; what it had used before is not taken off."""
    before = sample(1000, container(500, started_at=100))
    assert between(before, sample(1015, container(1, started_at=1010))).pods == ()
    usage = between(before, sample(1015, container(1.5, started_at=1003)))
    assert usage.pods[0].containers[0].cpu_nanos == 125_000_000
    assert usage.pods[0].window_s == 12


def test_containers_of_a_pod_are_listed_by_name() -> None:
    """Whatever the order in which they were read."""
    two = (container(1, id="c2", name="b"), container(1, name="a"))
    usage = between(sample(1000, *two), sample(1015, *reversed(two)))
    assert [one.name for one in usage.pods[0].containers] == ["a", "b"]
