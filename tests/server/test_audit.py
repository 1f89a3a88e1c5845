"""The audit log: writes and refusals, one line each, nothing secret."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_double import Api, pod, served
from people import access, bearer
from web import ask

from reconciler.model.access import MASTERS
from reconciler.server.audit import AuditLog

OWN = "/apis/reconciler.dev/v1"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the log is."""
    return tmp_path / "audit.log"


@pytest.fixture
def log(file: Path) -> Iterator[AuditLog]:
    """A log that is closed in the end."""
    log = AuditLog(file)
    yield log
    log.close()


@pytest.fixture
def api(socket_path: Path, log: AuditLog) -> Iterator[Api]:
    """An API with an audit log."""
    with served(socket_path, access=access(ada=(), boss=(MASTERS,)), audit=log) as running:
        yield running


def lines(log: AuditLog, file: Path) -> list[dict[str, Any]]:
    """Return what was recorded."""
    log.close()
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_writes_and_refusals_are_recorded_and_reads_are_not(api: Api, log: AuditLog, file: Path) -> None:
    """Who, how known, what, and what came of it and why."""
    api.objects.put(pod("a"))
    ask(api.path, "GET", "/api/v1/pods", Authorization=bearer("boss"))
    ask(api.path, "POST", f"{OWN}/sources/main/suspend", b"{}", Authorization=bearer("boss"))
    ask(api.path, "DELETE", "/api/v1/namespaces/shop/pods/a?dryRun=All", Authorization=bearer("ada"))
    ask(api.path, "GET", "/metrics?token=hunter2", Authorization=bearer("ada"))
    found = lines(log, file)
    assert [(one["user"], one["verb"], one["decision"], one["code"]) for one in found] == [
        ("boss", "create", "allow", 200),
        ("ada", "delete", "refuse", 403),
        ("ada", "get", "refuse", 403),
    ]
    assert {key: found[0][key] for key in ("via", "credential", "group", "resource", "subresource", "name")} == {
        "via": "token",
        "credential": "id-boss",
        "group": "reconciler.dev",
        "resource": "sources",
        "subresource": "suspend",
        "name": "main",
    }
    assert "system:masters" in found[0]["reason"]
    assert (found[1]["namespace"], found[1]["name"], found[1]["dryRun"]) == ("shop", "a", True)
    assert found[2]["path"] == "/metrics"


def test_nothing_secret_is_recorded(api: Api, log: AuditLog, file: Path) -> None:
    """P22: no body, no header, no query; also where the credential did not count."""
    body = json.dumps({"revision": "hunter2"}).encode()
    ask(api.path, "POST", f"{OWN}/plan?token=hunter2", body, Authorization=bearer("boss"))
    ask(api.path, "GET", "/api/v1/pods?token=hunter2", Authorization="Bearer hunter2")
    found = lines(log, file)
    assert [one["code"] for one in found] == [200, 401]
    assert found[1]["path"] == "/api/v1/pods"
    assert "hunter2" not in file.read_text()
    assert "token-of" not in file.read_text()


def test_questions_of_oneself_are_not_writes(api: Api, log: AuditLog, file: Path) -> None:
    """`kubectl auth can-i` changes nothing."""
    body = b'{"spec":{"resourceAttributes":{"verb":"get","resource":"pods"}}}'
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert ask(api.path, "POST", path, body, Authorization=bearer("ada")).code == 201
    assert lines(log, file) == []


def test_the_file_is_private_and_rotated(file: Path) -> None:
    """Only its owner reads it, also what was rotated; it never grows without end."""
    log = AuditLog(file, bytes_max=1000)
    for number in range(300):
        log.record({"number": number})
    log.close()
    files = sorted(file.parent.glob("audit.log*"))
    assert len(files) > 3
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert all(path.stat().st_size <= 1000 for path in files)
    kept = [json.loads(line)["number"] for path in files for line in path.read_text().splitlines()]
    assert sorted(kept) == list(range(300))


def test_what_finds_no_place_is_counted(file: Path) -> None:
    """A slow disk holds up no request; the log says how much is missing."""
    log = AuditLog(file, queue_max=2)
    log._listener.stop()
    for number in range(5):
        log.record({"number": number})
    log._listener.start()
    log._queue.join()
    log.record({"number": 5})
    found = lines(log, file)
    assert [one["number"] for one in found] == [0, 1, 5]
    assert found[-1]["missing"] == 3
