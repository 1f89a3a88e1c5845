"""The frames of SPDY/3.1: from bytes to values and back.

Pure. Data come in parts as they arrive, so that a large frame is never held whole; every other frame is small.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from reconciler.server.spdy.headers import HeaderReader, HeadersError, HeaderWriter

CONTROL_BYTES_MAX = 64 * 1024
DATA_BYTES_MAX = (1 << 24) - 1
_VERSION = 3
_HEAD = struct.Struct(">II")
_ONE = struct.Struct(">I")
_TWO = struct.Struct(">II")
_CONTROL_BIT = 1 << 31
_ID_MASK = _CONTROL_BIT - 1
_FIN = 1


class FrameError(ValueError):
    """The peer does not keep the protocol; the connection is useless from there on."""


class Type(IntEnum):
    """Numbers of the control frames."""

    SYN_STREAM = 1
    SYN_REPLY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    GOAWAY = 7
    HEADERS = 8
    WINDOW_UPDATE = 9


class Refusal(IntEnum):
    """Why a stream is reset."""

    PROTOCOL_ERROR = 1
    INVALID_STREAM = 2
    REFUSED_STREAM = 3
    CANCEL = 5
    FLOW_CONTROL_ERROR = 7
    STREAM_ALREADY_CLOSED = 9


class Leaving(IntEnum):
    """Why a connection ends."""

    OK = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2


class Setting(IntEnum):
    """The only setting that matters here."""

    INITIAL_WINDOW_SIZE = 7


@dataclass(frozen=True, slots=True)
class SynStream:
    """Opens a stream."""

    stream: int
    headers: Mapping[str, str] = field(default_factory=dict)
    fin: bool = False


@dataclass(frozen=True, slots=True)
class SynReply:
    """Accepts a stream."""

    stream: int
    headers: Mapping[str, str] = field(default_factory=dict)
    fin: bool = False


@dataclass(frozen=True, slots=True)
class Headers:
    """Adds headers to a stream."""

    stream: int
    headers: Mapping[str, str] = field(default_factory=dict)
    fin: bool = False


@dataclass(frozen=True, slots=True)
class RstStream:
    """Ends a stream at once."""

    stream: int
    status: int


@dataclass(frozen=True, slots=True)
class Settings:
    """Tells how the sender wants to be treated."""

    values: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for the same frame back."""

    id: int


@dataclass(frozen=True, slots=True)
class GoAway:
    """Announces the end of the connection: no stream after `last` will be looked at."""

    last: int
    status: int = Leaving.OK


