"""How Pods come up."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from reconciler.model.kinds import ExecAction, Lifecycle, LifecycleHandler, Volume
from reconciler.model.kinds.container import ConfigMapEnvSource, EnvFromSource
from reconciler.model.kinds.volumes import (
    ConfigMapVolumeSource,
    EmptyDirVolumeSource,
    PersistentVolumeClaimVolumeSource,
)
from reconciler.model.node import ClaimBinding, ConfigReference
from reconciler.model.plan import Reason
from reconciler.planner.node.memory import Emitted
from reconciler.planner.node.step import step
from reconciler.simulation.behaviour import Behaviour
from tests.planner.node.host import Host, assignment, container, pod, probe, script, view, volume


def test_a_pod_comes_up_in_one_chain_of_actions() -> None:
    """Everything that a Pod needs is in the first plan, so that no second look is needed."""
    host = Host(pod())
    host.node.run_once()
    plan = host.node.last.plan  # type: ignore[union-attr]
    pods = [action for action in plan.actions if action.uid]
    assert [action.verb for action in pods] == ["create", "attach", "start"]
    create, attach, start = pods
    assert create.key in attach.needs
    assert {create.key, attach.key} <= set(start.needs)


def test_a_settled_node_needs_nothing() -> None:
    """P09: after the plan was carried out, the next one is empty."""
    host = Host(pod(), pod("db", container("db"), container("exporter")))
    host.settle()
    host.node.run_once()
    assert host.node.last is not None
    assert host.node.last.plan.actions == ()
    assert host.node.last.plan.blocked == ()
    assert host.node.last.plan.look_again_at is None


def test_a_missing_image_is_pulled_once_for_all_pods_that_need_it() -> None:
    """Pods share a pull."""
    host = Host(pod("a", container(image="new:1")), pod("b", container(image="new:1")), images={})
    host.world.engine.registry["new:1"] = Behaviour()
    host.settle()
    assert host.done().count("pullImage new:1") == 1
    assert host.ready("a") and host.ready("b")


def test_containers_start_in_order() -> None:
    """Each container's start needs the one before it."""
    host = Host(pod("web", container("one"), container("two"), container("three")))
    host.settle()
    starts = [word for word in host.done() if word.startswith("start")]
    assert starts == ["startContainer one", "startContainer two", "startContainer three"]


def test_a_container_is_ready_only_after_its_post_start_hook() -> None:
    """While the action that starts it is under way, its hook may be: it runs and is not ready."""
    hook = Lifecycle(post_start=LifecycleHandler(exec=ExecAction(command=("hook",))))
    host = Host(pod("web", container("web", lifecycle=hook)))
    host.settle()
    assert host.node.last is not None
    memory = host.node.last.memory
    uid = host.pods[0].uid
    begun = replace(memory.pods[uid], emitted=(Emitted(key="k", type="startContainer", target="web"),))
    answer = step(
        replace(memory, pods={uid: begun}),
        assignment(*host.pods),
        view(),
        host.world.observe(),
        probes={},
        outcomes=(),
        in_flight=frozenset({"k"}),
        now=host.clock.now(),
    )
    assert not answer.reports[0].container_statuses[0].ready
    assert host.ready("web")


def test_init_containers_run_one_after_the_other_before_the_others() -> None:
    """Each must end well before the next."""
    host = Host(
        pod(
            "web",
            container("web"),
            init_containers=(script("first", "sleep 5; exit 0"), script("second", "sleep 1")),
        )
    )
    host.node.run_for(3)
    assert host.names() == ["POD/0", "first/0"]
    assert host.waiting("web", "second") == "PodInitializing"
    assert host.waiting("web", "web") == "PodInitializing"
    assert host.node.report("web").phase == "Pending"
    reasons = {one.reason for one in host.node.last.plan.blocked}  # type: ignore[union-attr]
    assert reasons == {Reason.WAITING_FOR_INIT}
    host.settle()
    assert host.names(state="running") == ["POD/0", "web/0"]
    assert host.node.report("web").phase == "Running"


