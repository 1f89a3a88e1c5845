"""Streams that agents dial in: logs and commands of containers on their hosts. Effect: the connection.

Each message is one channel's: its first byte is the channel's number.
"""

import asyncio

from anyio import CapacityLimiter, to_thread
from starlette.websockets import WebSocket, WebSocketDisconnect

from reconciler.model.agents import StreamEnd
from reconciler.server.nodes_api.join import agents_of

_NOT_FOUND = 4404
# Each stream has a thread that waits for its reader, and one that waits for its writer.
_THREADS = CapacityLimiter(256)


async def stream(socket: WebSocket) -> None:
    """Connect an agent with whoever waits for its stream."""
    node, id = socket.path_params["name"], socket.path_params["id"]
    end = agents_of(socket).stream(node, id)
    await socket.accept()
    if end is None:
        await socket.close(_NOT_FOUND, "nobody waits for this stream")
        return
    telling = asyncio.create_task(_tell(socket, end))
    try:
        await _hear(socket, end)
    finally:
        end.close()
        await telling


async def _hear(socket: WebSocket, end: StreamEnd) -> None:
    """Pass on what the agent says, until it hangs up or nobody listens."""
    while (message := await socket.receive())["type"] == "websocket.receive":
        content: bytes = message.get("bytes") or b""
        if content and not await _in_thread(end, content):
            return


async def _in_thread(end: StreamEnd, content: bytes) -> bool:
    return await to_thread.run_sync(lambda: end.feed(content[0], content[1:]), limiter=_THREADS)


async def _tell(socket: WebSocket, end: StreamEnd) -> None:
    """Tell the agent what comes from the other side; hang up when that has gone."""
    try:
        while not end.is_closed:
            piece = await to_thread.run_sync(end.take, limiter=_THREADS)
            if piece is not None:
                await socket.send_bytes(bytes((piece[0],)) + piece[1])
        await socket.close()
    except (WebSocketDisconnect, RuntimeError, OSError):
        # The agent has hung up, which whoever hears it notices.
        return
