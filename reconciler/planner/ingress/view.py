"""What the nodes that serve Ingresses are told, from the objects of the cluster. Pure."""

from collections.abc import Iterator

from reconciler.model.canonical import digest
from reconciler.model.ingress import NODE_LABEL, IngressView
from reconciler.model.refs import ObjectRef
from reconciler.planner.ingress.routes import Compiled, compile_routes
from reconciler.planner.view import View

_READ = ("Ingress", "IngressClass", "Secret", "Service")


def compiled_routes(view: View) -> Compiled:
    """Return what all Ingresses come to: as before, when nothing that it is made from has changed."""
    marks = (view.memo.picture.marks[kind] for kind in _READ)
    return view.memo.get(("ingresses",), (view.policy, *marks), lambda: compile_routes(view))


def ingress_view(view: View) -> IngressView | None:
    """Return the view of the nodes that serve; None while there is nothing to serve."""
    if not any(True for _ in view.of_kind("Ingress")):
        return None
    compiled = compiled_routes(view)
    if not compiled.ours:
        return None
    nodes = serving_nodes(view)
    made = view.memo.get(("ingress view",), (compiled,), lambda: _without_nodes(compiled))
    return IngressView(nodes=nodes, routes=made.routes, certificates=made.certificates, digest=made.digest)


def serving_nodes(view: View) -> tuple[str, ...]:
    """Return the nodes that carry the label; where none does, those with the program, else all: it is told missing."""
    nodes = list(view.of_kind("Node"))
    labelled = [one.ref.name for one in nodes if one.object.metadata.labels.get(NODE_LABEL) == "true"]
    if labelled:
        return tuple(sorted(labelled))
    names = sorted(one.ref.name for one in nodes)
    able = [name for name in names if _has_program(view, name)]
    return tuple(able or names)


def _has_program(view: View, node: str) -> bool:
    state = view.observed.nodes.get(node)
    return state is not None and state.observation is not None and bool(state.observation.facts.ingress.program)


def secrets_of(ingress: IngressView | None, node: str) -> Iterator[ObjectRef]:
    """Yield the Secrets whose values a node needs to serve Ingresses."""
    if ingress is None or node not in ingress.nodes:
        return
    uses = [one.secret for one in ingress.certificates] + [one.users for one in ingress.routes if one.users]
    for use in uses:
        yield ObjectRef(kind="Secret", namespace=use.namespace, name=use.name)


def _without_nodes(compiled: Compiled) -> IngressView:
    routes = tuple(compiled.routes[key] for key in sorted(compiled.routes))
    certificates = tuple(compiled.certificates[key] for key in sorted(compiled.certificates))
    return IngressView(routes=routes, certificates=certificates, digest=digest(routes, certificates))
