"""What `doctor` finds on hosts that lack something, without such a host."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.checks import Grade, conflicts, files, firewalls, host, node
from reconciler.config import Settings
from reconciler.executors.network.nftables import BaseChain, base_chains

CHAINS = """\
table inet corp {
	chain ahead {
		type filter hook forward priority 0; policy drop;
	}
	chain named {
	}
	chain input {
		type filter hook input priority 0; policy drop;
	}
}
table ip filter {
	chain FORWARD {
		type filter hook forward priority 0; policy drop;
	}
}
"""


def test_a_process_without_capabilities_is_told_so_and_not_to_load_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not permitted is no missing module: that would be a fix that helps nobody."""
    for module in (files, host):
        monkeypatch.setattr(module, "missing_rights", lambda: ("NET_ADMIN",))
    monkeypatch.setattr(files.os, "geteuid", lambda: 0)
    [user] = files.check_user(Settings())
    assert (user.grade, "NET_ADMIN" in user.message) == (Grade.FAIL, True)
    [kernel] = host.check_kernel(Settings())
    assert (kernel.grade, "modprobe" in kernel.fix) == (Grade.WARN, False)


@pytest.mark.parametrize(
    ("said", "grade", "words"),
    [
        ({"nftables": "Protocol not supported"}, Grade.FAIL, "needed for Services: Protocol not supported"),
        ({"veth": "Operation not supported"}, Grade.FAIL, "needed for links of Pods: Operation not supported"),
        ({"namespace": "Operation not permitted"}, Grade.WARN, "no network namespace of its own"),
    ],
)
def test_what_the_kernel_lacks_is_named(
    said: dict[str, str], grade: Grade, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each for what it is needed for."""
    monkeypatch.setattr(host, "missing_rights", lambda: ())
    monkeypatch.setattr(host.subprocess, "run", lambda *_, **__: _ended(0, json.dumps(said)))
    [one] = [one for one in host.check_kernel(Settings()) if one.grade is not Grade.OK]
    assert (one.grade, words in one.message, bool(one.fix)) == (grade, True, True)


def test_a_trial_of_the_kernel_that_breaks_off_tells_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not taken for a lack of rights."""
    monkeypatch.setattr(host, "missing_rights", lambda: ())
    monkeypatch.setattr(host.subprocess, "run", lambda *_, **__: _ended(3, "", "mnl.c:60: no socket\n"))
    [one] = host.check_kernel(Settings())
    assert one.grade is Grade.WARN and "mnl.c:60: no socket" in one.message


def test_a_firewall_that_drops_what_is_forwarded_is_named() -> None:
    """With table and chain; Docker's own is none, as our rules stand in it."""
    assert base_chains(CHAINS) == (
        BaseChain("inet", "corp", "ahead", "forward", "drop"),
        BaseChain("inet", "corp", "input", "input", "drop"),
        BaseChain("ip", "filter", "FORWARD", "forward", "drop"),
    )
    [one] = firewalls.judged(base_chains(CHAINS), "10.42.0.0/16")
    assert one.grade is Grade.WARN
    assert "chain ahead of table inet corp" in one.message
    assert "10.42.0.0/16" in one.fix
    [fine] = firewalls.judged((), "10.42.0.0/16")
    assert fine.grade is Grade.OK


def test_an_agent_that_does_not_run_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where everything else is well, nothing else would say why the node is not ready."""
    settings = Settings(data_dir="/var/lib/here", server="https://10.0.0.1:6443")
    monkeypatch.setattr(node, "holder", lambda: "")
    [one] = node.check_agent(settings)
    assert one.grade is Grade.FAIL
    assert "systemctl" in one.fix
    monkeypatch.setattr(node, "holder", lambda: "process 7 with data directory /var/lib/here")
    [one] = node.check_agent(settings)
    assert (one.grade, "process 7" in one.message) == (Grade.OK, True)


def test_an_engine_that_is_not_there_is_told_in_words(run: Any, data_dir: Path) -> None:
    """And not by the name of a class."""
    data_dir.mkdir()
    (data_dir / "config.yaml").write_text(f"engine: unix://{data_dir}/no-engine.sock\n")
    report = json.loads(run("doctor", "--data-dir", data_dir, "--output", "json").out)
    [docker] = [check for check in report["checks"] if check["name"] == "docker"]
    assert docker["message"] == "the Engine does not answer: no such file or directory"


def _ended(code: int, out: str, err: str = "") -> subprocess.CompletedProcess[bytes]:
    return subprocess.CompletedProcess([], code, out.encode(), err.encode())


def test_what_a_former_cluster_left_is_named_before_it_is_in_the_way() -> None:
    """By its mark, with the command that removes it; this cluster's own is not, nor what nobody marked."""
    ours = {"reconciler-dns": "reconciler host c1", "reconciler-vx": ""}
    tables = {"reconciler": 'table ip reconciler {\n\tcomment "reconciler cluster c1"\n}\n'}
    assert [one.grade for one in conflicts.judged("c1", ours, tables)] == [Grade.OK]
    found = conflicts.judged("c2", ours, tables)
    assert [one.grade for one in found] == [Grade.FAIL, Grade.FAIL]
    assert [one.fix.rpartition(": ")[2] for one in found] == [
        "ip link delete reconciler-dns",
        "nft delete table ip reconciler",
    ]
    assert len(conflicts.judged("", ours, tables)) == 2
