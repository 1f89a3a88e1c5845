"""Settings: the only reader of settings files and of the environment.

Flags win over `RECONCILER_*` variables, these over the settings file, this over defaults.
"""

import os
import socket
from collections.abc import Mapping
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml

from reconciler.model.errors import ConfigurationError
from reconciler.model.external import NODE_PORTS, settings_faults
from reconciler.model.ingress_values import size
from reconciler.model.node import NetworkBackend
from reconciler.model.placing import PlacingPolicy, faults_of
from reconciler.model.policy import IngressPolicy, RebalancingPolicy
from reconciler.model.pressure import (
    EVICTION_HARD,
    HostLimits,
    ImageLimits,
    parse_graces,
    parse_thresholds,
    with_graces,
    with_reclaim,
)
from reconciler.model.ranges import range_faults

DEFAULT_DATA = "/var/lib/reconciler"
DEFAULT_RUNTIME = "/run/reconciler"
DEFAULT_FILE = "/etc/reconciler/config.yaml"
RECEIVED = "received"


class SourceSettings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One repository of manifests.

    `url` `received` is the repository on this host that people push to. `interval_s` is the poll interval.
    `unknown_kinds` is error or warn. `on_failure` is what follows when a rollout misses its deadline: report, or
    rollback to the last healthy commit. `allowed_signers` is a file of ssh keys, one of which signed every commit.
    `ssh_key` and `known_hosts` are files for ssh, `username` and `password_file` (a token) for http, `ca_file`
    replaces the machine's certificate authorities; without them the machine's own hold.
    """

    name: str = "main"
    url: str = RECEIVED
    branch: str = "main"
    path: str = ""
    interval_s: float = 15.0
    fetch_deadline_s: float = 60.0
    prune: bool = True
    unknown_kinds: str = "error"
    restart_on_configuration_change: bool = False
    on_failure: Literal["report", "rollback"] = "report"
    allowed_signers: str = ""
    ssh_key: str = ""
    known_hosts: str = ""
    username: str = ""
    password_file: str = ""
    ca_file: str = ""


class LoadBalancerSettings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What Services of type LoadBalancer are given: `addresses` such as `10.0.0.240-10.0.0.250` or `10.0.1.0/28`.

    They have to be free on the hosts' own link: one node holds each and tells the neighbours.
    """

    addresses: tuple[str, ...] = ()


