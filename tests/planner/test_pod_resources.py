"""Pods that ask for resources as a whole: what counts of them, and for whom."""

from typing import Any

import pytest

from reconciler.executors.container.resources import oom_score
from reconciler.model.granted import Granted, granted, granted_to_pod, is_alike, qos_class, shares_worth, weight_of
from reconciler.model.podresources import limits_of, pod_limits, pod_requests, requests_of
from reconciler.planner.admission.limits import violations
from reconciler.planner.admission.usage import compute_usage, listed, unspecified
from reconciler.planner.capacity import limited
from reconciler.planner.node.eviction import requested_memory
from reconciler.planner.scheduling.room import requested, supposed
from reconciler.planner.updates.pod import pod_faults
from reconciler.planner.updates.resize import resize_faults
from reconciler.planner.workloads.autoscaler_metrics import NotMeasurable
from reconciler.planner.workloads.autoscaler_metrics import requests_of as measured
from tests.planner.reading import read

MI = 1 << 20


def pod(whole: str, *containers: str, init: str = "") -> Any:
    """Return a Pod; each text is what stands between the braces of resources."""
    listed_ = ", ".join(f"{{name: c{n}, image: i, resources: {{{one}}}}}" for n, one in enumerate(containers or ("",)))
    inits = f"initContainers: [{{name: init, image: i, resources: {{{init}}}}}]," if init else ""
    return read("Pod", spec=f"containers: [{listed_}], {inits} resources: {{{whole}}}")


ASKS = "requests: {cpu: 100m, memory: 50Mi, ephemeral-storage: 1Gi}"
MAY = "limits: {cpu: 200m, memory: 100Mi}"


@pytest.mark.parametrize(
    ("whole", "container", "found"),
    [
        ("", ASKS, {}),
        ("requests: {cpu: 1}", ASKS, {"cpu": "1"}),
        ("limits: {cpu: 1}", ASKS, {"cpu": "1/10", "memory": str(50 * MI)}),
        ("limits: {cpu: 1}", "", {"cpu": "1"}),
        ("requests: {memory: 1Gi}, limits: {cpu: 1}", "", {"cpu": "1", "memory": str(1024 * MI)}),
        (
            "requests: {cpu: 1}",
            "limits: {cpu: 100m, hugepages-2Mi: 4Mi}",
            {"cpu": "1", "hugepages-2Mi": str(4 * MI), "memory": ""},
        ),
    ],
)
def test_what_a_pod_does_not_ask_for_itself(whole: str, container: str, found: dict[str, str]) -> None:
    """With limits it is what the containers ask for together, or else the limit; huge pages are never overcommitted."""
    asked = {name: str(value) for name, value in pod_requests(pod(whole, container).spec).items()}
    assert asked == {name: value for name, value in found.items() if value}


@pytest.mark.parametrize(
    ("whole", "containers", "found"),
    [
        ("limits: {cpu: 1}", [MAY], {"cpu": "1"}),
        ("requests: {cpu: 1}", [MAY, MAY], {"cpu": "2/5", "memory": str(200 * MI)}),
        ("requests: {cpu: 1}", [MAY, "limits: {cpu: 1}"], {"cpu": "6/5"}),
        ("requests: {cpu: 1}", [MAY, ""], {}),
    ],
)
def test_what_a_pod_may_use_that_does_not_say_so(whole: str, containers: list[str], found: dict[str, str]) -> None:
    """What its containers may together, where all of them have a limit."""
    assert {name: str(value) for name, value in pod_limits(pod(whole, *containers).spec).items()} == found


