"""What comes by the Engine's hijacked connections, with the stream that it belongs to. Effect: reads."""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from reconciler.executors.container.frames import STDOUT, Demultiplexer
from reconciler.executors.transport import Deadline, Stream


def demultiplexed(stream: Stream, *, tty: bool, tick_s: float) -> Iterator[tuple[int, bytes]]:
    """Yield what comes by a connection with the stream it belongs to, and nothing of stdout every `tick_s`."""
    frames = Demultiplexer()
    while (piece := stream.read(Deadline(tick_s))) != b"":
        if piece is None:
            yield STDOUT, b""
        elif tty:
            yield STDOUT, piece
        else:
            # A command that writes line by line makes many small frames; they are told together.
            for number, parts in groupby(frames.feed_streams(piece), key=itemgetter(0)):
                yield number, b"".join(part for _, part in parts)
