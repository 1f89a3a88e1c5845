"""How Pods are found and reached: names, Services, ports of the host; on one shared host."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.stage import Stage, container, manifest, pod, pod_spec, stage, workload

pytestmark = pytest.mark.real

SERVE = "cat /etc/hostname > /www/index.html; trap 'exit 0' TERM; httpd -f -p {port} -h /www & wait $!"


def server(port: int = 8080, **fields: object) -> dict[str, object]:
    """A container that serves its host name."""
    probe = {"tcpSocket": {"port": port}, "periodSeconds": 1}
    return container("app", SERVE.format(port=port), readinessProbe=probe, **fields)


def service(name: str, app: str, namespace: str = "default", **spec: object) -> str:
    """A Service of the Pods with this label."""
    return manifest("Service", name, metadata={"namespace": namespace}, spec={"selector": {"app": app}, **spec})


FILES = {
    "client": pod(
        "client",
        container("app"),
        hostAliases=[{"ip": "192.0.2.7", "hostnames": ["elsewhere", "elsewhere.example"]}],
    ),
    "configured": pod(
        "configured",
        container("app"),
        dnsPolicy="None",
        dnsConfig={
            "nameservers": ["192.0.2.53"],
            "searches": ["example.org"],
            "options": [{"name": "ndots", "value": "2"}],
        },
    ),
    "web": workload("ReplicaSet", "web", pod_spec(server(ports=[{"name": "http", "containerPort": 8080}])), replicas=2),
    "web_service": service("web", "web", ports=[{"port": 80, "targetPort": "http"}]),
    "sticky": service("sticky", "web", ports=[{"port": 80, "targetPort": "http"}], sessionAffinity="ClientIP"),
    "headless": service("each", "web", clusterIP="None", ports=[{"name": "http", "port": 80, "targetPort": "http"}]),
    "portless": service("members", "web", clusterIP="None"),
    "outside": manifest(
        "Service", "outside", spec={"type": "ExternalName", "externalName": "web.default.svc.cluster.local"}
    ),
    "empty": service("empty", "nobody", ports=[{"port": 80}]),
    "named": pod(
        "named",
        server(),
        metadata={"labels": {"app": "named"}},
        hostname="first",
        subdomain="circle",
    ),
    "circle": service("circle", "named", clusterIP="None", ports=[{"port": 8080}]),
    "shop": manifest("Namespace", "shop"),
    "other": manifest(
        "Pod", "other", metadata={"namespace": "shop", "labels": {"app": "other"}}, spec=pod_spec(server())
    ),
    "other_service": service("other", "other", "shop", ports=[{"port": 80, "targetPort": 8080}]),
    "on_host": pod("on-host", server(ports=[{"containerPort": 8080, "hostPort": 18080}])),
    "of_host": pod("of-host", server(18081), hostNetwork=True, dnsPolicy="ClusterFirstWithHostNet"),
}


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Stage]:
    """A host that runs all of the above, pushed at once."""
    with stage(tmp_path_factory.mktemp("pods")) as one:
        one.put(**FILES)
        one.ready("client", "named", "on-host", "of-host")
        one.until("web is up", lambda: len(addresses(one, "web")) == 2)
        yield one


def addresses(pods: Stage, app: str) -> set[str]:
    """Return the addresses of the ready Pods with this label."""
    found = set()
    for one in pods.host.pods():
        ready = [c for c in one["status"].get("conditions", ()) if c["type"] == "Ready" and c["status"] == "True"]
        if ready and one["metadata"].get("labels", {}).get("app") == app:
            found.add(one["status"]["podIP"])
    return found


def resolve(pods: Stage, name: str, kind: str = "a") -> list[str]:
    """Return what a name means inside of a Pod, as words of the answer's lines."""
    told = pods.shell("client", f"nslookup -type={kind} {name}")
    return told.partition("\n\n")[2].split()


def fetch(pods: Stage, url: str) -> str:
    """Fetch a page inside of a Pod."""
    return pods.shell("client", f"wget -q -O- http://{url}/")


