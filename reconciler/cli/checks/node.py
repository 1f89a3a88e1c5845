"""Checks of a host that has joined: its agent, certificate, way to the daemon and clock. Effect: asks both."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconciler.cli.checks import Finding, fail, ok, warn
from reconciler.cli.common import SystemClock, now
from reconciler.executors.network.lock import holder
from reconciler.model.errors import ReconcilerError
from reconciler.model.times import rfc3339

if TYPE_CHECKING:
    from reconciler.agent.certificate import NodeCertificate
    from reconciler.config import Settings


def check_agent(settings: "Settings") -> Sequence[Finding]:
    """Whether the agent runs: without it this node is silent, and nothing that fails here is repaired."""
    if running := holder():
        return [ok("agent", f"runs: {running}")]
    fix = "systemctl start reconciler-agent; why it ended: journalctl --unit reconciler-agent"
    return [fail("agent", "does not run: nobody looks after the Pods of this node", fix)]


def check_membership(settings: "Settings") -> Sequence[Finding]:
    """Whether this node's certificate holds, and the daemon answers to it."""
    from reconciler.agent.certificate import NodeCertificate

    try:
        certificate = NodeCertificate(settings.pki_path, SystemClock())
    except ReconcilerError as error:
        return [fail("certificate", str(error), error.hint)]
    if problem := certificate.problem():
        return [fail("certificate", problem, "")]
    held = ok("certificate", f"valid until {rfc3339(certificate.expires_at)}, renewed by the agent")
    return [held, *_daemon(settings, certificate)]


def _daemon(settings: "Settings", certificate: "NodeCertificate") -> Sequence[Finding]:
    from reconciler.agent.joining import clock_warning
    from reconciler.client.agents import AgentClient

    client = AgentClient(settings.server, certificate.context, now)
    try:
        client.look(settings.node_name)
    except ReconcilerError as error:
        return [warn("daemon", str(error), error.hint)]
    finally:
        client.close()
    answers = ok("daemon", f"{settings.server} answers to node {settings.node_name}")
    if warning := clock_warning(-(client.skew_s or 0.0)):
        return [answers, warn("clock-skew", warning, "")]
    return [answers]
