"""What a Pod says of its host name and of its end reaches the Engine."""

from reconciler.executors.container.render import sandbox_body
from tests.executors.container import build
from tests.executors.container.test_render import HOST, OWNER, body


def test_an_override_is_the_host_name_whatever_the_names_are() -> None:
    """The name in the network stays with hostname and subdomain; the processes see the override alone."""
    pod = build.pod(hostnameOverride="db.example.org", hostname="web", subdomain="all")
    made = sandbox_body(build.sandbox(pod), OWNER, "p", HOST, 0)
    assert made["Hostname"] == "db.example.org"
    assert made["HostConfig"]["ExtraHosts"] == ["db.example.org:10.42.0.7"]


def test_a_stop_signal_replaces_the_image_s() -> None:
    """Without one the image decides."""
    assert "StopSignal" not in body(build.pod())
    container = build.container(lifecycle={"stopSignal": "SIGQUIT"})
    pod = build.pod(os={"name": "linux"}, containers=[container])
    assert body(pod)["StopSignal"] == "SIGQUIT"
