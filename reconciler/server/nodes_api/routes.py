"""Which path of the nodes' part of the API is answered by what."""

from starlette.routing import BaseRoute, Route, WebSocketRoute

from reconciler.server.nodes_api import documents, join, streams, tokens
from reconciler.server.nodes_api.versions import close


def agent_routes(own: str) -> list[BaseRoute]:
    """Return the routes below `own`, the path of our group."""
    agent = f"{own}/agents/{{name}}"
    return [
        Route(f"{own}/authority", join.authority, methods=["GET"]),
        Route(f"{own}/tokens", tokens.collection, methods=["GET", "POST"]),
        Route(f"{own}/tokens/{{name}}", tokens.delete, methods=["DELETE"]),
        Route(f"{own}/agents", join.collection, methods=["GET", "POST"]),
        Route(agent, join.remove, methods=["DELETE"]),
        Route(f"{agent}/certificate", close(join.renew), methods=["POST"]),
        Route(f"{agent}/documents", close(documents.documents), methods=["GET"]),
        Route(f"{agent}/observations", close(documents.observation), methods=["POST"]),
        Route(f"{agent}/heartbeats", close(documents.heartbeat), methods=["POST"]),
        Route(f"{agent}/samples", close(documents.sample), methods=["POST"]),
        Route(f"{agent}/outcomes", close(documents.outcomes), methods=["POST"]),
        WebSocketRoute(f"{agent}/streams/{{id}}", streams.stream),
    ]
