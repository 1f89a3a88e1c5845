"""The provider of a lab, and an example of one: an executable that answers for its machines. See docs/EXTENDING.md.

    python provider.py FOLDER SUBNET

Effect: files below FOLDER, and one process, `balancer.py`, that carries what comes to load balancers. It knows the
nodes as machines in three zones, gives load balancers addresses at the end of the lab's network, writes DNS records
into a file like /etc/hosts, and has a directory for each volume, which all nodes of a zone have. In the network between
the nodes it makes routes to Pods, where it is lent that. Run by its path, it needs only the standard library.
"""

import fcntl
import http.client
import ipaddress
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Document = dict[str, Any]
VERSION = "provider.reconciler.dev/v1"
ZONES = "abc"
# Nodes have the first addresses of the lab's network, load balancers these.
_FIRST, _LAST = 200, 249
_HEALTH_S = 1.0
_STATE, _HOSTS, _BALANCERS, _LOCK, _LOG = "state.json", "hosts", "balancers.json", "balancer.lock", "balancer.log"
_ANSWERING = "answer.lock"
# The network between the nodes, where a lab was brought up for it to be routed; and whose routes there are ours.
_NETWORK, _BRIDGE, _PROTOCOL = "network", "br0", "83"


def main(folder: Path, subnet: ipaddress.IPv4Network) -> None:
    """Answer one question, after whoever is still at an earlier one."""
    with (folder / _ANSWERING).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        print(json.dumps(answer_to(json.load(sys.stdin), folder, subnet)))


def answer_to(asked: Document, folder: Path, subnet: ipaddress.IPv4Network) -> Document:
    """Bring about what is asked for, and return what there is."""
    state = _read(folder / _STATE)
    network = folder / _NETWORK
    answer = {
        "apiVersion": VERSION,
        "capabilities": ["records", "volumes", *(["routes"] if network.exists() else [])],
        "instances": [instance(one["name"]) for one in asked.get("nodes", [])],
        "loadBalancers": load_balancers(asked, state, folder, subnet),
        "records": records(asked, folder),
        "volumes": volumes(asked, state, folder),
        "routes": routes(asked, network) if network.exists() else [],
    }
    _write(folder / _STATE, json.dumps(state, indent=2, sort_keys=True) + "\n")
    keep_balancer(folder)
    return answer


def instance(node: str) -> Document:
    """Return what there is to tell of a node's machine: its nodes are dealt out to the zones by their numbers."""
    number = int(re.sub(r"\D", "", node) or 1)
    zone = ZONES[(number - 1) % len(ZONES)]
    return {"node": node, "providerID": f"lab://{node}", "zone": zone, "region": "lab", "type": "lab.host"}


def load_balancers(asked: Document, state: Document, folder: Path, subnet: ipaddress.IPv4Network) -> list[Document]:
    """Give every load balancer an address that it keeps, and write down where what comes there is to go."""
    wanted = asked.get("loadBalancers", [])
    known = {uid: ip for uid, ip in state.get("addresses", {}).items() if uid in {one["uid"] for one in wanted}}
    answers, carried = [], []
    for one in wanted:
        answer = {"namespace": one["namespace"], "name": one["name"]}
        answers.append(answer)
        if any(port.get("protocol", "TCP") != "TCP" for port in one["ports"]):
            answer["error"] = "load balancers of a lab carry TCP and nothing else"
            continue
        address = known.get(one["uid"]) or _free(known.values(), subnet, one.get("ip", ""))
        if not address:
            answer["error"] = f"the lab has no address{' ' + one['ip'] if one.get('ip') else ''} left for it"
            continue
        known[one["uid"]] = answer["ip"] = address
        targets = _targets(asked.get("nodes", []), one)
        carried += [
            {
                "address": address,
                "port": port["port"],
                "targets": [[target, port["nodePort"]] for target in targets],
                "sourceRanges": one.get("sourceRanges", []),
            }
            for port in one["ports"]
            if port.get("nodePort")
        ]
    state["addresses"] = known
    _write(folder / _BALANCERS, json.dumps(carried, indent=2) + "\n")
    return answers