def page(url: str) -> str:
    """Fetch a page from the host."""
    done = subprocess.run(["curl", "-s", "-m", "3", f"http://{url}/"], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def test_services_are_found_by_short_and_long_names(pods: Stage) -> None:
    """Search names: the same namespace by one label, others by two, and the whole name."""
    names = {one["metadata"]["name"] for one in pods.host.pods() if one["metadata"]["name"].startswith("web-")}
    for name in ("web", "web.default", "web.default.svc", "web.default.svc.cluster.local"):
        pods.until(f"{name} answers", lambda name=name: fetch(pods, name) in names)  # type: ignore[misc]
    pods.until("other.shop answers", lambda: fetch(pods, "other.shop") == "other")
    assert "bad address" in fetch(pods, "other")
    search = "search default.svc.cluster.local svc.cluster.local cluster.local"
    assert search in pods.shell("client", "cat /etc/resolv.conf")


def test_both_pods_answer_and_a_sticky_service_keeps_to_one(pods: Stage) -> None:
    """A Service spreads connections; with session affinity a client stays with the Pod that it met."""
    script = "for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do wget -q -O- http://{}/; done"
    pods.until("two Pods answer", lambda: len(set(pods.shell("client", script.format("web")).split())) == 2)
    assert len(set(pods.shell("client", script.format("sticky")).split())) == 1


def test_a_service_without_endpoints_refuses_at_once(pods: Stage) -> None:
    """No waiting for a timeout."""
    assert "refused" in fetch(pods, "empty")


def test_headless_services_name_their_pods(pods: Stage) -> None:
    """One address per ready Pod, with ports and without; SRV names each; an alias leads to another name."""
    expected = addresses(pods, "web")
    assert len(expected) == 2
    for name in ("each", "members"):
        full = f"{name}.default.svc.cluster.local"
        pods.until(f"{name} names both", lambda full=full: set(resolve(pods, full)) >= expected)  # type: ignore[misc]
    served = "_http._tcp.each.default.svc.cluster.local"
    pods.until("each port is named", lambda: resolve(pods, served, "srv").count("8080") == 2)
    assert pods.host.address("web") in resolve(pods, "outside.default.svc.cluster.local")


def test_a_pod_has_the_name_it_asks_for(pods: Stage) -> None:
    """hostname and subdomain: its own name, its line in the hosts file, and a name that others find."""
    own = pods.status("named")["podIP"]
    assert pods.shell("named", "hostname") == "first"
    assert pods.shell("named", f"grep {own} /etc/hosts").split() == [
        own,
        "first.circle.default.svc.cluster.local",
        "first",
    ]
    assert pods.shell("named", "hostname -f") == "first.circle.default.svc.cluster.local"
    pods.until("others find it", lambda: fetch(pods, "first.circle:8080") == "first")
    assert pods.shell("client", "hostname") == "client"
    assert pods.shell("client", "grep 192.0.2.7 /etc/hosts").split() == ["192.0.2.7", "elsewhere", "elsewhere.example"]


def test_a_pod_resolves_as_it_says(pods: Stage) -> None:
    """dnsPolicy None takes all of it from dnsConfig."""
    pods.ready("configured")
    lines = set(pods.shell("configured", "cat /etc/resolv.conf").splitlines())
    assert lines >= {"nameserver 192.0.2.53", "search example.org", "options ndots:2"}
    assert "cluster.local" not in " ".join(lines)


def test_the_host_reaches_ports_and_services(pods: Stage) -> None:
    """hostPort on the host's address and on 127.0.0.1, a Service's address, a Pod of the host's network."""
    host = pods.status("on-host")["hostIP"]
    pods.until("the port answers", lambda: page(f"{host}:18080") == "on-host")
    assert page("127.0.0.1:18080") == "on-host"
    pods.until("the Service answers", lambda: page(pods.host.address("web")).startswith("web-"))
    assert pods.status("of-host")["podIP"] == host
    assert page("127.0.0.1:18081")
    assert pods.shell("of-host", "wget -q -O- http://web.default/").startswith("web-")
    assert fetch(pods, f"{host}:18080") == "on-host"


def test_all_of_it_leaves_nothing_to_do(pods: Stage) -> None:
    """P09: with all of the above in place, the plan is empty."""
    pods.nothing_to_do()
