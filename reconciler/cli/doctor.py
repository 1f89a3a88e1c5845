"""`reconciler doctor`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reconciler.cli.checks import Check, Finding, Grade
from reconciler.cli.common import command, settings_of, write_result
from reconciler.cli.exits import Exit

if TYPE_CHECKING:
    from reconciler.config import Settings


@command("reconciler doctor\nreconciler doctor --output json")
def run(data_dir: str | None, output: str) -> int:
    """Check this host, and say the fix for what is missing.

    Ends with 1 when something keeps Pods from running well; warnings alone end with 0.
    """
    settings = settings_of(data_dir)
    chosen = checks_of_node() if settings.server else checks()
    found = [finding for check in chosen for finding in check(settings)]
    write_result(document_of(found), text_of(found), output)
    return Exit.ERROR if any(finding.grade is Grade.FAIL for finding in found) else Exit.DONE


def checks() -> Sequence[Check]:
    """Return every check, in the order in which they are shown."""
    from reconciler.cli.checks import access, conflicts, engine, files, firewalls, host, peers, storage

    return (
        files.check_user,
        engine.check_engine,
        engine.check_programs,
        host.check_kernel,
        host.check_libnftables,
        host.check_haproxy,
        storage.check_nfs,
        storage.check_block,
        host.check_cgroup,
        host.check_forwarding,
        host.check_ranges,
        firewalls.check_firewalls,
        conflicts.check_conflicts,
        peers.check_node_address,
        peers.check_peers,
        host.check_ports,
        host.check_clock,
        files.check_group,
        files.check_places,
        access.check_api_port,
        access.check_certificates,
        check_daemon,
    )


def checks_of_node() -> Sequence[Check]:
    """Return every check of a host that has joined a daemon elsewhere."""
    from reconciler.cli.checks import access, files, node

    elsewhere = (files.check_group, access.check_api_port, access.check_certificates, check_daemon)
    return (*(check for check in checks() if check not in elsewhere), node.check_agent, node.check_membership)


def check_daemon(settings: "Settings") -> Sequence[Finding]:
    """Whether the daemon answers."""
    from reconciler.cli.checks import ok, warn
    from reconciler.client import ApiClient
    from reconciler.model.errors import ReconcilerError

    try:
        ApiClient(settings.socket_path, answer_s=5.0).get("/version")
    except ReconcilerError as error:
        return [warn("daemon", str(error), error.hint)]
    return [ok("daemon", f"answers at {settings.socket_path}")]


def document_of(found: Sequence[Finding]) -> dict[str, Any]:
    """Return the findings for scripts."""
    return {
        "apiVersion": "reconciler.dev/v1",
        "kind": "DoctorReport",
        "failed": sum(1 for finding in found if finding.grade is Grade.FAIL),
        "checks": [
            {"name": each.name, "grade": each.grade.value, "message": each.message, "fix": each.fix} for each in found
        ],
    }


def text_of(found: Sequence[Finding]) -> str:
    """Return the findings for people, each fix below what it is for."""
    width = max(len(finding.name) for finding in found)
    lines = []
    for finding in found:
        lines.append(f"{finding.grade.value:4}  {finding.name.ljust(width)}  {finding.message}")
        if finding.fix:
            lines.append(f"      {' ' * width}  fix: {finding.fix}")
    failed = sum(1 for finding in found if finding.grade is Grade.FAIL)
    warned = sum(1 for finding in found if finding.grade is Grade.WARN)
    lines.append(f"\n{len(found)} checks: {failed} failed, {warned} warnings")
    return "\n".join(lines)