def records(asked: Document, folder: Path) -> list[Document]:
    """Write every record into a file of hosts, and say of those that such a file cannot have."""
    answers, lines = [], []
    for one in asked.get("records", []):
        answer = {"name": one["name"]}
        answers.append(answer)
        if one.get("type", "A") == "CNAME" or "*" in one["name"]:
            answer["error"] = "a file of hosts has neither other names (CNAME) nor wildcards"
        else:
            lines += [f"{target} {one['name']}" for target in one["targets"]]
    _write(folder / _HOSTS, "".join(f"{line}\n" for line in sorted(lines)))
    return answers


def volumes(asked: Document, state: Document, folder: Path) -> list[Document]:
    """Have a directory for every volume, in the zone that asks for it; what is to be deleted goes to a dated trash."""
    known = state.setdefault("volumes", {})
    for one in asked.get("volumes", []):
        name = one["name"]
        path = folder / "volumes" / name
        if not re.fullmatch(r"[a-z0-9][-a-z0-9]*", name):
            continue
        if one.get("deleting"):
            if path.exists():
                trash = folder / "trash" / f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime())}-{name}"
                trash.parent.mkdir(exist_ok=True)
                path.rename(trash)
            known.pop(name, None)
            continue
        if name in known and not path.exists():
            # An empty one in its place would look like the volume.
            known[name]["error"] = f"{path} is gone, with what was on it"
            continue
        node = one.get("node") or _first_node(asked)
        place = known[name]["local"] if name in known else {"zone": instance(node)["zone"]} if node else None
        if place is not None:
            path.mkdir(parents=True, exist_ok=True)
            known[name] = {"name": name, "size": one["size"], "local": {**place, "path": str(path)}}
    return [known[name] for name in sorted(known)]


def routes(asked: Document, network: Path) -> list[Document]:
    """Have the network between the nodes lead the Pods' addresses to their nodes, and nowhere else."""
    wanted = {one["podCIDR"]: one for one in asked.get("routes", [])}
    listed = _ip(network, "-json", "route", "show", "proto", _PROTOCOL)
    for known in json.loads(listed.stdout or "[]"):
        if known["dst"] not in wanted:
            _ip(network, "route", "delete", known["dst"], "proto", _PROTOCOL)
    answers = []
    for destination, one in wanted.items():
        way = ("via", one["nodeAddress"], "dev", _BRIDGE, "proto", _PROTOCOL)
        done = _ip(network, "route", "replace", destination, *way)
        answers.append({"node": one["node"], "error": "" if done.returncode == 0 else done.stderr.strip()})
    return answers


def keep_balancer(folder: Path) -> None:
    """Have the process run that carries what comes to load balancers, as long as there are any."""
    if not json.loads((folder / _BALANCERS).read_text(encoding="utf-8")):
        return
    with (folder / _LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
    program = Path(__file__).with_name("balancer.py")
    with (folder / _LOG).open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-I", str(program), str(folder / _BALANCERS), str(folder / _LOCK)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _ip(network: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["nsenter", f"--net={network}", "--", "ip", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)


def _targets(nodes: Iterable[Mapping[str, Any]], balancer: Mapping[str, Any]) -> list[str]:
    """Return the nodes that a load balancer leads to: those that are fit, and with Local those that say so."""
    fit = [one["address"] for one in nodes if one.get("isFit")]
    if balancer.get("externalTrafficPolicy") != "Local":
        return fit
    return [address for address in fit if _is_well(address, balancer.get("healthCheckNodePort", 0))]


def _is_well(address: str, port: int) -> bool:
    door = http.client.HTTPConnection(address, port, timeout=_HEALTH_S)
    try:
        door.request("GET", "/healthz")
        return door.getresponse().status == 200
    except OSError:
        return False
    finally:
        door.close()


def _free(used: Iterable[str], subnet: ipaddress.IPv4Network, wanted: str) -> str:
    taken = set(used)
    free = [one for one in (str(subnet[number]) for number in range(_FIRST, _LAST + 1)) if one not in taken]
    if wanted:
        return wanted if wanted in free else ""
    return free[0] if free else ""


def _first_node(asked: Document) -> str:
    nodes = [str(one["name"]) for one in asked.get("nodes", []) if one.get("isFit")]
    return nodes[0] if nodes else ""


def _read(file: Path) -> Document:
    try:
        found: Document = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        found = {}
    return found


def _write(file: Path, text: str) -> None:
    """Replace a file as a whole, unless it is as it should be."""
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return
    new = file.with_name(f"{file.name}.new")
    new.write_text(text, encoding="utf-8")
    new.rename(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), ipaddress.IPv4Network(sys.argv[2]))
