"""`reconciler join`."""

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import places
from reconciler.cli.common import command, note, write_result
from reconciler.cli.ranges import check_ranges, host_routes
from reconciler.model.errors import ConfigurationError

if TYPE_CHECKING:
    from reconciler.config import Settings
    from reconciler.model.agents import Joined


@command(
    "reconciler join https://10.0.0.1:6443 --token abc123.0123456789abcdef --ca-cert-hash sha256:9f86d0...\n"
    "reconciler agent"
)
@click.argument("server")
@click.option("--token", required=True, metavar="TOKEN", help="What `reconciler token create` has printed.")
@click.option("--ca-cert-hash", required=True, metavar="HASH", help="Whom to trust: sha256: and 64 digits.")
@click.option("--node-name", metavar="NAME", default="", help="The name of this host as a node (its host name).")
def run(data_dir: str | None, output: str, server: str, token: str, ca_cert_hash: str, node_name: str) -> None:
    """Make this host a node of the daemon at SERVER.

    The daemon is believed by the hash of its authority's key alone. Afterwards `reconciler agent` runs the node.
    A node whose certificate has expired, or that was removed, joins again in the same way.
    """
    from reconciler.agent import joining
    from reconciler.client.secure import server_of
    from reconciler.config import file_of, load_settings

    address, file = server_of(server), file_of(data_dir)
    existing = places.read_values(file)
    _refuse_daemon(existing, file)
    settings = load_settings(data_dir)
    node = node_name or existing.get("node") or socket.gethostname().lower()
    authority = joining.trusted_authority(address, ca_cert_hash)
    # Before its first file is, which is a key.
    places.make_directory(Path(settings.data_dir), 0o700, settings.socket_group)
    admission = joining.ask_to_join(address, authority, token, node, settings.pki_path)
    joined = admission.joined
    _refuse_other_cluster(existing, joined, file)
    if not existing.get("server"):
        _check_ranges(joined)
    joining.keep(admission, settings.pki_path)
    settings = _write(file, data_dir, settings, existing, joined, address)
    joining.forget_key(settings.pki_path)
    if warning := joining.clock_warning(admission.skew_s):
        note(warning)
    for missing in _what_is_missing(settings):
        note(missing)
    _tell(settings, joined, file, data_dir, output)


def _what_is_missing(settings: "Settings") -> list[str]:
    """Say what this host needs to run Pods and has not, and the fix; the node is not ready until then."""
    from reconciler.cli.checks import Grade, engine, host

    checks = (engine.check_engine, host.check_kernel, host.check_libnftables, engine.check_programs)
    found = [one for check in checks for one in check(settings)]
    return [
        f"this host runs no Pods yet: {one.name}: {one.message}\n  do:  {one.fix}"
        for one in found
        if one.grade is Grade.FAIL and one.name != "live-restore"
    ]


def _refuse_daemon(existing: dict[str, Any], file: Path) -> None:
    if existing.get("clusterId") and not existing.get("server"):
        raise ConfigurationError(
            f"{file} is of a daemon: its host is a node already",
            reason="AlreadyInitialised",
            hint="use another host, or another --data-dir on a host of its own",
        )


def _refuse_other_cluster(existing: dict[str, Any], joined: "Joined", file: Path) -> None:
    known = existing.get("clusterId")
    if known and known != joined.cluster_id:
        raise ConfigurationError(
            f"{file}: this host is a node of cluster {known}, and that daemon is of {joined.cluster_id}",
            reason="OtherCluster",
            hint="remove its Pods and its data directory first, then join",
        )


def _check_ranges(joined: "Joined") -> None:
    try:
        check_ranges(joined.pod_cidr, joined.service_cidr, host_routes())
    except ConfigurationError as error:
        hint = "change the routes of this host, then run the same command again: for this host the token still counts"
        raise ConfigurationError(str(error), hint=hint) from error


def _write(
    file: Path,
    data_dir: str | None,
    settings: "Settings",
    existing: dict[str, Any],
    joined: "Joined",
    server: str,
) -> "Settings":
    """Write the settings; what a person has written into the file before stays as it is."""
    from reconciler.config import load_settings

    for path, mode in ((Path(settings.data_dir), 0o700), (Path(settings.runtime_dir), 0o755)):
        places.make_directory(path, mode, settings.socket_group)
    values = {
        "server": server,
        "node": joined.node,
        "clusterId": joined.cluster_id,
        "clusterDomain": joined.domain,
        "podCidr": joined.pod_cidr,
        "serviceCidr": joined.service_cidr,
        "nodePrefix": joined.node_prefix,
        "dnsAddress": joined.dns_address,
    }
    if data_dir is None:
        values |= {"dataDir": settings.data_dir, "runtimeDir": settings.runtime_dir}
    told = {key: value for key, value in values.items() if existing.get(key) != value}
    places.put_settings(file, told)
    return load_settings(data_dir)


def _tell(settings: "Settings", joined: "Joined", file: Path, data_dir: str | None, output: str) -> None:
    document = {
        "apiVersion": "reconciler.dev/v1",
        "kind": "Join",
        "node": joined.node,
        "server": settings.server,
        "clusterId": joined.cluster_id,
        "podCIDR": joined.node_pod_cidr,
        "settings": str(file),
        **places.describe(settings),
    }
    start = "  systemctl enable --now reconciler-agent     (or in the foreground: reconciler agent)"
    if data_dir is not None:
        start = f"  reconciler agent --data-dir {data_dir}"
    lines = (
        f"node {joined.node} of cluster {joined.cluster_id}, addresses of Pods {joined.node_pod_cidr}, settings {file}",
        "start it:",
        start,
    )
    write_result(document, "\n".join(lines), output)