class ProviderSettings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Whoever provides machines and load balancers: an executable that is asked every `interval_s`; `""`: nobody."""

    script: str = ""
    interval_s: Annotated[float, msgspec.Meta(ge=1)] = 15.0
    deadline_s: Annotated[float, msgspec.Meta(ge=1)] = 60.0


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Everything a daemon is told. Paths are absolute; networks in CIDR notation; durations in seconds.

    `api_address` is where HTTPS is served (`""` switches it off; port 0 takes any that is free), `api_names` are
    further names and addresses that its certificate is for. `network_backend` is how Pods reach those of other nodes:
    `vxlan` (a tunnel), `host-gw` (plain routes, where all hosts share a link) or `routed` (the network between the
    hosts has routes to Pods, as a provider can make them; there are none of ours); the daemon's holds for all.
    `node_address` is by which other hosts reach this one (empty: that of the default route). `server` is the daemon's,
    where this host has joined one as a node: then an agent runs here and no daemon. `eviction_hard` says below what
    this host counts as pressed, as the kubelet's `evictionHard` does (`memory.available<100Mi,nodefs.available<10%`;
    empty: it never does). `eviction_soft` with `eviction_soft_grace_period` (`memory.available=1m30s`) does so too, but
    ends Pods only once it has held that long, with `eviction_max_pod_grace_s` to end; `eviction_minimum_reclaim`
    (`nodefs.available=500Mi`) is how much more has to be left before it is over, and a condition stays for
    `eviction_pressure_transition_s`. From `image_gc_high_percent` of its disk on (100: never), images that were
    pulled for Pods and that nobody uses are removed down to `image_gc_low_percent`, none that came less than
    `image_minimum_gc_age_s` ago. `default_not_ready_toleration_s` and `default_unreachable_toleration_s` are for how
    long Pods bear it that their node is not ready, or not reached, unless they say so themselves. `scheduler` says
    which nodes are better for Pods than others, with the arguments of kube-scheduler's plugins; `rebalancing`
    (`{enabled: true}`) has Pods with a budget move from full nodes to emptier ones, one at a time.
    `ingress_http_port` and `ingress_https_port` are those of this host at which it serves Ingresses; `ingress` is what
    holds for Ingresses that say nothing else: `{bodySize: 1m, accessLog: false}`.
    `legacy_addresses` takes addresses such as `010.0.0.1` and `::ffff:10.0.0.1`, with a warning, for what Kubernetes
    took them for before 1.36.
    """

    data_dir: str = DEFAULT_DATA
    runtime_dir: str = DEFAULT_RUNTIME
    node: str = ""
    cluster_id: str = ""
    cluster_domain: str = "cluster.local"
    pod_cidr: str = "10.42.0.0/16"
    service_cidr: str = "10.43.0.0/16"
    node_prefix: int = 24
    dns_address: str = "169.254.20.10"
    network_backend: NetworkBackend = "vxlan"
    node_address: str = ""
    database: str = ""
    engine: str = "unix:///var/run/docker.sock"
    api_address: str = "0.0.0.0:6443"
    api_names: tuple[str, ...] = ()
    server: str = ""
    socket_group: str = "reconciler"
    log_level: str = "info"
    sources: tuple[SourceSettings, ...] = (SourceSettings(),)
    resync_s: float = 30.0
    history_days: float = 14.0
    eviction_hard: str = EVICTION_HARD
    node_port_range: str = NODE_PORTS
    load_balancer: LoadBalancerSettings = LoadBalancerSettings()
    provider: ProviderSettings = ProviderSettings()
    ingress_http_port: int = 80
    ingress_https_port: int = 443
    legacy_addresses: bool = False
    eviction_soft: str = ""
    eviction_soft_grace_period: str = ""
    eviction_minimum_reclaim: str = ""
    eviction_max_pod_grace_s: float = 0.0
    eviction_pressure_transition_s: float = 300.0
    image_gc_high_percent: int = 85
    image_gc_low_percent: int = 80
    image_minimum_gc_age_s: float = 120.0
    default_not_ready_toleration_s: int = 300
    default_unreachable_toleration_s: int = 300

    scheduler: PlacingPolicy = PlacingPolicy()
    rebalancing: RebalancingPolicy = RebalancingPolicy()
    ingress: IngressPolicy = IngressPolicy()

    @property
    def node_name(self) -> str:
        """The name this host has as a Node: as set, else the host name in lower case."""
        return self.node or socket.gethostname().lower()

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL of the store: as set, else SQLite in the data directory."""
        return self.database or f"sqlite:///{self.data_dir}/state.db"

    @property
    def socket_path(self) -> Path:
        """Where the API's Unix socket is."""
        return Path(self.runtime_dir) / "reconciler.sock"

    @property
    def api_endpoint(self) -> tuple[str, int] | None:
        """The address and port of HTTPS, or None where it is switched off."""
        return _endpoint(self.api_address) if self.api_address else None

    @property
    def host_limits(self) -> HostLimits:
        """What this host does about itself when memory, a disk or process numbers run out."""
        try:
            soft = with_graces(parse_thresholds(self.eviction_soft), parse_graces(self.eviction_soft_grace_period))
            both = (*parse_thresholds(self.eviction_hard), *soft)
            thresholds = with_reclaim(both, self.eviction_minimum_reclaim)
        except ValueError as error:
            raise ConfigurationError(f"evictionHard, evictionSoft: {error}", hint=f"such as {EVICTION_HARD}") from error
        if not 0 <= self.image_gc_low_percent < self.image_gc_high_percent <= 100:
            raise ConfigurationError(
                f"imageGcLowPercent {self.image_gc_low_percent} is not below imageGcHighPercent "
                f"{self.image_gc_high_percent}, or they are no percentages",
                hint="such as 80 and 85; an imageGcHighPercent of 100 keeps all images",
            )
        return HostLimits(
            thresholds=thresholds,
            transition_s=self.eviction_pressure_transition_s,
            max_pod_grace_s=self.eviction_max_pod_grace_s,
            images=ImageLimits(
                high=self.image_gc_high_percent,
                low=self.image_gc_low_percent,
                min_age_s=self.image_minimum_gc_age_s,
            ),
        )

    @property
    def pki_path(self) -> Path:
        """Where the cluster's certificate authority and the API's certificate are."""
        return Path(self.data_dir) / "pki"

    @property
    def received_path(self) -> Path:
        """Where the received repository is."""
        return Path(self.data_dir) / "receive" / "manifests.git"

    @property
    def key_path(self) -> Path:
        """Where the key is that encrypts secrets in the database (32 bytes, mode 0600)."""
        return Path(self.data_dir) / "secret.key"


def file_of(data_dir: str | None) -> Path:
    """Return the settings file: inside a given data directory, else the system's or the user's."""
    if data_dir:
        return Path(data_dir) / "config.yaml"
    if named := os.environ.get("RECONCILER_CONFIG"):
        return Path(named)
    if os.geteuid() == 0:
        return Path(DEFAULT_FILE)
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "reconciler" / "config.yaml"


