"""kubectl over TLS against a real daemon: credentials made, used, revoked; a port that is taken."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509

from reconciler.access.certificates import names_of
from tests.e2e.host import CLI, Host
from tests.e2e.kubectl import found
from tests.e2e.manifests import config_map

pytestmark = pytest.mark.real

VERSIONS = tuple(str(program) for _, program in sorted(found().items()))


def kubectl(program: str, config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run kubectl with a kubeconfig and a cache of its own."""
    command = [program, "--kubeconfig", str(config), "--cache-dir", str(config.parent / "cache"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def kubeconfig(host: Host, name: str, *options: str) -> Path:
    """Have a kubeconfig made."""
    path = host.home / f"{name}.kubeconfig"
    done = host.run("kubeconfig", "--output-file", str(path), *options)
    assert done.code == 0, done
    return path


@pytest.mark.skipif(not VERSIONS, reason="no kubectl of a known version")
def test_every_kubectl_works_until_its_credential_is_revoked(host: Host) -> None:
    """A certificate for one user, a token for another; revoking one leaves the other alone."""
    assert host.push({"a.yaml": config_map("settings")}).code == 0
    admin, other = kubeconfig(host, "admin"), kubeconfig(host, "other", "--token")
    for program in VERSIONS:
        listed = kubectl(program, admin, "get", "configmaps", "--output", "name")
        assert "configmap/settings" in listed.stdout, f"{program}: {listed.stderr}"
    [certificate] = [one for one in host.json("user", "list")["items"] if one["credential"] == "certificate"]
    assert host.run("user", "revoke", certificate["metadata"]["name"]).code == 0
    for program in VERSIONS:
        refused = kubectl(program, admin, "get", "configmaps")
        assert refused.returncode != 0
        assert "Unauthorized" in refused.stderr or "must be logged in" in refused.stderr, refused.stderr
    assert "configmap/settings" in kubectl(VERSIONS[-1], other, "get", "configmaps", "--output", "name").stdout


@pytest.mark.skipif(not VERSIONS, reason="no kubectl of a known version")
def test_credentials_outlive_a_restart_and_certificates_are_made_where_there_were_none(host: Host) -> None:
    """P10: kubectl goes on with what it has; a data directory from before HTTPS gets what it lacks by itself."""
    assert host.push({"a.yaml": config_map("settings")}).code == 0
    host.stop()
    shutil.rmtree(host.data / "pki")
    host.start()
    assert {path.name for path in (host.data / "pki").iterdir()} == {"ca.crt", "ca.key", "server.pem"}
    port = json.loads(host.run("kubeconfig", "--output", "json").out)["clusters"][0]["cluster"]["server"].rpartition(
        ":"
    )[2]
    made = kubeconfig(host, "admin", "--server", f"https://localhost:{port}")
    assert kubectl(VERSIONS[-1], made, "get", "configmaps").returncode == 0
    host.stop()
    settings = host.data / "config.yaml"
    settings.write_text(
        settings.read_text().replace("127.0.0.1:0", f"0.0.0.0:{port}") + "apiNames: [api.example.org]\n"
    )
    host.start()
    assert kubectl(VERSIONS[-1], made, "get", "configmaps").returncode == 0
    shown = x509.load_pem_x509_certificate((host.data / "pki" / "server.pem").read_bytes())
    assert {"api.example.org", "node-1", "kubernetes.default.svc", "10.43.0.1", "::1"} <= names_of(shown)


def test_a_second_daemon_on_the_port_says_who_has_it(host: Host, tmp_path: Path) -> None:
    """It ends at once, with the process and the setting; the first one does not notice."""
    assert host.daemon is not None
    server = json.loads(host.run("kubeconfig", "--output", "json").out)["clusters"][0]["cluster"]["server"]
    second = Host(tmp_path / "second")
    second.home.mkdir()
    address = server.removeprefix("https://")
    made = subprocess.run(
        [*CLI, "init", "--receive", "--node", "node-2", "--api-address", address, "--data-dir", str(second.data)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    refused = second.run("daemon", timeout=40)
    assert refused.code == 1
    assert f"process {host.daemon.pid} " in refused.err, refused.err
    assert "apiAddress" in refused.err
    assert host.get("/version") is not None
