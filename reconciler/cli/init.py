"""`reconciler init`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import live_restore, places
from reconciler.cli.common import command, note, write_result
from reconciler.cli.ranges import check_ranges, host_routes
from reconciler.model.errors import ConfigurationError, ReconcilerError

if TYPE_CHECKING:
    from reconciler.config import Settings


@command(
    "reconciler init --receive\nreconciler init --repo https://git.example/shop.git --branch main --path production"
)
@click.option("--receive", is_flag=True, help="Make a repository on this host that people push to.")
@click.option("--repo", metavar="URL", help="Follow a repository elsewhere.")
@click.option("--branch", default="main", help="The branch to follow (main).")
@click.option("--path", "folder", default="", help="The folder of the manifests within the repository.")
@click.option("--node", metavar="NAME", default="", help="The name of this host as a node (its host name).")
@click.option("--pod-cidr", metavar="CIDR", help="Addresses of Pods (10.42.0.0/16).")
@click.option("--service-cidr", metavar="CIDR", help="Addresses of Services (10.43.0.0/16).")
@click.option(
    "--network-backend",
    type=click.Choice(["vxlan", "host-gw", "routed"]),
    help="How Pods reach those of other hosts: a tunnel (vxlan), plain routes where all hosts share a link (host-gw), "
    "or routes of the network between them (routed).",
)
@click.option("--api-address", metavar="ADDRESS", help='Where HTTPS is served (0.0.0.0:6443); "" switches it off.')
@click.option("--enable-live-restore", is_flag=True, help="Turn Docker's live-restore on, by a reload of dockerd.")
def run(
    data_dir: str | None,
    output: str,
    receive: bool,
    repo: str | None,
    branch: str,
    folder: str,
    node: str,
    pod_cidr: str | None,
    service_cidr: str | None,
    network_backend: str | None,
    api_address: str | None,
    enable_live_restore: bool,
) -> None:
    """Make the data directory, keys, settings and repository of this host.

    Nothing that exists is changed: run it again to see what there is.
    """
    from reconciler.config import RECEIVED, file_of, load_settings

    if receive and repo:
        raise click.UsageError("--receive and --repo exclude each other")
    source = {"name": "main", "url": repo or RECEIVED, "branch": branch, "path": folder}
    wanted: dict[str, Any] = {"node": node, "podCidr": pod_cidr, "serviceCidr": service_cidr}
    wanted["networkBackend"] = network_backend
    if receive or repo:
        wanted["sources"] = [{key: value for key, value in source.items() if value}]
    file = file_of(data_dir)
    existing = places.read_values(file)
    made: list[str] = []
    if existing.get("server"):
        raise ConfigurationError(
            f"{file}: this host is a node that has joined {existing['server']}",
            reason="AlreadyInitialised",
            hint="it needs no init; a daemon of its own needs another --data-dir on another host",
        )
    if existing.get("clusterId"):
        _refuse_other(load_settings(data_dir), source if receive or repo else None, file)
    else:
        given = {key: value for key, value in wanted.items() if value}
        if api_address is not None:
            given["apiAddress"] = api_address
        _make_settings(file, data_dir, existing, given, made)
    settings = load_settings(data_dir)
    _make_places(settings, made)
    _make_authority(settings, made)
    if any(one.url == RECEIVED for one in settings.sources):
        _make_received(settings, data_dir, made)
    _live_restore(settings, enable_live_restore, made)
    _tell(settings, made, file, output)


def _make_settings(
    file: Path, data_dir: str | None, existing: dict[str, Any], wanted: dict[str, Any], made: list[str]
) -> None:
    """Write the settings of a new cluster; what a person has written into the file before stays as it is."""
    differing = [key for key, value in wanted.items() if key in existing and existing[key] != value]
    if differing:
        raise ConfigurationError(
            f"{file}: says something else for {', '.join(differing)}",
            hint=f"leave the option out, or edit {file}",
        )
    settings = _checked({**existing, **wanted}, data_dir)
    check_ranges(settings.pod_cidr, settings.service_cidr, host_routes())
    complete = {
        "clusterId": places.new_cluster_id(),
        "podCidr": settings.pod_cidr,
        "serviceCidr": settings.service_cidr,
        "networkBackend": settings.network_backend,
        "sources": [{"name": "main", "url": "received", "branch": "main"}],
        **wanted,
    }
    if data_dir is None:
        complete |= {"dataDir": settings.data_dir, "runtimeDir": settings.runtime_dir}
    _make_places(settings, made)
    places.add_settings(file, {key: value for key, value in complete.items() if key not in existing})
    made.append(str(file))


def _checked(values: dict[str, Any], data_dir: str | None) -> "Settings":
    """Return the settings as the daemon will read them, before anything is written."""
    import msgspec

    from reconciler.config import Settings, check_api, check_networks, default_places

    try:
        settings = msgspec.convert({**default_places(data_dir), **values}, Settings, strict=False)
        check_api(settings)
        check_networks(settings)
        return settings
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"these settings do not fit: {error}") from error


def _make_places(settings: "Settings", made: list[str]) -> None:
    for path, mode in ((Path(settings.data_dir), 0o700), (Path(settings.runtime_dir), 0o755)):
        if places.make_directory(path, mode, settings.socket_group):
            made.append(str(path))
    if places.make_key(settings.key_path):
        made.append(str(settings.key_path))


def _make_authority(settings: "Settings", made: list[str]) -> None:
    from reconciler.access.authority import CERTIFICATE, Authority
    from reconciler.cli.common import SystemClock

    path = settings.pki_path / CERTIFICATE
    is_new = not path.exists()
    Authority.open(settings.pki_path, settings.cluster_id, SystemClock())
    if is_new:
        made.append(str(path))


def _refuse_other(settings: "Settings", wanted: dict[str, str] | None, file: Path) -> None:
    """Refuse to be told of another source than the one that is set: that is an edit of the settings file."""
    if wanted is None:
        return
    present = settings.sources[0]
    differing = [name for name, value in wanted.items() if value and getattr(present, name) != value]
    if differing:
        raise ConfigurationError(
            f"{file}: this host already follows {present.url} ({present.branch}); it differs in {', '.join(differing)}",
            reason="AlreadyInitialised",
            hint=f"edit {file}, then: systemctl restart reconciler",
        )


def _make_received(settings: "Settings", data_dir: str | None, made: list[str]) -> None:
    from reconciler.config import RECEIVED
    from reconciler.git.received import create_received

    path = settings.received_path
    source = next(one for one in settings.sources if one.url == RECEIVED)
    is_new = not path.exists()
    create_received(
        path,
        branch=source.branch,
        socket=settings.socket_path,
        python=sys.executable,
        data_dir=Path(data_dir) if data_dir else None,
    )
    if is_new:
        made.append(str(path))
        if places.share_repository(path, settings.socket_group):
            note(f"members of the group {settings.socket_group} can push to it once Git trusts it for them:")
            note(f"  git config --system --add safe.directory {path}")


def _live_restore(settings: "Settings", enable: bool, made: list[str]) -> None:
    """Turn live-restore on when asked to; otherwise say when it is off, or cannot be told."""
    if enable:
        if live_restore.enable(lambda: live_restore.is_on(settings.engine)):
            made.append(f"live-restore in {live_restore.SETTINGS}")
        return
    try:
        if not live_restore.is_on(settings.engine):
            note("live-restore is off: a restart of Docker would restart every container")
            note(f"  {live_restore.HINT}")
    except ReconcilerError as error:
        note(f"the Docker Engine does not answer: {error}")


def _tell(settings: "Settings", made: list[str], file: Path, output: str) -> None:
    from reconciler.config import RECEIVED

    document = {
        "apiVersion": "reconciler.dev/v1",
        "kind": "Initialisation",
        "clusterId": settings.cluster_id,
        "node": settings.node_name,
        "settings": str(file),
        **places.describe(settings),
        "apiAddress": settings.api_address,
        "made": made,
    }
    lines = [f"made    {name}" for name in made] or [f"nothing to do: {settings.data_dir} is initialised"]
    lines += [f"cluster {settings.cluster_id}, node {settings.node_name}, settings {file}"]
    if any(one.url == RECEIVED for one in settings.sources):
        lines += ["push to it:", f"  git remote add deploy {settings.received_path}", "  git push deploy HEAD:main"]
    write_result(document, "\n".join(lines), output)