def load_settings(data_dir: str | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings that hold for `data_dir` (None: the default places).

    Raises ConfigurationError with the file and the reason when the file is unreadable or has unknown settings.
    """
    data_dir = data_dir or os.environ.get("RECONCILER_DATA_DIR")
    path = file_of(data_dir)
    values: dict[str, Any] = default_places(data_dir)
    if path.exists():
        values |= _read(path)
    values |= _environment()
    values |= {name: value for name, value in (overrides or {}).items() if value is not None}
    try:
        settings = msgspec.convert(values, Settings, strict=False)
        check_api(settings)
        check_networks(settings)
        check_node_address(settings)
        check_scheduler(settings)
        check_rebalancing(settings)
        check_ingress(settings)
        _ = settings.host_limits
        check_external(settings)
        return settings
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{path}: {error}", hint="see `reconciler init --help` for the settings") from error


def check_api(settings: Settings) -> None:
    """Raise ConfigurationError unless the address and the names of HTTPS are ones."""
    _ = settings.api_endpoint
    wrong = [name for name in settings.api_names if not name or not name.isascii() or " " in name]
    if wrong:
        raise ConfigurationError(f"apiNames: {wrong[0]!r} is no host name and no address")


def check_networks(settings: Settings) -> None:
    """Raise ConfigurationError with everything for which no host could use the ranges of Pods and Services."""
    faults = range_faults(settings.pod_cidr, settings.service_cidr, settings.node_prefix, settings.dns_address)
    if faults:
        hint = "choose others when the cluster is made: reconciler init --pod-cidr ... --service-cidr ..."
        raise ConfigurationError("; ".join(faults), hint=hint)


def check_scheduler(settings: Settings) -> None:
    """Raise ConfigurationError with everything for which Pods cannot be placed as `scheduler` says."""
    if faults := [f"scheduler.{path}: {fault}" for path, fault in faults_of(settings.scheduler)]:
        hint = "such as scoringStrategy: {type: MostAllocated}; leave it out for the default"
        raise ConfigurationError("; ".join(faults), hint=hint)


def check_rebalancing(settings: Settings) -> None:
    """Raise ConfigurationError with everything that is wrong with `rebalancing`."""
    rules = settings.rebalancing
    faults = [
        *([] if rules.settled_s >= 0 else [f"settledS: {rules.settled_s:g} is no time to wait"]),
        *([] if 1 <= rules.margin_percent <= 100 else [f"marginPercent: {rules.margin_percent} is not from 1 to 100"]),
    ]
    if faults:
        told = "; ".join(f"rebalancing.{one}" for one in faults)
        raise ConfigurationError(told, hint="such as rebalancing: {enabled: true, settledS: 600, marginPercent: 20}")


def check_ingress(settings: Settings) -> None:
    """Raise ConfigurationError unless the size of bodies is one."""
    try:
        size(str(settings.ingress.body_size))
    except ValueError as error:
        raise ConfigurationError(f"ingress.bodySize: {error}", hint="such as 8m; 0 for no limit") from error


def check_node_address(settings: Settings) -> None:
    """Raise ConfigurationError unless the node's address is one that other hosts can reach."""
    text = settings.node_address
    if not text:
        return
    try:
        is_usable = not IPv4Address(text).is_loopback
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ConfigurationError(
            f"nodeAddress: {text!r} is no address that other hosts can reach",
            hint="an IPv4 address of this host; leave it out for that of the default route",
        )


def check_external(settings: Settings) -> None:
    """Raise ConfigurationError with everything that is wrong with node ports and addresses of load balancers."""
    ranges = {"podCidr": settings.pod_cidr, "serviceCidr": settings.service_cidr}
    addresses = settings.load_balancer.addresses
    if faults := settings_faults(settings.node_port_range, addresses, ranges, settings.node_address):
        hint = "such as nodePortRange: 30000-32767, loadBalancer: {addresses: [10.0.0.240-10.0.0.250, 10.0.1.0/28]}"
        raise ConfigurationError("; ".join(faults), hint=hint)


def _endpoint(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    try:
        address, number = ip_address(host.removeprefix("[").removesuffix("]")), int(port)
    except ValueError:
        number = -1
    if not 0 <= number <= 65535:
        raise ConfigurationError(
            f"apiAddress: {text!r} is no address with a port",
            hint="such as 0.0.0.0:6443, [::]:6443 or 127.0.0.1:6443",
        )
    return str(address), number


def default_places(data_dir: str | None) -> dict[str, Any]:
    """Return `dataDir` and `runtimeDir` for a given data directory, for root, or for a user."""
    if data_dir:
        data = Path(data_dir).absolute()
        return {"dataDir": str(data), "runtimeDir": str(data / "run")}
    if os.geteuid() == 0:
        return {"dataDir": DEFAULT_DATA, "runtimeDir": DEFAULT_RUNTIME}
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/tmp/reconciler-{os.geteuid()}"
    return {"dataDir": f"{state}/reconciler", "runtimeDir": f"{runtime}/reconciler"}


def _read(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigurationError(f"{path}: expected a mapping of settings")
    return values


def _environment() -> dict[str, Any]:
    named = {f"RECONCILER_{_upper(field.encode_name)}": field.encode_name for field in msgspec.structs.fields(Settings)}
    skipped = {"sources", "loadBalancer", "provider", "rebalancing", "ingress", "dataDir"}
    told = {name: os.environ[env] for env, name in named.items() if env in os.environ and name not in skipped}
    lists = {"apiNames": told["apiNames"].replace(",", " ").split()} if "apiNames" in told else {}
    return {**told, **lists}


def _upper(camel: str) -> str:
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in camel)
