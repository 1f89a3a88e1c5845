"""The Engine's way to carry output and error output in one stream: frames with a header of eight bytes.

Pure.
"""

from collections.abc import Iterator

STDOUT, STDERR = 1, 2
_HEADER = 8


class Demultiplexer:
    """Takes the stream in pieces of any size and gives the payload of the frames."""

    def __init__(self) -> None:
        self._rest = b""
        self._left = 0
        self._stream = STDOUT

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Yield the payload that `piece` completes or continues."""
        for _, part in self.feed_streams(piece):
            yield part

    def feed_streams(self, piece: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the payload with the stream it belongs to; what the Engine itself says counts as error output."""
        data = self._rest + piece
        self._rest = b""
        position = 0
        while position < len(data):
            if self._left:
                part = data[position : position + self._left]
                position += len(part)
                self._left -= len(part)
                yield self._stream, part
            elif len(data) - position < _HEADER:
                self._rest = data[position:]
                return
            else:
                self._stream = STDOUT if data[position] <= STDOUT else STDERR
                self._left = int.from_bytes(data[position + 4 : position + _HEADER], "big")
                position += _HEADER
