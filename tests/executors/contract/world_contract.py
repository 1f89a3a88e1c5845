"""What every World must do, simulated or real: one suite, run on both.

A subclass gives a fixture `world` and says how to wait; images hold `sh`, `sleep` and `true`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

import msgspec
import pytest

from reconciler.model.details import (
    AttachDevice,
    AttachPod,
    CreateSandbox,
    DetachDevice,
    DetachPod,
    Detail,
    PrepareHost,
    ProgramExternal,
    ProgramPeers,
    ProgramPolicies,
    ProgramServices,
    ProvisionVolume,
    PublishNames,
    PublishVolumes,
    RemoveContainer,
    RemoveSandbox,
    ResizeContainer,
    StartContainer,
    StopContainer,
    TrashVolume,
    UnpublishVolumes,
)
from reconciler.model.granted import granted_to_pod, is_alike
from reconciler.model.kinds import (
    Container,
    PersistentVolumeClaimVolumeSource,
    PodSpec,
    ResourceRequirements,
    Volume,
)
from reconciler.model.kinds.volumes import EmptyDirVolumeSource
from reconciler.model.metrics import usage_between
from reconciler.model.networkpolicy import IsolatedPod, PolicyProfile, PolicyRules
from reconciler.model.node import ClaimBinding, Materials, Peer, PodAssignment
from reconciler.model.node_report import ContainerFact, NodeFacts
from reconciler.model.plan import Outcome, OutcomeStatus, Reason
from reconciler.model.ports import ExecRequest, ExecSession, World
from reconciler.planner.node.actions import container_name, make_action, pod_ref

DONE, UNCHANGED = OutcomeStatus.DONE, OutcomeStatus.UNCHANGED
FAILED, STALE = OutcomeStatus.FAILED, OutcomeStatus.STALE
POD_IP = "10.42.1.77"


class WorldContract:
    """The suite. Each test uses a Pod of its own."""

    image = "reconciler-test/box:1"
    volumes_dir = "/volumes"

    @pytest.fixture
    def world(self) -> World:
        """Give the world under test."""
        raise NotImplementedError

    @pytest.fixture
    def pod(self) -> PodAssignment:
        """A Pod that no other test uses."""
        uid = str(uuid.uuid4())
        return PodAssignment(
            uid=uid,
            namespace="contract",
            name=f"pod-{uid[:8]}",
            spec=PodSpec(containers=(self.container("sleep infinity"),)),
            digest="digest",
        )

    def wait(self, world: World, limit_s: float) -> None:
        """Let something happen."""
        raise NotImplementedError

    # Words of the tests

    def container(self, text: str = "", **fields: object) -> Container:
        """A container that runs a script."""
        command = ("sh", "-c", text) if text else ()
        return Container(name="main", image=self.image, **{"command": command, **fields})  # type: ignore[arg-type]

    def act(self, world: World, pod: PodAssignment, detail: Detail, expects: str = "") -> Outcome:
        """Execute one action."""
        action = make_action(
            "node-1",
            pod_ref(pod.namespace, pod.name),
            detail,
            Reason.POD_ASSIGNED,
            uid=pod.uid,
            target=str(uuid.uuid4()),
            expects=expects,
        )
        outcome = world.execute(action, Materials())
        assert outcome.key == action.key
        assert outcome.finished_at >= outcome.started_at
        return outcome

    def name(self, pod: PodAssignment, container: str, attempt: int = 0) -> str:
        """The Engine's name of a container."""
        return container_name(container, pod.name, pod.namespace, pod.uid, attempt)

    def sandbox(self, pod: PodAssignment, attempt: int = 0) -> CreateSandbox:
        """Create the sandbox."""
        return CreateSandbox(
            pod=pod,
            name=self.name(pod, "POD", attempt),
            attempt=attempt,
            pod_ip=POD_IP,
            domain="cluster.local",
            dns_address="169.254.20.10",
        )

    def start(self, pod: PodAssignment, spec: Container, attempt: int = 0) -> StartContainer:
        """Start a container."""
        return StartContainer(
            pod=pod,
            spec=spec,
            role="app",
            name=self.name(pod, spec.name, attempt),
            attempt=attempt,
            sandbox=self.name(pod, "POD"),
            pod_ip=POD_IP,
            host_ip="192.0.2.1",
            node="node-1",
        )

    def running(self, world: World, pod: PodAssignment, text: str) -> ContainerFact:
        """A started container."""
        assert self.act(world, pod, self.sandbox(pod)).status is DONE
        assert self.act(world, pod, self.start(pod, self.container(text))).status is DONE
        return self.fact(world, pod)

    def facts(self, world: World, pod: PodAssignment) -> tuple[ContainerFact, ...]:
        """The Pod's containers."""
        return tuple(fact for fact in world.observe(full=True).containers if fact.pod_uid == pod.uid)

    def fact(self, world: World, pod: PodAssignment, container: str = "main") -> ContainerFact:
        """One container of the Pod."""
        return next(fact for fact in self.facts(world, pod) if fact.container == container)

    def until(self, world: World, says: Callable[[NodeFacts], bool], limit_s: float = 20.0) -> NodeFacts:
        """Wait until the host shows something."""
        for _ in range(200):
            facts = world.observe()
            if says(facts):
                return facts
            self.wait(world, limit_s / 100)
        raise AssertionError("the host never showed it")

    def ended(self, world: World, pod: PodAssignment) -> ContainerFact:
        """The Pod's container, once it has ended."""
        self.until(world, lambda _: self.fact(world, pod).state == "exited")
        return self.fact(world, pod)

    # Containers

    def test_a_sandbox_is_made_once(self, world: World, pod: PodAssignment) -> None:
        """Doing it again finds its own work."""
        first = self.act(world, pod, self.sandbox(pod))
        assert first.status is DONE
        again = self.act(world, pod, self.sandbox(pod))
        assert (again.status, again.result) == (UNCHANGED, first.result)
        (fact,) = self.facts(world, pod)
        assert (fact.id, fact.role, fact.state, fact.attempt) == (first.result, "sandbox", "running", 0)

    def test_a_container_is_started_once(self, world: World, pod: PodAssignment) -> None:
        """In its sandbox, with everything that the planner must know of it."""
        fact = self.running(world, pod, "sleep infinity")
        again = self.act(world, pod, self.start(pod, self.container("sleep infinity")))
        assert (again.status, again.result) == (UNCHANGED, fact.id)
        assert (fact.role, fact.state, fact.attempt, fact.spec_digest) == ("app", "running", 0, "digest")
        assert (fact.pod_namespace, fact.pod_name) == (pod.namespace, pod.name)
        assert fact.sandbox == self.fact(world, pod, "POD").id
        assert fact.created_at <= fact.started_at
        assert len(self.facts(world, pod)) == 2

    def test_a_container_without_limits_may_use_what_its_pod_may(self, world: World, pod: PodAssignment) -> None:
        """A Pod's limits hold for all of its containers; one of its own is kept."""
        whole = ResourceRequirements(limits={"cpu": "500m", "memory": "64Mi"})
        pod = msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, resources=whole))
        own = ResourceRequirements(limits={"memory": "32Mi"})
        assert self.act(world, pod, self.sandbox(pod)).status is DONE
        for name, resources, mebibytes in (("main", ResourceRequirements(), 64), ("own", own, 32)):
            spec = msgspec.structs.replace(self.container("sleep infinity"), name=name, resources=resources)
            assert self.act(world, pod, self.start(pod, spec)).status is DONE
            granted = self.fact(world, pod, name).granted
            assert granted is not None
            assert (granted.cpu_quota_us, granted.memory_bytes) == (50_000, mebibytes << 20)

    def test_a_pod_is_given_more_as_a_whole(self, world: World, pod: PodAssignment) -> None:
        """Its sandbox tells what its containers may use together, before and after."""
        small, large = (ResourceRequirements(limits={"cpu": cpu, "memory": "64Mi"}) for cpu in ("500m", "1"))
        pod = msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, resources=small))
        assert self.act(world, pod, self.sandbox(pod)).status is DONE
        assert self.act(world, pod, self.start(pod, self.container("sleep infinity"))).status is DONE
        fact, sandbox = self.fact(world, pod), self.fact(world, pod, "POD")
        assert sandbox.granted is not None and is_alike(sandbox.granted, granted_to_pod(pod.spec))
        pod = msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, resources=large))
        detail = ResizeContainer(
            container_id=fact.id,
            name=fact.name,
            spec=self.container("sleep infinity"),
            within=large.limits,
            pod_uid=pod.uid,
            sandbox=sandbox.id,
            whole=granted_to_pod(pod.spec),
        )
        assert self.act(world, pod, detail).status is DONE
        after, whole = self.fact(world, pod).granted, self.fact(world, pod, "POD").granted
        assert after is not None and after.cpu_quota_us == 100_000
        assert whole is not None and is_alike(whole, granted_to_pod(pod.spec))

    def test_a_container_without_its_sandbox_is_stale(self, world: World, pod: PodAssignment) -> None:
        """The plan was made from something that is no longer so."""
        outcome = self.act(world, pod, self.start(pod, self.container("true")))
        assert outcome.status is STALE
        assert self.facts(world, pod) == ()

    def test_a_missing_image_is_a_failure(self, world: World, pod: PodAssignment) -> None:
        """Nothing is made."""
        self.act(world, pod, self.sandbox(pod))
        spec = Container(name="main", image="reconciler-test/not-there:1")
        outcome = self.act(world, pod, self.start(pod, spec))
        assert (outcome.status, outcome.retry) == (FAILED, "transient")
        assert [fact.container for fact in self.facts(world, pod)] == ["POD"]

    def test_a_bad_command_is_a_failure_and_an_end(self, world: World, pod: PodAssignment) -> None:
        """The try is over: it shows as ended, with what the Engine said."""
        self.act(world, pod, self.sandbox(pod))
        spec = self.container(command=("/no/such/program",))
        outcome = self.act(world, pod, self.start(pod, spec))
        assert (outcome.status, outcome.reason) == (FAILED, "RunContainerError")
        fact = self.fact(world, pod)
        assert (fact.state, fact.exit_code) == ("exited", 127)
        assert fact.error

    @pytest.mark.parametrize("code", [0, 3])
    def test_exit_codes_are_told(self, world: World, pod: PodAssignment, code: int) -> None:
        """With when it ended."""
        self.running(world, pod, f"sleep 0.2; exit {code}")
        fact = self.ended(world, pod)
        assert fact.exit_code == code
        assert fact.finished_at >= fact.started_at > 0

    def test_starting_what_has_ended_changes_nothing(self, world: World, pod: PodAssignment) -> None:
        """A restart is another attempt with another name."""
        self.running(world, pod, "exit 1")
        ended = self.ended(world, pod)
        outcome = self.act(world, pod, self.start(pod, self.container("exit 1")))
        assert (outcome.status, outcome.result) == (UNCHANGED, ended.id)
        assert self.act(world, pod, self.start(pod, self.container("sleep infinity"), attempt=1)).status is DONE
        assert sorted(fact.attempt for fact in self.facts(world, pod) if fact.container == "main") == [0, 1]

    # Stopping and removing

    def stop(self, fact: ContainerFact, grace_s: float = 10.0) -> StopContainer:
        """Stop a container."""
        return StopContainer(container_id=fact.id, name=fact.name, grace_s=grace_s)

    def test_a_container_may_end_well_within_its_grace(self, world: World, pod: PodAssignment) -> None:
        """TERM first."""
        fact = self.running(world, pod, "trap 'exit 7' TERM; while true; do sleep 0.1; done")
        outcome = self.act(world, pod, self.stop(fact))
        assert outcome.status is DONE
        assert outcome.finished_at - outcome.started_at < 8
        assert self.fact(world, pod).exit_code == 7

    def test_a_stubborn_container_is_killed(self, world: World, pod: PodAssignment) -> None:
        """KILL when the grace is over."""
        fact = self.running(world, pod, "trap '' TERM; while true; do sleep 0.1; done")
        outcome = self.act(world, pod, self.stop(fact, grace_s=1.0))
        assert outcome.status is DONE
        assert outcome.finished_at - outcome.started_at >= 0.9
        ended = self.fact(world, pod)
        assert (ended.state, ended.exit_code) == ("exited", 137)

    def test_grace_of_zero_kills(self, world: World, pod: PodAssignment) -> None:
        """At once."""
        fact = self.running(world, pod, "trap '' TERM; while true; do sleep 0.1; done")
        assert self.act(world, pod, self.stop(fact, grace_s=0.0)).status is DONE
        assert self.fact(world, pod).exit_code == 137

    def test_stopping_what_has_ended_or_is_gone_changes_nothing(self, world: World, pod: PodAssignment) -> None:
        """Idempotent."""
        fact = self.running(world, pod, "exit 0")
        self.ended(world, pod)
        assert self.act(world, pod, self.stop(fact)).status is UNCHANGED
        self.act(world, pod, RemoveContainer(container_id=fact.id, name=fact.name))
        assert self.act(world, pod, self.stop(fact)).status is UNCHANGED

    def test_an_ended_container_is_removed_once(self, world: World, pod: PodAssignment) -> None:
        """And a running one is left alone."""
        fact = self.running(world, pod, "sleep infinity")
        removal = RemoveContainer(container_id=fact.id, name=fact.name)
        assert self.act(world, pod, removal).status is STALE
        self.act(world, pod, self.stop(fact, grace_s=0.0))
        assert self.act(world, pod, removal).status is DONE
        assert self.act(world, pod, removal).status is UNCHANGED
        assert [one.container for one in self.facts(world, pod)] == ["POD"]

    def test_a_sandbox_is_removed_once(self, world: World, pod: PodAssignment) -> None:
        """It is killed for that."""
        made = self.act(world, pod, self.sandbox(pod))
        removal = RemoveSandbox(container_id=made.result, name=self.name(pod, "POD"))
        assert self.act(world, pod, removal).status is DONE
        assert self.act(world, pod, removal).status is UNCHANGED
        assert self.facts(world, pod) == ()

    # Commands

    def exec(self, world: World, fact: ContainerFact, *command: str, **streams: bool) -> ExecSession:
        """A command in a container, with its output connected."""
        request = ExecRequest(
            namespace=fact.pod_namespace,
            pod=fact.pod_name,
            command=command,
            **{"stdout": True, "stderr": True, **streams},
        )
        return world.exec(fact.id, request)

    def told(self, session: ExecSession) -> tuple[bytes, bytes, int]:
        """What a command writes, and how it ends."""
        written = {1: b"", 2: b""}
        for stream, data in session.output():
            written[stream] += data
        session.close()
        return written[1], written[2], session.exit_code()

    def test_a_command_tells_output_errors_and_its_end(self, world: World, pod: PodAssignment) -> None:
        """Each by itself."""
        fact = self.running(world, pod, "sleep infinity")
        session = self.exec(world, fact, "/bin/sh", "-c", "echo said; echo complained >&2; exit 3")
        assert self.told(session) == (b"said\n", b"complained\n", 3)

    def test_output_that_is_not_asked_for_is_not_told(self, world: World, pod: PodAssignment) -> None:
        """As without a terminal, so by itself."""
        fact = self.running(world, pod, "sleep infinity")
        session = self.exec(world, fact, "/bin/sh", "-c", "echo said; echo complained >&2", stderr=False)
        assert self.told(session) == (b"said\n", b"", 0)

    def test_a_command_reads_its_input_to_the_end(self, world: World, pod: PodAssignment) -> None:
        """And ends then."""
        fact = self.running(world, pod, "sleep infinity")
        session = self.exec(world, fact, "/bin/cat", stdin=True)
        assert session.write(b"one ") == 4
        assert session.write(b"two") == 3
        session.end_input()
        assert self.told(session) == (b"one two", b"", 0)

    def test_a_missing_program_is_told(self, world: World, pod: PodAssignment) -> None:
        """With the code of the shell."""
        fact = self.running(world, pod, "sleep infinity")
        out, errors, code = self.told(self.exec(world, fact, "/no/such/program"))
        assert code in (126, 127)
        assert b"/no/such/program" in out + errors

    def test_who_lets_go_of_a_command_ends_it(self, world: World, pod: PodAssignment) -> None:
        """Its output ends, and nothing of it is left."""
        fact = self.running(world, pod, "sleep infinity")
        session = self.exec(world, fact, "/bin/sleep", "infinity")
        output = session.output()
        assert next(output) == (1, b"")
        session.close()
        assert b"".join(data for _, data in output) == b""
        assert session.exit_code() != 0

    def test_a_terminal_has_a_size(self, world: World, pod: PodAssignment) -> None:
        """Which may change while the command runs."""
        fact = self.running(world, pod, "sleep infinity")
        session = self.exec(world, fact, "/bin/cat", stdin=True, tty=True)
        session.resize(100, 40)
        session.close()

    def test_no_command_runs_in_a_container_that_has_ended(self, world: World, pod: PodAssignment) -> None:
        """Nor in one that is not there."""
        fact = self.running(world, pod, "exit 0")
        self.ended(world, pod)
        with pytest.raises(LookupError):
            self.exec(world, fact, "/bin/true")
        with pytest.raises(LookupError):
            world.exec("0" * 64, ExecRequest(namespace="a", pod="b", command=("/bin/true",), stdout=True))

    # Network

    def prepare(self, world: World, pod: PodAssignment) -> Outcome:
        """Prepare the host."""
        detail = PrepareHost(
            pod_cidr="10.42.1.0/24",
            cluster_pod_cidr="10.42.0.0/16",
            service_cidr="10.43.0.0/16",
            dns_address="169.254.20.10",
            domain="cluster.local",
        )
        return self.act(world, pod, detail)

    def test_the_host_is_prepared_once(self, world: World, pod: PodAssignment) -> None:
        """Doing it again finds its own work."""
        self.prepare(world, pod)
        assert self.prepare(world, pod).status is UNCHANGED
        network = world.observe(full=True).network
        assert network.prepared and network.dns_running

    def test_a_pod_is_wired_and_unwired(self, world: World, pod: PodAssignment) -> None:
        """Each once."""
        self.prepare(world, pod)
        self.act(world, pod, self.sandbox(pod))
        attach = AttachPod(pod_uid=pod.uid, sandbox=self.name(pod, "POD"), pod_ip=POD_IP)
        assert self.act(world, pod, attach).status is DONE
        assert self.act(world, pod, attach).status is UNCHANGED
        (link,) = [one for one in world.observe(full=True).network.links if one.pod_uid == pod.uid]
        assert (link.ip, link.whole) == (POD_IP, True)
        detach = DetachPod(pod_uid=pod.uid, pod_ip=POD_IP)
        assert self.act(world, pod, detach).status is DONE
        assert self.act(world, pod, detach).status is UNCHANGED
        assert [one for one in world.observe(full=True).network.links if one.pod_uid == pod.uid] == []

    def test_wiring_without_a_sandbox_is_stale(self, world: World, pod: PodAssignment) -> None:
        """The plan was made from something that is no longer so."""
        self.prepare(world, pod)
        attach = AttachPod(pod_uid=pod.uid, sandbox=self.name(pod, "POD"), pod_ip=POD_IP)
        assert self.act(world, pod, attach).status is STALE

    def test_services_and_names_are_known_by_their_digests(self, world: World, pod: PodAssignment) -> None:
        """What was programmed and still stands."""
        self.prepare(world, pod)
        assert self.act(world, pod, ProgramServices(digest="d1", services=())).status is DONE
        assert self.act(world, pod, ProgramServices(digest="d1", services=())).status is UNCHANGED
        assert self.act(world, pod, PublishNames(digest="n1", domain="cluster.local", records=())).status is DONE
        network = world.observe(full=True).network
        assert (network.services_digest, network.names_digest) == ("d1", "n1")

    def test_addresses_from_outside_are_known_by_their_digest(self, world: World, pod: PodAssignment) -> None:
        """Held once, and given up with the last one."""
        self.prepare(world, pod)
        own = world.observe(full=True).host.address
        hold = ProgramExternal(digest="x1", address=own, addresses=("192.0.2.77",))
        assert self.act(world, pod, hold).status is DONE
        assert self.act(world, pod, hold).status is UNCHANGED
        assert world.observe(full=True).network.external_digest == "x1"
        none = ProgramExternal(digest="", address=own)
        assert self.act(world, pod, none).status is DONE
        assert self.act(world, pod, none).status is UNCHANGED
        assert world.observe(full=True).network.external_digest == ""

    def test_ways_to_other_nodes_are_known_by_their_digest(self, world: World, pod: PodAssignment) -> None:
        """Made once, and removed with the last node."""
        self.prepare(world, pod)
        address = world.observe(full=True).host.address
        far = Peer(node="node-2", address="192.0.2.9", pod_cidr="10.42.7.0/24")
        ways = ProgramPeers(
            digest="p1", address=address, pod_cidr="10.42.1.0/24", cluster_pod_cidr="10.42.0.0/16", peers=(far,)
        )
        assert self.act(world, pod, ways).status is DONE
        assert self.act(world, pod, ways).status is UNCHANGED
        network = world.observe(full=True).network
        assert (network.peers_digest, network.peers_damaged) == ("p1", False)
        none = msgspec.structs.replace(ways, digest="", peers=())
        assert self.act(world, pod, none).status is DONE
        assert self.act(world, pod, none).status is UNCHANGED
        assert world.observe(full=True).network.peers_digest == ""

    def test_rules_of_policies_are_known_by_their_digest(self, world: World, pod: PodAssignment) -> None:
        """A Pod is not wired without those that it needs; they go with the last that needs some."""
        self.prepare(world, pod)
        rules = PolicyRules(pods=(IsolatedPod(ip=POD_IP, ingress="in-1"),), profiles=(PolicyProfile(name="in-1"),))
        program = ProgramPolicies(digest="r1", dns_address="169.254.20.10", rules=rules)
        attach = AttachPod(pod_uid=pod.uid, sandbox=self.name(pod, "POD"), pod_ip=POD_IP, isolated=("ingress",))
        assert self.act(world, pod, self.sandbox(pod)).status is DONE
        assert self.act(world, pod, attach).status is STALE
        assert self.act(world, pod, program).status is DONE
        assert self.act(world, pod, program).status is UNCHANGED
        network = world.observe(full=True).network
        assert (network.policies_digest, network.policies_damaged) == ("r1", False)
        assert self.act(world, pod, attach).status is DONE
        none = ProgramPolicies(digest="", dns_address="169.254.20.10", rules=PolicyRules())
        assert self.act(world, pod, none).status is DONE
        assert self.act(world, pod, none).status is UNCHANGED
        assert world.observe(full=True).network.policies_digest == ""

    # Volumes

    def test_a_block_device_is_attached_grows_and_is_detached(self, world: World, pod: PodAssignment) -> None:
        """A file with its size and, while it is attached, its device; nothing is published that is not attached."""
        name = f"pvc-{pod.uid}"
        path = f"{self.volumes_dir}/{name}"

        def shown() -> list[tuple[int, bool]]:
            devices = world.observe(full=True).storage.devices
            return [(one.size, bool(one.device)) for one in devices if one.volume == name]

        assert self.act(world, pod, ProvisionVolume(name=name, path=path, size=1 << 20)).status is DONE
        assert self.act(world, pod, ProvisionVolume(name=name, path=path, size=1 << 20)).status is UNCHANGED
        assert shown() == [(1 << 20, False)]
        binding = ClaimBinding(claim="c", volume=name, path=path, device="file")
        claimed = Volume(name="v", persistent_volume_claim=PersistentVolumeClaimVolumeSource(claim_name="c"))
        spec = PodSpec(containers=pod.spec.containers, volumes=(claimed,))
        user = msgspec.structs.replace(pod, spec=spec, claims=(binding,))
        publish = PublishVolumes(pod=user, version="v1", node="node-1", pod_ip=POD_IP, host_ip="192.0.2.1")
        assert self.act(world, pod, publish).status is FAILED
        assert self.act(world, pod, AttachDevice(name=name, path=path)).status is DONE
        assert self.act(world, pod, AttachDevice(name=name, path=path)).status is UNCHANGED
        assert self.act(world, pod, ProvisionVolume(name=name, path=path, size=2 << 20)).status is DONE
        assert shown() == [(2 << 20, True)]
        assert self.act(world, pod, publish).status is DONE
        assert [one.uses for one in world.observe().volumes if one.pod_uid == pod.uid] == [(name,)]
        assert self.act(world, pod, UnpublishVolumes(pod_uid=pod.uid)).status is DONE
        assert self.act(world, pod, DetachDevice(name=name, path=path)).status is DONE
        assert self.act(world, pod, DetachDevice(name=name, path=path)).status is UNCHANGED
        assert shown() == [(2 << 20, False)]

    def test_volumes_are_published_and_removed(self, world: World, pod: PodAssignment) -> None:
        """Known by their version."""
        volumes = (Volume(name="tmp", empty_dir=EmptyDirVolumeSource()),)
        spec = PodSpec(containers=pod.spec.containers, volumes=volumes)
        pod = PodAssignment(uid=pod.uid, namespace=pod.namespace, name=pod.name, spec=spec, digest="digest")
        publish = PublishVolumes(pod=pod, version="v1", node="node-1", pod_ip=POD_IP, host_ip="192.0.2.1")
        assert self.act(world, pod, publish).status is DONE
        assert self.act(world, pod, publish).status is UNCHANGED
        assert [fact.version for fact in world.observe().volumes if fact.pod_uid == pod.uid] == ["v1"]
        assert self.act(world, pod, UnpublishVolumes(pod_uid=pod.uid)).status is DONE
        assert self.act(world, pod, UnpublishVolumes(pod_uid=pod.uid)).status is UNCHANGED
        assert [fact for fact in world.observe().volumes if fact.pod_uid == pod.uid] == []

    def test_a_local_volume_is_made_and_moved_to_the_trash(self, world: World, pod: PodAssignment) -> None:
        """P29: never removed."""
        name = f"pv-{pod.uid[:8]}"
        path = f"{self.volumes_dir}/{name}"
        assert self.act(world, pod, ProvisionVolume(name=name, path=path)).status is DONE
        assert self.act(world, pod, ProvisionVolume(name=name, path=path)).status is UNCHANGED
        assert {path, name} & set(world.observe().directories)
        assert self.act(world, pod, TrashVolume(name=name, path=path)).status is DONE
        assert self.act(world, pod, TrashVolume(name=name, path=path)).status is UNCHANGED
        assert not {path, name} & set(world.observe().directories)

    # Facts

    def test_facts_say_what_the_host_has(self, world: World, pod: PodAssignment) -> None:
        """Images, and who the host is."""
        facts = world.observe(full=True)
        assert facts.complete
        assert self.image in facts.images
        assert facts.host.boot_id
        assert facts.host.address

    def test_a_sample_counts_what_containers_use(self, world: World, pod: PodAssignment) -> None:
        """A running container's counters grow and never shrink; the sandbox and what has ended are not counted."""
        fact = self.running(world, pod, "while true; do :; done")
        first = world.sample()
        [before] = [one for one in first.containers if one.pod_uid == pod.uid]
        assert (before.id, before.container, before.pod_name) == (fact.id, "main", pod.name)
        assert before.started_at == fact.started_at
        assert before.memory_bytes > 0
        for _ in range(100):
            self.wait(world, 0.2)
            second = world.sample()
            [after] = [one for one in second.containers if one.pod_uid == pod.uid]
            if after.cpu_seconds > before.cpu_seconds and second.at > first.at:
                break
        assert after.cpu_seconds > before.cpu_seconds
        assert second.cpu_seconds >= first.cpu_seconds
        usage = usage_between(first, second)
        assert usage is not None
        assert next(one for one in usage.pods if one.uid == pod.uid).containers[0].cpu_nanos > 0
        self.act(world, pod, StopContainer(container_id=fact.id, name=fact.name, grace_s=0))
        assert not [one for one in world.sample().containers if one.pod_uid == pod.uid]