@pytest.mark.parametrize(
    ("whole", "container", "found"),
    [
        ("", MAY, "Guaranteed"),
        ("requests: {cpu: 1}", MAY, "Burstable"),
        ("limits: {cpu: 1, memory: 1Gi}", "", "Guaranteed"),
        ("limits: {cpu: 1, memory: 1Gi}", ASKS, "Burstable"),
        ("limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 500m}", "", "Burstable"),
        ("limits: {cpu: 1}", "", "Burstable"),
        ("limits: {hugepages-2Mi: 2Mi}", "", "BestEffort"),
        ("requests: {cpu: 200m, memory: 100Mi}", MAY, "Guaranteed"),
    ],
)
def test_the_class_of_service_is_that_of_the_whole(whole: str, container: str, found: str) -> None:
    """What containers say does not count for it, except where the Pod takes it over."""
    assert qos_class(pod(whole, container).spec) == found


def test_a_pod_takes_of_its_node_what_it_asks_for_as_a_whole() -> None:
    """Of cpu, memory and huge pages; all else is the sum of its containers."""
    room = requested(pod("requests: {cpu: 1, hugepages-2Mi: 4Mi}, limits: {hugepages-2Mi: 4Mi}", ASKS, ASKS).spec)
    assert (room.cpu_millis, room.memory_bytes, room.ephemeral_bytes) == (1000, 100 * MI, 2048 * MI)
    assert room.others == (("hugepages-2Mi", 4 * MI),)
    assert requested(pod("limits: {memory: 1Gi}", ASKS, init="requests: {cpu: 2}").spec).cpu_millis == 2000


@pytest.mark.parametrize(
    ("whole", "container", "millis", "mebibytes"),
    [
        ("requests: {cpu: 1}", "", 1000, 400),
        ("requests: {cpu: 1}", "requests: {memory: 50Mi}", 1000, 50),
        ("limits: {cpu: 1, memory: 10Mi}", "", 1000, 10),
        ("", "", 200, 400),
    ],
)
def test_scores_suppose_a_little_only_of_what_nobody_asks_for(
    whole: str, container: str, millis: int, mebibytes: int
) -> None:
    """Neither the Pod nor any of its containers."""
    room = supposed(pod(whole, container, "").spec)
    assert (room.cpu_millis, room.memory_bytes) == (millis, mebibytes * MI)


def test_quotas_and_limit_ranges_count_the_whole() -> None:
    """And no container has to say what the Pod says."""
    one = pod("requests: {cpu: 1}, limits: {cpu: 2, memory: 1Gi}", "", "limits: {memory: 100Mi}")
    assert listed(compute_usage(one.spec)) == (
        "cpu=1,limits.cpu=2,limits.memory=1Gi,memory=100Mi,pods=1,requests.cpu=1,requests.memory=100Mi"
    )
    assert unspecified(one.spec, ["limits.cpu", "cpu"]) == {}
    limit = read("LimitRange", spec="limits: [{type: Pod, max: {cpu: 1}}]")
    assert violations([limit], one) == ["maximum cpu usage per Pod is 1, but limit is 2"]
    assert violations([limit], pod("limits: {cpu: 1}", "", "")) == []


def test_capacity_evictions_and_autoscalers_go_by_the_whole() -> None:
    """Of a single container an autoscaler goes by that one."""
    one = pod("requests: {cpu: 800m, memory: 300Mi}, limits: {memory: 1Gi}", "requests: {cpu: 100m}", "")
    assert limited(one.spec).memory_bytes == 1024 * MI
    assert requested_memory(one.spec) == 300 * MI
    assert measured([one], "cpu") == {"one": 800}
    assert measured([one], "cpu", "c0") == {"one": 100}
    with pytest.raises(NotMeasurable):
        measured([pod("requests: {memory: 1Gi}", "")], "cpu")


def test_containers_may_use_what_their_pod_may() -> None:
    """What has no limit has the Pod's, nothing has more; without a request, the limit is what it asks for."""
    one = pod("requests: {cpu: 250m}, limits: {cpu: 500m, memory: 64Mi}", "", "limits: {cpu: 2, memory: 32Mi}")
    whole = one.spec.resources.limits
    free, larger = (granted(each.resources, whole) for each in one.spec.containers)
    assert free == Granted(cpu_shares=512, cpu_quota_us=50_000, memory_bytes=64 * MI)
    assert (larger.cpu_quota_us, larger.memory_bytes) == (50_000, 32 * MI)
    assert granted_to_pod(one.spec) == Granted(cpu_shares=256, cpu_quota_us=50_000, memory_bytes=64 * MI)