def test_a_failing_init_container_is_restarted_with_back_off() -> None:
    """With restartPolicy Always the Pod stays Pending and tries again."""
    host = Host(pod("web", init_containers=(script("setup", "exit 1"),)))
    host.node.run_for(5)
    assert host.waiting("web", "setup") == "CrashLoopBackOff"
    assert host.node.report("web").phase == "Pending"
    host.node.run_for(25)
    assert host.node.report("web").init_container_statuses[0].restart_count >= 2


def test_a_sidecar_stays_and_the_others_start_after_it() -> None:
    """An init container with restartPolicy Always does not have to end."""
    sidecar = container("proxy", restart_policy="Always")
    host = Host(pod("web", container("web"), init_containers=(sidecar,)))
    host.settle()
    assert host.names(state="running") == ["POD/0", "proxy/0", "web/0"]
    assert host.ready("web")


def test_a_sidecar_with_a_startup_probe_holds_the_others_until_it_has_started() -> None:
    """Started means that the startup probe succeeded."""
    sidecar = container("proxy", "proxy:1", restart_policy="Always", startup_probe=probe(period_seconds=1))
    host = Host(
        pod("web", container("web"), init_containers=(sidecar,)),
        images={"proxy:1": Behaviour(alive_from_s=20)},
    )
    host.world.clock.advance(0)
    host.node.run_for(2)
    assert host.names(state="running") == ["POD/0", "proxy/0"]
    assert host.waiting("web", "web") == "PodInitializing"


def test_a_sidecar_that_ends_is_restarted_in_place() -> None:
    """Also after the Pod's start, and without touching the others."""
    sidecar = container("proxy", restart_policy="Always")
    host = Host(pod("web", container("web"), init_containers=(sidecar,), restart_policy="Never"))
    host.settle()
    host.world.end_by_hand(host.full_name("proxy"), 1)
    host.settle()
    assert host.names(state="running") == ["POD/0", "proxy/1", "web/0"]


@pytest.mark.parametrize(
    ("policy", "image", "present", "pulled"),
    [
        (None, "app:1", True, False),
        (None, "app:1", False, True),
        (None, "app", True, True),
        (None, "app:latest", True, True),
        ("Always", "app:1", True, True),
        ("IfNotPresent", "app", True, False),
    ],
)
def test_images_are_pulled_as_the_policy_says(policy: str | None, image: str, present: bool, pulled: bool) -> None:
    """The default is Always for the tag latest and IfNotPresent else."""
    host = Host(pod("web", container(image=image, image_pull_policy=policy)))
    host.world.engine.registry[image] = Behaviour()
    if present:
        host.world.engine.images.add(image)
    host.settle()
    assert host.ready("web")
    assert (host.world.engine.pulls == 1) == pulled


def test_an_image_that_must_not_be_pulled_and_is_missing_is_said() -> None:
    """ErrImageNeverPull, until somebody brings the image."""
    host = Host(pod("web", container(image="app:1", image_pull_policy="Never")))
    host.settle()
    assert host.waiting("web") == "ErrImageNeverPull"
    host.world.engine.images.add("app:1")
    host.settle()
    assert host.ready("web")


def test_a_registry_outage_is_outlasted() -> None:
    """P25: pulls back off up to five minutes and never end."""
    host = Host(pod("web", container(image="new:1")))
    host.world.engine.registry["new:1"] = Behaviour()
    host.world.engine.registry_error = "connection refused"
    host.node.run_for(5)
    assert host.waiting("web") == "ErrImagePull"
    host.node.run_for(30)
    assert host.waiting("web") == "ImagePullBackOff"
    host.node.run_for(3600 * 24)
    tries = [word for word in host.done() if word.startswith("pull")]
    assert 280 <= len(tries) <= 300
    host.world.engine.registry_error = ""
    host.settle(400)
    assert host.ready("web")


