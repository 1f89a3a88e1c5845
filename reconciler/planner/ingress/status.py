"""Where each Ingress is served, as its nodes say, and what there is to tell of it. Pure.

An Ingress counts as served once every node that serves, and is heard of, runs with the newest of it. A node that runs
with an earlier state goes on serving what it has.
"""

from collections.abc import Iterable, Iterator
from typing import cast

from msgspec.structs import replace

from reconciler.model.kinds import Ingress, IngressLoadBalancerIngress, IngressLoadBalancerStatus, IngressStatus
from reconciler.model.observed import NodeState, StoredObject
from reconciler.planner.ingress.routes import Note
from reconciler.planner.ingress.view import compiled_routes, ingress_view
from reconciler.planner.services.records import RECORD_FAILED, judge_recorded
from reconciler.planner.view import View

SYNC = "Sync"
_WAITS = "NotServed"


def sync_ingresses(view: View) -> None:
    """Write the addresses of every Ingress, and tell what is new of it."""
    if not any(True for _ in view.of_kind("Ingress")):
        return
    compiled = compiled_routes(view)
    ingress = ingress_view(view)
    states = [view.observed.nodes[name] for name in ingress.nodes if name in view.observed.nodes] if ingress else []
    heard = [one for one in states if not one.is_silent(view.now, view.policy.node_lease_s)]
    newest = ingress.digest if ingress else ""
    troubles = tuple(_troubles(heard, newest))
    for stored in list(view.due("Ingress")):
        notes = list(compiled.notes.get(stored.ref, ()))
        if fault := judge_recorded(view, stored):
            notes.append(Note(RECORD_FAILED, fault))
        if stored.ref in compiled.ours:
            _write(view, stored, heard, newest, [*notes, *troubles])
        else:
            _tell(view, stored, IngressStatus(observed_generation=stored.object.metadata.generation), notes)


def _write(view: View, stored: StoredObject, heard: list[NodeState], newest: str, notes: list[Note]) -> None:
    object = cast(Ingress, stored.object)
    known = {one.ip for one in object.status.load_balancer.ingress}
    running = [(one, _address(one)) for one in heard if _view_of(one)]
    here = [address for one, address in running if address and (_view_of(one) == newest or address in known)]
    is_newest = bool(heard) and all(_view_of(one) == newest for one in heard)
    served = object.metadata.generation if is_newest else object.status.observed_generation
    addresses = tuple(IngressLoadBalancerIngress(ip=one) for one in sorted(set(here)))
    status = IngressStatus(
        load_balancer=IngressLoadBalancerStatus(ingress=addresses),
        observed_generation=served if addresses else 0,
    )
    if addresses and not known:
        view.happened(stored, SYNC, f"served at {', '.join(one.ip for one in addresses)}")
    _tell(view, stored, status, notes)


def _tell(view: View, stored: StoredObject, status: IngressStatus, notes: Iterable[Note]) -> None:
    """Write the status; of what there is to tell only what was not told before becomes an Event."""
    lines = [f"{one.reason}: {one.message}" for one in dict.fromkeys(notes)]
    before = cast(Ingress, stored.object).status.noted or ""
    known = before.split("\n")
    for line in lines:
        if line not in known:
            reason, _, message = line.partition(": ")
            view.happened(stored, reason, message, warning=True)
    view.set_status(stored, replace(status, noted="\n".join(lines) or None))


def _troubles(heard: list[NodeState], newest: str) -> Iterator[Note]:
    """Yield why nodes do not serve what they should."""
    for state in heard:
        error = state.observation.facts.ingress.error if state.observation is not None else ""
        if error and _view_of(state) != newest:
            yield Note(_WAITS, f"node {state.name}: {error}")


def _view_of(state: NodeState) -> str:
    return state.observation.facts.ingress.view if state.observation is not None else ""


def _address(state: NodeState) -> str:
    return state.observation.facts.host.address if state.observation is not None else ""
