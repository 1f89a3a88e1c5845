"""A provider that is an executable: what it is asked, and what is made of its answers."""

import json
import os
import resource
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reconciler.executors.network.state import Kernel, StateFile
from reconciler.executors.provider.script import ScriptProvider
from reconciler.model.base import to_builtins
from reconciler.model.errors import ConfigurationError, DeadlineError, TransientError
from reconciler.model.provider import (
    Balanced,
    Balancer,
    BalancerPort,
    Instance,
    Owner,
    ProviderAnswer,
    ProviderNode,
    ProviderRequest,
    Record,
    Recorded,
)

_PAGE = Path(__file__).resolve().parents[3] / "docs" / "EXTENDING.md"
REQUEST = ProviderRequest(
    cluster_id="c",
    nodes=(ProviderNode(name="host-1", address="10.0.0.1", is_fit=True),),
    load_balancers=(Balancer(namespace="shop", name="web", uid="u", ports=(BalancerPort(port=80, node_port=30080),)),),
)


def script(tmp_path: Path, text: str, deadline_s: float = 10.0) -> ScriptProvider:
    """A provider that runs this script of the shell."""
    path = tmp_path / "provider"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return ScriptProvider(str(path), deadline_s, tmp_path / "run")


def test_a_question_is_one_document_and_so_is_the_answer(tmp_path: Path) -> None:
    """With what is wanted, and what there is; fields that come later are let be."""
    said = {
        "apiVersion": "provider.reconciler.dev/v1",
        "later": 1,
        "instances": [{"node": "host-1", "providerID": "x://1", "zone": "a", "region": "r", "type": "m"}],
        "loadBalancers": [{"namespace": "shop", "name": "web", "ip": "192.0.2.9"}],
    }
    provider = script(tmp_path, f"cat > {tmp_path}/asked; echo '{json.dumps(said)}'")
    assert provider.ask(REQUEST) == ProviderAnswer(
        api_version="provider.reconciler.dev/v1",
        instances=(Instance(node="host-1", provider_id="x://1", zone="a", region="r", type="m"),),
        load_balancers=(Balanced(namespace="shop", name="web", ip="192.0.2.9"),),
    )
    assert json.loads((tmp_path / "asked").read_text()) == {
        "apiVersion": "provider.reconciler.dev/v1",
        "kind": "ProviderRequest",
        "clusterID": "c",
        "nodes": [{"name": "host-1", "address": "10.0.0.1", "isFit": True}],
        "loadBalancers": [{"namespace": "shop", "name": "web", "uid": "u", "ports": [{"port": 80, "nodePort": 30080}]}],
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("cat >/dev/null; echo 'no credentials' >&2; exit 3", "failed with exit code 3: no credentials"),
        ("exit 1", "failed with exit code 1: it said nothing"),
        ("echo hello", "gave no answer that can be read"),
        ("echo '{\"instances\": []}'", "gave no answer that can be read"),
        ('echo \'{"apiVersion": "provider.reconciler.dev/v2"}\'', "answers as 'provider.reconciler.dev/v2', asked as"),
    ],
)
def test_what_is_no_answer_says_so(tmp_path: Path, text: str, why: str) -> None:
    """With the words of the script."""
    with pytest.raises(TransientError, match="provider") as caught:
        script(tmp_path, text).ask(REQUEST)
    assert why in str(caught.value)


def test_the_example_of_the_documentation_answers(tmp_path: Path) -> None:
    """As it stands there."""
    text = _PAGE.read_text().partition("```python\n#!/usr/bin/env python3\n")[2].partition("```")[0]
    names = tmp_path / "hosts"
    program = tmp_path / "provider"
    program.write_text(f"#!{sys.executable}\n{text.replace('/var/lib/names/hosts', str(names))}")
    program.chmod(0o755)
    owner = Owner(kind="Service", namespace="shop", name="web", uid="u")
    records = (
        Record(name="www.example.org", targets=("192.0.2.9",), ttl=300, owner=owner),
        Record(name="x.example.org", type="CNAME", targets=("lb.example.org",), owner=owner),
    )
    told = ScriptProvider(str(program), 20.0, tmp_path).ask(ProviderRequest(cluster_id="c", records=records))
    assert told.instances == (Instance(node="host-1", zone="a"), Instance(node="host-2", zone="b"))
    assert told.records == (Recorded(name="x.example.org", error="only addresses can be named"),)
    assert names.read_text() == "192.0.2.9 www.example.org\n"


