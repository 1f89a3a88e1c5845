"""SPDY/3.1 frames: what is written is read again, whatever the pieces; what is none of SPDY is refused."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.server.spdy.frames import (
    CONTROL_BYTES_MAX,
    Data,
    Frame,
    FrameError,
    FrameReader,
    FrameWriter,
    GoAway,
    Headers,
    Ping,
    RstStream,
    Settings,
    SynReply,
    SynStream,
    WindowUpdate,
)
from reconciler.server.spdy.headers import DICTIONARY_CHECKSUM

IDS = st.integers(1, (1 << 31) - 1)
WORDS = st.text(st.characters(codec="latin-1", exclude_characters="\0"), max_size=40)
HEADERS = st.dictionaries(WORDS.map(str.lower), WORDS, max_size=5)
NUMBERS = st.integers(0, (1 << 31) - 1)
CONTROL = st.one_of(
    st.builds(SynStream, IDS, HEADERS, st.booleans()),
    st.builds(SynReply, IDS, HEADERS, st.booleans()),
    st.builds(Headers, IDS, HEADERS, st.booleans()),
    st.builds(RstStream, IDS, NUMBERS),
    st.builds(Settings, st.dictionaries(st.integers(0, 0xFFFFFF), NUMBERS, max_size=4)),
    st.builds(Ping, NUMBERS),
    st.builds(GoAway, NUMBERS, NUMBERS),
    st.builds(WindowUpdate, NUMBERS, NUMBERS),
)
DATA = st.builds(Data, IDS, st.binary(max_size=300), st.booleans())


def joined(frames: list[Frame]) -> list[Frame]:
    """Put the parts of each frame of data together again."""
    whole: list[Frame] = []
    for frame in frames:
        before = whole[-1] if whole else None
        if isinstance(frame, Data) and isinstance(before, Data) and before.stream == frame.stream and not before.fin:
            whole[-1] = Data(frame.stream, before.data + frame.data, frame.fin)
        elif frame != Data(getattr(frame, "stream", 0), b"", fin=False):
            whole.append(frame)
    return whole


@given(st.lists(st.one_of(CONTROL, DATA), max_size=8), st.lists(st.integers(1, 50), min_size=1))
def test_what_is_written_is_read_again(frames: list[Frame], cuts: list[int]) -> None:
    """In pieces of any size, with the state of the compression carried on."""
    writer, reader = FrameWriter(), FrameReader()
    sent = b"".join(writer.encode(frame) for frame in frames)
    came: list[Frame] = []
    at = turn = 0
    while at < len(sent):
        size = cuts[turn % len(cuts)]
        came += reader.feed(sent[at : at + size])
        at, turn = at + size, turn + 1
    assert joined(came) == joined(frames)


@given(st.binary(max_size=200))
def test_what_is_none_of_spdy_is_refused_or_waits(data: bytes) -> None:
    """Nothing else is raised than what the session expects."""
    try:
        list(FrameReader().feed(data))
    except FrameError:
        return


@given(st.integers(1, 9), st.binary(max_size=60))
def test_a_malformed_body_is_refused(number: int, body: bytes) -> None:
    """Too short, cut off, or not compressed with the dictionary."""
    try:
        list(FrameReader().feed(struct.pack(">II", 0x80030000 | number, len(body)) + body))
    except FrameError:
        return


def test_the_frames_are_those_of_the_protocol() -> None:
    """Byte for byte, where the protocol's text gives them."""
    writer = FrameWriter()
    assert writer.encode(Ping(7)) == bytes.fromhex("80030006 00000004 00000007")
    assert writer.encode(RstStream(3, 1)) == bytes.fromhex("80030003 00000008 00000003 00000001")
    assert writer.encode(GoAway(5)) == bytes.fromhex("80030007 00000008 00000005 00000000")
    assert writer.encode(WindowUpdate(1, 9)) == bytes.fromhex("80030009 00000008 00000001 00000009")
    assert writer.encode(Data(1, b"hi", fin=True)) == bytes.fromhex("00000001 01000002 6869")
    assert writer.encode(Settings({7: 10})) == bytes.fromhex("80030004 0000000c 00000001 00000007 0000000a")


def test_the_dictionary_is_that_of_the_protocol() -> None:
    """Every compressed block names it by this checksum."""
    assert DICTIONARY_CHECKSUM == 0xE3C6A7C2


def test_headers_without_end_are_refused() -> None:
    """A small block that unpacks to a large one."""
    frame = FrameWriter().encode(SynStream(1, {"a": "x" * (1 << 20)}))
    assert len(frame) < 2000
    with pytest.raises(FrameError):
        list(FrameReader().feed(frame))


def test_a_control_frame_without_end_is_refused_by_its_head() -> None:
    """Before any of it is kept."""
    with pytest.raises(FrameError):
        list(FrameReader().feed(struct.pack(">II", 0x80030001, CONTROL_BYTES_MAX + 1)))


def test_data_are_told_as_they_come() -> None:
    """A frame of sixteen megabytes is never kept whole; its end is that of its last part."""
    reader = FrameReader()
    parts: list[Any] = list(reader.feed(struct.pack(">II", 5, 1 << 24 | 100_000) + b"a" * 10))
    for _ in range(3):
        parts += reader.feed(b"b" * 30_000)
    assert [len(part.data) for part in parts] == [10, 30_000, 30_000, 30_000]
    (last,) = reader.feed(b"c" * 9_990)
    assert [part.fin for part in parts] == [False] * 4
    assert last == Data(5, b"c" * 9_990, fin=True)