def test_a_group_is_compared_as_exactly_as_the_kernel_keeps_it() -> None:
    """Whole pages, and shares by their weight; a limit that nobody wants is no difference."""
    wanted = Granted(cpu_shares=512, memory_bytes=64_000_000)
    shown = Granted(cpu_shares=shares_worth(weight_of(512)), cpu_quota_us=7, memory_bytes=64_000_000 // 4096 * 4096)
    assert is_alike(shown, wanted)
    assert not is_alike(wanted, Granted(cpu_shares=512, cpu_quota_us=7))
    assert not is_alike(shown, Granted(cpu_shares=600, memory_bytes=64_000_000))
    assert not is_alike(shown, Granted(cpu_shares=512, memory_bytes=65_000_000))
    assert all(weight_of(shares_worth(weight)) == weight for weight in (1, 2, 39, 40, 5000, 10_000))


def test_memory_that_only_the_pod_asks_for_protects_its_containers_alike() -> None:
    """Each by its part: of 1 GiB, what the two do not ask for is 900 MiB."""
    one = pod("requests: {memory: 1000Mi}", "requests: {memory: 100Mi}", "")
    scores = [oom_score(one.spec, each, 10_000 * MI) for each in one.spec.containers]
    assert scores == [1000 - 55, 1000 - 45]
    assert oom_score(pod("limits: {cpu: 1, memory: 1Gi}", "").spec, one.spec.containers[1], 10_000 * MI) == -997


def test_the_resources_of_a_pod_that_exists_do_not_change_by_an_update() -> None:
    """As all that is not said to."""
    faults = list(pod_faults(pod("limits: {cpu: 1}"), pod("limits: {cpu: 2}")))
    assert [fault.field for fault in faults] == ["spec.resources"]


def test_a_container_is_not_resized_beyond_its_pod() -> None:
    """Neither its limit nor what all containers ask for together."""
    old = pod("requests: {cpu: 200m}, limits: {cpu: 1}", "requests: {cpu: 100m}, limits: {cpu: 500m}")
    within = pod("requests: {cpu: 200m}, limits: {cpu: 1}", "requests: {cpu: 200m}, limits: {cpu: 1}")
    beyond = pod("requests: {cpu: 200m}, limits: {cpu: 1}", "requests: {cpu: 201m}, limits: {cpu: 2}")
    assert list(resize_faults(old, within)) == []
    fields = [fault.field for fault in resize_faults(old, beyond)]
    assert fields == ["spec.resources.requests.cpu", "spec.containers[0].resources.limits.cpu"]
    larger = pod("requests: {cpu: 200m}, limits: {cpu: 2}", "requests: {cpu: 100m}, limits: {cpu: 500m}")
    assert list(resize_faults(old, larger)) == []
    smaller = pod("requests: {cpu: 200m}, limits: {cpu: 300m}", "requests: {cpu: 100m}, limits: {cpu: 500m}")
    assert [fault.field for fault in resize_faults(old, smaller)] == ["spec.containers[0].resources.limits.cpu"]
    unlimited = pod("requests: {cpu: 200m}", "requests: {cpu: 100m}, limits: {cpu: 500m}")
    assert [fault.field for fault in resize_faults(old, unlimited)] == ["spec.resources.limits"]


def test_totals_without_resources_of_the_whole_are_sums() -> None:
    """As ever."""
    one = pod("", ASKS, MAY).spec
    assert {name: str(value) for name, value in requests_of(one).items()}["cpu"] == "3/10"
    assert {name: str(value) for name, value in limits_of(one).items()} == {"cpu": "1/5", "memory": str(100 * MI)}