def test_an_unreadable_image_name_is_said() -> None:
    """InvalidImageName; nothing is tried."""
    host = Host(pod("web", container(image="Shop/Web:1")))
    host.settle()
    assert host.waiting("web") == "InvalidImageName"
    assert not any(word.startswith(("pull", "start")) for word in host.done())


def test_a_container_waits_for_a_config_map_that_its_environment_needs() -> None:
    """CreateContainerConfigError with its name; it starts when the ConfigMap appears."""
    source = EnvFromSource(config_map_ref=ConfigMapEnvSource(name="settings"))
    missing = ConfigReference(kind="ConfigMap", namespace="shop", name="settings")
    host = Host(pod("web", container(env_from=(source,)), configuration=(missing,)))
    host.settle()
    assert host.waiting("web") == "CreateContainerConfigError"
    blocked = host.node.last.plan.blocked  # type: ignore[union-attr]
    assert [(one.reason, "configmap/settings" in one.message) for one in blocked] == [(Reason.MISSING_REFERENCE, True)]
    there = ConfigReference(kind="ConfigMap", namespace="shop", name="settings", version="1")
    host.assign(pod("web", container(env_from=(source,)), configuration=(there,)))
    host.settle()
    assert host.ready("web")


def test_a_pod_waits_for_a_config_map_that_its_volumes_need() -> None:
    """Nothing of the Pod is made, and the status says that its containers are still to be created."""
    volumes = (Volume(name="v", config_map=ConfigMapVolumeSource(name="settings")),)
    missing = ConfigReference(kind="ConfigMap", namespace="shop", name="settings")
    host = Host(pod("web", volumes=volumes, configuration=(missing,)))
    host.settle()
    assert host.names() == []
    assert host.waiting("web") == "ContainerCreating"


def test_an_optional_reference_may_be_missing() -> None:
    """The container starts without it."""
    source = EnvFromSource(config_map_ref=ConfigMapEnvSource(name="settings", optional=True))
    missing = ConfigReference(kind="ConfigMap", namespace="shop", name="settings", optional=True)
    host = Host(pod("web", container(env_from=(source,)), configuration=(missing,)))
    host.settle()
    assert host.ready("web")


def test_changed_configuration_is_published_in_place_without_a_restart() -> None:
    """P21: mounted files follow, the container runs on."""
    volumes = (Volume(name="v", config_map=ConfigMapVolumeSource(name="settings")),)

    def at(version: str) -> None:
        reference = ConfigReference(kind="ConfigMap", namespace="shop", name="settings", version=version)
        host.assign(pod("web", volumes=volumes, configuration=(reference,)))
        host.settle()

    host = Host()
    at("1")
    host.done()
    at("2")
    assert host.done() == ["publishVolumes web"]
    assert host.names() == ["POD/0", "web/0"]
    at("")
    assert host.done() == []


def test_a_pod_waits_for_its_claim() -> None:
    """An unbound claim is said with its message."""
    volumes = (Volume(name="v", persistent_volume_claim=PersistentVolumeClaimVolumeSource(claim_name="data")),)
    host = Host(pod("web", volumes=volumes, claims=(ClaimBinding(claim="data", message="no volume fits"),)))
    host.settle()
    blocked = host.node.last.plan.blocked  # type: ignore[union-attr]
    assert [(one.reason, one.message) for one in blocked] == [(Reason.CLAIM_NOT_BOUND, "no volume fits")]
    assert host.names() == []


def test_a_local_volume_is_made_before_the_pod_that_uses_it() -> None:
    """One chain: directory, volumes, container."""
    volumes = (Volume(name="v", persistent_volume_claim=PersistentVolumeClaimVolumeSource(claim_name="data")),)
    claims = (ClaimBinding(claim="data", volume="pv-1", path="/volumes/pv-1"),)
    host = Host(pod("web", volumes=volumes, claims=claims), volumes=(volume(),))
    host.settle()
    done = host.done()
    assert done.index("provisionVolume pv-1") < done.index("publishVolumes web") < done.index("startContainer web")


