"""What goes wrong in a story: each fault strikes at once and, where it lasts, says how it ends."""

import random
from collections.abc import Callable

from reconciler.simulation.cluster import SimulatedCluster, SimulatedHost
from tests.simulation.cluster.safety import FOREIGN, Safety

Undo = Callable[[], None]
_ACTIONS = (
    "createSandbox",
    "startContainer",
    "attachPod",
    "detachPod",
    "publishVolumes",
    "unpublishVolumes",
    "programServices",
    "publishNames",
    "removeContainer",
    "removeSandbox",
    "stopContainer",
    "pullImage",
    "provisionVolume",
    "prepareHost",
)


class Faults:
    """Draws faults. `strike` returns what happened in words and how it ends (None: it is over already)."""

    def __init__(self, dice: random.Random, cluster: SimulatedCluster, safety: Safety) -> None:
        self.dice = dice
        self.cluster = cluster
        self.safety = safety
        self.off: set[str] = set()
        self._usual = {name: dict(host.world.durations) for name, host in cluster.hosts.items()}

    def crash(self) -> tuple[str, Undo]:
        """Kill the daemon or an agent."""
        is_daemon = self.dice.random() < 0.4 or self._are_all_off
        return self._crash_daemon() if is_daemon else self._crash_agent(self._host())

    def strike(self) -> tuple[str, Undo | None]:
        """Do one random fault."""
        if self._are_all_off:
            return self._crash_daemon()
        kinds: list[Callable[[SimulatedHost], tuple[str, Undo | None]]] = [
            self._crash_agent,
            self._cut,
            self._lose_reports,
            self._delay,
            self._remove_container,
            self._silence_engine,
            self._restart_engine,
            self._reboot,
            self._break_registry,
            self._fail_actions,
            self._slow_down,
            self._fill_disk,
            self._break_link,
            self._flush_table,
            self._switch_off,
            self._jump,
        ]
        weights = [3, 2, 2, 2, 5, 3, 2, 1, 2, 5, 2, 1, 2, 1, 2, 1]
        return self.dice.choices(kinds, weights)[0](self._host())

    def strike_node(self) -> tuple[str, Undo | None]:
        """Do a fault of a whole node."""
        if self._are_all_off:
            return self._crash_daemon()
        kinds = (self._switch_off, self._cut, self._reboot, self._set_clock, self._silence_engine)
        return self.dice.choices(kinds, (4, 4, 1, 2, 1))[0](self._host())

    def _host(self) -> SimulatedHost:
        """Choose a host that is on."""
        return self.cluster.hosts[self.dice.choice(sorted(self.cluster.hosts.keys() - self.off))]

    @property
    def _are_all_off(self) -> bool:
        return len(self.off) == len(self.cluster.hosts)

    # Processes

    def _crash_daemon(self) -> tuple[str, Undo]:
        if self.cluster.daemon is not None:
            self.cluster.crash_daemon()
        return "kill the daemon", self._start_daemon

    def _start_daemon(self) -> None:
        if self.cluster.daemon is None:
            self.cluster.start_daemon()

    def _crash_agent(self, host: SimulatedHost) -> tuple[str, Undo]:
        how = self.dice.choice(("undone", "half done", "done"))
        if host.agent.is_alive:
            host.crash_agent(midway=how == "half done", done=how == "done")
        keep = self.dice.random() < 0.75

        def start() -> None:
            if not host.agent.is_alive and host.name not in self.off:
                host.start_agent(keep_memory=keep)

        memory = "its memory kept" if keep else "its disk lost"
        return f"kill the agent of {host.name}, {memory}, what it had begun is {how}", start

    # Network between daemon and node

    def _cut(self, host: SimulatedHost) -> tuple[str, Undo]:
        host.link.is_connected = False
        host.link.forget_reports()

        def mend() -> None:
            host.link.is_connected = True

        return f"cut the link to {host.name}", mend

    def _lose_reports(self, host: SimulatedHost) -> tuple[str, Undo]:
        host.link.loses_reports = True

        def mend() -> None:
            host.link.loses_reports = False

        return f"lose the reports of {host.name}", mend

    def _delay(self, host: SimulatedHost) -> tuple[str, Undo]:
        delay_s = self.dice.choice((0.2, 2.0, 15.0))
        host.link.delay_s = delay_s

        def mend() -> None:
            host.link.delay_s = 0.001

        return f"delay everything between the daemon and {host.name} by {delay_s} s", mend

    # The host

    def _remove_container(self, host: SimulatedHost) -> tuple[str, Undo | None]:
        names = sorted(name for name in host.world.engine.containers if name != FOREIGN)
        if not names:
            return f"find nothing to remove on {host.name}", None
        name = self.dice.choice(names)
        self.safety.disturbed.add(host.world.engine.containers[name].fact.pod_uid)
        host.world.remove_by_hand(name)
        host.look()
        return f"docker rm -f {name} on {host.name}", None

    def _silence_engine(self, host: SimulatedHost) -> tuple[str, Undo]:
        host.world.engine_silent = True

        def mend() -> None:
            host.world.engine_silent = False
            host.look()

        host.look()
        return f"silence the Engine of {host.name}", mend

    def _restart_engine(self, host: SimulatedHost) -> tuple[str, Undo | None]:
        live = self.dice.random() < 0.6
        if not live:
            self.safety.disturb(host)
        host.world.restart_engine(live_restore=live)
        _keep_foreign(host)
        host.look()
        return f"restart the Engine of {host.name} {'with' if live else 'without'} live-restore", None

    def _reboot(self, host: SimulatedHost) -> tuple[str, Undo | None]:
        self.safety.disturb(host)
        host.reboot()
        _keep_foreign(host)
        return f"reboot {host.name}", None

    def _switch_off(self, host: SimulatedHost) -> tuple[str, Undo | None]:
        """Let a host go silent with all that runs on it, and come back later."""
        self.safety.disturb(host)
        if host.agent.is_alive:
            host.crash_agent()
        host.world.engine.end_all()
        _keep_foreign(host)
        self.off.add(host.name)

        def switch_on() -> None:
            self.off.discard(host.name)
            self.safety.disturb(host)
            host.reboot()
            _keep_foreign(host)

        return f"switch {host.name} off", switch_on

    def _jump(self, _: SimulatedHost) -> tuple[str, Undo | None]:
        """Set the clock of everything, forward or back."""
        seconds = self.dice.choice((-300.0, -20.0, -2.0, 2.0, 60.0, 900.0, 7200.0))
        self.cluster.clock.jump(seconds)
        for host in self.cluster.hosts.values():
            host.world.engine.set_clock(seconds)
        return f"set the clock {'forward' if seconds > 0 else 'back'} by {abs(seconds):.0f} s", None

    def _set_clock(self, host: SimulatedHost) -> tuple[str, Undo]:
        """Set the clock of one host, until somebody sees it."""
        seconds = self.dice.choice((-7200.0, -300.0, -20.0, 20.0, 300.0, 7200.0))
        host.set_clock(seconds)

        def mend() -> None:
            host.set_clock(-seconds)

        return f"set the clock of {host.name} {'forward' if seconds > 0 else 'back'} by {abs(seconds):.0f} s", mend

    def _break_registry(self, host: SimulatedHost) -> tuple[str, Undo]:
        host.world.engine.registry_error = "the registry answers 503"

        def mend() -> None:
            host.world.engine.registry_error = ""

        return f"break the registry for {host.name}", mend

    def _fail_actions(self, host: SimulatedHost) -> tuple[str, Undo | None]:
        action, times, midway = self.dice.choice(_ACTIONS), self.dice.randint(1, 3), self.dice.random() < 0.5
        host.world.fail(action, times, midway=midway)
        return f"let {times} {action} fail on {host.name}{' midway' if midway else ''}", None

    def _slow_down(self, host: SimulatedHost) -> tuple[str, Undo]:
        usual = self._usual[host.name]
        factor = self.dice.choice((20, 200))
        host.world.durations = {name: seconds * factor for name, seconds in usual.items()}

        def mend() -> None:
            host.world.durations = dict(usual)

        return f"slow {host.name} down by {factor}", mend

    def _fill_disk(self, host: SimulatedHost) -> tuple[str, Undo]:
        host.world.disk_full = True

        def mend() -> None:
            host.world.disk_full = False

        return f"fill the disk of {host.name}", mend

    def _break_link(self, host: SimulatedHost) -> tuple[str, Undo | None]:
        uids = sorted(host.world.links)
        if not uids:
            return f"find no link on {host.name}", None
        uid = self.dice.choice(uids)
        host.world.break_link(uid, remove=self.dice.random() < 0.5)
        host.look()
        return f"break the link of Pod {uid[:8]} on {host.name}", None

    def _flush_table(self, host: SimulatedHost) -> tuple[str, Undo | None]:
        host.world.flush_table()
        host.look()
        return f"flush the table of {host.name}", None


def _keep_foreign(host: SimulatedHost) -> None:
    """What happens to a container that is not ours when its Engine or host goes down is not our business."""
    host.world.engine.restart(FOREIGN)