def test_everything_that_is_asked_has_the_names_of_the_documentation(tmp_path: Path) -> None:
    """Question and answer of the example are read as they stand, and nothing of them is left over."""
    blocks = _PAGE.read_text().split("```json\n")
    question, answer = (json.loads(block.partition("```")[0]) for block in blocks[1:3])
    asked = msgspec.convert(question, ProviderRequest)
    assert (asked.routes[0].pod_cidr, asked.volumes[0].claim.name, asked.records[0].ttl) == (
        "10.42.0.0/24",
        "data",
        300,
    )
    told = msgspec.convert(answer, ProviderAnswer)
    assert told.volumes[0].nfs is not None and told.routes[0].node == "host-1"
    head = {"apiVersion", "kind"}
    for text, value in ((question, asked), (answer, told)):
        _assert_within({k: v for k, v in text.items() if k not in head}, to_builtins(value))


def _assert_within(text: Any, told: Any) -> None:
    """What is written is what was read, but for what is absent because it is the default."""
    if isinstance(text, dict):
        for name, value in text.items():
            if name in told or value not in ("", "A", "TCP"):
                _assert_within(value, told.get(name))
    elif isinstance(text, list):
        assert len(text) == len(told)
        for one, other in zip(text, told, strict=True):
            _assert_within(one, other)
    else:
        assert text == told


def test_a_script_that_hangs_is_ended(tmp_path: Path) -> None:
    """By its deadline."""
    with pytest.raises(DeadlineError, match=r"did not answer within 0\.2 s"):
        script(tmp_path, "exec sleep 30", deadline_s=0.2).ask(REQUEST)


def test_what_a_script_that_hangs_has_started_is_ended_too(tmp_path: Path) -> None:
    """It would else go on beside the next one."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    held = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(DeadlineError):
        script(tmp_path, f"(sleep 30; echo late) 3> {pipe} & wait", deadline_s=0.5).ask(REQUEST)
    # Its end is closed once nothing holds the other.
    poll = select.poll()
    poll.register(held, select.POLLHUP)
    assert poll.poll(5000)
    os.close(held)


def test_a_file_that_is_none_names_the_setting(tmp_path: Path) -> None:
    """And so does one that cannot be run."""
    with pytest.raises(ConfigurationError, match="cannot be run: No such file"):
        ScriptProvider(str(tmp_path / "absent"), 1.0, tmp_path).ask(REQUEST)
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    with pytest.raises(ConfigurationError, match="cannot be run: Permission denied"):
        ScriptProvider(str(tmp_path / "plain"), 1.0, tmp_path).ask(REQUEST)


def test_a_script_that_cannot_be_noted_is_not_asked(tmp_path: Path) -> None:
    """Nobody would find it if this daemon were killed; the next time there may be room."""
    provider = script(tmp_path, f"cat && touch {tmp_path}/done")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(
            TransientError, match=r"is not asked: .*/run/provider.json cannot be written: File too large"
        ):
            provider.ask(REQUEST)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not (tmp_path / "done").exists()


_KILLED = """
import os, sys, threading
from pathlib import Path
from reconciler.executors.provider.script import ScriptProvider
from reconciler.model.provider import ProviderRequest

provider = ScriptProvider(sys.argv[1], 60.0, Path(sys.argv[2]))
threading.Thread(target=lambda: provider.ask(ProviderRequest(cluster_id="c")), daemon=True).start()
sys.stdin.read(1)
os.kill(os.getpid(), 9)
"""


def test_what_a_killed_daemon_asked_is_ended_before_the_next_question(tmp_path: Path) -> None:
    """Two scripts would else be at it side by side."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    held = os.open(pipe, os.O_RDWR)
    script(tmp_path, f"exec 3> {pipe}; cat > /dev/null; echo asked >&3; (sleep 60; echo late) & wait")
    command = [sys.executable, "-c", _KILLED, str(tmp_path / "provider"), str(tmp_path / "run")]
    killed = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=_PAGE.parents[1])
    reading = os.open(pipe, os.O_RDONLY)
    assert os.read(reading, 6) == b"asked\n"
    os.close(held)
    killed.communicate(b"x")
    assert killed.returncode == -9
    poll = select.poll()
    poll.register(reading, select.POLLHUP)
    assert not poll.poll(0)
    said = '{"apiVersion": "provider.reconciler.dev/v1"}'
    assert script(tmp_path, f"echo '{said}'").ask(REQUEST) == ProviderAnswer(api_version="provider.reconciler.dev/v1")
    # Its end is closed once nothing holds the other.
    assert poll.poll(5000)
    os.close(reading)


def test_a_process_that_only_has_the_number_of_an_earlier_script_is_let_be(tmp_path: Path) -> None:
    """Numbers are given again."""
    other = subprocess.Popen(["sleep", "60"], process_group=0)
    try:
        note = StateFile(tmp_path / "run" / "provider.json", Kernel.current())
        note.save({"pid": other.pid, "started": "1"})
        said = '{"apiVersion": "provider.reconciler.dev/v1"}'
        script(tmp_path, f"echo '{said}'").ask(REQUEST)
        assert other.poll() is None
        assert not (tmp_path / "run" / "provider.json").exists()
    finally:
        other.kill()
        other.wait()
