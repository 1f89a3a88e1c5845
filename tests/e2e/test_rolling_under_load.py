"""A Deployment behind its Service is rolled again and again under load, and nobody notices."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.host import ROOT, Host
from tests.e2e.manifests import web

pytestmark = pytest.mark.real

ROLLS = int(os.environ.get("RECONCILER_ROLLS", "4"))
RATE = 200


@pytest.mark.timeout(120 + 30 * ROLLS)
def test_not_one_of_many_new_connections_fails_while_it_rolls(host: Host, tmp_path: Path) -> None:
    """Readiness, preStop and the order of endpoints see to it; a connection that failed is not tried again."""
    assert host.push({"web.yaml": web("0", replicas=4)}).code == 0
    host.settle()
    load = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.load", host.address("web"), "80", str(RATE)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert load.stdout is not None
    assert load.stdout.readline() == "started\n"
    try:
        for number in range(1, ROLLS + 1):
            pushed = host.push({"web.yaml": web(str(number), replicas=4)})
            assert pushed.code == 0, pushed
            host.settle()
    finally:
        load.terminate()
        told = json.loads(load.stdout.readline() or "{}")
        load.wait(20)
        load.stdout.close()
    print(f"{ROLLS} rolls, connections: {told}")
    assert told["ok"] > 2 * RATE
    assert set(told) == {"ok"}, f"{told}\n{host.events()}\n{host.log()}"