def test_a_volume_that_vanished_is_never_made_anew() -> None:
    """P29: an empty directory in the place of data would hide its loss."""
    volumes = (Volume(name="v", persistent_volume_claim=PersistentVolumeClaimVolumeSource(claim_name="data")),)
    claims = (ClaimBinding(claim="data", volume="pv-1", path="/volumes/pv-1"),)
    host = Host(pod("web", volumes=volumes, claims=claims), volumes=(volume(),))
    host.settle()
    host.world.directories.clear()
    host.world.engine.end_all()
    host.world.volumes.clear()
    host.done()
    host.settle()
    assert not any(word.startswith("provision") for word in host.done())
    blocked = host.node.last.plan.blocked  # type: ignore[union-attr]
    assert Reason.VOLUME_MISSING in {one.reason for one in blocked}
    assert "vanished" in blocked[0].message


def test_a_released_volume_goes_to_the_trash_once_no_pod_uses_it() -> None:
    """P29: moved, never removed."""
    volumes = (Volume(name="v", persistent_volume_claim=PersistentVolumeClaimVolumeSource(claim_name="data")),)
    claims = (ClaimBinding(claim="data", volume="pv-1", path="/volumes/pv-1"),)
    one = pod("web", volumes=volumes, claims=claims)
    host = Host(one, volumes=(volume(),))
    host.settle()
    host.assign(one, volumes=(volume(trash=True),))
    host.settle()
    assert host.world.trash == []
    host.assign(volumes=(volume(trash=True),))
    host.settle()
    assert host.world.trash == ["/volumes/pv-1"]


def test_a_pod_on_the_hosts_network_gets_no_link() -> None:
    """Its address is the host's."""
    host = Host(pod("web", host_network=True))
    host.settle()
    assert host.world.links == {}
    assert host.node.report("web").pod_ip == "192.168.0.1"


def test_addresses_are_given_in_turn_and_rest_after_release() -> None:
    """The next free one after the last given; none twice within 30 s."""
    host = Host(pod("a"), pod("b"))
    host.settle()
    assert sorted(link.ip for link in host.world.links.values()) == ["10.42.1.2", "10.42.1.3"]
    host.assign(pod("b"))
    host.settle()
    host.assign(pod("b"), pod("c"))
    host.settle()
    assert host.node.report("c").pod_ip == "10.42.1.4"


def test_too_many_pods_for_the_range_wait_for_an_address() -> None:
    """The last one says so, and gets the first address that has rested."""
    host = Host(pod("a"), pod("b"), pod("c"), pod_cidr="10.42.1.0/29")
    host.assign(*(pod(name) for name in "abcdef"), pod_cidr="10.42.1.0/29")
    host.settle()
    blocked = host.node.last.plan.blocked  # type: ignore[union-attr]
    assert [(one.reason, one.message) for one in blocked] == [(Reason.UNSCHEDULABLE, "no free address in 10.42.1.0/29")]
    host.assign(*(pod(name) for name in "bcdef"), pod_cidr="10.42.1.0/29")
    host.settle()
    assert host.node.report("f").pod_ip == "10.42.1.2"


def test_an_exclusive_pod_waits_for_the_leader_after_a_reboot() -> None:
    """P27: another node may run it meanwhile."""
    host = Host(pod("db", exclusive=True), pod("web"))
    host.settle()
    host.world.reboot()
    host.node.crash()
    host.node.restart()
    host.settle()
    assert host.ready("web") and not host.ready("db")
    host.assign(pod("db", exclusive=True), pod("web"))
    host.settle()
    assert host.ready("db")


def test_an_empty_dir_is_published() -> None:
    """Volumes are made before containers start."""
    host = Host(pod("web", volumes=(Volume(name="tmp", empty_dir=EmptyDirVolumeSource()),)))
    host.settle()
    assert "web-uid-0001" in host.world.volumes