@dataclass(frozen=True, slots=True)
class WindowUpdate:
    """Allows `delta` more bytes on a stream, or (stream 0) on all together."""

    stream: int
    delta: int


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes of a stream; `fin` says that no more follow."""

    stream: int
    data: bytes
    fin: bool = False


Frame = SynStream | SynReply | Headers | RstStream | Settings | Ping | GoAway | WindowUpdate | Data


class FrameWriter:
    """Makes bytes of frames, in the order in which they are sent."""

    def __init__(self) -> None:
        self._headers = HeaderWriter()

    def encode(self, frame: Frame) -> bytes:
        """Return a frame as bytes."""
        match frame:
            case Data(stream, data, fin):
                return _HEAD.pack(stream, fin << 24 | len(data)) + data
            case SynStream(stream, headers, fin):
                return _control(Type.SYN_STREAM, _TWO.pack(stream, 0) + b"\0\0" + self._headers.block(headers), fin)
            case SynReply(stream, headers, fin):
                return _control(Type.SYN_REPLY, _ONE.pack(stream) + self._headers.block(headers), fin)
            case Headers(stream, headers, fin):
                return _control(Type.HEADERS, _ONE.pack(stream) + self._headers.block(headers), fin)
            case RstStream(stream, status):
                return _control(Type.RST_STREAM, _TWO.pack(stream, status))
            case Settings(values):
                entries = b"".join(_TWO.pack(number, value) for number, value in values.items())
                return _control(Type.SETTINGS, _ONE.pack(len(values)) + entries)
            case Ping(id):
                return _control(Type.PING, _ONE.pack(id))
            case GoAway(last, status):
                return _control(Type.GOAWAY, _TWO.pack(last, status))
            case WindowUpdate(stream, delta):
                return _control(Type.WINDOW_UPDATE, _TWO.pack(stream, delta))


class FrameReader:
    """Makes frames of bytes that come in pieces of any size."""

    def __init__(self) -> None:
        self._headers = HeaderReader()
        self._bytes = b""
        self._at = 0
        self._data: tuple[int, int, bool] | None = None

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """Yield the frames that `piece` completes, and parts of data; raise FrameError where it is none of SPDY."""
        self._bytes, self._at = self._bytes[self._at :] + piece, 0
        while (frame := self._next()) is not None:
            yield frame

    def _next(self) -> Frame | None:
        if self._data is not None:
            return self._part(*self._data)
        if len(self._bytes) - self._at < _HEAD.size:
            return None
        first, second = _HEAD.unpack_from(self._bytes, self._at)
        flags, size = second >> 24, second & DATA_BYTES_MAX
        if not first & _CONTROL_BIT:
            self._at += _HEAD.size
            return self._part(first, size, bool(flags & _FIN))
        if size > CONTROL_BYTES_MAX:
            raise FrameError(f"a control frame has {size} bytes, more than {CONTROL_BYTES_MAX}")
        if len(self._bytes) - self._at < _HEAD.size + size:
            return None
        body = self._take(_HEAD.size + size)[_HEAD.size :]
        return self._control(first & _ID_MASK, bool(flags & _FIN), body)

    def _part(self, stream: int, left: int, fin: bool) -> Data | None:
        """Return what there is of a frame of data, and remember what is still to come."""
        part = self._take(left)
        if left and not part:
            self._data = (stream, left, fin)
            return None
        left -= len(part)
        self._data = (stream, left, fin) if left else None
        return Data(stream, part, fin=fin and not left)

    def _take(self, size: int) -> bytes:
        taken = self._bytes[self._at : self._at + size]
        self._at += len(taken)
        return taken

    def _control(self, version_and_type: int, fin: bool, body: bytes) -> Frame | None:
        version, number = version_and_type >> 16, version_and_type & 0xFFFF
        if version != _VERSION:
            raise FrameError(f"version {version} is not SPDY/3")
        try:
            return self._read(number, fin, body)
        except struct.error as error:
            raise FrameError(f"a control frame of type {number} is too short") from error
        except HeadersError as error:
            raise FrameError(str(error)) from error

    def _read(self, number: int, fin: bool, body: bytes) -> Frame | None:
        match number:
            case Type.SYN_STREAM:
                if len(body) < 10:
                    raise FrameError("a SYN_STREAM is too short")
                return SynStream(_id(body), self._headers.headers(body[10:]), fin)
            case Type.SYN_REPLY:
                return SynReply(_id(body), self._headers.headers(body[4:]), fin)
            case Type.HEADERS:
                return Headers(_id(body), self._headers.headers(body[4:]), fin)
            case Type.RST_STREAM:
                return RstStream(_id(body), _TWO.unpack_from(body)[1])
            case Type.SETTINGS:
                count = _ONE.unpack_from(body)[0]
                if len(body) != _ONE.size + count * _TWO.size:
                    raise FrameError("SETTINGS have another size than they say")
                return Settings({key & 0xFFFFFF: value for key, value in _TWO.iter_unpack(body[4:])})
            case Type.PING:
                return Ping(_ONE.unpack_from(body)[0])
            case Type.GOAWAY:
                return GoAway(_id(body), _TWO.unpack_from(body)[1])
            case Type.WINDOW_UPDATE:
                return WindowUpdate(_id(body), _TWO.unpack_from(body)[1] & _ID_MASK)
            case _:
                # The protocol has frames of unknown types passed over; nothing to tell is an empty SETTINGS.
                return Settings()


def _control(number: Type, body: bytes, fin: bool = False) -> bytes:
    return _HEAD.pack(_CONTROL_BIT | _VERSION << 16 | number, fin << 24 | len(body)) + body


def _id(body: bytes) -> int:
    return int(_ONE.unpack_from(body)[0]) & _ID_MASK
